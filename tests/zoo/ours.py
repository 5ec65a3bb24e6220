"""Grade the zoo through the public path, in a process of its own.

    python -m zoo.ours COURSE

Prints JSON: the troubles, and the processes that were left running.
"""

import contextlib
import ctypes
import json
import os
import re
import select
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import nbformat
import psutil

from autograder import collect, release, report

from .lab import LAB, POINTS, Case, Zoo, drawn, script, write

LIMITS = {
    "AUTOGRADER_CELL_SECONDS": "4",
    "AUTOGRADER_NOTEBOOK_SECONDS": "40",
    "AUTOGRADER_MEMORY_MB": "2048",
    "AUTOGRADER_PATIENCE": "2",
}
TOGETHER = 900  # seconds, after which grading is said to hang
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, prctl(2)
TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """What became of one submission."""

    taken: bool
    line: str  # of collect
    points: dict[str, float] | None  # None: not graded
    page: str  # feedback, as HTML
    shown: str  # all outputs of the autograded notebook, but the instructor's own

    @property
    def text(self) -> str:
        """The page as it is read."""
        return unescape(re.sub("<[^>]*>", "", self.page))

    def differs(self, case: Case) -> list[str]:
        """Say in what this is not as expected."""
        wrong = []
        if self.taken != case.taken:
            wrong.append(f"taken: {self.taken}")
        if case.taken and self.points != case.earns():
            got, earns = self.points or {}, case.earns()
            wrong.append(str({k: got.get(k) for k in POINTS if got.get(k) != earns[k]}))
        if not re.search(case.line, self.line):
            wrong.append(f"collect said {self.line!r}")
        if case.taken and not self.page:
            wrong.append("no feedback page")
        if not re.search(case.says, self.text):
            wrong.append(f"feedback does not say {case.says!r}")
        return wrong


@dataclass(frozen=True)
class Run:
    """What became of all."""

    zoo: Zoo
    outcomes: dict[str, Outcome]
    troubles: list[str]
    left: list[str]  # processes
    reached: list[str]  # sockets of the host that somebody connected to
    seconds: float

    def leaks(self, name: str) -> list[str]:
        """Return the words that one student's page or notebook should not show.

        A failed check's own words about its hidden part may stand in the notebook,
        which only the instructor opens; the page is the student's.
        """
        seen = self.outcomes[name]
        words = {k: w for k, w in self.zoo.tokens.items() if k != name}
        words |= {"canary": self.zoo.canary, "secret": self.zoo.secret}
        found = [k for k, w in words.items() if w in seen.page or w in seen.text]
        return found + [k for k, w in words.items() if w in seen.shown]

    def told(self) -> dict[str, list[str]]:
        """Return in which files and comments a hidden part's words stand.

        Of all that leaves the grader: tables, exports, the item analysis, comments.
        """
        words = (self.zoo.canary, self.zoo.secret)
        texts = {p.name: p.read_text() for p in self.zoo.course.glob(f"{LAB}*.*")}
        with contextlib.closing(
            sqlite3.connect(self.zoo.course / "gradebook.db")
        ) as db:
            rows = db.execute("select auto_comment, manual_comment from comment")
            texts["comments"] = str(rows.fetchall())
        return {k: [w for w in words if w in text] for k, text in texts.items()}


@contextlib.contextmanager
def host() -> Iterator[tuple[dict[str, Any], list[socket.socket]]]:
    """Listen where nobody from a jail may get: TCP, UDP and an abstract socket."""
    name = f"zoo-{os.getpid()}"
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        udp.bind(tcp.getsockname())
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(f"\0{name}")
        unix.listen()
        yield {"PORT": tcp.getsockname()[1], "UNIX": name}, [tcp, udp, unix]


def main(course: Path) -> None:
    """Grade a course as its instructor does; say what went wrong, what still runs."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1)
    words = ["-m", "autograder", "--course", str(course), "grade", LAB]
    done = subprocess.run([sys.executable, *words], stdout=subprocess.PIPE, text=True)
    said = done.stdout.splitlines() or ["grading broke off"]
    troubles = said if done.returncode else []
    end = time.monotonic() + 3  # for what has been killed to be gone
    while (left := _running()) and time.monotonic() < end:
        time.sleep(0.1)
    print(json.dumps([troubles, left]))


def _running() -> list[str]:
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() == psutil.STATUS_ZOMBIE:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)
            else:
                found.append(" ".join(process.cmdline())[:200])
    return found


def _graded(zoo: Zoo) -> tuple[list[str], list[str]]:
    """Run ``main`` with its own folder for temporary files; stop it when it hangs."""
    env = (
        os.environ
        | LIMITS
        | {
            "TMPDIR": str(zoo.folder / "tmp"),
            "PYTHONPATH": os.pathsep.join(map(str, [TESTS, *sys.path[1:]])),
            "ZOO": zoo.canary,
        }
    )
    words = [sys.executable, "-m", "zoo.ours", str(zoo.course)]
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True) as run:
        try:
            out, _ = run.communicate(timeout=TOGETHER)
        except subprocess.TimeoutExpired:
            for process in [*psutil.Process(run.pid).children(recursive=True), run]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            return [f"grading took over {TOGETHER} s"], []
    return json.loads(out) if out else (["grading broke off"], [])


def run(folder: Path, cases: list[Case]) -> Run:
    """Write, collect, grade and report the submissions."""
    start, zoo = time.monotonic(), drawn(folder, cases)
    (folder / "tmp").mkdir()
    with host() as (places, sockets):
        write(zoo, cases, release.release(script(zoo), zoo.course), places)
        lines = [
            line
            for download in ("download", "late.zip")
            for line in collect.collect(
                folder / download, LAB, zoo.course, folder / "roster.csv"
            )
        ]
        troubles, left = _graded(zoo)
        ready, _, _ = select.select(sockets, [], [], 0)
        reached = [str(s) for s in ready]
    report.report(LAB, zoo.course)
    by = {r["student"]: r for r in report.table(LAB, zoo.course, list(zoo.tokens))}
    outcomes = {c.name: _outcome(c.name, zoo, lines, by[c.name]) for c in cases}
    return Run(zoo, outcomes, troubles, left, reached, time.monotonic() - start)


def _outcome(name: str, zoo: Zoo, lines: list, row: dict[str, str]) -> Outcome:
    own = [line for line in lines if line.student == name]
    page = zoo.course / "feedback" / name / LAB / f"{LAB}.html"
    graded = zoo.course / "autograded" / name / LAB / f"{LAB}.ipynb"
    shown = ""
    if graded.exists():
        cells = nbformat.read(graded, as_version=4).cells
        outputs = [o for c in cells for o in c.get("outputs", []) if not _own(c, o)]
        shown = json.dumps(outputs, ensure_ascii=False)
    return Outcome(
        any(line.taken for line in own),
        "; ".join(line.what for line in own),
        {k: float(row[k]) for k in POINTS} if row.get("points") else None,
        page.read_text() if page.exists() else "",
        shown,
    )


def _own(cell: nbformat.NotebookNode, output: nbformat.NotebookNode) -> bool:
    """Say whether an output of a check is for the instructor alone."""
    marks = cell.metadata.get("nbgrader", {})
    check = marks.get("grade") and not marks.get("solution")
    own = output.get("text", "").startswith("for the instructor: ")
    return bool(check and output.output_type == "stream" and own)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
