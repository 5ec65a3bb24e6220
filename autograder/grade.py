"""Release a lab and grade its submissions, with nbgrader's own gradebook."""

import contextlib
import fcntl
import logging
import warnings
from collections.abc import Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    wait,
)
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SAWarning
from tqdm import tqdm
from traitlets.config import Config

from . import book, judge, plugin
from .build import instructor
from .cluster import workers
from .restore import restore
from .submitted import find_alembic

CONFIG = "from autograder import plugin\n\nplugin.configure(get_config())\n"
SECRETS = ("### BEGIN SOLUTION", "### BEGIN HIDDEN", "### END")


def api(course: Path) -> NbGraderAPI:
    """Open a course folder with nbgrader, under our configuration."""
    find_alembic()
    warnings.filterwarnings("ignore", module="nbgrader", category=SAWarning)
    c = Config()
    plugin.configure(c)
    c.CourseDirectory.root = str(course.resolve())
    c.Exchange.root = str(course.resolve() / "exchange")
    c.Application.log_level = logging.ERROR
    return NbGraderAPI(CourseDirectory(config=c), config=c)


def release(script: Path, course: Path) -> Path:
    """Build a lab and let nbgrader make its student notebook; return that.

    Raises RuntimeError when nbgrader fails or the notebook holds what it must not.
    """
    lab = script.stem
    source = course / "source" / lab / f"{lab}.ipynb"
    source.parent.mkdir(parents=True, exist_ok=True)
    (course / "exchange").mkdir(exist_ok=True)
    nbformat.write(instructor(script), source)
    (course / "nbgrader_config.py").write_text(CONFIG)
    made = api(course).generate_assignment(lab, force=True, create=True)
    student = course / "release" / lab / f"{lab}.ipynb"
    if not made["success"]:
        raise RuntimeError(f"nbgrader could not release {lab}:\n{made['log']}")
    leaks = [word for word in SECRETS if word in student.read_text()]
    if leaks:
        raise RuntimeError(f"{student} holds {leaks}")
    return student


def submitted(lab: str, course: Path) -> list[str]:
    """Return the students whose notebook of a lab was taken."""
    here = course.glob(f"submitted/*/{lab}/{lab}.ipynb")
    return sorted(p.parent.parent.name for p in here)


def grade(lab: str, course: Path, dask: str | None = None) -> list[str]:
    """Grade what is submitted and not yet graded; return who could not be, and why.

    Workers judge the notebooks; this process alone writes the gradebook.  Killed and
    started again it goes on where it was.  dask: the address of a cluster's scheduler.
    Raises RuntimeError while another process grades this course.
    """
    with _alone(course), workers(dask) as (pool, ahead):
        grades, troubles = api(course), list[str]()
        known = book.known(grades, lab)
        every = submitted(lab, course)
        todo = [s for s in every if s not in known or not book.done(course, lab, s)]
        runs = _judged(course, lab, todo, pool, ahead)
        for student, trouble in tqdm(runs, lab, len(todo), disable=None):
            if trouble := trouble or book.write(grades, lab, student, course):
                troubles.append(f"{student}: {trouble}")
        return troubles


@contextlib.contextmanager
def _alone(course: Path) -> Iterator[None]:
    """Keep a second grader out, until this process ends."""
    with (course / ".grading").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(f"{course} is being graded by another process") from None
        yield


def _judged(
    course: Path, lab: str, todo: list[str], pool: Executor, ahead: int
) -> Iterator[tuple[str, str | None]]:
    """Judge each submission; yield whose is done, and what went wrong.

    ahead: how many are under way at once, so that a class of any size fits in memory.
    """
    by, runs = judge.grader(), {}
    for student in todo:
        try:
            nb, master = _read(course, lab, student)
        except Exception as e:  # a file that is gone, or is no notebook
            yield student, f"cannot be read: {e}"
            continue
        file = course / "judged" / f"{judge.key(nb, master, by)}.json"
        if judge.found(file) is None:
            runs[pool.submit(judge.work, by, nb, master)] = student, file
        else:
            yield student, None
        while len(runs) >= ahead:
            yield from _finished(runs)
    while runs:
        yield from _finished(runs)


def _read(course: Path, lab: str, student: str) -> tuple[Any, Any]:
    """Return a submission in the lab's shape, and the instructor's copy."""

    def read(*parts: str) -> nbformat.NotebookNode:
        return nbformat.read(course.joinpath(*parts, f"{lab}.ipynb"), as_version=4)

    nb, _ = restore(read("submitted", student, lab), read("release", lab))
    return nb, read("source", lab)


def _finished(runs: dict[Any, tuple[str, Path]]) -> Iterator[tuple[str, str | None]]:
    """Wait for some runs; keep what they found, and yield what went wrong."""
    for run in wait(runs, return_when=FIRST_COMPLETED).done:
        student, file = runs.pop(run)
        try:
            judge.keep(file, run.result())
        except Exception as e:  # of one judge, or of a full disk
            yield student, f"{type(e).__name__}: {e}"
        else:
            yield student, None
