"""What lies in a course's folder ``submitted/STUDENT/LAB``, and when it came.

``LAB.ipynb`` is the notebook in the lab's shape; ``as-handed-in`` the bytes that came,
``as-handed-in.1`` and so on those of before.  ``timestamp.txt`` is nbgrader's, in the
form of its exchange, where an LMS says when; ``late`` is ours, where one says only that
it was late.  A time that nobody tells is not made up: the dates of a zip's members are
those of the download.
"""

import contextlib
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.utils import parse_utc

from . import archive, students

RAW, TIME, LATE = "as-handed-in", "timestamp.txt", "late"


def moment(said: str) -> datetime:
    """Read an ISO date and time; without a zone it is this machine's."""
    if len(said) < len("2026-12-01T23"):
        raise ValueError(f"{said!r} has no time; write {said}T23:59")
    return datetime.fromisoformat(said).astimezone(UTC)


def find_alembic() -> None:
    """Put this environment's programs on the path: nbgrader calls one by name."""
    binaries, path = str(Path(sys.executable).parent), os.environ["PATH"]
    if binaries not in path.split(os.pathsep):
        os.environ["PATH"] = f"{binaries}{os.pathsep}{path}"


def _book(course: Path) -> Gradebook:
    find_alembic()
    return Gradebook(f"sqlite:///{(course / 'gradebook.db').resolve()}", "mlsys")


def set_due(lab: str, when: datetime, course: Path) -> None:
    """Write a lab's due date into nbgrader's gradebook."""
    with _book(course) as book:
        book.update_or_create_assignment(lab, duedate=when)


def due(lab: str, course: Path) -> datetime | None:
    """Return a lab's due date, where the gradebook has one."""
    if not (course / "gradebook.db").exists():
        return None
    with _book(course) as book:
        try:
            found = book.find_assignment(lab).duedate
        except MissingEntry:
            return None
    return found and found.replace(tzinfo=UTC)


FIRST = {"firstname", "first", "givenname"}
LAST = {"lastname", "last", "surname", "familyname", "name", "fullname", "student"}


def introduce(roster: Path, course: Path) -> None:
    """Write the roster's names into nbgrader's gradebook, where formgrader looks."""
    said, _ = archive.text(roster.read_bytes())
    with _book(course) as book:
        for row in students.sheet(said):
            words = {re.sub("[^a-z]", "", str(k).lower()): v for k, v in row.items()}
            name = {
                part: next((words[c] for c in columns & words.keys() if words[c]), None)
                for part, columns in [("first_name", FIRST), ("last_name", LAST)]
            }
            if words.get("id") and any(name.values()):
                book.update_or_create_student(words["id"].strip(), **name)


def handed_in(lab: str, course: Path) -> list[str]:
    """Return the students whose notebook of a lab was taken."""
    here = course.glob(f"submitted/*/{lab}/{lab}.ipynb")
    return sorted(p.parent.parent.name for p in here)


def came(folder: Path) -> datetime | None:
    """Return when what lies in a folder was handed in, where that is known."""
    try:
        return parse_utc((folder / TIME).read_text().strip()).replace(tzinfo=UTC)
    except (OSError, ValueError):
        return None


def lay(
    nb: NotebookNode, data: bytes, lab: str, folder: Path, when: datetime | str | None
) -> None:
    """Lay one submission there, whole or not at all; what lay there before stays too.

    when: the time, or what an LMS says instead, or None.  Raises ValueError when the
    folder holds a later submission, OSError when the disk is full.
    """
    files = {RAW: data, f"{lab}.ipynb": f"{nbformat.writes(nb)}\n".encode()}
    if isinstance(when, datetime):
        files[TIME] = f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC\n".encode()
    elif when:
        files[LATE] = f"{when}\n".encode()
    again, before = _read(folder / RAW) == data, came(folder)
    if not again and isinstance(when, datetime) and before and when < before:
        raise ValueError(f"older than the one taken before, of {before:%Y-%m-%d %H:%M}")
    folder.mkdir(parents=True, exist_ok=True)
    changed = {n: b for n, b in files.items() if _read(folder / n) != b}
    drafts = {n: folder / f".{n}.draft" for n in changed}
    try:
        for n, draft in drafts.items():
            draft.write_bytes(changed[n])
        if RAW in changed:
            _put_by(folder)
        for n, draft in drafts.items():
            draft.replace(folder / n)
        for n in (LATE,) if again else (LATE, TIME):
            if n not in files:
                (folder / n).unlink(missing_ok=True)
    finally:
        for draft in drafts.values():
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)


def _put_by(folder: Path) -> None:
    """Keep what was handed in before under the next free number."""
    earlier = sorted(folder.glob(f"{RAW}.*"), key=lambda p: (len(p.name), p.name))
    data = _read(folder / RAW)
    if data is not None and data not in map(_read, earlier):
        (folder / RAW).rename(folder / f"{RAW}.{len(earlier) + 1}")


def _read(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None
