"""Take what an LMS hands out and lay it where nbgrader looks, losing nothing.

Every file gets one line that says what was done; none stops the others.
"""

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

from .restore import restore, tidy
from .students import Words, roster, whose

LARGEST, MOST = 20 << 20, 5_000  # bytes of one notebook; files in one download
CELLS = 2_000  # of one notebook
Read = Callable[[], bytes]


@dataclass(frozen=True)
class Line:
    """What became of one file: taken or not, and why."""

    file: str
    student: str
    taken: bool
    what: str


def files(download: Path) -> Iterator[tuple[str, bytes | str]]:
    """Yield each file of a folder or a zip with its bytes, or why it was refused."""
    found = _folder(download) if download.is_dir() else _zip(download)
    for count, (name, read) in enumerate(found):
        data: bytes | str = f"over {MOST} files in one download; take it by itself"
        if count < MOST:
            try:
                data = read()
            except Exception as e:  # zipfile raises whatever the damage leads it to
                data = f"cannot be read: {e}"
        if len(data) > LARGEST:
            data = f"over {LARGEST >> 20} MiB"
        yield "".join(c if c.isprintable() else "?" for c in name), data


def _folder(download: Path) -> Iterator[tuple[str, Read]]:
    for path in sorted(download.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield str(path.relative_to(download)), partial(_file, path)


def _file(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise ValueError("a link or a device, not a file")
    with path.open("rb") as stream:
        return stream.read(LARGEST + 1)


def _zip(download: Path) -> Iterator[tuple[str, Read]]:
    try:
        archive = zipfile.ZipFile(download)
    except (zipfile.BadZipFile, NotImplementedError):
        yield download.name, partial(zipfile.ZipFile, download)  # says it again
        return
    with archive:
        for member in sorted(archive.infolist(), key=lambda m: m.filename):
            if not member.is_dir():
                yield member.filename, partial(_member, archive, member)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as stream:
        return stream.read(LARGEST + 1)


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
    """Read a notebook of any 4.x format, each cell made anew.

    Raises ValueError with the reason where it cannot be read.
    """
    try:
        read = json.loads(data.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as e:
        raise ValueError(f"not a notebook: {type(e).__name__}") from None
    match read:
        case {"nbformat": 4, "cells": list(cells)} if len(cells) <= CELLS:
            nb = new_notebook()
            nb.cells = [tidy(c) for c in cells if isinstance(c, dict)]
            return nb
        case {"nbformat": 4, "cells": list(cells)}:
            raise ValueError(f"{len(cells)} cells; at most {CELLS} are taken")
    raise ValueError("not a notebook of format 4; save it again in Jupyter or Colab")


def collect(download: Path, lab: str, course: Path, names: Path) -> list[Line]:
    """Lay each student's notebook under course/submitted; return a line per file.

    Of several files by one student the last in order of name is taken.  The roster
    is kept beside them, for the report.
    """
    students = roster(names)
    released = nbformat.read(course / "release" / lab / f"{lab}.ipynb", as_version=4)
    kept = course / "roster.csv"
    if names.resolve() != kept.resolve():
        shutil.copyfile(names, kept)
    return [
        _take(file, data, lab, course, students, released)
        for file, data in files(download)
    ]


def _take(
    file: str,
    data: bytes | str,
    lab: str,
    course: Path,
    students: dict[str, set[Words]],
    released: NotebookNode,
) -> Line:
    found = whose(file, students)
    student = found[0] if len(found) == 1 else "?"
    if isinstance(data, str):
        return Line(file, student, False, data)
    if not found:
        return Line(file, "?", False, "no student of the roster is named in it")
    if found[1:]:
        return Line(file, "?", False, f"names {' and '.join(found)}; rename it")
    try:
        nb, done = restore(parse(data), released)
        _lay(nb, data, course / "submitted" / student / lab, lab)
    except (ValueError, OSError) as e:
        return Line(file, student, False, str(e))
    return Line(file, student, True, summary(done) or "as released")


def _lay(nb: NotebookNode, data: bytes, folder: Path, lab: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "as-handed-in").write_bytes(data)
    draft = folder / f".{lab}.draft"
    nbformat.write(nb, draft)
    draft.replace(folder / f"{lab}.ipynb")
