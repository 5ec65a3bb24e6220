"""What stock nbgrader makes of the zoo, each in a jail and a course of its own.

It runs a student's code as whoever grades.  Time, memory, processes and disk are
bounded from outside; what could take the machine even so is not run.  Its configuration
is the default one but for the time of a cell, cut from 30 s.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil

from autograder.make.address import ROOT

from . import within
from .lab import LAB, Case, Zoo, handed_in

CELL, ALONE, BATCH = 5, 40.0, 60.0  # seconds
MEMORY, PROCESSES, DISK = 4 << 30, 150, 512 << 20  # bytes, processes, bytes
LARGEST = 20 << 20  # bytes of a result that is read
LAST = "zz-last"  # an honest student whom a batch reaches at its end
PLACES = {"PORT": 9, "UNIX": "zoo", "COURSE": "/tmp/course", "ROOT": ROOT}


@dataclass(frozen=True)
class Stock:
    """What became of one submission; page: the feedback shows the hidden checks."""

    said: str
    points: dict[str, float] | None = None
    leaks: tuple[str, ...] = ()  # by the student's code
    page: bool = False

    def __str__(self) -> str:
        """Say it in a few words."""
        score = "" if self.points is None else f"{sum(self.points.values()):g}"
        leaks = f"leaks {', '.join(self.leaks)}" if self.leaks else ""
        return "; ".join(filter(None, [score, self.said, leaks]))


def command(course: Path, out: Path, words: list[str]) -> list[str]:
    """Return what runs stock nbgrader where it can reach a copy of one course only."""
    seen = ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives"]
    seen += [sys.prefix, sys.base_prefix, str(ROOT / "mlsyscore"), within.__file__]
    return [
        *["bwrap", "--unshare-all", "--unshare-user", "--uid", "65534"],
        *["--gid", "65534", "--cap-drop", "ALL", "--disable-userns"],
        *["--die-with-parent", "--new-session", "--clearenv"],
        *["--proc", "/proc", "--dev", "/dev", "--size", str(DISK), "--tmpfs", "/tmp"],
        *["--size", str(DISK), "--tmpfs", "/dev/shm"],
        *[word for path in seen for word in ("--ro-bind-try", path, path)],
        *["--ro-bind", str(course), "/course", "--bind", str(out), "/out"],
        *["--remount-ro", "/", "--chdir", "/tmp", "--setenv", "HOME", "/tmp"],
        *["--setenv", "PATH", f"{Path(sys.executable).parent}:{os.defpath}"],
        *["--setenv", "PYTHONPATH", str(ROOT)],
        *[sys.executable, within.__file__, LAB, str(CELL), *words],
    ]


def limits() -> None:
    """Bound each process of a jail."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (DISK, DISK))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def watched(words: list[str], seconds: float) -> str:
    """Run a command; say why it was killed, or nothing."""
    quiet, why = subprocess.DEVNULL, ""
    run = subprocess.Popen(
        words, stdin=quiet, stdout=quiet, stderr=quiet, preexec_fn=limits
    )
    end = time.monotonic() + seconds
    while run.poll() is None and not why:
        time.sleep(0.1)
        inside = psutil.Process(run.pid).children(recursive=True)
        if time.monotonic() > end:
            why = "killed: never ends"
        elif len(inside) > PROCESSES or sum(map(_memory, inside)) > MEMORY:
            why = "killed: too many processes, or too much memory"
    run.kill()
    run.wait()
    return why


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss - process.memory_info().shared)
    except psutil.NoSuchProcess:
        return 0


def released(zoo: Zoo) -> None:
    """Release the lab by stock nbgrader."""
    course = zoo.folder / "stock"
    shutil.copytree(zoo.course / "source" / LAB, course / "source" / LAB)
    binaries = Path(sys.executable).parent
    env = os.environ | {"PATH": f"{binaries}:{os.environ['PATH']}"}
    words = [binaries / "nbgrader", "generate_assignment", LAB]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(words, cwd=course, env=env, check=True, **quiet)


def graded(
    zoo: Zoo, files: dict[str, bytes], words: list[str], seconds: float
) -> tuple[str, dict[str, Any], dict[str, tuple[str, str]]]:
    """Grade files in a fresh course; return why it was killed, what it told, pages."""
    with tempfile.TemporaryDirectory(dir=zoo.folder) as folder:
        course, out = Path(folder) / "course", Path(folder) / "out"
        out.mkdir()
        shutil.copytree(zoo.folder / "stock", course)
        for student, data in files.items():
            (place := course / "submitted" / student / LAB).mkdir(parents=True)
            (place / f"{LAB}.ipynb").write_bytes(data)
        killed = watched(command(course, out, words), seconds)
        told = json.loads(_text(out / "told.json") or "{}")
        kept = {
            s: (
                _text(out / "autograded" / s / LAB / f"{LAB}.ipynb"),
                _text(out / "feedback" / s / LAB / f"{LAB}.html"),
            )
            for s in words
        }
    return killed, told, kept


def _text(file: Path) -> str:
    """Read a file that a jail left: no link, nothing large."""
    if file.is_symlink() or not file.is_file() or file.stat().st_size > LARGEST:
        return ""
    return file.read_text(errors="replace")


def alone(case: Case, zoo: Zoo, files: dict[str, bytes]) -> Stock:
    """Grade one submission; another's lies beside it."""
    if not case.stock:
        return Stock("not run: would take the machine")
    name, pair = case.name, {k: files[k] for k in ("plain", case.name)}
    killed, told, kept = graded(zoo, pair, [name], ALONE)
    if not told:
        return Stock(killed or "nbgrader itself was killed")
    points, (notebook, page) = told["points"].get(name), kept[name]
    if not told["success"] or not notebook:
        return Stock("abort", points)
    cells = nbformat.reads(notebook, as_version=4).cells
    shown = json.dumps([c.get("outputs") for c in cells], ensure_ascii=False)
    words = {"a hidden check": zoo.canary, "a hidden number": zoo.secret}
    if name != "plain":
        words["another's work"] = zoo.tokens["plain"]
    leaks = tuple(k for k, w in words.items() if w in shown)
    return Stock("", points, leaks, zoo.canary in page)


def batch(names: list[str], zoo: Zoo, files: dict[str, bytes]) -> str:
    """Grade in one go what broke off alone, and an honest submission last."""
    chosen = {n: files[n] for n in names} | {LAST: files["plain"]}
    killed, told, _ = graded(zoo, chosen, [], BATCH)
    reached = LAST in told.get("points", {})
    end = "all reached" if reached else "the honest last one was not reached"
    return f"{len(chosen)} in one batch: {killed or end}"


def run(
    zoo: Zoo, cases: list[Case], step: Callable[[int], None]
) -> tuple[dict[str, Stock], str]:
    """Return what came of each alone, and of a batch of those that broke off."""
    released(zoo)
    nb = nbformat.read(zoo.course / "release" / LAB / f"{LAB}.ipynb", as_version=4)
    files = {c.name: handed_in(c, zoo, nb, PLACES) for c in cases}
    found: dict[str, Stock] = {}
    with ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool:  # each waits sometimes
        runs = {pool.submit(alone, c, zoo, files): c.name for c in cases}
        for done in as_completed(runs):
            found[runs[done]] = done.result()
            step(len(found))
    broke = [n for n, s in found.items() if s.said == "abort"]
    return found, batch(sorted(broke), zoo, files)
