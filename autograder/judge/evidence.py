"""Run a submission: the student's cells in the jail, the check cells out here.

Twice: first the whole notebook with the visible part of every check, and all messages
that teach; then the hidden parts, of which the student hears one sentence of ours.
"""

import contextlib
import io
import os
import platform
import signal
from collections.abc import Container, Iterator
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

from ..jail.crossing import Line, Remote
from ..jail.kernel import Jail, Lost
from ..make import pages
from ..make.pages import error
from ..make.roles import BEGIN, END, defined, exercises, name, role

CHECK = "<check>"  # the file name of its code
CELL = float(os.environ.get("AUTOGRADER_CELL_SECONDS", 30))
NOTEBOOK = float(os.environ.get("AUTOGRADER_NOTEBOOK_SECONDS", 300))
MODULE = "%%writefile"  # a file beside the notebook, known before anything runs
HIDDEN = "a hidden case of this check fails"
ALONE = " (here only the set-up and answer cells have run)"


class Late(BaseException):
    """Our own code found no end, because of what the student's returned.

    No Exception: neither a check nor decode may take it for something else.
    """


@contextlib.contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raise Late when this process has computed for so long, on the main thread."""

    def late(*_: Any) -> None:
        raise Late(f"this check computed for over {seconds:g} s on your answer")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def visible(check: str) -> str:
    """Return a check without its hidden parts, as the student has it."""
    kept, hidden = [], False
    for line in check.splitlines():
        hidden = hidden or BEGIN in line
        kept += [] if hidden else [line]
        hidden = hidden and END not in line
    return "\n".join(kept)


class Grader:
    """One submission being graded.  master: the instructor's copy of the lab."""

    def __init__(self, submission: NotebookNode, master: NotebookNode) -> None:
        self.master = {name(c) or c.id: c for c in master.cells}
        self.cells = [c for c in submission.cells if c.cell_type == "code"]
        self.fatal: set[int] = set()  # cells that the kernel did not survive
        self.checks = [c for c in master.cells if role(c) == "check"]
        self.world: dict[str, Any] = {"__name__": "__main__"}
        self.names: dict[str, set[str]] = {"answer": set(), "probe": set()}
        for cell in master.cells:
            if role(cell) in self.names:
                self.names[role(cell)] |= defined(cell.source)
        with contextlib.redirect_stdout(io.StringIO()):
            for cell in master.cells:  # in the lab's order, whatever is handed in
                if role(cell) == "setup":
                    exec(compile(cell.source, f"<{name(cell)}>", "exec"), self.world)
        self.line = self._line()
        self.others: list[Jail] = []

    def _line(self, twin: bool = False) -> Line:
        return Line(Jail(CELL, NOTEBOOK, twin), self.world, self.again)

    def again(self, also: str = "") -> Line:
        """Start another kernel that has run the set-up and the answers alone.

        also: another kind of cell that it runs too.
        """
        line = self._line(twin=True)
        self.others.append(line.jail)
        sources = []
        for number, cell in enumerate(self.cells):
            ours = self._ours(cell)
            kind = role(ours) if ours else "extra"
            if number in self.fatal:
                continue
            if kind == "answer" or (cell.source.startswith(MODULE) and kind == "extra"):
                sources.append(cell.source)
            elif kind in ("setup", also):
                sources.append(ours.source)
        with contextlib.suppress(Lost):
            line.jail.several(sources)
        return line

    def _ours(self, cell: NotebookNode) -> Any:
        """Return the lab's own copy of a cell, or None."""
        return self.master.get(name(cell) or cell.get("id", ""))

    def first(self, cell: NotebookNode) -> list[NotebookNode]:
        """Run one cell of the submission where it belongs: the first pass."""
        ours = self._ours(cell)
        if ours and role(ours) == "check":
            return self.judge(visible(ours.source))
        if (own := self._own(cell)) is None:
            return []
        try:
            return [o for o in map(_shown, self.line.jail.run(own)) if o]
        except Lost as e:
            self.fatal |= {i for i, c in enumerate(self.cells) if c is cell}
            return [error("TimeoutError", str(e))]

    def _own(self, cell: NotebookNode) -> str | None:
        """Return what the student's kernel runs of a cell, if anything."""
        ours = self._ours(cell)
        kind = role(ours) if ours else "extra"
        same = kind == "explore" and cell.source == ours.source
        if same or kind in ("text", "probe", "check"):
            return None
        return str(ours.source if kind == "setup" else cell.source)

    def second(self, passed: Container[str]) -> dict[str, list[NotebookNode]]:
        """Run the notebook anew, with the hidden part of each check that has passed.

        A new kernel, since the first one is as the whole notebook has left it.
        """
        found: dict[str, list[NotebookNode]] = {}
        if not any(BEGIN in c.source and name(c) in passed for c in self.checks):
            return found
        self.line.jail.close()
        self.line = self._line()
        sources: list[str] = []
        for number, cell in enumerate(self.cells):
            ours, own = self._ours(cell), self._own(cell)
            if own is not None and number not in self.fatal:
                sources.append(own)
            elif ours and BEGIN in ours.source and (key := name(ours)) in passed:
                self._run(sources)
                sources = []
                found[str(key)] = self.hidden(ours)
        return found

    def _run(self, sources: list[str]) -> None:
        """Run cells that nobody looks at: together, or, if one is fatal, each alone."""
        try:
            self.line.jail.several(sources)
        except Lost:
            for source in sources:
                with contextlib.suppress(Lost):
                    self.line.jail.run(source)

    def hidden(self, ours: NotebookNode) -> list[NotebookNode]:
        """Run a check with its hidden part; only the instructor hears why it fails."""
        found = self.judge(ours.source)
        if not found:
            return []
        why = f"for the instructor: {found[0].ename}: {found[0].evalue}\n"
        sentence = ours.metadata.get("hidden", HIDDEN)
        own = new_output("stream", name="stderr", text=why)
        return [error("AssertionError", sentence), own]

    def judge(self, check: str) -> list[NotebookNode]:
        """Run one check out here, with proxies for what the student defined."""
        try:
            self.line.jail.within(CELL)
            with contextlib.redirect_stdout(io.StringIO()), alarm(CELL):
                self.refresh()
                exec(compile(check, CHECK, "exec"), dict(self.world))
        except Lost as e:
            return [error("TimeoutError", f"{e} when the check called it")]
        except Late as e:
            return [error("TimeoutError", str(e))]
        except Exception as e:
            kind = next(c for c in type(e).__mro__ if c.__module__ == "builtins")
            return [error(kind.__name__, self._said(e))]
        finally:
            self.line.jail.within(NOTEBOOK)
            for jail in self.others:
                jail.close()
            self.others.clear()
        return []

    def refresh(self) -> None:
        """Bind each name of an answer to what the jail holds under it now."""
        self.line.last = ""
        wanted = sorted(self.names["answer"])
        try:
            held = self.line.describe(wanted)
        except Lost:  # to what an exercise before has left running
            held = self.line.describe(wanted)
        for key in wanted:
            self.world.pop(key, None)
            if key in held:
                self.world[key] = self._bound(key, held[key])
        probes: list[Line] = []  # they share one kernel that nobody else has touched
        for key in self.names["probe"]:
            self.world[key] = self._probe(key, probes)

    def _probe(self, key: str, started: list[Line]) -> Any:
        def probe(*args: Any, **kwargs: Any) -> Any:
            if not started:
                started.append(self.again("probe"))
            return Remote(key, started[0], "a probe")(*args, **kwargs)

        return probe

    def _bound(self, key: str, answer: Any) -> Any:
        """Return what stands for one name: its value, or a proxy that explains it."""
        why = None
        if answer is not None:
            try:
                return self.line.outcome(answer)
            except Exception as e:  # of one name; the others know nothing of it
                why = str(e)
        return Remote(key, self.line, "a function", why)

    def _said(self, e: Exception) -> str:
        """Say why a check failed: in its own words, or with what it stumbled over."""
        try:
            said = str(e) or "this check failed"
        except Exception as deeper:  # an array of impossible characters has no text
            return f"this check failed; its message cannot be shown: {deeper}"
        if isinstance(e, NameError) and hasattr(e, "theirs") and self.others:
            return f"{said}{ALONE}"
        blame = not isinstance(e, AssertionError) and not hasattr(e, "theirs")
        blame = blame and bool(self.line.last)
        return f"{said} (your code returned: {self.line.last})" * blame or said

    def close(self) -> None:
        """End all kernels."""
        for jail in (self.line.jail, *self.others):
            jail.close()


