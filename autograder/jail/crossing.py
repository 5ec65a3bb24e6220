"""Outside the jail: proxies for what the student defined, and what they answer."""

import contextlib
import operator
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from mlsyscore.harness import calls

from .decode import Theirs, decode
from .kernel import Jail
from .things import Things, packed
from .wire import Wire


class Line:
    """The way into one kernel.  last: what came back over it, in words.

    world: the namespace of our cells.  again: makes a line into a fresh kernel.
    """

    def __init__(
        self,
        jail: Jail | None,
        world: dict[str, Any],
        again: Callable[[], "Line"] | None = None,
    ) -> None:
        self.jail, self.world, self.again, self.last = jail, world, again, ""
        self.things = Things()
        self.ends: dict[int, Any] = {}  # what each rank came to
        self.ranks: dict[int, set[int]] = {}  # the things that each was given
        self.lock, self.depth, self.using = threading.Condition(), 0, 0
        if jail is not None:
            jail.serve = self.serve

    def do(self, f: Any, *args: Any, **kwargs: Any) -> Any:
        """Call f in the jail; return its value, or raise the error that it raised."""
        message, _ = packed((f, args, kwargs), self.things, self._theirs)
        self.depth += 1
        try:
            value = self.outcome(self._ask("call", message))
        except StopIteration as e:  # of a function, it would end a loop of the check's
            if f is next:
                raise
            raise Theirs(f"your code raised StopIteration: {e}") from None
        finally:
            self.depth -= 1
            if not self.depth:  # a thing of ours may call what it was given
                self.things.end()
        self.last = sort(value)
        return value

    def describe(self, wanted: list[str]) -> dict[str, Any]:
        """Return what each of these names holds: an answer, or None for a function."""
        data = [k for k, v in self.world.items() if isinstance(v, type)]
        held = self._ask("describe", wanted, data)
        held = held.get("names") if isinstance(held, dict) else {}
        return held if isinstance(held, dict) else {}

    def _ask(self, *message: Any) -> Any:
        """Send a wish; while it is carried out, do what is asked in between."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("what is the student's is called by the check alone")
        answer = self.jail.tell(*message, inside=self.using > 0)
        while isinstance(answer, dict) and "ask" in answer:
            self.using += 1
            try:
                reply = self.used(answer["ask"])
            finally:
                self.using -= 1
            answer = self.jail.tell(*reply, inside=True)
        return answer

    def used(self, asked: Any, roots: set[int] | None = None) -> tuple[Any, ...]:
        """Do what a kernel asks of a thing of ours; return the message that answers."""
        try:
            number, way, args, kwargs = asked
            args, kwargs = self._decoded(args), self._decoded(kwargs)
            value = self.things.use(number, way, args, kwargs, roots)
            root = self.things.root(number)
            return "reply", packed(value, self.things, self._theirs, root)[0]
        except Exception as e:
            simple = all(type(a) in (str, int, float) for a in e.args)
            args = e.args if simple else (str(e),)
            return "raise", type(e).__module__, type(e).__qualname__, args

    def serve(self, wire: Wire, hello: Any) -> None:
        """Answer a thread of the kernel's, or a rank, until it ends."""
        rank = hello.get("rank") if isinstance(hello, dict) else None
        roots = None if rank is None else self.ranks.get(rank, set())
        if rank is not None and rank not in self.ranks:
            return
        try:
            while True:
                message = wire.read()
                if "done" in message:
                    self.ends.setdefault(rank, message["done"])  # type: ignore[arg-type]
                    return
                wire.send(*self.used(message["ask"], roots))
        finally:
            if rank is not None:
                self._left(rank)

    def _left(self, rank: int) -> None:
        given = [
            self.things.held.get(n, (None, 0))[0] for n in self.ranks.pop(rank, ())
        ]
        calls.left(given)
        with self.lock:
            self.lock.notify_all()

    def together(
        self, f: Any, ranks: Sequence[tuple[Any, ...]]
    ) -> list[tuple[bool, Any]]:
        """Call f(*ranks[r]) on every rank r, a process each; return how each ended."""
        both = [packed((f, a, {}), self.things, self._theirs) for a in ranks]
        self.ends = {}
        self.ranks = {r: given for r, (_, given) in enumerate(both)}
        try:
            self._ask("together", [message for message, _ in both])
            with self.lock:
                self.lock.wait_for(lambda: not self.ranks, 1.0)
            for rank in list(self.ranks):  # one that never said who it is
                self._left(rank)
            return [self._end(self.ends.get(r)) for r in range(len(ranks))]
        finally:
            self.ranks = {}
            self.things.end()

    def _end(self, answer: Any) -> tuple[bool, Any]:
        if answer is None:
            return False, Theirs("its process ended without a word")
        try:
            return True, self.outcome(answer)
        except Exception as e:
            return False, e

    def _theirs(self, x: Any) -> Any:
        """Return the name of what is the student's own."""
        if type(x) is not Remote:
            return None
        if x._line is not self:
            raise TypeError(f"{x!r} lives in another process")
        return ("named" if isinstance(x._name, str) else "held", x._name)

    def _held(self, number: int, kind: str) -> "Remote":
        return Remote(number, self, kind)

    def _decoded(self, x: Any) -> Any:
        return decode(x, self._held, self.things.at, self.world)

    def outcome(self, answer: Any) -> Any:
        """Return the value in an answer, or raise its error as all that it is."""
        match answer:
            case {"value": value}:
                return self._decoded(value)
            case {"error": [[str(), *_] as names, str(text)]}:
                raise theirs([n for n in names if isinstance(n, str)], text, self.world)
            case {"unfit": str(text)}:
                raise Theirs(text)
        raise Theirs("your code sent no readable answer")


