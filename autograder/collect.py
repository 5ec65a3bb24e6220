"""Take what an LMS hands out and lay it where nbgrader looks, losing nothing.

Every file gets one line that says what was done; none stops the others.
"""

import csv
import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from .restore import restore

LARGEST, MOST = 20 << 20, 5_000  # bytes of one notebook; files in one download


@dataclass(frozen=True)
class Line:
    """What became of one file: taken or not, and why."""

    file: str
    student: str
    taken: bool
    what: str


def roster(file: Path) -> dict[str, list[str]]:
    """Read a CSV with an ``id`` column; return id -> the words that may name a student.

    Raises ValueError without that column, or with an id that is no file name.
    """
    with file.open(encoding="utf-8-sig", newline="") as rows:
        read = csv.DictReader(rows)
        if "id" not in (read.fieldnames or []):
            raise ValueError(f"{file}: no column 'id' in {read.fieldnames}")
        students = {r["id"]: [v.lower() for v in r.values() if v] for r in read}
    bad = [s for s in students if not re.fullmatch(r"[A-Za-z0-9_-]+", s)]
    if bad:
        raise ValueError(f"{file}: ids may hold letters, digits, - and _, not {bad}")
    return students


def whose(path: str, students: dict[str, list[str]]) -> str | None:
    """Match a file's path to a student by a whole word of it; None if not just one."""
    words = set(re.split(r"[^a-z0-9-]+", path.lower()))
    found = [s for s, names in students.items() if words & set(names)]
    return found[0] if len(found) == 1 else None


def files(download: Path) -> Iterator[tuple[str, bytes | str]]:
    """Yield each file of a folder or a zip with its bytes, or why it was refused."""
    if download.is_dir():
        for path in sorted(p for p in download.rglob("*") if not p.is_dir()):
            inside = path.resolve().is_relative_to(download.resolve())
            if not inside or path.is_symlink():
                yield str(path.relative_to(download)), "a link, not a file"
            elif path.stat().st_size > LARGEST:
                yield str(path.relative_to(download)), f"over {LARGEST >> 20} MiB"
            else:
                yield str(path.relative_to(download)), path.read_bytes()
        return
    with zipfile.ZipFile(download) as archive:
        for member in archive.infolist()[:MOST]:
            if member.is_dir():
                continue
            with archive.open(member) as stream:
                data = stream.read(LARGEST + 1)
            large = len(data) > LARGEST
            yield member.filename, f"over {LARGEST >> 20} MiB" if large else data


def summary(done: list[str]) -> str:
    """Put what was mended in one line: each kind, how many cells, the first three."""
    kinds: dict[str, list[str]] = {}
    for line in done:
        kind, _, cell = line.rpartition(": ")
        kinds.setdefault(kind, []).append(cell)
    return "; ".join(
        f"{kind}: {len(cells)} ({', '.join(cells[:3])}{', ...' * (len(cells) > 3)})"
        for kind, cells in kinds.items()
    )


def parse(data: bytes) -> NotebookNode:
    """Read a notebook of any 4.x format.  Raises ValueError with the reason."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of what restore will mend
            nb = nbformat.reads(data.decode("utf-8-sig", "replace"), as_version=4)
        nb.cells = [c for c in nb.cells if isinstance(c.source, str)]
    except Exception as e:  # nbformat raises whatever the damage leads it to
        raise ValueError(f"not a notebook: {type(e).__name__}") from None
    return nb


def collect(download: Path, lab: str, course: Path, names: Path) -> list[Line]:
    """Lay each student's notebook under course/submitted; return a line per file.

    Of several files by one student the last in order of name is taken.
    """
    students = roster(names)
    released = nbformat.read(course / "release" / lab / f"{lab}.ipynb", as_version=4)
    return [
        _take(file, data, lab, course, students, released)
        for file, data in files(download)
    ]


def _take(
    file: str,
    data: bytes | str,
    lab: str,
    course: Path,
    students: dict[str, list[str]],
    released: NotebookNode,
) -> Line:
    student = whose(file, students)
    if student is None:
        return Line(file, "?", False, "no one student of the roster is named in it")
    if isinstance(data, str):
        return Line(file, student, False, data)
    try:
        nb, done = restore(parse(data), released)
    except ValueError as e:
        return Line(file, student, False, str(e))
    folder = course / "submitted" / student / lab
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "as-handed-in").write_bytes(data)
    draft = folder / f".{lab}.draft"
    nbformat.write(nb, draft)
    draft.replace(folder / f"{lab}.ipynb")
    return Line(file, student, True, summary(done) or "as released")
