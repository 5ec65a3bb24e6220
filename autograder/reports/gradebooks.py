"""Gradebook files that Canvas and Moodle import, filled from what they exported.

Formats, as the two programs read and write them: canvas-lms lib/gradebook_exporter.rb
and lib/gradebook_importer.rb; moodle mod/assign/gradingtable.php and
mod/assign/feedback/offline/importgradeslib.php, docs.moodle.org "Grade import".
"""

import re
from pathlib import Path

from ..intake.sheets import Rows, read, text
from ..intake.students import words
from .grades import Lab, Work
from .matching import match, people

CANVAS_IDS = ("ID", "SIS User ID", "SIS Login ID", "Integration ID")
CANVAS_NAMES = ("Student", "LastName", "FirstName")
CANVAS_WHO = (*CANVAS_NAMES, *CANVAS_IDS, "Root Account", "Section")
MOODLE_IDS = ("Identifier", "ID number", "Username", "Email address")
MOODLE_NAMES = ("Full name", "First name", "Last name", "Surname")
MOODLE_WHO = (*MOODLE_IDS, *MOODLE_NAMES, "Institution", "Department")
POSSIBLE = "    Points Possible"  # as Canvas writes it
KEEP = ("EX", "N/A")  # Canvas: excused, not assigned


def canvas(
    lab: Lab, works: list[Work], course: Path, export: Path | None, notes: list[str]
) -> str:
    """Return the CSV for Canvas's gradebook import; say in notes what to know.

    Raises ValueError for a file that is no gradebook export of this class.
    """
    if export is None:
        columns = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
        return _minimal(lab, works, course, columns, "SIS Login ID", notes)
    header, rows, delimiter = read(export, ("ID",))
    column = _column(lab, header, CANVAS_WHO, notes, export)
    who = [c for c in header if c in CANVAS_WHO]
    possible = [r for r in rows if "Points Possible" in r.get(header[0], "")]
    if column not in header:
        rows = rows if possible else [{header[0]: POSSIBLE}, *rows]
        (possible or rows)[0][column] = f"{lab.maximum:g}"
    else:
        _same_maximum(lab, [r[column] for r in possible], notes, "Canvas")
    people_rows = [r for r in rows if any(r.get(c, "").strip() for c in CANVAS_IDS)]
    _fill(people_rows, column, (CANVAS_IDS, CANVAS_NAMES), works, course, notes)
    return text(rows, [*who, column], delimiter, CANVAS_NAMES)


def moodle(
    lab: Lab, works: list[Work], course: Path, export: Path | None, notes: list[str]
) -> str:
    """Return the CSV for Moodle: a filled grading worksheet, or one to import.

    Raises ValueError for a file that is neither a worksheet nor a grade export.
    """
    if export is None:
        columns = ("ID number", "Username", "Email address")
        return _minimal(lab, works, course, columns, "ID number", notes)
    header, rows, delimiter = read(export, ("Identifier", "Email address", "ID number"))
    keys = MOODLE_IDS, MOODLE_NAMES
    if "Identifier" in header:
        if "Grade" not in header or "Scale" in header:
            raise ValueError(f"{export} has no column for points; it has {header}")
        maxima = [r.get("Maximum Grade", r.get("Maximum grade", "")) for r in rows]
        _same_maximum(lab, maxima, notes, "Moodle")
        _fill(rows, "Grade", keys, works, course, notes)
        return text(rows, header, delimiter, MOODLE_NAMES)
    column = _column(lab, header, MOODLE_WHO, notes, export)
    _fill(rows, column, keys, works, course, notes)
    who = [c for c in header if c in MOODLE_WHO]
    return text(rows, [*who, column], delimiter, MOODLE_NAMES)