def theirs(names: list[str], text: str, world: dict[str, Any]) -> Exception:
    """Make a student's error: of every class that it descends from and we have."""
    name = names[0].rpartition(".")[2] if names else "an error"
    known = [k for k in (_known(n, world) for n in names) if k]
    above = {b for k in known for b in k.__mro__[1:]}
    bases = tuple(k for k in known if k not in above)
    said = text if known and known[0].__name__ == name else f"{name}: {text}"
    if not bases:
        return Theirs(f"your code raised {name}: {text}")
    body = {"__init__": lambda self, *a: None, "__str__": lambda self: said}
    body |= {"__module__": "theirs", "theirs": True}
    for these in (bases, bases[:1], (Theirs,)):  # not all classes go together
        with contextlib.suppress(TypeError):
            return type(name, these, body)(said)  # type: ignore[no-any-return]
    raise AssertionError(names)


def _known(name: str, world: dict[str, Any]) -> type[Exception] | None:
    """Return the error of a full name: builtin, the harness's or the lab's."""
    module, _, own = name.rpartition(".")
    near = world if module == "__main__" else vars(sys.modules.get(module, object))
    ours = module in ("builtins", "__main__") or module.startswith("mlsyscore.")
    found = near.get(own) if ours else None
    if not (isinstance(found, type) and issubclass(found, Exception)):
        return None
    return None if issubclass(found, ExceptionGroup) else found  # it needs its errors


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

    def _fresh(self) -> "Remote":
        """Return it as a fresh kernel has it."""
        if not isinstance(self._name, str) or self._line.again is None:
            raise TypeError(f"{self!r} is in no other process")
        return Remote(self._name, self._line.again(), self._kind, self._why)

    def _together(self, ranks: Sequence[tuple[Any, ...]]) -> list[tuple[bool, Any]]:
        """Call it on several ranks at once; return how each ended."""
        if self._why:
            raise TypeError(repr(self))
        return self._line.together(self, ranks)

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


def sort(x: Any) -> str:
    """Say what kind of value came back."""
    if isinstance(x, Remote):  # which would be asked, and may answer anything
        return repr(x)
    if hasattr(x, "dtype") and hasattr(x, "shape"):
        return f"{type(x).__name__} of {x.dtype}, shape {tuple(x.shape)}"
    return type(x).__name__
