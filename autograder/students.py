"""The roster: who is in the class, and whose a file is by the names in its path."""

import csv
import re
import unicodedata
from collections import Counter
from pathlib import Path

Words = tuple[str, ...]


def words(said: str) -> Words:
    """Return the words of a name or a path, however it is written."""
    same = unicodedata.normalize("NFKC", said).casefold()
    return tuple(re.findall(r"[^\W_]+", same))


def roster(file: Path) -> dict[str, set[Words]]:
    """Read a CSV with an ``id`` column; return id -> what may name the student.

    A name that two students share names neither.  Raises ValueError without that
    column, or with an id that is no file name.
    """
    names: dict[str, set[Words]] = {}
    with file.open(encoding="utf-8-sig", newline="") as rows:
        read = csv.DictReader(rows)
        try:
            if "id" not in (read.fieldnames or []):
                raise ValueError(f"no column 'id' in {read.fieldnames}")
            for row in read:
                said = [*(row.pop(None, None) or []), *row.values()]
                if not any(said):
                    continue
                student = row["id"] or ""
                if not re.fullmatch(r"[A-Za-z0-9_-]+", student):
                    may = "ids may hold letters, digits, - and _"
                    raise ValueError(f"line {read.line_num}: {may}, not {student!r}")
                found = {words(v) for v in said if v} - {(), words(student)}
                names[student] = names.get(student, set()) | found
        except (csv.Error, ValueError) as e:
            raise ValueError(f"{file}: {e}") from None
    times = Counter(name for found in names.values() for name in found)
    own = {s: {n for n in found if times[n] == 1} for s, found in names.items()}
    return {s: (own[s] | {words(s)}) - {()} for s in own}


def whose(path: str, students: dict[str, set[Words]]) -> list[str]:
    """Return the students whose id or name stands in a path, as whole words of it."""
    there = words(path)

    def stands(name: Words) -> bool:
        return any(there[i : i + len(name)] == name for i in range(len(there)))

    return [s for s, names in students.items() if any(map(stands, names))]
