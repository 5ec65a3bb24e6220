"""Run a submission: the student's cells in the jail, the check cells out here."""

import contextlib
import io
import os
import signal
from collections.abc import Iterator
from typing import Any

from nbformat import NotebookNode

from ..jail.crossing import INSIDE, Line, Remote
from ..jail.kernel import Jail, Lost
from ..make import pages
from ..make.pages import error
from ..make.roles import BEGIN, END, defined, name, role

CHECK = "<check>"  # the file name of its code
CELL = float(os.environ.get("AUTOGRADER_CELL_SECONDS", 30))
NOTEBOOK = float(os.environ.get("AUTOGRADER_NOTEBOOK_SECONDS", 300))


class Late(BaseException):
    """Our own code found no end, because of what the student's returned.

    No Exception: neither a check nor decode may take it for something else.
    """


@contextlib.contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raise Late after so many seconds of our own code, on the main thread."""

    def late(*_: Any) -> None:
        raise Late(f"this check computed for over {seconds:g} s on your answer")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Grader:
    """One submission being graded.  master: the instructor's copy of the lab."""

    def __init__(self, master: NotebookNode) -> None:
        self.master = {name(c) or c.id: c for c in master.cells}
        self.jail = Jail(CELL, NOTEBOOK)
        self.world: dict[str, Any] = {"__name__": "__main__"}
        self.line = Line(self.ask, self.world)
        theirs = [c for c in master.cells if role(c) in ("answer", "probe")]
        self.remote = sorted(set().union(*(defined(c.source) for c in theirs)))

    def ask(self, code: str) -> Any:
        """Ask the jail, while the time of our own code stands still."""
        left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            return self.jail.ask(code)
        finally:
            signal.setitimer(signal.ITIMER_REAL, left)

    def outputs(self, cell: NotebookNode) -> list[NotebookNode]:
        """Run one cell of the submission where it belongs."""
        ours = self.master.get(name(cell) or cell.get("id", ""))
        kind = role(ours) if ours else "extra"
        if kind == "text" or (
            kind == "explore" and ours and cell.source == ours.source
        ):
            return []
        try:
            if ours and kind == "check":
                return self.judge(ours.source)
            if ours and kind == "setup":
                exec(ours.source, self.world)
            own = ours.source if ours and kind in ("setup", "probe") else cell.source
            return [o for o in map(pages.output, self.jail.run(own)) if o]
        except Lost as e:
            return [error("TimeoutError", str(e))]

    def judge(self, check: str) -> list[NotebookNode]:
        """Run one check out here, with proxies for what the student defined."""
        printed = io.StringIO()
        try:
            self.jail.within(CELL)
            with contextlib.redirect_stdout(printed), alarm(CELL):
                self.refresh()
                exec(compile(check, CHECK, "exec"), dict(self.world))
        except Lost as e:
            return [error("TimeoutError", f"{e} when the check called it")]
        except Late as e:
            return [error("TimeoutError", str(e))]
        except Exception as e:
            kind = next(c for c in type(e).__mro__ if c.__module__ == "builtins")
            return [error(kind.__name__, self._said(e, check))]
        finally:
            self.jail.within(NOTEBOOK)
        return []

    def refresh(self) -> None:
        """Bind each name of an answer to what the jail holds under it now."""
        self.line.last = ""
        question = f"{INSIDE}.describe({self.remote!r}, globals())"
        try:
            held = self.ask(question)
        except Lost:  # to what an exercise before has left running
            held = self.ask(question)
        held = held.get("value", {}) if isinstance(held, dict) else {}
        for key in self.remote:
            self.world.pop(key, None)
            if key in held:
                self.world[key] = self._bound(key, held[key])

    def _bound(self, key: str, answer: Any) -> Any:
        """Return what stands for one name: its value, or a proxy that explains it."""
        why = None
        if answer is not None:
            try:
                return self.line.outcome(answer)
            except Exception as e:  # of one name; the others know nothing of it
                why = str(e)
        return Remote(key, self.line, "a function", why)

    def _said(self, e: Exception, check: str) -> str:
        """Say why a check failed: in its own words, or with what it stumbled over.

        The student's own words may hold what a hidden part has sent.
        """
        if hasattr(e, "theirs") and hidden(check, e):
            return "your code raised this in a hidden part, so its text is left out"
        try:
            said = str(e) or "this check failed"
        except Exception as deeper:  # an array of impossible characters has no text
            return f"this check failed; its message cannot be shown: {deeper}"
        blame = not isinstance(e, AssertionError) and not hasattr(e, "theirs")
        blame = blame and bool(self.line.last)
        return f"{said} (your code returned: {self.line.last})" * blame or said


def hidden(check: str, e: Exception) -> bool:
    """Say whether an error came up in the hidden part of a check."""
    tb, line = e.__traceback__, 0
    while tb:
        line = tb.tb_lineno if tb.tb_frame.f_code.co_filename == CHECK else line
        tb = tb.tb_next
    before = "\n".join(check.splitlines()[:line])
    return before.count(BEGIN) > before.count(END)


def run(submission: NotebookNode, master: NotebookNode) -> list[list[NotebookNode]]:
    """Return the outputs of every cell of a submission, in its order."""
    grader = Grader(master)
    try:
        return [
            grader.outputs(c) if c.cell_type == "code" else [] for c in submission.cells
        ]
    finally:
        grader.jail.close()
