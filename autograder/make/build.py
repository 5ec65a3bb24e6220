"""Turn a percent script into the notebooks that Colab and nbgrader open.

A lab's cell is marked by one word: ``answer``, ``probe``, ``check``, ``essay`` or
``explore``.  Everything that nbgrader needs to know follows from that word.
"""

import json
import re
import textwrap
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from .address import archive, linked
from .roles import BEGIN, END

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

NEEDED = {}
LACKING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
{}
    print(
        *LACKING,
{}
    )
importlib.invalidate_caches()
print("python", sys.version.split()[0])
for package in ("mlsyscore", "numpy", "matplotlib", "torch"):
    if importlib.util.find_spec(package):
        print(package, importlib.metadata.version(package))"""
FETCH = """PIP = [sys.executable, "-m", "pip", "install", "-q"]
PIP += [NEEDED[name] for name in LACKING]
if LACKING and subprocess.run(PIP).returncode:"""
OFFLINE = (
    "could not be installed: without a network, bring the file {} here by other means, "
    "run `%pip install` on it, and then this cell again."
)
UNPUBLISHED = (
    "missing, and this copy of the course has no public address: `%pip install` your "
    "instructor's copy of the student tree, and simpy where it is named."
)
LACKING = ["simpy"]  # what a notebook may import and Colab does not have
HIDDEN_PART = rf"(?ms)^ *{BEGIN}\n.*?^ *{END}$"
LONG = 20  # lines of our own code that a student need not read first
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def read(script: Path) -> NotebookNode:
    """Read a percent script.  It holds no magics: what looks like one is a comment."""
    form = {"extension": ".py", "format_name": "percent", "comment_magics": False}
    return jupytext.read(script, fmt=form)


def setup(nb: NotebookNode) -> str:
    """Return the source of the set-up cell of a notebook.

    It installs from the student tree's archive alone, and nothing while there is none.
    """
    source, place = "\n".join(c.source for c in nb.cells), archive()
    also = [m for m in LACKING if re.search(rf"(?m)^import {m}$", source)]
    needed = {"mlsyscore": place} | {m: m for m in also}
    said = OFFLINE.format(place) if place else UNPUBLISHED
    unless = FETCH if place else "if LACKING:"
    lines = (f'        "{line}",' for line in textwrap.wrap(said, 76))
    return SETUP.format(json.dumps(needed), unless, "\n".join(lines))


def fold(cell: NotebookNode) -> None:
    """Fold a code cell whose first line is a title, in Colab and in JupyterLab."""
    if cell.cell_type == "code" and cell.source.startswith("# @title "):
        cell.metadata.cellView = "form"
        cell.metadata.jupyter = NotebookNode(source_hidden=True)


def instructor(script: Path) -> NotebookNode:
    """Read a lab script; return nbgrader's instructor notebook.

    Raises ValueError for a name used twice, or a check or essay without points.
    """
    nb = read(script)
    first = nbformat.v4.new_code_cell(setup(nb), metadata={"title": "explore"})
    nb.cells.insert(1, first)
    names: set[str] = set()
    for number, cell in enumerate(nb.cells):
        name = _mark(cell, number)
        if name in names:
            raise ValueError(f"{script}: two cells are called {name!r}")
        names.add(name)
        cell.id = name
        if cell.cell_type == "markdown":
            cell.source = linked(cell.source, script.stem[:2])
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
        fold(cell)
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
    if role == "check":
        cell.source += f'\nprint("{name}: {_passed(cell.source)}")'
    if cell.cell_type == "code":  # what an LMS cannot strip
        points = words.get("points")
        worth = f", {points} point{'s' * (points != 1)}" if flags["grade"] else ""
        cell.source = f"# [{role or 'set-up'}: {name}{worth}]\n{cell.source}"
        if role in (None, "probe") and cell.source.count("\n") > LONG:
            cell.metadata.jupyter = NotebookNode(source_hidden=True)  # a click opens it
    return name


def _passed(check: str) -> str:
    """Say what a student reads when a check raises nothing: silence is no success."""
    shown = re.sub(HIDDEN_PART, "", check)
    if not re.search(r"(?m)^[^#\s]", shown):
        return "checked when graded"
    return "passes here; more is checked when graded" if shown != check else "passes"