def _shown(output: NotebookNode) -> NotebookNode | None:
    """Make an output anew; of a cell that Python cannot read, say which Python."""
    shown = pages.output(output)
    if shown and shown.output_type == "error" and shown.ename == "SyntaxError":
        shown.evalue += (
            f" (Python {'.'.join(platform.python_version_tuple()[:2])} grades)"
        )
    return shown


def run(submission: NotebookNode, master: NotebookNode) -> list[list[NotebookNode]]:
    """Return the outputs of every cell of a submission, in its order."""
    grader = Grader(submission, master)
    code = [c.cell_type == "code" for c in submission.cells]
    try:
        found = [
            grader.first(c) if runs else []
            for c, runs in zip(submission.cells, code, strict=True)
        ]
        names = [name(grader._ours(c) or c) for c in submission.cells]
        fine = {k for k, o in zip(names, found, strict=True) if k and not o}
        hidden = grader.second(fine)
        return [o or hidden.get(k or "", []) for k, o in zip(names, found, strict=True)]
    finally:
        grader.close()


def lost(submission: NotebookNode, master: NotebookNode, one: bool = False) -> set[str]:
    """Return the names of the checks that a submission of ours fails.

    One pass, visible and hidden parts together, and nothing is kept of what cells
    show: for proofs of a lab, whose messages no student reads.  one: of an exercise
    that has lost a check no other is judged.
    """
    grader = Grader(submission, master)
    exercise = {c: e for e, checks in exercises(master).items() for c in checks}
    found: set[str] = set()
    sources: list[str] = []
    try:
        for cell in grader.cells:
            ours, own = grader._ours(cell), grader._own(cell)
            if own is not None:
                sources.append(own)
            elif ours and role(ours) == "check":
                if one and exercise[name(ours)] in {exercise[c] for c in found}:
                    continue
                grader._run(sources)
                sources = []
                if grader.judge(ours.source):
                    found.add(str(name(ours)))
        return found
    finally:
        grader.close()
