"""What the instructor and the students read: a CSV per lab, feedback per student."""

import csv
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry

from .grade import api, submitted
from .students import roster

DANGER = tuple("=+-@＝＋－＠\t\r\n|%")  # at the start, a spreadsheet would run these


def everyone(lab: str, course: Path) -> list[str]:
    """Return the students of the roster and whoever else handed in."""
    file = course / "roster.csv"
    listed = list(roster(file)) if file.exists() else []
    return [*listed, *(s for s in submitted(lab, course) if s not in listed)]


def table(lab: str, course: Path, names: list[str]) -> list[dict[str, str]]:
    """Return a row per student: each exercise's points, the sum, what is still open."""
    rows = []
    with Gradebook(f"sqlite:///{(course / 'gradebook.db').resolve()}", "mlsys") as book:
        for student in names:
            try:
                sub = book.find_submission(lab, student)
            except MissingEntry:
                rows.append({"student": student, "state": "nothing gradable"})
                continue
            grades = [g for nb in sub.notebooks for g in nb.grades]
            row = {"student": student, "state": "graded"}
            if any(g.needs_manual_grade for g in grades):
                row["state"] = "essay to grade"
            row |= {g.name: f"{g.score:g}" for g in grades}
            rows.append(row | {"points": f"{sub.score:g}"})
    return rows


def write(rows: list[dict[str, str]], file: Path) -> None:
    """Write rows as CSV that no spreadsheet takes for a formula."""
    columns = list(dict.fromkeys(k for row in rows for k in row))
    safe = [{_safe(k): _safe(v) for k, v in row.items()} for row in rows]
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, [_safe(c) for c in columns], restval="")
        writer.writeheader()
        writer.writerows(safe)


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.lstrip(" ").startswith(DANGER) else cell


def feedback(lab: str, course: Path, student: str) -> Path:
    """Write one student's feedback page, hidden checks removed; return its place.

    Raises RuntimeError when nbgrader cannot.
    """
    made = api(course).generate_feedback(lab, student, force=True)
    page = course / "feedback" / student / lab / f"{lab}.html"
    if not made["success"]:
        raise RuntimeError(f"no feedback for {student}: {made['log']}")
    return page


def pages(lab: str, course: Path, rows: list[dict[str, str]]) -> list[str]:
    """Write the feedback of all who were graded; return whose failed, and why."""
    troubles = []
    for row in rows:
        if "points" in row:
            try:
                feedback(lab, course, row["student"])
            except RuntimeError as e:
                troubles.append(str(e))
    return troubles
