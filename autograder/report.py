"""What the instructor and the students read: CSV files, feedback, the item analysis."""

import csv
import io
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from . import plugin
from .intake.sheets import safe
from .intake.students import roster
from .intake.submitted import handed_in
from .reports import gradebooks, grades, items
from .reports.grades import Lab, Work

FIXED = ("student", "state", "points")  # columns that no cell's name may take


def everyone(lab: str, course: Path) -> list[str]:
    """Return the students of the roster and whoever else handed in."""
    file = course / "roster.csv"
    listed = list(roster(file)) if file.exists() else []
    return [*listed, *(s for s in handed_in(lab, course) if s not in listed)]


def table(lab: str, course: Path, names: list[str]) -> list[dict[str, str]]:
    """Return a row per student: each exercise's points, the sum, what is still open."""
    read = grades.read_lab(lab, course)
    return [row(read, work) for work in grades.works(read, course, names)]


def row(lab: Lab, work: Work) -> dict[str, str]:
    """Return one student's row: what cannot be graded has a state and no points."""
    cells = {"student": work.student, "state": work.state}
    cells["late seconds"] = work.late
    for exercise, graded in lab.exercises.items():
        columns = graded if graded == [exercise] else [*graded, exercise]
        for name in columns:
            parts = graded if name == exercise else [name]
            said = f"{sum(work.scores.get(p, 0) for p in parts):g}"
            cells[_column(name)] = "" if work.points is None else said
    cells["points"] = "" if work.points is None else f"{work.points:g}"
    return cells | {"max points": f"{lab.maximum:g}"}


def _column(name: str) -> str:
    return f"{name} (cell)" if name in FIXED else name


def write(rows: list[dict[str, str]], file: Path) -> None:
    """Write rows as CSV that no spreadsheet takes for a formula."""
    columns = list(dict.fromkeys(k for row in rows for k in row))
    cells = [{safe(k): safe(v) for k, v in row.items()} for row in rows]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, [safe(c) for c in columns], restval="")
    writer.writeheader()
    writer.writerows(cells)
    save(out.getvalue(), file)


def save(text: str, file: Path) -> None:
    """Write a file whole or not at all.  Raises OSError that names it."""
    draft = file.with_name(f".{file.name}.draft")
    try:
        draft.write_bytes(text.encode("utf-8", "replace"))
        draft.replace(file)
    except OSError as e:
        raise OSError(f"{file} cannot be written: {e.strerror or e}") from e
    finally:
        draft.unlink(missing_ok=True)


def feedback(lab: str, course: Path, student: str) -> Path:
    """Write one student's feedback page, hidden checks removed; return its place.

    Raises RuntimeError when nbgrader cannot; the former page stays then.
    """
    nbgrader, drafts = plugin.api(course), course / f".feedback-{os.getpid()}"
    nbgrader.coursedir.feedback_directory = drafts.name
    page = course / "feedback" / student / lab / f"{lab}.html"
    try:
        made = nbgrader.generate_feedback(lab, student, force=True)
        if not made["success"]:
            said = str(made.get("error") or made["log"]).strip().splitlines()
            raise RuntimeError(f"no feedback for {student}: {(said or ['?'])[-1]}")
        page.parent.mkdir(parents=True, exist_ok=True)
        (drafts / student / lab / page.name).replace(page)
    finally:
        shutil.rmtree(drafts, ignore_errors=True)
    return page


def pages(lab: str, course: Path, rows: list[dict[str, str]]) -> list[str]:
    """Write the feedback of all who were graded; return whose failed, and why."""
    troubles = []
    graded = [row["student"] for row in rows if row.get("points")]
    for student in tqdm(graded, f"{lab} pages", disable=None):
        try:
            feedback(lab, course, student)
        except (RuntimeError, OSError) as e:
            troubles.append(str(e))
    return troubles


def report(
    lab: str, course: Path, canvas: Path | None = None, moodle: Path | None = None
) -> tuple[list[str], list[str]]:
    """Write everything; return where it is and what to know, and what went wrong.

    One file or one student that fails costs only itself.
    """
    read = grades.read_lab(lab, course)
    try:
        works = list(grades.works(read, course, everyone(lab, course)))
    except SQLAlchemyError as e:
        first = str(e).splitlines()[0]
        raise RuntimeError(f"{course / 'gradebook.db'} cannot be read: {first}") from e
    rows = [row(read, work) for work in works]
    troubles = [f"{w.student}: {w.state}: {w.why}" for w in works if w.why]
    table_file = course / f"{lab}.csv"
    write(rows, table_file)
    said = [str(table_file)]
    for kind, export in ((gradebooks.canvas, canvas), (gradebooks.moodle, moodle)):
        notes: list[str] = []
        make = partial(kind, read, works, course, export, notes)
        _attempt(make, course / f"{lab}-{kind.__name__}.csv", said, troubles)
        said += [f"  {note}" for note in notes]
    make = partial(items.page, read, works)
    _attempt(make, course / f"{lab}-items.html", said, troubles)
    troubles += pages(lab, course, rows)
    graded = sum(w.points is not None for w in works)
    said.append(f"{course / 'feedback'}: a page for each of {graded} students")
    return [_line(x) for x in said], [_line(x) for x in troubles]


def _line(said: str) -> str:
    """Return what a terminal shows as one line, whatever a name or an error holds."""
    return "".join(c if c.isprintable() else "?" for c in said)


def _attempt(
    make: Callable[[], str], file: Path, said: list[str], troubles: list[str]
) -> None:
    try:
        save(make(), file)
        said.append(str(file))
    except (ValueError, OSError) as e:
        troubles.append(f"no {file.name}: {e}")
