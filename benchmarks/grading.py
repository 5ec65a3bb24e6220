"""Time grading against stock nbgrader: the same submissions of a small torch lab.

    python benchmarks/grading.py [COUNT]

Both run as a user starts them, from the command line, one after the other, on the same
files: ours in its jail, stock without any.  The grades must be equal.  Prints both
times, and the ratio of submissions per second.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook

from autograder import release
from autograder.make.build import instructor

NAME, COUNT = "01_softmax", 24
LAB = """# %%
import torch


def bowl(w):
    return ((w - 3) ** 2).sum()

# %% answer="softmax"
def softmax(x):
    e = (x - x.max(-1, keepdim=True).values).exp()
    return e / e.sum(-1, keepdim=True)

# %% check="softmax-sums" points=1
sums = softmax(torch.arange(6.0).reshape(2, 3)).sum(-1)
assert torch.allclose(sums, torch.ones(2)), f"rows sum to 1, not {sums}"

# %% check="softmax-general" points=2
x = torch.linspace(-9, 9, 35).reshape(5, 7)
assert torch.allclose(softmax(x), torch.softmax(x, -1), atol=1e-6)

# %% answer="descend"
def descend(f, w, rate, steps):
    w = w.clone().requires_grad_()
    for _ in range(steps):
        (g,) = torch.autograd.grad(f(w), w)
        w = (w - rate * g).detach().requires_grad_()
    return w.detach()

# %% check="descend-bowl" points=2
w = descend(bowl, torch.zeros(2), 0.1, 100)
assert torch.allclose(w, torch.full((2,), 3.0), atol=1e-3), f"3 is expected, not {w}"

# %% answer="count"
def count(layers):
    return sum(n * m + m for n, m in layers)

# %% check="count-two" points=1
assert count([(2, 3), (3, 1)]) == 13
"""
WRONG = {"softmax": "def softmax(x):\n    return x.exp() / x.exp().sum()"}
WRONG |= {"count": "def count(layers):\n    return sum(n * m for n, m in layers)"}


def course(folder: Path, script: Path, count: int, stock: bool) -> None:
    """Make a course with submissions: every third has a mistake."""
    release.release(script, folder)
    if stock:
        said = "c = get_config()\nc.CourseDirectory.course_id = 'mlsys'\n"
        (folder / "nbgrader_config.py").write_text(said)
    for i in range(count):
        nb = instructor(script)
        for cell in nb.cells:
            if i % 3 == 2 and cell.id in WRONG:
                cell.source = f"# [answer: {cell.id}]\n{WRONG[cell.id]}"
            if cell.id == "count":
                cell.source += f"\n# by student {i}: no two notebooks are the same"
        here = folder / f"submitted/s{i:04}/{NAME}"
        here.mkdir(parents=True)
        nbformat.write(nb, here / f"{NAME}.ipynb")


def timed(words: list[object], folder: Path) -> float:
    """Run a command in a folder; return its seconds."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    start = time.perf_counter()
    with (folder / "log").open("w") as log:
        done = subprocess.run(
            [str(w) for w in words],
            cwd=folder,
            env=os.environ | {"PATH": path},
            stdout=log,
            stderr=log,
        )
    if done.returncode:
        sys.exit((folder / "log").read_text()[-2000:])
    return time.perf_counter() - start


def scores(folder: Path) -> dict[str, float]:
    """Return each student's points."""
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}", "mlsys") as book:
        return {s.student.id: s.score for s in book.assignment_submissions(NAME)}


def main() -> None:
    """Grade the class twice; print the ratio."""
    count = int(sys.argv[1]) if sys.argv[1:] else COUNT
    with tempfile.TemporaryDirectory() as here:
        script = Path(here, f"{NAME}.py")
        script.write_text(LAB)
        ours, theirs = Path(here, "ours"), Path(here, "stock")
        course(ours, script, count, stock=False)
        course(theirs, script, count, stock=True)
        print(f"{count} submissions of a torch lab, {os.cpu_count()} cores", flush=True)
        fast = timed(["autograder", "--course", ours, "grade", NAME], ours)
        print(f"ours, jailed  {fast:6.1f} s  {count / fast:5.2f} a second", flush=True)
        slow = timed(["nbgrader", "autograde", NAME, "--create"], theirs)
        print(f"stock, open   {slow:6.1f} s  {count / slow:5.2f} a second", flush=True)
        if scores(ours) != scores(theirs):
            sys.exit(f"grades differ: {scores(ours)} and {scores(theirs)}")
    print(f"ratio {slow / fast:.1f}")


if __name__ == "__main__":
    main()
