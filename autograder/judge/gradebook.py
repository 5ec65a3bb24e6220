"""Write grades into nbgrader's gradebook, each once, and keep what was done by hand."""

import functools
import hashlib
import re
from pathlib import Path

import nbgrader.api
from nbgrader.api import MissingEntry
from nbgrader.apps import NbGraderAPI

from . import results

# Each of nbgrader's steps opens the gradebook anew, and would compile its SQL anew.
nbgrader.api.create_engine = functools.cache(nbgrader.api.create_engine)


def marker(course: Path, lab: str, student: str) -> Path:
    """Return the file that is there when a submission was graded to the end."""
    return course / "graded" / lab / f"{student}.json"


def done(course: Path, lab: str, student: str) -> bool:
    """Say whether this very file was graded to the end."""
    found = results.found(marker(course, lab, student))
    return found is not None and found == stamp(course, lab, student)


def known(book: NbGraderAPI, lab: str) -> set[str]:
    """Return the students whose grades of a lab are in the gradebook.

    Raises RuntimeError where it knows no such lab.
    """
    with book.gradebook as grades:
        try:
            grades.find_assignment(lab)
        except MissingEntry:
            why = "the gradebook knows no such lab; is it released, is it spelled so?"
            raise RuntimeError(f"{lab}: {why}") from None
        return {s.student_id for s in grades.assignment_submissions(lab)}


def stamp(course: Path, lab: str, student: str) -> list[str]:
    """Name what a grade follows from: the notebook, the lab, and when it came."""
    here = course / "submitted" / student / lab
    files = [here / f"{lab}.ipynb", course / "source" / lab / f"{lab}.ipynb"]
    files += [p for p in [here / "timestamp.txt"] if p.exists()]
    return [hashlib.sha256(p.read_bytes()).hexdigest() for p in files]


def write(book: NbGraderAPI, lab: str, student: str, course: Path) -> str | None:
    """Let nbgrader read the grades into its gradebook; return what went wrong."""
    try:
        now = stamp(course, lab, student)
    except OSError as e:
        return f"its notebook is gone: {e}"
    try:
        before = results.found(marker(course, lab, student)) or []
        same = before[:1] == now[:1]  # if anything, the lab has changed
        kept = _by_hand(book, lab, student) if same else []
        wrote = book.autograde(lab, student, force=True, create=True)
        if not wrote["success"]:
            return _why(str(wrote.get("error") or wrote["log"]))
        if kept:
            _settle(book, lab, student, kept)
        results.keep(marker(course, lab, student), now)
    except Exception as e:  # a full disk, say; the others may still go through
        return f"{type(e).__name__}: {e}"
    return None


def _why(log: str) -> str:
    """Return the line of nbgrader's log that says what happened, or its end."""
    said = re.findall(r"(?m)^[\w.]+(?:Error|Exception|Entry)\b.*", log)
    return str(said[0] if said else log[-500:])


def _by_hand(book: NbGraderAPI, lab: str, student: str) -> list[str]:
    """Return the cells of a submission that somebody has graded by hand."""
    with book.gradebook as grades:
        try:
            found = grades.find_submission(lab, student).notebooks
        except MissingEntry:
            return []
        every = [g for nb in found for g in nb.grades if g.auto_score is None]
        scored = [g for g in every if g.manual_score is not None]
        return [g.name for g in scored if not g.needs_manual_grade]


def _settle(book: NbGraderAPI, lab: str, student: str, kept: list[str]) -> None:
    """Take back nbgrader's wish to have unchanged text graded again."""
    with book.gradebook as grades:
        for name in kept:
            grades.find_grade(name, lab, lab, student).needs_manual_grade = False
        grades.db.commit()
