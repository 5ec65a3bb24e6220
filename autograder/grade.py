"""Grade what students handed in, with nbgrader's own gradebook."""

import contextlib
import fcntl
from collections.abc import Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    wait,
)
from pathlib import Path
from typing import Any

import nbformat
from tqdm import tqdm

from . import plugin
from .intake.restore import restore
from .intake.submitted import handed_in
from .judge import gradebook, results
from .judge.cluster import workers


def grade(lab: str, course: Path, dask: str | None = None) -> list[str]:
    """Grade what is submitted and not yet graded; return who could not be, and why.

    Workers judge the notebooks; this process alone writes the gradebook.  Killed and
    started again it goes on where it was.  dask: the address of a cluster's scheduler.
    Raises RuntimeError while another process grades this course.
    """
    with _alone(course), workers(dask) as (pool, ahead):
        grades, troubles = plugin.api(course), list[str]()
        known = gradebook.known(grades, lab)
        every = handed_in(lab, course)
        todo = [
            s for s in every if s not in known or not gradebook.done(course, lab, s)
        ]
        runs = _judged(course, lab, todo, pool, ahead)
        for student, trouble in tqdm(runs, lab, len(todo), disable=None):
            if trouble := trouble or gradebook.write(grades, lab, student, course):
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
    by, runs = results.grader(), {}
    for student in todo:
        try:
            nb, master = _read(course, lab, student)
        except Exception as e:  # a file that is gone, or is no notebook
            yield student, f"cannot be read: {e}"
            continue
        file = course / "judged" / f"{results.key(nb, master, by)}.json"
        if results.found(file) is None:
            runs[pool.submit(results.work, by, nb, master)] = student, file
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
            results.keep(file, run.result())
        except Exception as e:  # of one judge, or of a full disk
            yield student, f"{type(e).__name__}: {e}"
        else:
            yield student, None
