"""What the file names and the worksheets of Canvas and Moodle say."""

import csv
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

from . import students
from .students import Rows, Words, words

CANVAS = re.compile(
    r"([^_/]+)(_(?i:late))?_(\d{1,20})_(?:(\d{1,20})_([^/]+)|((?:text|link)\.html))"
)
AGAIN = re.compile(r"(.+)-([1-9]\d?)")
DATES = tuple(
    f"{day} {time}"
    for day in ("%A, %d %B %Y,", "%A, %B %d, %Y,", "%d %B %Y,", "%B %d, %Y,")
    for time in ("%I:%M %p", "%H:%M", "%I:%M:%S %p", "%H:%M:%S")
)


@dataclass(frozen=True)
class Said:
    """What a path says: who handed in which file, under which numbers, late or not."""

    who: str
    file: str
    number: str = ""
    order: int = 0
    late: bool = False
    sure: bool = False  # written by an LMS, so its end is the student's own words
    moodle: bool = False


def said(path: str) -> Said:
    """Read a path as an LMS writes it.

    Moodle: ``Full name_NUMBER_assignsubmission_file_`` before a slash, or before the
    file's name (its mod/assign/locallib.php, download_submissions).  Canvas:
    ``lastfirst_LATE_USER_FILE_name-1.ipynb`` (its app/models/content_zipper.rb), LATE
    and -1 where they apply; FILE grows from one hand-in to the next.
    """
    parts = path.split("/")
    for i, part in enumerate(parts):
        who, mark, rest = part.partition("_assignsubmission_")
        who, under, number = who.rpartition("_")
        if mark and under and re.fullmatch(r"\d{1,20}", number):
            rest = re.sub(r"^[a-z]+_?", "", rest)  # file or onlinetext
            file = "/".join([*([rest] if rest else []), *parts[i + 1 :]])
            return Said(who, file, number, sure=True, moodle=True)
    for i, part in enumerate(parts):
        if m := CANVAS.fullmatch(part):
            file = "/".join([m[5] or m[6], *parts[i + 1 :]])
            sure = bool(m[2] or m[6]) or min(len(m[3]), len(m[4])) >= 3
            return Said(m[1], file, m[3], int(m[4] or 0), bool(m[2]), sure)
    return Said("", parts[-1])


def latest(files: list[Said]) -> list[int]:
    """Return the numbers of one student's files, the latest handed in first.

    Canvas puts -1, -2 behind the name of what is handed in again; its numbers grow.
    """
    stems = [re.sub(r"\.[^.]*$", "", f.file) for f in files]
    bases = {m[1] for m in map(AGAIN.fullmatch, stems) if m}
    tries: dict[str, list[tuple[int, int, int]]] = {}
    for i, stem in enumerate(stems):
        m = None if stem in bases else AGAIN.fullmatch(stem)
        base, attempt = (m[1], int(m[2])) if m else (stem, 0)
        tries.setdefault(base, []).append((attempt, files[i].order, i))
    groups = sorted(
        tries.values(), key=lambda g: (max(t[1] for t in g), max(t[2] for t in g))
    )
    return [i for group in reversed(groups) for *_, i in sorted(group, reverse=True)]


@dataclass(frozen=True)
class Row:
    """A line of Moodle's grading worksheet: who, when, and what was wrong with it."""

    full: str = ""
    keys: tuple[Words, ...] = ()
    when: datetime | None = None
    trouble: str = ""


def worksheet(text: str) -> dict[str, Row]:
    """Return participant's number -> row, of Moodle's grading worksheet in English.

    Its columns are those of Moodle's mod/assign/gradingtable.php; empty for any other
    CSV.  Raises ValueError where it breaks off.
    """
    try:
        read = students.sheet(text)
        read.fieldnames = [f.casefold() for f in read.fieldnames or []]
        if not {"identifier", "last modified (submission)"} <= {*read.fieldnames}:
            return {}
        return dict(filter(None, map(_row, read)))
    except csv.Error as e:
        raise ValueError(f"the worksheet cannot be read: {e}") from None


def _row(row: dict[str, str]) -> tuple[str, Row] | None:
    number = re.search(r"\d+$", (row["identifier"] or "").strip())
    if number is None:
        return None
    keys = (row.get(c) or "" for c in ("id number", "email address", "username"))
    stood = (row["last modified (submission)"] or "").strip()
    when, trouble = moodle_time(stood), ""
    if when is None and stood not in ("", "-"):
        trouble = f"the worksheet's time {stood[:60]!r} cannot be read, none is kept"
    known = tuple(words(k) for k in keys if words(k))
    return number[0], Row(row.get("full name") or "", known, when, trouble)


def moodle_time(stood: str) -> datetime | None:
    """Read "Wednesday, 10 June 2026, 2:14 PM", as English Moodle writes it, or None.

    The form is strftimedaydatetime of Moodle's language packs.  It names no zone: the
    teacher's in Moodle, taken to be this machine's.
    """
    plain = " ".join(unicodedata.normalize("NFKC", stood).split())
    for form in DATES:
        try:
            return datetime.strptime(plain, form).astimezone(UTC)
        except (ValueError, OverflowError, OSError):
            continue
    return None


class Roll:
    """The roster, looked up by all that an LMS may say of a student."""

    def __init__(self, rows: Rows) -> None:
        self.names = students.names(rows)
        self.twice = {s: len(its) for s, its in rows.items() if its[1:]}
        self.full = students.squeezed(rows)
        self.values: dict[Words, set[str]] = {}
        for student, its in rows.items():
            for value in {words(student), *(v for row in its for v in row)}:
                self.values.setdefault(value, set()).add(student)

    def whose(self, path: str, sheet: dict[str, Row]) -> list[str]:
        """Return whose a file is: one student, none, or all who come into question.

        What the name, the number and the worksheet say must agree.
        """
        it = said(path)
        if not it.who:
            return students.whose(path, self.names)
        row = sheet.get(it.number, Row()) if it.moodle else Row()
        keys = [words(it.number), *row.keys]
        sources = [self.values.get(k, set()) for k in keys]
        sources += [self._full(it.who), self._full(row.full)]
        found = [s for s in sources if s]
        if not found:
            return students.whose(it.who if it.sure else path, self.names)
        return sorted(set.intersection(*found) or set.union(*found))

    def _full(self, who: str) -> set[str]:
        """Look up a full name, with the group that Moodle may put before it."""
        for i in range(min(who.count("-"), 9) + 1):
            for form in students.forms(who.split("-", i)[-1]):
                if form in self.full:
                    return self.full[form]
        return set()
