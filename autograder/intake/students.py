"""The roster: who is in the class, and whose a file is by the names in its path."""

import csv
import io
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from . import archive

Words = tuple[str, ...]
Rows = dict[str, list[list[Words]]]  # id -> its rows -> what stands in each column
COLUMNS = 12  # of a row, that are tried in pairs for a full name


def words(said: str) -> Words:
    """Return the words of a name or a path, however it is written."""
    same = unicodedata.normalize("NFKC", said).casefold()
    return tuple(re.findall(r"[^\W_]+", same))


def sheet(said: str) -> "csv.DictReader[str]":
    """Read the text of a CSV by its columns' names, as they stand in its first line.

    Between them are commas, semicolons (a European Excel writes these) or tabs.
    """
    csv.field_size_limit(archive.LARGEST)
    first = said.partition("\n")[0]
    mark = max(",;\t", key=first.count)
    read = csv.DictReader(io.StringIO(said, newline=""), delimiter=mark)
    read.fieldnames = [f.strip() for f in read.fieldnames or []]
    return read


def records(file: Path) -> Iterator[tuple[int, str, list[str]]]:
    """Yield each row of a roster: its line, its id, all that it says.

    Raises ValueError for what is no CSV with a column ``id``.
    """
    said, _ = archive.text(file.read_bytes())
    try:
        read = sheet(said)
        columns = list(read.fieldnames or [])
        key = next((c for c in ("id", "ID", "Id") if c in columns), None)
        if key is None:
            raise ValueError(f"no column 'id' in {columns}")
        for row in read:
            values = [*(row.pop(None, None) or []), *row.values()]
            if any(v and v.strip() for v in values):
                yield read.line_num, (row[key] or "").strip(), [v or "" for v in values]
    except (csv.Error, ValueError) as e:
        raise ValueError(f"{file}: {e}") from None


def rows(file: Path) -> Rows:
    """Read a CSV with an ``id`` column; return id -> its rows, nearly always one.

    Raises ValueError without that column, or with an id that is no file name.
    """
    found: Rows = {}
    for line, student, values in records(file):
        if not re.fullmatch(r"[A-Za-z0-9_-]+", student):
            may = "ids may hold letters, digits, - and _"
            raise ValueError(f"{file}: line {line}: {may}, not {student!r}")
        found.setdefault(student, []).append([words(v) for v in values])
    return found


def roster(file: Path) -> dict[str, set[Words]]:
    """Return id -> what may name the student; a name that two share names neither."""
    return names(rows(file))


def names(found: Rows) -> dict[str, set[Words]]:
    """Return id -> the columns that are this student's alone, and the id."""
    said = {s: {*itertools.chain(*r)} - {(), words(s)} for s, r in found.items()}
    times = Counter(name for names in said.values() for name in names)
    own = {s: {n for n in names if times[n] == 1} for s, names in said.items()}
    return {s: (own[s] | {words(s)}) - {()} for s in own}


def whose(path: str, students: dict[str, set[Words]]) -> list[str]:
    """Return the students whose id or name stands in a path, as whole words of it."""
    there = words(path)
    long = {len(name) for names in students.values() for name in names}
    stands = {there[i : i + n] for n in long for i in range(len(there) + 1 - n)}
    return [s for s, names in students.items() if names & stands]


def squeezed(found: Rows) -> dict[str, set[str]]:
    """Return full name, its letters run together -> the students who may bear it.

    A full name is a column, or two of them, begun at any of its words: "Ada Lovelace"
    is "lovelaceada" in Canvas.
    """
    who: dict[str, set[str]] = {}
    for student, its in found.items():
        for row in its:
            for name in [words(student), *_full(row[:COLUMNS])]:
                for form in forms("".join(name)):
                    who.setdefault(form, set()).add(student)
    return who


def _full(row: list[Words]) -> Iterator[Words]:
    pairs = (a + b for a, b in itertools.combinations(row, 2))
    for name in {n[:8] for n in itertools.chain(row, pairs)}:
        for i in range(len(name)):
            yield name[i:] + name[:i]


def forms(said: str) -> list[str]:
    """Return a name's letters with their accents, without them, and only ASCII's."""
    run = "".join(words(said))
    parts = unicodedata.normalize("NFKD", run)
    plain = "".join(c for c in parts if not unicodedata.combining(c))
    return [f for f in (run, plain, run.encode("ascii", "ignore").decode()) if f]
