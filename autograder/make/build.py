"""Turn a percent script into the notebooks that Colab and nbgrader open.

A lab's cell is marked by one word: ``answer``, ``probe``, ``check``, ``essay`` or
``explore``.  Everything that nbgrader needs to know follows from that word.
"""

import importlib.metadata
import re
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

ROLES = {
    "answer": {"solution": True, "grade": False, "locked": False},
    "probe": {"solution": False, "grade": False, "locked": True},
    "check": {"solution": False, "grade": True, "locked": True},
    "essay": {"solution": True, "grade": True, "locked": False},
}
SETUP = """# Run this first; on your own machine it only prints what is there.
import importlib.metadata
import importlib.util
import subprocess
import sys

for package in PACKAGES:
    if importlib.util.find_spec(package.split("==")[0]) is None:
        pip = [sys.executable, "-m", "pip", "install", "-q"]
        subprocess.run([*pip, package], check=True)
print("python", sys.version.split()[0])
for package in ("mlsyscore", "numpy", "matplotlib", "torch"):
    print(package, importlib.metadata.version(package))"""
OURS = f"mlsyscore=={importlib.metadata.version('mlsyscore')}"
LACKING = ["simpy"]  # what a notebook may import and Colab does not have
LONG = 20  # lines of our own code that a student need not read first
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def setup(nb: NotebookNode) -> str:
    """Return the source of the set-up cell of a notebook."""
    source = "\n".join(c.source for c in nb.cells)
    also = [m for m in LACKING if re.search(rf"(?m)^import {m}$", source)]
    return SETUP.replace("PACKAGES", repr([OURS, *also]).replace("'", '"'))


def instructor(script: Path) -> NotebookNode:
    """Read a lab script; return nbgrader's instructor notebook.

    Raises ValueError for a name used twice, or a check or essay without points.
    """
    nb = jupytext.read(script, fmt="py:percent")
    first = nbformat.v4.new_code_cell(setup(nb), metadata={"title": "explore"})
    nb.cells.insert(1, first)
    names: set[str] = set()
    for number, cell in enumerate(nb.cells):
        name = _mark(cell, number)
        if name in names:
            raise ValueError(f"{script}: two cells are called {name!r}")
        names.add(name)
        cell.id = name
    nb.metadata = NotebookNode(kernelspec=KERNEL)
    nb.nbformat, nb.nbformat_minor = 4, 5
    nbformat.validate(nb)
    return nb


def _mark(cell: NotebookNode, number: int) -> str:
    """Give one cell its nbgrader metadata; return its name."""
    words = dict(cell.metadata)
    cell.metadata = NotebookNode()
    if words.get("title") == "explore":  # jupytext reads a bare word as a title
        cell.metadata.tags = ["explore"]
        return f"explore-{number}"
    role = next((r for r in ROLES if r in words), None)
    flags = ROLES[role] if role else {"solution": False, "grade": False, "locked": True}
    name = str(words[role]) if role else f"text-{number}"
    if not re.fullmatch(r"[a-z0-9-]{1,64}", name):
        raise ValueError(f"cell {number}: {name!r} is no name (a-z, 0-9, -)")
    if flags["grade"] and not isinstance(words.get("points"), int):
        raise ValueError(f"cell {number}, {name!r}: a graded cell needs points")
    if role == "probe":
        cell.metadata.tags = ["probe"]
    if "hidden" in words:  # what a student hears when the hidden part fails
        cell.metadata.hidden = str(words["hidden"])
    cell.metadata.nbgrader = NotebookNode(
        grade_id=name, schema_version=3, task=False, **flags
    )
    if flags["grade"]:
        cell.metadata.nbgrader.points = words["points"]
    if cell.cell_type == "code":  # what an LMS cannot strip
        points = words.get("points")
        worth = f", {points} point{'s' * (points != 1)}" if flags["grade"] else ""
        cell.source = f"# [{role or 'set-up'}: {name}{worth}]\n{cell.source}"
        if role in (None, "probe") and cell.source.count("\n") > LONG:
            cell.metadata.jupyter = NotebookNode(source_hidden=True)  # a click opens it
    return name
