"""What each cell of a lab is and is called, read from its metadata."""

import ast

from nbformat import NotebookNode

BEGIN, END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"


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


def essay(cell: NotebookNode) -> bool:
    """Say whether a cell of the lab is a text to write."""
    marks = cell.metadata.get("nbgrader")
    return bool(marks and marks.get("solution") and marks.get("grade"))


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


def imported(nb: NotebookNode) -> set[str]:
    """Return what a lab's set-up imports, by full names; some are no modules."""
    found: set[str] = set()
    for source in [c.source for c in nb.cells if role(c) == "setup"]:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                found |= {a.name for a in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {f"{node.module}.{a.name}" for a in node.names}
                found.add(str(node.module))
    return found


def exercises(nb: NotebookNode) -> dict[str, list[str]]:
    """Group a lab's graded cells by exercise, in the notebook's order.

    A check belongs to the answer whose name its own starts with, else to the answer
    before it.
    """
    answers = [str(name(c)) for c in nb.cells if role(c) == "answer"]
    found: dict[str, list[str]] = {}
    for cell in nb.cells:
        key, marks = name(cell), cell.metadata.get("nbgrader", {})
        if key is None or not marks.get("grade"):
            if key in answers:
                found[key] = []
            continue
        own = [a for a in answers if key == a or key.startswith(f"{a}-")]
        before = next((k for k in reversed(found) if k in answers), key)
        home = key if essay(cell) else max(own, key=len) if own else before
        found.setdefault(home, []).append(key)
    return {k: v for k, v in found.items() if v}
