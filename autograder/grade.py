"""Release a lab and grade its submissions, with nbgrader's own gradebook."""

import hashlib
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    ProcessPoolExecutor,
    as_completed,
)
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SAWarning
from traitlets.config import Config

from . import plugin
from .build import instructor
from .restore import restore

CONFIG = "from autograder import plugin\n\nplugin.configure(get_config())\n"
SECRETS = ("### BEGIN SOLUTION", "### BEGIN HIDDEN", "### END")


def api(course: Path) -> NbGraderAPI:
    """Open a course folder with nbgrader, under our configuration."""
    binaries = str(Path(sys.executable).parent)  # nbgrader calls alembic by name
    if binaries not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = binaries + os.pathsep + os.environ["PATH"]
    warnings.filterwarnings("ignore", module="nbgrader", category=SAWarning)
    c = Config()
    plugin.configure(c)
    c.CourseDirectory.root = str(course.resolve())
    c.Application.log_level = logging.ERROR
    return NbGraderAPI(CourseDirectory(config=c), config=c)


def release(script: Path, course: Path) -> Path:
    """Build a lab and let nbgrader make its student notebook; return that.

    Raises RuntimeError when nbgrader fails or the notebook holds what it must not.
    """
    lab = script.stem
    source = course / "source" / lab / f"{lab}.ipynb"
    source.parent.mkdir(parents=True, exist_ok=True)
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


def _judge(course: Path, lab: str, student: str) -> str:
    """Fill the cache for one submission, in a worker."""

    def read(*parts: str) -> nbformat.NotebookNode:
        return nbformat.read(course.joinpath(*parts, f"{lab}.ipynb"), as_version=4)

    nb, _ = restore(read("submitted", student, lab), read("release", lab))
    plugin.judged(nb, read("source", lab), course.resolve() / "judged")
    return student


def submitted(lab: str, course: Path) -> list[str]:
    """Return the students whose notebook of a lab was taken."""
    here = course.glob(f"submitted/*/{lab}/{lab}.ipynb")
    return sorted(p.parent.parent.name for p in here)


def grade(lab: str, course: Path, workers: Executor | None = None) -> list[str]:
    """Grade what is submitted and not yet graded; return who could not be, and why.

    Workers run the notebooks; this process alone writes the gradebook.  Killed and
    started again it goes on where it was.
    """
    todo = [s for s in submitted(lab, course) if not _done(course, lab, s)]
    troubles: list[str] = []
    book = api(course)
    for count, (student, trouble) in enumerate(_judged(course, lab, todo, workers), 1):
        trouble = trouble or _write(book, lab, student, course)
        if trouble:
            troubles.append(f"{student}: {trouble}")
        print(f"\r{lab}: {count} of {len(todo)} graded", end="", file=sys.stderr)
    print(file=sys.stderr)
    return troubles


def _pool(size: int | None = None) -> Executor:
    return ProcessPoolExecutor(size, mp_context=get_context("spawn"))


def _judged(
    course: Path, lab: str, todo: list[str], workers: Executor | None
) -> Iterator[tuple[str, Any]]:
    """Judge each in a worker; yield what went wrong.

    A submission that kills its worker takes the others' with it; these are tried
    again, each alone.
    """
    broken: list[str] = []
    with workers or _pool() as pool:
        runs = {pool.submit(_judge, course, lab, s): s for s in todo}
        for run in as_completed(runs):
            if isinstance(run.exception(), BrokenExecutor):
                broken.append(runs[run])
            else:
                yield runs[run], run.exception()
    for student in broken:
        with _pool(1) as alone:
            yield student, alone.submit(_judge, course, lab, student).exception()


def _marker(course: Path, lab: str, student: str) -> Path:
    return course / "graded" / lab / f"{student}.json"


def _done(course: Path, lab: str, student: str) -> bool:
    """Say whether this very file was graded to the end."""
    marker = _marker(course, lab, student)
    return marker.exists() and json.loads(marker.read_text()) == _stamp(
        course, lab, student
    )


def _stamp(course: Path, lab: str, student: str) -> list[str]:
    submitted = course / "submitted" / student / lab / f"{lab}.ipynb"
    master = course / "source" / lab / f"{lab}.ipynb"
    return [hashlib.sha256(p.read_bytes()).hexdigest() for p in (submitted, master)]


def _write(book: NbGraderAPI, lab: str, student: str, course: Path) -> str | None:
    """Let nbgrader read the grades into its gradebook; return what went wrong."""
    try:
        stamp = _stamp(course, lab, student)
    except OSError as e:
        return f"its notebook is gone: {e}"
    wrote = book.autograde(lab, student, force=True, create=True)
    if not wrote["success"]:
        return str(wrote.get("error") or wrote["log"])[-2000:]
    marker = _marker(course, lab, student)
    marker.parent.mkdir(parents=True, exist_ok=True)
    draft = marker.with_suffix(".draft")
    draft.write_text(json.dumps(stamp))
    draft.replace(marker)
    return None
