"""Find a lab's notebook in one file that a student handed in."""

from contextlib import ExitStack

from nbformat import NotebookNode

from . import archive, students
from .archive import Entry
from .cells import answered, parse, shape

SYSTEM = {"__MACOSX", ".ipynb_checkpoints", ".DS_Store", "Thumbs.db", "desktop.ini"}


class Stranger(ValueError):
    """A notebook that is not of this lab."""


def pick(
    entry: Entry, file: str, lab: str, released: NotebookNode
) -> tuple[NotebookNode, bytes, str]:
    """Return the notebook in a file, its bytes, and what is odd about them.

    file: its name, as the student gave it.  A zip is opened, not those within.
    Raises ValueError with the reason where there is none, or more than one.
    """
    if not file.casefold().endswith(".zip"):
        data = entry.bytes()
        return _fitting(data, file, lab, released), data, archive.text(data)[1]
    found: dict[bytes, tuple[NotebookNode, str]] = {}
    others: list[str] = []
    with ExitStack() as stack:
        for member in archive.inside(entry, stack):
            if SYSTEM & {*member.name.split("/")}:
                continue
            try:
                if not member.name.casefold().endswith(".ipynb"):
                    raise ValueError("no notebook")
                data = member.bytes()
                nb = _fitting(data, member.name, lab, released)
                found.setdefault(data, (nb, member.name))
            except ValueError as e:
                others.append(f"{member.name}: {e}")
    names = [name for _, name in found.values()]
    if len(found) != 1:
        many = f"{len(found)} notebooks of {lab} in it, keep one"
        why = many if found else f"no notebook of {lab} in it"
        raise ValueError(f"{why}: {_some([*names, *others])}")
    ((data, (nb, name)),) = found.items()
    beside = f"left in the zip: {_some(others)}" if others else ""
    odd = [f"{name} of the zip", archive.text(data)[1], beside]
    return nb, data, "; ".join(filter(None, odd))


def _fitting(data: bytes, file: str, lab: str, released: NotebookNode) -> NotebookNode:
    nb = parse(data)
    named = students.whose(file, {lab: {students.words(lab)}})
    if not answered(nb, shape(released)) and not named:
        raise Stranger(f"no cell of {lab} that earns points is in it")
    return nb


def _some(said: list[str]) -> str:
    return ", ".join(s[:80] for s in said[:3]) + ", ..." * (len(said) > 3)
