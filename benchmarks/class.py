"""Grade a class of 1,000 in one go, then once more with two kills on the way.

    python benchmarks/class.py [COUNT]

Prints the memory of the grader and all its processes in the first and the last quarter
of the unbroken run; then kills a second grader, and all its processes, with SIGKILL at
a third and at two thirds, starts it again each time, and compares every grade.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from grading import LAB, NAME, course
from nbgrader.api import Gradebook
from tqdm import tqdm

from mlsyscore.units import MB


def grades(folder: Path) -> dict[str, dict[str, float]]:
    """Return each student's points, cell by cell."""
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}", "mlsys") as book:
        return {
            s.student.id: {g.name: g.score for n in s.notebooks for g in n.grades}
            for s in book.assignment_submissions(NAME)
        }


def start(folder: Path) -> psutil.Popen:
    """Start grading a course from the command line, in a group of its own."""
    words = [sys.executable, "-m", "autograder", "--course", folder, "grade", NAME]
    with (folder / "log").open("a") as log:
        return psutil.Popen(words, stdout=log, stderr=log, start_new_session=True)


def done(folder: Path) -> int:
    """Return how many are graded."""
    return len(list((folder / "graded").glob("*/*.json")))


def memory(run: psutil.Popen) -> int:
    """Return the bytes that a process and all it started hold for themselves."""
    total = 0
    for process in [run, *run.children(recursive=True)]:
        try:
            total += process.memory_full_info().uss
        except psutil.NoSuchProcess:
            continue
    return total


def grade(folder: Path, until: int, bar: tqdm) -> list[int]:
    """Grade until so many are done; kill what still runs; return the memory it took."""
    run, took = start(folder), []
    while run.poll() is None and done(folder) < until:
        took.append(memory(run))
        bar.update(done(folder) - bar.n)
        time.sleep(1)
    if run.poll() is None and until < bar.total:
        os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    bar.update(done(folder) - bar.n)
    return took


def main() -> None:
    """Grade, kill, compare."""
    count = int(sys.argv[1]) if sys.argv[1:] else 1_000
    with tempfile.TemporaryDirectory() as here:
        script = Path(here, f"{NAME}.py")
        script.write_text(LAB)
        whole, killed = Path(here, "whole"), Path(here, "killed")
        for folder in (whole, killed):
            course(folder, script, count, stock=False)
        begin = time.perf_counter()
        with tqdm(total=count, desc="in one go") as bar:
            took = grade(whole, count, bar)
        took = took[len(took) // 10 :]  # without the start
        early, late = took[: len(took) // 4], took[-len(took) // 4 :]
        a, b = statistics.median(early) / MB, statistics.median(late) / MB
        with tqdm(total=count, desc="killed twice") as bar:
            for until in (count // 3, 2 * count // 3, count):
                grade(killed, until, bar)
        seconds = time.perf_counter() - begin
        same = grades(whole) == grades(killed)
        print(f"{done(whole)} and {done(killed)} of {count} graded, {seconds:.0f} s")
        print(f"memory: {a:.0f} MB in the first quarter, {b:.0f} MB in the last")
        print(f"memory ratio {b / a:.2f}; after two kills grades are", end=" ")
        print("identical" if same and len(grades(whole)) == count else "DIFFERENT")
        left = subprocess.run(["pgrep", "-f", here], capture_output=True, text=True)
        if not same or left.stdout:
            sys.exit(f"left behind: {left.stdout}")


if __name__ == "__main__":
    main()
