"""What each student of a course earned in a lab, read from what grading left behind."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry, SubmittedAssignment

from ..intake.restore import restore
from ..intake.submitted import LATE
from ..make.roles import essay, exercises, name, role

NOTHING, UNGRADED, AGAIN = "nothing gradable", "not graded", "handed in again"
BROKEN = "cannot be read"


@dataclass(frozen=True)
class Lab:
    """A released lab: each exercise's graded cells, and what every one is worth."""

    name: str
    exercises: dict[str, list[str]]  # an essay is an exercise of one cell, itself
    points: dict[str, int]
    essays: frozenset[str]
    released: NotebookNode

    @property
    def maximum(self) -> int:
        """Return the points of a perfect notebook."""
        return sum(self.points.values())


@dataclass(frozen=True)
class Work:
    """One student's marks; points is None where there are none to pass on."""

    student: str
    state: str
    scores: dict[str, float] = field(default_factory=dict)  # of what was graded
    points: float | None = None
    late: str = ""  # seconds, where both dates are known; else what the LMS said
    said: dict[str, str] = field(default_factory=dict)  # failed check -> its message
    attempted: frozenset[str] = frozenset()  # answers that are not the released stub
    why: str = ""


def read_lab(lab: str, course: Path) -> Lab:
    """Read a released lab.  Raises ValueError where there is none of that name."""
    file = course / "release" / lab / f"{lab}.ipynb"
    if not file.is_file():
        others = sorted(p.parent.name for p in course.glob("release/*/*.ipynb"))
        there = ", ".join(others) or "none"
        raise ValueError(f"{course} has no released lab {lab!r}; released: {there}")
    nb = nbformat.read(file, as_version=4)
    graded = [c for c in nb.cells if c.metadata.get("nbgrader", {}).get("grade")]
    return Lab(
        lab,
        exercises(nb),
        {str(name(c)): c.metadata.nbgrader.points for c in graded},
        frozenset(str(name(c)) for c in graded if essay(c)),
        nb,
    )


def book(course: Path) -> Gradebook:
    """Open the course's gradebook."""
    return Gradebook(f"sqlite:///{(course / 'gradebook.db').resolve()}", "mlsys")


def works(lab: Lab, course: Path, names: list[str]) -> Iterator[Work]:
    """Yield what each student earned; broken data costs only its own student."""
    with book(course) as grades:
        for student in names:
            try:
                yield _work(lab, course, grades, student)
            except Exception as e:  # whatever a damaged file or row leads to
                grades.db.rollback()
                why = " ".join(f"{type(e).__name__}: {e}".split())[:300]
                yield Work(student, BROKEN, why=why)


def _work(lab: Lab, course: Path, grades: Gradebook, student: str) -> Work:
    def file(step: str) -> Path:
        return course / step / student / lab.name / f"{lab.name}.ipynb"

    handed_in = file("submitted").exists()
    try:
        found = grades.find_submission(lab.name, student)
    except MissingEntry:
        return Work(student, UNGRADED if handed_in else NOTHING)
    scores, open_essay = _scores(found, lab)
    checks = set(lab.points) - lab.essays
    if not file("autograded").exists() or not checks <= set(scores):
        return Work(student, UNGRADED)
    nb = nbformat.read(file("autograded"), as_version=4)
    answers = _answers(nb, lab)
    if handed_in and _answers(_restored(file("submitted"), lab), lab) != answers:
        return Work(student, AGAIN, why="not graded since")
    stubs = _answers(lab.released, lab)
    return Work(
        student,
        "essay to grade" if open_essay else "graded",
        scores,
        max(0.0, found.score - (found.late_submission_penalty or 0.0)),
        _late(found, file("submitted").parent),
        {k: v for k, v in messages(nb).items() if scores.get(k, 0) < lab.points[k]},
        frozenset(k for k, source in answers.items() if source != stubs.get(k)),
    )


def _late(found: SubmittedAssignment, folder: Path) -> str:
    if found.timestamp and found.duedate:
        return f"{found.total_seconds_late:.0f}"
    return "late" if (folder / LATE).exists() else ""


def _scores(found: SubmittedAssignment, lab: Lab) -> tuple[dict[str, float], bool]:
    """Return what was graded, and whether something waits for a person."""
    grades = [g for nb in found.notebooks for g in nb.grades if g.name in lab.points]
    done = {
        g.name: float(g.score)
        for g in grades
        if g.manual_score is not None or g.auto_score is not None
    }
    return done, any(g.needs_manual_grade for g in grades)


def _restored(file: Path, lab: Lab) -> NotebookNode:
    nb = nbformat.read(file, as_version=4)
    if set(_answers(nb, lab)) >= set(_answers(lab.released, lab)):
        return nb
    return restore(nb, lab.released)[0]  # a raw file that collect never saw


def _answers(nb: NotebookNode, lab: Lab) -> dict[str, str]:
    """Return the source of every answer and essay."""
    wanted = {*lab.exercises, *lab.essays}
    free = [c for c in nb.cells if c.metadata.get("nbgrader", {}).get("solution")]
    return {str(name(c)): c.source.strip() for c in free if name(c) in wanted}


def message(cell: NotebookNode) -> str | None:
    """Return what a failed check says to the student; None where it failed not."""
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            said = str(output.evalue)
            kind = "" if output.ename == "AssertionError" else f"{output.ename}: "
            return f"{kind}{said}" if said else str(output.ename)
    return None


def messages(nb: NotebookNode) -> dict[str, str]:
    """Return the message of every failed check of an autograded notebook."""
    checks = [(name(c), message(c)) for c in nb.cells if role(c) == "check"]
    return {str(key): said for key, said in checks if said is not None}
