"""Bring a submitted notebook back to the lab's shape, losing no work of the student."""

import copy

from nbformat import NotebookNode

from ..make.roles import essay, name, role
from .cells import DEFINES, Lab, edited, fresh, own, recognised, shape


def restore(nb: NotebookNode, released: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """Return the notebook in the lab's shape, and a line for each thing mended.

    Locked cells get the released source and the lab's metadata; missing ones come
    back; of several copies of an answer the one edited last stays, what else the
    student wrote stays as a cell of its own, in the student's order.
    """
    lab, done = shape(released), list[str]()
    found = recognised(nb, lab, done)
    kept = {key: cell for key, cell in reversed(found) if key}
    for key, cell in found:  # of an answer the one edited last
        if key and _free(lab[key]) and edited(cell, lab[key]):
            kept[key] = cell
    cells: list[NotebookNode] = []
    for key, cell in found:
        if key is None:
            cells.append(fresh(cell.cell_type, cell.source))
        else:
            cells += _copies(key, cell, kept[key], lab[key], done)
    _missing(cells, lab, done)
    _checks_last(cells, lab, done)
    for number, cell in enumerate(cells):
        if cell.id not in lab:
            cell.id = f"extra-{number}"
    out = copy.deepcopy(released)
    out.cells = cells
    return out, sorted(set(done))


def _copies(
    key: str,
    cell: NotebookNode,
    kept: NotebookNode,
    ours: NotebookNode,
    done: list[str],
) -> list[NotebookNode]:
    """Return what becomes of one copy: the lab's cell, the student's own, or both."""
    free = _free(ours)
    if free:
        extra = cell is not kept and edited(cell, ours) and own(cell) != own(kept)
    else:  # a name that ours has not, or words
        more = {*DEFINES.findall(own(cell))} - {*DEFINES.findall(ours.source)}
        extra = bool(more or (cell.cell_type == "markdown" and edited(cell, ours)))
        if own(cell) != own(ours):
            done.append(f"locked cell restored: {key}")
    out = [fresh(cell.cell_type, own(cell))] if extra else []
    if cell is not kept:
        also = "the last edited kept, the others beside it" if extra else "one kept"
        done.append(f"several copies, {also}: {key}")
        return out
    mended = copy.deepcopy(ours)
    mended.id = key
    if name(cell) != name(ours):
        done.append(f"metadata rebuilt: {key}")
    if cell.cell_type != ours.cell_type:
        done.append(f"cell type restored: {key}")
    if free:
        mended.source = cell.source
    return [*out, mended]


def _free(ours: NotebookNode) -> bool:
    return role(ours) in ("answer", "explore") or essay(ours)


def _missing(cells: list[NotebookNode], lab: Lab, done: list[str]) -> None:
    here = [c.id for c in cells]
    after = -1
    for key, ours in lab.items():
        if key in here:
            after = here.index(key)
            continue
        after += 1
        cells.insert(after, copy.deepcopy(ours))
        cells[after].id = key
        here.insert(after, key)
        if role(ours) != "explore":
            done.append(f"missing cell put back: {key}")


def _checks_last(cells: list[NotebookNode], lab: Lab, done: list[str]) -> None:
    """Move a check that stands before its answer, or before what we run, behind it."""
    before: list[str] = []
    for key, ours in lab.items():
        if role(ours) != "check":
            if role(ours) in ("setup", "probe", "answer"):
                before.append(key)
            continue
        needs = [k for k in before if role(lab[k]) != "answer" or key.startswith(k)]
        here = [c.id for c in cells]
        last = max((here.index(k) for k in needs), default=-1)
        if here.index(key) < last:
            cells.insert(last, cells.pop(here.index(key)))
            done.append(f"check put behind its answer: {key}")