def _column(
    lab: Lab, header: list[str], who: tuple[str, ...], notes: list[str], export: Path
) -> str:
    """Return the lab's column, a new one where there is none.

    Canvas writes "TITLE (id)", Moodle "Assignment: TITLE (Real)".
    """

    def title(said: str) -> tuple[str, ...]:
        bare = re.sub(r"\s*\((\d+|Real)\)$", "", re.sub(r"^Assignment:\s*", "", said))
        return tuple(w.lstrip("0") or "0" for w in words(bare))

    wanted = title(lab.name)
    named = [c for c in header if c not in who and title(c) == wanted]
    near = [c for c in header if c not in who and title(c) == ("lab", *wanted)]
    if len(named or near) > 1:
        raise ValueError(
            f"{export} has several columns for {lab.name}: {named or near}"
        )
    if not named and not near:
        new = "the import makes a new one; to fill another, call it that in the export"
        notes.append(f"no column called {lab.name!r} in {export.name}: {new}")
        return lab.name
    return (named or near)[0]


def _same_maximum(lab: Lab, said: list[str], notes: list[str], lms: str) -> None:
    """Note where the LMS has another maximum; points are never rescaled."""
    for most in sorted({s.strip() for s in said} - {""}):
        try:
            same = float(most.replace(",", ".")) == lab.maximum
        except ValueError:
            same = False
        if not same:
            differs = f"{lms} has {most} points at most, the lab {lab.maximum:g}"
            notes.append(f"MAXIMUM DIFFERS: {differs}; nothing was rescaled")
            if lms == "Moodle":  # its mod/assign/feedback/offline/locallib.php
                notes.append("Moodle passes over points above its maximum, unsaid")


def _fill(
    rows: Rows,
    column: str,
    keys: tuple[tuple[str, ...], tuple[str, ...]],
    works: list[Work],
    course: Path,
    notes: list[str],
) -> None:
    """Put the points in; leave the cell of whoever has none as it was."""
    found, unmatched = match(rows, *keys, people(course / "roster.csv"))
    if rows and not found:
        raise ValueError("nobody in it is on the roster; is it another course's?")
    notes += unmatched
    by = {w.student: w for w in works}
    for index, student in found.items():
        work, row = by.get(student), rows[index]
        old = row.get(column, "").strip()
        if work is None or work.points is None:
            state = work.state if work else "not in the class"
            notes.append(f"{student}: {state}; left as it was ({old or 'empty'})")
        elif old.upper() in KEEP:
            notes.append(f"{student}: {old} in the export; left as it was")
        else:
            row[column] = _said(work)
    absent = set(by) - set(found.values())
    there = [w for w in works if w.student in absent and w.points is not None]
    notes += [f"{w.student}: {w.points:g} points, but not in the export" for w in there]
    _open_essays(works, notes)


def _open_essays(works: list[Work], notes: list[str]) -> None:
    count = sum(w.state == "essay to grade" for w in works)
    if count:
        notes.append(f"essays of {count} are not graded yet: these are points so far")


def _minimal(
    lab: Lab,
    works: list[Work],
    course: Path,
    columns: tuple[str, ...],
    key: str,
    notes: list[str],
) -> str:
    """Return a CSV of the students who have points, by the roster's own columns."""
    known = people(course / "roster.csv")
    rows: Rows = []
    if "Student" in columns:
        rows.append({"Student": POSSIBLE, lab.name: f"{lab.maximum:g}"})
    for work in works:
        if work.points is not None:
            own = known.get(work.student, {})
            row = {c: _own(own, c) for c in columns}
            row["Student"] = row.get("Student") or work.student
            rows.append(row | {key: row[key] or work.student, lab.name: _said(work)})
    notes.append(f"no export given: {key} is the roster's column of that name, or id")
    _open_essays(works, notes)
    return text(rows, [*columns, lab.name], ",", columns)


def _own(person: dict[str, str], column: str) -> str:
    also = {"Student": ("Name", "name"), "Email address": ("Email", "email", "E-mail")}
    found = (person.get(c) for c in (column, *also.get(column, ())))
    return next(filter(None, found), "")


def _said(work: Work) -> str:
    return f"{work.points:g}"
