"""Words for how a check calls an answer: afresh, for longer, by several at once.

In a notebook they do what they say with what is there; under the autograder the judge
does it, and an answer reaches only what a check gave it.
"""

import contextlib
import pickle
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

LENT: list[Any] = []  # things that an answer may use after the call that gave them
PATIENCE = 60.0  # seconds for several ranks to end
OURS = ("# [set-up: ", "# [answer: ")  # how the cells begin that a new process runs


@contextlib.contextmanager
def lent(*things: Any) -> Iterator[None]:
    """Let an answer use these things until the block ends, not only while it is called.

    For what goes on after a call: a generator that reads a source, a thread.
    """
    LENT.extend(things)
    try:
        yield
    finally:
        del LENT[len(LENT) - len(things) :]


def made(kind: Callable[..., Any], *args: Any) -> Any:
    """Return kind(*args), to be made again from the same plain data where it is used.

    For a model: its weights cross, and not the model.  What it counts there is no
    evidence.
    """
    thing = kind(*args)
    thing._made = kind, args
    return thing


def fresh(f: Any) -> Any:
    """Return f as a new process has it, which ran the set-up and answer cells alone.

    What must outlive a process is asked there: nothing that f kept in memory is left.
    """
    if hasattr(f, "_fresh"):  # under the autograder
        return f._fresh()
    return _Process(f.__name__)


class RankError(RuntimeError):
    """One of several ranks failed; says which and how."""


def together(f: Any, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Call f(*calls[r]) on every rank r at the same time; return what each returns.

    Raises RankError with the first failure that is not another's consequence.  A thing
    among a rank's arguments that has a method _left hears when that rank has ended.
    """
    if hasattr(f, "_together"):
        return ranked(f._together(calls))
    return ranked(_threads(f, calls))


def ranked(ends: list[tuple[bool, Any]]) -> list[Any]:
    """Return the values of ranks that all ended well; raise RankError otherwise."""
    failed = [(r, e) for r, (good, e) in enumerate(ends) if not good]
    failed.sort(key=lambda end: getattr(end[1], "consequence", False))
    for r, e in failed:
        raise RankError(f"rank {r} of {len(ends)}: {type(e).__name__}: {e}") from e
    return [value for _, value in ends]


def left(args: Sequence[Any]) -> None:
    """Tell the things among a rank's arguments that it has ended."""
    for thing in args:
        if hasattr(thing, "_left"):
            thing._left()


def _threads(f: Any, calls: Sequence[tuple[Any, ...]]) -> list[tuple[bool, Any]]:
    late = TimeoutError(f"it did not end in {PATIENCE:g} s")
    ends: list[tuple[bool, Any]] = [(False, late)] * len(calls)

    def rank(r: int) -> None:
        try:
            ends[r] = True, f(*calls[r])
        except Exception as e:
            ends[r] = False, e
        finally:
            left(calls[r])

    ranks = [
        threading.Thread(target=rank, args=[r], daemon=True) for r in range(len(calls))
    ]
    for thread in ranks:
        thread.start()
    for thread in ranks:
        thread.join(PATIENCE)
    return list(ends)


def cells() -> list[str]:
    """Return the set-up and answer cells that this notebook has run, each as it is now.

    Raises RuntimeError outside a notebook.
    """
    try:
        from IPython import get_ipython
    except ImportError:
        get_ipython = lambda: None  # noqa: E731
    shell = get_ipython()
    if shell is None:
        raise RuntimeError("fresh needs a notebook, whose cells a new process runs")
    ran = [s for s in shell.history_manager.input_hist_parsed if s.startswith(OURS)]
    return list({s.partition("\n")[0]: s for s in ran}.values())


class _Process:
    """A function in a new process.  What it returns of an own class stays there."""

    def __init__(self, name: str, child: "subprocess.Popen[bytes] | None" = None):
        self.name = name
        self.child = child or self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        words = [sys.executable, "-m", "mlsyscore.harness.calls"]
        pipe = subprocess.PIPE
        self.child = subprocess.Popen(words, stdin=pipe, stdout=pipe)
        self._send(cells())
        return self.child

    def _send(self, x: Any) -> None:
        assert self.child.stdin is not None
        pickle.dump(x, self.child.stdin)
        self.child.stdin.flush()

    def _ask(self, name: str, part: str, args: Any, kwargs: Any) -> Any:
        self._send((name, part, args, kwargs))
        assert self.child.stdout is not None
        try:
            good, value, after = pickle.load(self.child.stdout)
        except EOFError:
            raise RuntimeError(f"the new process ended in {self.name}") from None
        for mine, theirs in zip(args, after, strict=False):
            if hasattr(mine, "__dict__") and not callable(mine):
                vars(mine).update(vars(theirs))  # as the process has left it
        if not good:
            raise value
        return _Process(value.name, self.child) if isinstance(value, _There) else value

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(self.name, "", args, kwargs)

    def __next__(self) -> Any:
        return self._ask(self.name, "__next__", (), {})

    def __iter__(self) -> "_Process":
        return self

    def __getattr__(self, part: str) -> Callable[..., Any]:
        if part.startswith("_"):
            raise AttributeError(part)
        return lambda *args, **kwargs: self._ask(self.name, part, args, kwargs)

    def __del__(self) -> None:
        child = self.__dict__.get("child")
        if child and sys.getrefcount(child) <= 3:  # nobody else asks it anything
            child.stdin.close()
            child.stdout.close()
            child.wait(PATIENCE)


class _There:
    """The name of what stays in the new process."""

    def __init__(self, name: str) -> None:
        self.name = name


def _serve() -> None:
    """Run the cells, then call what is asked for, until nobody asks."""
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a cell prints is no answer
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    why = ""
    for source in pickle.load(asked):
        try:
            exec(source, main.__dict__)
        except Exception as e:
            why = f": {type(e).__name__}: {e}"
    with contextlib.suppress(EOFError):
        while True:
            name, part, args, kwargs = pickle.load(asked)
            try:
                if name not in main.__dict__:
                    raise NameError(f"a new process has no {name}{why}")
                f = main.__dict__[name]
                value = (getattr(f, part) if part else f)(*args, **kwargs)
                if type(value).__module__ == "__main__" or hasattr(value, "__next__"):
                    kept = f"{name} {part} {len(main.__dict__)}"
                    main.__dict__[kept], value = value, _There(kept)
                answer = True, value, args
            except Exception as e:
                answer = False, e, args
            try:
                data = pickle.dumps(answer)
            except Exception as e:
                data = pickle.dumps((False, TypeError(str(e)), ()))
            answers.write(data)
            answers.flush()


if __name__ == "__main__":
    from mlsyscore.harness.calls import _serve as serve  # so that names are found again

    serve()
