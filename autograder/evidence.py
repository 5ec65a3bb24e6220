"""Run a submission: the student's cells in the jail, the check cells out here."""

import ast
import contextlib
import io
from typing import Any

from nbformat import NotebookNode

from . import pages
from .crossing import INSIDE, Remote, outcome
from .jail import Jail, Lost
from .pages import error

CELL, NOTEBOOK = 30.0, 300.0  # seconds


def role(cell: NotebookNode) -> str:
    """Say what a cell of the instructor's copy is: answer, probe, check, ..."""
    tags, marks = cell.metadata.get("tags", []), cell.metadata.get("nbgrader")
    if cell.cell_type != "code":
        return "text"
    if "explore" in tags or marks is None:
        return "explore"
    if marks.grade:
        return "check"
    if marks.solution:
        return "answer"
    return "probe" if "probe" in tags else "setup"


def name(cell: NotebookNode) -> str | None:
    """Return the name that nbgrader knows a cell by."""
    grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
    return None if grade_id is None else str(grade_id)


def defined(source: str) -> set[str]:
    """Names that a cell defines at top level."""
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names |= {
                n.id
                for n in ast.walk(node)
                if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
    return names


class Grader:
    """One submission being graded.  master: the instructor's copy of the lab."""

    def __init__(self, master: NotebookNode) -> None:
        self.master = {name(c) or c.id: c for c in master.cells}
        self.jail = Jail(CELL, NOTEBOOK)
        self.world: dict[str, Any] = {"__name__": "__main__"}
        theirs = [c for c in master.cells if role(c) in ("answer", "probe")]
        self.remote = sorted(set().union(*(defined(c.source) for c in theirs)))

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
            self.refresh()
            with contextlib.redirect_stdout(printed):
                exec(check, dict(self.world))
        except Lost as e:
            return [error("TimeoutError", f"{e} when the check called it")]
        except Exception as e:
            return [error(type(e).__name__, _said(e))]
        return []

    def refresh(self) -> None:
        """Bind each name of an answer to what the jail holds under it now."""
        held = self.jail.ask(f"{INSIDE}.describe({self.remote!r}, globals())")
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
                return outcome(answer)
            except Exception as e:  # of one name; the others know nothing of it
                why = str(e)
        return Remote(key, self.jail.ask, self.world, why)


def _said(e: Exception) -> str:
    try:
        return str(e) or "this check failed"
    except Exception as deeper:  # an array of impossible characters has no text
        return f"this check failed; its message cannot be shown: {deeper}"


def run(submission: NotebookNode, master: NotebookNode) -> list[list[NotebookNode]]:
    """Return the outputs of every cell of a submission, in its order."""
    grader = Grader(master)
    try:
        return [
            grader.outputs(c) if c.cell_type == "code" else [] for c in submission.cells
        ]
    finally:
        grader.jail.close()
