"""Read a folder or a zip that strangers filled: bounded, and file by file.

No member of a zip is written anywhere under its own name.
"""

import io
import json
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

LARGEST, MOST, TOTAL = 20 << 20, 5_000, 8 << 30  # bytes of a file; files; bytes in all
OWN_MOST, OWN_TOTAL = 500, 100 << 20  # files and bytes of one student's own zip
OUT = "its name leads out of the download; no LMS writes such a name"


class Refused(ValueError):
    """A file that is not read, and why."""


@dataclass(frozen=True)
class Entry:
    """A file of a download: its name, how else that may be read, and its bytes."""

    name: str
    names: tuple[str, ...]
    read: Callable[[], bytes]
    path: Path | None = None  # where it is a file of its own

    def bytes(self) -> bytes:
        """Return what it holds; raise ValueError with the reason where that fails."""
        try:
            return self.read()
        except Refused:
            raise
        except Exception as e:  # zipfile raises whatever the damage leads it to
            raise ValueError(f"cannot be read: {e}") from None


@dataclass
class Allowance:
    """The bytes that may still be read of one download, or of one student's zip."""

    left: int

    def read(self, stream: IO[bytes]) -> bytes:
        """Return the rest of a stream; raise Refused beyond what is allowed."""
        data = stream.read(min(LARGEST, max(self.left, 0)) + 1)
        self.left -= len(data)
        if len(data) > LARGEST:
            raise Refused(f"over {LARGEST >> 20} MiB")
        if self.left < 0:
            raise Refused("too much in one download; take it by itself")
        return data


def entries(download: Path, stack: ExitStack) -> list[Entry]:
    """List the files of a folder or a zip; the stack closes the zip.

    Raises FileNotFoundError where there is nothing.
    """
    allowance = Allowance(TOTAL)
    if download.is_dir():
        return _first(_folder(download, allowance), MOST)
    download.stat()
    try:
        return _first(_zip(download, allowance, stack), MOST)
    except ValueError as e:
        return [_entry(download.name, partial(_broken, str(e)), download)]


def beside(download: Path, suffix: str) -> list[Entry]:
    """List the files of one kind in the folder where a download lies."""
    there = sorted(download.resolve().parent.glob(f"*{suffix}"))
    own = partial(_file, allowance=Allowance(TOTAL))
    return [_entry(p.name, partial(own, p), p) for p in there if p.is_file()]


def inside(entry: Entry, stack: ExitStack) -> list[Entry]:
    """List the files of a zip that lies in a download, within its own bounds.

    Raises ValueError where it cannot be read.
    """
    if entry.path and not entry.path.is_symlink():
        return _first(_zip(entry.path, Allowance(TOTAL), stack), MOST)
    data = io.BytesIO(entry.bytes())
    return _first(_zip(data, Allowance(OWN_TOTAL), stack), OWN_MOST)


def _first(found: Iterator[Entry], most: int) -> list[Entry]:
    def over() -> bytes:
        raise Refused(f"over {most} files in one download; take it by itself")

    return [
        e if count < most else Entry(e.name, e.names, over)
        for count, e in enumerate(found)
    ]


def _folder(download: Path, allowance: Allowance) -> Iterator[Entry]:
    for path in sorted(download.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            name = str(path.relative_to(download))
            yield _entry(name, partial(_file, path, allowance), path)


def _file(path: Path, allowance: Allowance) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise ValueError("a link or a device, not a file")
    with path.open("rb") as stream:
        return allowance.read(stream)


def _zip(
    file: Path | IO[bytes], allowance: Allowance, stack: ExitStack
) -> Iterator[Entry]:
    """Yield the members of a zip; raise ValueError where it cannot be read."""
    try:
        opened = stack.enter_context(zipfile.ZipFile(file))
    except Exception as e:  # zipfile raises whatever the damage leads it to
        raise ValueError(f"cannot be read: {e}") from None
    for member in sorted(opened.infolist(), key=lambda m: m.filename):
        if not member.is_dir():
            path = member.filename.replace("\\", "/")
            yield _entry(path, partial(_member, opened, member, allowance))


def _broken(why: str) -> bytes:
    raise Refused(why)


def _member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, allowance: Allowance
) -> bytes:
    path = member.filename.replace("\\", "/")
    if ".." in path.split("/") or re.match(r"/|[A-Za-z]:", path):
        raise Refused(OUT)
    if stat.S_ISLNK(member.external_attr >> 16):
        raise Refused("a link, not a file")
    with archive.open(member) as stream:
        return allowance.read(stream)


def _entry(name: str, read: Callable[[], bytes], path: Path | None = None) -> Entry:
    readings = tuple(dict.fromkeys([name, *_readings(name)]))
    shown = next((n for n in readings if "\ufffd" not in n), name)
    if any("\udc80" <= c <= "\udcff" for c in name) and len(readings) > 1:
        shown = readings[1]
    return Entry(
        "".join(c if c.isprintable() else "?" for c in shown), readings, read, path
    )


def _readings(name: str) -> Iterator[str]:
    """Yield a name as it reads if somebody took its bytes for another encoding.

    A zip without the UTF-8 flag is read as cp437 (APPNOTE.TXT 6.3.10, appendix D);
    many programs write UTF-8 or Windows-1252 there all the same.
    """
    for wrong in ("cp437", "cp1252", "latin-1", "utf-8"):
        for right in ("utf-8", "cp1252", "cp850"):
            with suppress(UnicodeError):
                yield name.encode(wrong, "surrogateescape").decode(right)


def text(data: bytes) -> tuple[str, str]:
    """Return what bytes say, and what is odd about their encoding.

    A mark at the start names it, else JSON's rule for zeros does (RFC 4627,
    section 3).  Of what is not UTF-8, each stray byte is read as Windows-1252.
    """
    encoding = json.detect_encoding(data)
    if encoding.startswith("utf-8"):
        said = data.decode("utf-8-sig", "surrogateescape")
        stray = re.findall("[\udc80-\udcff]", said)
        if not stray:
            return said, ""
        read = re.sub("[\udc80-\udcff]+", _windows, said)
        return read, f"{len(stray)} bytes are not UTF-8, read as Windows-1252"
    return data.decode(encoding, "replace"), f"read as {encoding}"


def _windows(stray: re.Match[str]) -> str:
    return stray[0].encode("utf-8", "surrogateescape").decode("cp1252", "replace")
