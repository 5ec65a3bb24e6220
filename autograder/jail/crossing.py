"""Outside the jail: proxies for what the student defined, and what they answer."""

import base64
import builtins
import io
import operator
import pickle
from collections.abc import Callable
from typing import Any

from .decode import Theirs, decode

Ask = Callable[[str], Any]  # run code in the jail and return the JSON it shows
INSIDE = "__import__('_inside')"  # a name that the student may rebind is not used


class Line:
    """The way into one jail.  last: what came back over it, in words."""

    def __init__(self, ask: Ask, world: dict[str, Any]) -> None:
        self.ask, self.world, self.last = ask, world, ""

    def do(self, f: Any, *args: Any, **kwargs: Any) -> Any:
        """Call f in the jail; return its value, or raise the error that it raised."""
        file = io.BytesIO()
        try:
            _Names(file, self.world).dump((f, args, kwargs))
        except (pickle.PicklingError, AttributeError, TypeError) as e:
            raise TypeError(f"a check sends plain data; use a probe ({e})") from None
        message = base64.b64encode(file.getvalue()).decode()
        answer = self.ask(f"{INSIDE}.call({message!r}, globals())")
        try:
            value = self.outcome(answer)
        except StopIteration as e:  # of a function, it would end a loop of the check's
            if f is next:
                raise
            raise Theirs(f"your code raised StopIteration: {e}") from None
        self.last = sort(value)
        return value

    def _held(self, number: int, kind: str) -> "Remote":
        return Remote(number, self, kind)

    def outcome(self, answer: Any) -> Any:
        """Return the value in an answer, or raise its error as the same builtin."""
        if isinstance(answer, dict) and set(answer) == {"value"}:
            return decode(answer["value"], self._held)
        match answer:
            case {"error": [str(name), str(text)]}:
                kind = getattr(builtins, name, None)
            case _:
                raise Theirs("your code sent no readable answer")
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise Theirs(f"your code raised {name}: {text}")
        try:
            error = kind(text)
        except TypeError:  # UnicodeDecodeError and its kind want five arguments
            error = Theirs(f"{name}: {text}")
        error.theirs = True
        raise error


class Remote:
    """What lives in the jail: a function, a class, an object, a generator.

    Calls, iteration, items and public attributes cross, as plain data, both ways.
    why: what is wrong with it, where it cannot be used at all.
    """

    def __init__(
        self, name: str | int, line: Line, kind: str, why: str | None = None
    ) -> None:
        self._name, self._line, self._kind, self._why = name, line, kind, why

    def __repr__(self) -> str:
        if isinstance(self._name, int):
            return f"<{self._kind} of yours>"
        return f"{self._name} is {self._why or self._kind}"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it in the jail; return its value, or raise the error that it raised."""
        if self._why:
            raise TypeError(repr(self))
        return self._line.do(self, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # numpy and its kind ask for these
            raise AttributeError(name)
        return self._line.do(getattr, self, name)

    def __iter__(self) -> Any:
        return self._line.do(iter, self)

    def __next__(self) -> Any:
        return self._line.do(next, self)

    def __len__(self) -> int:
        return int(self._line.do(len, self))

    def __getitem__(self, key: Any) -> Any:
        return self._line.do(operator.getitem, self, key)

    def __bool__(self) -> bool:
        raise TypeError(f"a value is expected, not {self!r}")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Remote):
            return self is other
        raise TypeError(f"a value is expected, not {self!r}")

    __hash__ = object.__hash__


class _Names(pickle.Pickler):
    """Pickle arguments; a function of the lab crosses as its name."""

    def __init__(self, file: io.BytesIO, world: dict[str, Any]) -> None:
        super().__init__(file)
        self.world = world

    def persistent_id(self, x: Any) -> str | int | None:
        if type(x) is Remote:
            return x._name
        if getattr(x, "__globals__", None) is self.world:
            return str(x.__name__)
        return None


def sort(x: Any) -> str:
    """Say what kind of value came back."""
    if isinstance(x, Remote):  # which would be asked, and may answer anything
        return repr(x)
    if hasattr(x, "dtype") and hasattr(x, "shape"):
        return f"{type(x).__name__} of {x.dtype}, shape {tuple(x.shape)}"
    return type(x).__name__
