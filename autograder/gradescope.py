"""Grade one submission where Gradescope runs us; write what it reads back.

What lies where, and the format of the results:
https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

import os
import re
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from nbgrader.utils import determine_grade

from . import doctor
from .intake import archive
from .intake.notebook import pick
from .intake.outcomes import summary
from .intake.restore import restore
from .jail import enter, sandbox, warm
from .judge import results
from .make.roles import BEGIN, essay, exercises, name
from .reports import grades

BROKEN = """Your notebook was not graded: the autograder broke down.
Your instructor can see why and grade it again."""
SUBREAPER = 36  # prctl(2)
THREADS = 2_000  # of the user nobody, where no jail counts them
GIVEN_UP = """NO JAIL: {}
The student's code runs as user nobody.  It cannot read the hidden checks, write the
results or signal the grader.  It can use the network and fill the disk, sees which
processes run, and could send elsewhere what a hidden check calls it with."""
PLAIN = {"output_format": "text", "visibility": "visible"}


class NotTaken(Exception):
    """A submission that cannot be graded, and why, in words for the student."""


def main(root: Path) -> None:
    """Grade the submission under Gradescope's folder; write its results, always."""
    began = time.monotonic()
    signal.signal(signal.SIGTERM, _late)
    enter.libc.prctl(SUBREAPER, 1, 0, 0, 0)  # orphans of its kernels come here
    try:
        found = graded(root)
    except NotTaken as e:
        found = {"score": 0, "output": f"Not graded. {plain(str(e))}", "tests": []}
    except Exception:
        traceback.print_exc(file=sys.stdout)
        found = {"score": 0, "output": BROKEN, "tests": []}
    end_all()
    found |= PLAIN | {"stdout_visibility": "hidden"}
    found["execution_time"] = round(time.monotonic() - began, 1)
    results.keep(root / "results" / "results.json", found)


def _late(*_: Any) -> None:
    raise NotTaken("Grading your notebook took longer than it may.")


def graded(root: Path) -> dict[str, Any]:
    """Return the results of the submission under Gradescope's folder."""
    shut(root)
    (file,) = (root / "source" / "instructor").glob("*.ipynb")
    master = nbformat.read(file, as_version=4)
    released = nbformat.read(root / "source" / "released" / file.name, as_version=4)
    handed_in, nb = submission(root / "submission", file.stem, released)
    nb, done = restore(nb, released)
    settle(root)
    try:
        found = results.work(results.grader(), nb, master)
    except warm.Died as e:
        traceback.print_exc(file=sys.stdout)
        raise NotTaken(f"Your notebook took too much time or memory: {e}.") from None
    for cell, outputs in zip(nb.cells, found, strict=True):
        if cell.cell_type == "code":
            cell.outputs = outputs
    listed = list(tests(nb, master))
    return {
        "score": sum(test.get("score", 0) for test in listed),
        "output": plain(f"Graded: {handed_in}\n{summary(done)}".strip()),
        "tests": listed,
    }


def shut(root: Path) -> None:
    """Keep everybody else out of what the student's code may not see or write."""
    for path in ("source", "results", "submission_metadata.json"):
        if (root / path).exists():
            (root / path).chmod(0o700)


def settle(root: Path) -> None:
    """Choose where the student's code runs: in a jail, or else as user nobody.

    Raises RuntimeError where it would find the hidden checks.
    """
    os.environ.pop(sandbox.OPEN, None)
    os.chdir("/tmp")
    try:
        doctor.quick()
    except RuntimeError as e:
        if os.getuid() != 0:
            raise
        print(GIVEN_UP.format(e))
        os.environ[sandbox.OPEN] = "1"
        resource.setrlimit(resource.RLIMIT_NPROC, (THREADS, THREADS))
        for path in ("source", "results"):
            look = sandbox.command(["ls", str(root / path)], root)
            if subprocess.run(look, capture_output=True).returncode == 0:
                raise RuntimeError(f"user nobody can read {path}") from None


def submission(
    folder: Path, lab: str, released: NotebookNode
) -> tuple[str, NotebookNode]:
    """Return what to call the one notebook of this lab in a folder, and its cells."""
    found: dict[bytes, tuple[str, NotebookNode]] = {}
    others: list[str] = []
    with ExitStack() as stack:
        for entry in archive.entries(folder, stack):
            if re.search(r"(^|/)(\.|__MACOSX/)", entry.name):
                continue
            try:
                nb, data, odd = pick(entry, entry.name, lab, released)
                found.setdefault(data, (f"{entry.name} {odd and f'({odd})'}", nb))
            except ValueError as e:
                others.append(f"{entry.name}: {e}")
    if len(found) > 1:
        names = "\n".join(file for file, _ in found.values())
        raise NotTaken(f"Hand in one notebook of {lab}, not {len(found)}:\n{names}")
    if not found:
        said = "\n".join(others[:10]) or "no file was handed in"
        raise NotTaken(f"Hand in your notebook of {lab}, a file .ipynb:\n{said}")
    return next(iter(found.values()))


def tests(nb: NotebookNode, master: NotebookNode) -> Iterator[dict[str, Any]]:
    """Yield Gradescope's test for each check and essay of a judged notebook."""
    ours, theirs = ({name(c): c for c in x.cells} for x in (master, nb))
    for exercise, keys in exercises(master).items():
        for key in keys:
            title = key if key.startswith(exercise) else f"{exercise}-{key}"
            yield {"name": title} | test(ours[key], theirs[key])


def test(ours: NotebookNode, theirs: NotebookNode) -> dict[str, Any]:
    """Return one test, with a score unless a person has to give it.

    The verdict of a hidden check waits for the due date, or students would try until
    it passes.
    """
    points = ours.metadata.nbgrader.points
    made = PLAIN | {"max_score": points}
    if essay(ours):
        return made | {"output": f"graded by hand, up to {points} points"}
    if BEGIN in ours.source:
        made["visibility"] = "after_due_date"
    score, _ = determine_grade(theirs)
    passed = score >= points
    said = "" if passed else plain(grades.message(theirs) or "this check failed")
    status = "passed" if passed else "failed"
    return made | {"score": score, "status": status, "output": said}


def plain(said: str) -> str:
    """Return text that any database and page can hold."""
    kept = strip_ansi(said)
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in kept)


def end_all() -> None:
    """Kill all that was started here; stop it first, or it forks as fast as it dies."""
    for kind in (signal.SIGSTOP, signal.SIGKILL):
        told: set[psutil.Process] = set()
        while more := {*psutil.Process().children(recursive=True)} - told:
            told |= more
            for process in more:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(kind)
    psutil.wait_procs(told, timeout=10)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
