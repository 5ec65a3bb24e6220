"""Say which cell of the lab a submitted cell is, whatever was lost on the way.

An LMS and Colab strip metadata, duplicate cells and drop them; students merge cells
and retype them.  A cell is known by nbgrader's metadata, else by its id, else by the
marker in its first line, else by what it defines.
"""

import copy
import json
import re
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, upgrade

from ..make.pages import text
from ..make.roles import essay, name, role
from . import archive

MARK = re.compile(r"^# \[(?:answer|probe|check|set-up): ([a-z0-9-]+)[^\n]*\n?", re.M)
DEFINES = re.compile(r"^(?:async )?(?:def|class) +(\w+)", re.M)
CELLS = 2_000  # of one notebook
Lab = dict[str, NotebookNode]
Known = tuple[str | None, NotebookNode]


def parse(data: bytes) -> NotebookNode:
    """Read a notebook of format 3 or any 4.x, each cell made anew.

    Raises ValueError with the reason where it cannot be read.
    """
    try:
        read = json.loads(archive.text(data)[0])
        if isinstance(read, dict) and read.get("nbformat") == 3:
            read = upgrade(nbformat.from_dict(read))
    except Exception as e:  # the upgrade raises whatever the damage leads it to
        raise ValueError(f"not a notebook: {type(e).__name__}") from None
    match read:
        case {"nbformat": 4, "cells": list(cells)} if len(cells) <= CELLS:
            nb = new_notebook()
            nb.cells = [tidy(c) for c in cells if isinstance(c, dict)]
            return nb
        case {"nbformat": 4, "cells": list(cells)}:
            raise ValueError(f"{len(cells)} cells; at most {CELLS} are taken")
    raise ValueError("not a notebook of format 4; save it again in Jupyter or Colab")


def tidy(cell: dict[str, Any]) -> NotebookNode:
    """Make a cell anew, from whatever JSON, with its kind, its source, its names."""
    source = cell.get("source")
    lines = source if isinstance(source, list) else [source]
    made = fresh(cell.get("cell_type"), "".join(map(text, lines)))
    marks = _mapping(cell.get("metadata"))
    made.metadata.id = text(marks.get("id"))
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text(cell.get("id"))):
        made.id = cell["id"]
    if grade_id := text(_mapping(marks.get("nbgrader")).get("grade_id")):
        made.metadata.nbgrader = NotebookNode(grade_id=grade_id)
    return made


def fresh(kind: Any, source: str) -> NotebookNode:
    """Make a new cell; what is not code is text."""
    return (new_code_cell if kind == "code" else new_markdown_cell)(source)


def _mapping(x: Any) -> dict[str, Any]:
    return x if isinstance(x, dict) else {}


def shape(released: NotebookNode) -> Lab:
    """Return the lab's cells by their names."""
    return {name(c) or c.id: c for c in released.cells}


def known(cell: NotebookNode, lab: Lab) -> str | None:
    """Return the name of the lab's cell that this one is a copy of, whatever its type.

    Names come before markers, and a marker before text that is all the same.
    """
    marks = MARK.findall(cell.source)
    first = marks[:1] if MARK.match(cell.source) else []
    for found in (name(cell), *first, cell.get("id"), cell.metadata.get("id"), *marks):
        if found in lab:
            return str(found)
    same = (k for k, c in lab.items() if c.source.strip() == cell.source.strip() != "")
    return next(same, None)


def answered(nb: NotebookNode, lab: Lab) -> bool:
    """Say whether a notebook holds a cell of this lab that may earn points."""
    cells = [part for c in nb.cells for part in _apart(tidy(c), lab)]
    may = {k for k, c in lab.items() if role(c) in ("answer", "check") or essay(c)}
    found = {known(c, lab) for c in cells} | {*_by_definition(cells, lab).values()}
    return not may or bool(may & found)


def recognised(nb: NotebookNode, lab: Lab, done: list[str]) -> list[Known]:
    """Give each cell the name of the lab's cell that it is, or None."""
    cells: list[NotebookNode] = []
    for cell in map(tidy, nb.cells):
        parts = _apart(cell, lab)
        cells += parts
        done += [f"merged cells taken apart: {known(p, lab)}" for p in parts[1:]]
    keys = [known(c, lab) for c in cells]
    for i, cell in enumerate(cells):
        key = _essay_after(keys[i - 1] if i else None, cell, lab)
        if keys[i] is None and key not in keys:
            keys[i] = key
    here = {*keys}
    for i, key in _by_definition(cells, lab).items():
        if keys[i] is None and key not in here:
            keys[i] = key
            done.append(f"known by what it defines: {key}")
    return list(zip(keys, cells, strict=True))


def _apart(cell: NotebookNode, lab: Lab) -> list[NotebookNode]:
    """Cut a cell that a student merged of several where the lab's markers stand.

    What stands above an answer's own marker is the answer's.
    """
    marks = [m for m in MARK.finditer(cell.source) if m[1] in lab]
    if not marks:
        return [cell]
    key = known(cell, lab)
    cuts = [m.start() for m in marks if m.start() and m[1] != key]
    if role(lab[str(key)]) != "answer" and key == marks[0][1] and marks[0].start():
        cuts.insert(0, marks[0].start())
    if not cuts or len(cuts) > len(lab):
        return [cell]
    ends = [*cuts[1:], len(cell.source)]
    parts = [cell.source[a:b] for a, b in zip(cuts, ends, strict=True)]
    head = copy.deepcopy(cell)
    head.source = cell.source[: cuts[0]].rstrip("\n")
    if key == marks[0][1] and cuts[0] == marks[0].start():
        head = fresh(cell.cell_type, head.source)
    return [head, *(new_code_cell(p.rstrip("\n")) for p in parts)]


def _by_definition(cells: list[NotebookNode], lab: Lab) -> dict[int, str]:
    """Return which cells define what an answer should: index -> name."""
    found: dict[int, str] = {}
    for key in (k for k, c in lab.items() if role(c) == "answer"):
        wanted = {*DEFINES.findall(lab[key].source)}
        for i, cell in enumerate(cells):
            code = cell.cell_type == "code"
            if code and wanted and wanted <= {*DEFINES.findall(cell.source)}:
                found[i] = key
    return found


def _essay_after(before: str | None, cell: NotebookNode, lab: Lab) -> str | None:
    """Know an essay, whose text is all the student's, by the cell it follows."""
    keys = [None, *lab]
    after = keys[keys.index(before) + 1 :][:1] if before else []
    if after and cell.cell_type == "markdown" and essay(lab[str(after[0])]):
        return after[0]
    return None


def own(cell: NotebookNode) -> str:
    """Return a cell's text without our markers."""
    return "\n".join(MARK.sub("", cell.source).strip().splitlines())


def edited(cell: NotebookNode, ours: NotebookNode) -> bool:
    """Say whether a student wrote something into a cell."""
    mine, released = (
        [line.rstrip() for line in own(c).splitlines()] for c in (cell, ours)
    )
    return mine != released and any(mine)
