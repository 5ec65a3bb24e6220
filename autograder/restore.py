"""Bring a submitted notebook back to the lab's shape, losing nothing of the student's.

An LMS and Colab strip metadata, duplicate cells and drop them.  A cell is known by
nbgrader's metadata, else by its id, else by the marker in its first line.
"""

import copy
import re
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from .evidence import name, role
from .pages import text

MARK = re.compile(r"^# \[(?:answer|probe|check|set-up): ([a-z0-9-]+)")


def tidy(cell: dict[str, Any]) -> NotebookNode:
    """Make a cell anew, from whatever JSON, with its kind, its source, its names."""
    source = cell.get("source")
    lines = source if isinstance(source, list) else [source]
    new = new_code_cell if cell.get("cell_type") == "code" else new_markdown_cell
    fresh, marks = new("".join(map(text, lines))), _mapping(cell.get("metadata"))
    fresh.metadata.id = text(marks.get("id"))
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text(cell.get("id"))):
        fresh.id = cell["id"]
    if grade_id := text(_mapping(marks.get("nbgrader")).get("grade_id")):
        fresh.metadata.nbgrader = NotebookNode(grade_id=grade_id)
    return fresh


def _mapping(x: Any) -> dict[str, Any]:
    return x if isinstance(x, dict) else {}


def known(cell: NotebookNode, lab: dict[str, NotebookNode]) -> str | None:
    """Return the name of the lab's cell that this one is a copy of."""
    mark = MARK.match(cell.source)
    for found in (
        name(cell),
        mark and mark[1],
        cell.get("id"),
        cell.metadata.get("id"),
    ):
        if found in lab and lab[found].cell_type == cell.cell_type:
            return str(found)
    same = [k for k, c in lab.items() if c.source.strip() == cell.source.strip() != ""]
    return same[0] if same else None


def restore(nb: NotebookNode, released: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """Return the notebook in the lab's shape, and a line for each thing mended.

    Locked cells get the released source and the lab's metadata; missing ones come
    back; of two copies of an answer the edited one stays; other cells are kept.
    """
    lab = {name(c) or c.id: c for c in released.cells}
    done: list[str] = []
    cells: list[NotebookNode] = []
    place: dict[str, int] = {}
    before: str | None = None
    for cell in map(tidy, nb.cells):
        key = known(cell, lab) or _essay_after(before, cell, lab)
        before = key
        if key is None:
            cells.append(_bare(cell))
            continue
        if name(cell) != name(lab[key]):
            done.append(f"metadata rebuilt: {key}")
        mended = _mend(cell, lab[key], done)
        if key not in place:
            place[key] = len(cells)
            cells.append(mended)
        else:
            done.append(f"two copies, the edited one kept: {key}")
            if mended.source.strip() != lab[key].source.strip():
                cells[place[key]] = mended
    _missing(cells, lab, done)
    for number, cell in enumerate(cells):
        cell.id = known(cell, lab) or f"extra-{number}"
    out = copy.deepcopy(released)
    out.cells = cells
    return out, sorted(set(done))


def _bare(cell: NotebookNode) -> NotebookNode:
    new = new_code_cell if cell.cell_type == "code" else new_markdown_cell
    return new(cell.source)


def _mend(cell: NotebookNode, ours: NotebookNode, done: list[str]) -> NotebookNode:
    mended = copy.deepcopy(ours)
    free = role(ours) in ("answer", "explore") or _essay(ours)
    if free:
        mended.source = cell.source
    elif cell.source.strip() != ours.source.strip():
        done.append(f"locked cell restored: {name(ours)}")
    return mended


def _essay_after(
    before: str | None, cell: NotebookNode, lab: dict[str, NotebookNode]
) -> str | None:
    """Know an essay, whose text is all the student's, by the cell it follows."""
    keys = [None, *lab]
    after = keys[keys.index(before) + 1 :][:1] if before else []
    if after and cell.cell_type == "markdown" and _essay(lab[str(after[0])]):
        return after[0]
    return None


def _essay(cell: NotebookNode) -> bool:
    marks = cell.metadata.get("nbgrader")
    return bool(marks and marks.solution and marks.grade)


def _missing(
    cells: list[NotebookNode], lab: dict[str, NotebookNode], done: list[str]
) -> None:
    here = [name(c) or c.get("id") for c in cells]
    after = -1
    for key, ours in lab.items():
        if key in here:
            after = here.index(key)
            continue
        after += 1
        cells.insert(after, copy.deepcopy(ours))
        here.insert(after, key)
        if role(ours) != "explore":
            done.append(f"missing cell put back: {key}")
