"""What of ours an answer may use: it stays here, and so does what was done with it."""

import dataclasses
import functools
import io
import itertools
import operator
import pickle
import threading
import types
from collections.abc import Callable, Iterable
from typing import Any

from mlsyscore.harness import calls

MOST, CALLS = 100_000, 1_000_000  # things at once; uses of things in one check
HARNESS = "mlsyscore.harness."
MODELS = ("torch.nn.", "torch.optim.")
PLAIN = {type(None), bool, int, float, str, bytes, list, tuple, dict, set}
CODE = (types.FunctionType, types.MethodType, functools.partial, types.GeneratorType)


def public(name: Any) -> str:
    """Return a name; raise AttributeError for a private one."""
    if not isinstance(name, str) or name.startswith("_"):
        raise AttributeError(f"{name} cannot be seen")
    return name


def get(x: Any, name: Any) -> Any:
    """Return a public attribute of a thing of ours."""
    if isinstance(x, CODE) or not own(type(x)):
        raise AttributeError(f"{name} of a {type(x).__name__} cannot be seen")
    return getattr(x, public(name))


WAYS: dict[str, Callable[..., Any]] = {
    "call": lambda x, /, *args, **kwargs: x(*args, **kwargs),
    "method": lambda x, name, /, *args, **kwargs: get(x, name)(*args, **kwargs),
    "get": get,
    "iter": iter,
    "next": next,
    "item": operator.getitem,
    "len": len,
    "in": operator.contains,
    "bool": bool,
    "enter": lambda x: x.__enter__(),
    "exit": lambda x: x.__exit__(None, None, None),
}


def own(kind: Any) -> bool:
    """Say whether a class or a function is the lab's or the harness's."""
    module = str(getattr(kind, "__module__", ""))
    return module == "__main__" or module.startswith(HARNESS)


def stays(x: Any) -> bool:
    """Say whether a value stays here, and only its handle crosses."""
    kind = type(x)
    if kind in PLAIN or isinstance(x, type | types.ModuleType):
        return False
    if isinstance(x, types.FunctionType):
        return own(x) or "<" in x.__qualname__  # a law goes by its name
    if isinstance(x, types.BuiltinMethodType):
        return not isinstance(x.__self__, type(None) | types.ModuleType | type)
    if isinstance(x, CODE):
        return True
    data = dataclasses.is_dataclass(x) and kind.__dataclass_params__.frozen
    return own(kind) and not data


class Things:
    """What one kernel may use now: number -> thing, and the call that gave it."""

    def __init__(self) -> None:
        self.held: dict[int, tuple[Any, int]] = {}
        self.known: dict[tuple[int, int], int] = {}  # id, root -> number
        self.count, self.used = itertools.count(1), 0
        self.lock = threading.Lock()

    def number(self, x: Any, root: int = 0) -> int:
        """Return the number of a thing; root: of the thing that it came from."""
        with self.lock:
            for place in ((id(x), root), (id(x), 0)):
                found = self.known.get(place, 0)
                if found and found in (root, self.known.get((id(x), root))):
                    return found
            if len(self.held) >= MOST:
                raise TypeError(f"more than {MOST} things in use")
            number = next(self.count)
            self.held[number] = x, root or number
            self.known[id(x), root] = number
            return number

    def at(self, number: int, roots: Iterable[int] | None = None) -> Any:
        """Return the thing of a number, if it may still be used; roots: by whom."""
        x, root = self.held.get(number, (None, 0))
        if root == 0 or (roots is not None and root not in roots):
            raise RuntimeError("what a check lends is used only until the call returns")
        return x

    def end(self) -> None:
        """End what was given, unless the check gives it for longer."""
        lent = {id(x) for x in calls.LENT}
        with self.lock:
            stay = {n for n, (x, r) in self.held.items() if r == n and id(x) in lent}
            self.held = {n: x for n, x in self.held.items() if x[1] in stay}
            self.known = {k: n for k, n in self.known.items() if n in self.held}

    def use(self, number: int, way: str, args: Any, kwargs: Any, roots: Any) -> Any:
        """Do one thing with a thing; return what comes of it."""
        x = self.at(number, roots)
        self.used += 1
        if self.used > CALLS:
            raise RuntimeError(f"more than {CALLS} uses of what the check lends")
        return WAYS[way](x, *args, **kwargs)

    def root(self, number: int) -> int:
        """Return the number of the thing that was given with the call."""
        return self.held.get(number, (None, 0))[1]


class Packer(pickle.Pickler):
    """Pack plain data for a kernel.  What stays goes as a handle, theirs by its name.

    theirs(x): the name of what is the student's, or None.  root: see Things.number.
    """

    def __init__(
        self,
        file: io.BytesIO,
        things: Things,
        theirs: Callable[[Any], Any],
        root: int = 0,
    ) -> None:
        super().__init__(file, 5)  # by which what is read-only stays so
        self.things, self.theirs, self.root = things, theirs, root
        self.given: set[int] = set()

    def persistent_id(self, x: Any) -> Any:
        """Return what goes instead of x, or None where x goes itself."""
        kind = type(x)
        if kind in PLAIN:
            return None
        if (name := self.theirs(x)) is not None:
            return name
        if isinstance(x, type):
            return ("named", x.__name__) if x.__module__ == "__main__" else None
        if hasattr(x, "_made"):  # it is made again over there
            return None
        if kind.__module__.startswith(MODELS):
            raise TypeError(f"a {kind.__name__} does not cross; weights do (made)")
        if not stays(x):
            return None
        number = self.things.number(x, self.root)
        self.given.add(number)
        name = kind.__name__ if own(kind) else getattr(x, "__name__", kind.__name__)
        return ("ours", number, name, methods(kind) if own(kind) else ())

    def reducer_override(self, x: Any) -> Any:
        """Let what was made of plain data be made again where it is used."""
        return getattr(x, "_made", NotImplemented)


@functools.cache
def methods(kind: type) -> tuple[str, ...]:
    """Return the public methods of a class."""
    names = [n for n in dir(kind) if not n.startswith("_")]
    return tuple(n for n in names if callable(getattr(kind, n)))


def packed(
    x: Any, things: Things, theirs: Callable[[Any], Any], root: int = 0
) -> tuple[bytes, set[int]]:
    """Return a value as it crosses, and the numbers of the things in it.

    Raises TypeError for what is no plain data and none of ours.
    """
    file = io.BytesIO()
    packer = Packer(file, things, theirs, root)
    try:
        packer.dump(x)
    except (pickle.PicklingError, AttributeError, TypeError) as e:
        raise TypeError(f"only plain data crosses, and things of ours ({e})") from None
    return file.getvalue(), packer.given
