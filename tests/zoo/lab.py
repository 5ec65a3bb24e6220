"""The zoo's lab, what a submission of it is, and the download an LMS would hand out.

A hostile source holds ``@PORT@``, ``@UNIX@``, ``@COURSE@``, ``@ROOT@`` and
``@TOKEN@``, filled in when it is written.  What could harm a machine looks first
whether it is in a jail.
"""

import json
import secrets
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder.make.address import ROOT
from autograder.make.build import instructor

LAB = "01_zoo"
SCRIPT = '''# %% [markdown]
# # A lab for the zoo

# %%
import numpy as np
import torch

# %% answer="scale"
def scale(x):
    """Return three times a number."""
    ### BEGIN SOLUTION
    return 3 * x
    ### END SOLUTION

# %% check="scale-seen" points=1
assert scale(2) == 6, f"scale(2) is 6, not {scale(2)}"

# %% check="scale-hidden" points=2
assert scale(0) == 0, "three times nothing is nothing"
### BEGIN HIDDEN TESTS
kept = "@CANARY@"
assert scale(@SECRET@) == 3 * @SECRET@, "a large number is scaled alike"
### END HIDDEN TESTS

# %% answer="center"
def center(x):
    """Return an array less its mean."""
    ### BEGIN SOLUTION
    return x - x.mean()
    ### END SOLUTION

# %% check="center-seen" points=1
assert np.allclose(center(np.array([1.0, 2.0, 3.0])), [-1, 0, 1])

# %% check="center-hidden" points=2
assert isinstance(center(np.ones(3)), np.ndarray), "an array has an array's mean"
### BEGIN HIDDEN TESTS
x = np.arange(40.0).reshape(5, 8) ** 2  # @CANARY@
assert center(x).shape == x.shape, "the shape stays"
assert np.allclose(center(x), x - x.mean()), "the mean is that of all elements"
### END HIDDEN TESTS

# %% answer="soft"
def soft(x):
    """Return the softmax of a tensor along its last dimension."""
    ### BEGIN SOLUTION
    return torch.softmax(x, -1)
    ### END SOLUTION

# %% check="soft-seen" points=1
assert torch.allclose(soft(torch.zeros(2)), torch.tensor([0.5, 0.5]))

# %% check="soft-hidden" points=2
### BEGIN HIDDEN TESTS
x = torch.arange(12.0).reshape(3, 4)  # @CANARY@
assert torch.allclose(soft(x), x.exp() / x.exp().sum(-1, keepdim=True)), "each row"
### END HIDDEN TESTS

# %% answer="root"
def root(x):
    """Return the square root; raise ValueError below zero."""
    ### BEGIN SOLUTION
    if x < 0:
        raise ValueError(f"{x} has no root")
    return x**0.5
    ### END SOLUTION

# %% check="root-seen" points=1
assert abs(root(4.0) - 2) < 1e-9, f"the root of 4 is 2, not {root(4.0)}"

# %% check="root-hidden" points=2
### BEGIN HIDDEN TESTS
for x in (-1.0, -@SECRET@.0):  # @CANARY@
    try:
        root(x)
    except ValueError:
        continue
    raise AssertionError("a negative number has no root: raise ValueError")
### END HIDDEN TESTS

# %% answer="parts"
def parts(n):
    """Return the list of the first n whole numbers."""
    ### BEGIN SOLUTION
    return list(range(n))
    ### END SOLUTION

# %% check="parts-seen" points=1
assert parts(3) == [0, 1, 2], f"parts(3) is [0, 1, 2], not {parts(3)}"

# %% check="parts-hidden" points=1
### BEGIN HIDDEN TESTS
assert list(parts(5)) == [0, 1, 2, 3, 4], "the same, in a list or a tuple"  # @CANARY@
### END HIDDEN TESTS

# %% answer="tally"
def tally(xs):
    """Return how often each number occurs, as a dict."""
    ### BEGIN SOLUTION
    return {x: xs.count(x) for x in xs}
    ### END SOLUTION

# %% check="tally-seen" points=1
assert tally([1, 1, 2]) == {1: 2, 2: 1}, f"not {tally([1, 1, 2])}"

# %% answer="steps"
### BEGIN SOLUTION
steps = 10
### END SOLUTION

# %% check="steps-seen" points=1
assert sum(1 for _ in range(steps)) == 10, f"ten steps, not {steps}"

# %% [markdown] essay="why" points=2
# YOUR ANSWER HERE
'''
POINTS = {
    "scale-seen": 1,
    "scale-hidden": 2,
    "center-seen": 1,
    "center-hidden": 2,
    "soft-seen": 1,
    "soft-hidden": 2,
    "root-seen": 1,
    "root-hidden": 2,
    "parts-seen": 1,
    "parts-hidden": 1,
    "tally-seen": 1,
    "steps-seen": 1,
}
ALL = tuple(POINTS)
MARK = "MINE-[0-9a-f]{16}|CANARY-[0-9a-f]{16}"  # no match for itself

Change = Callable[[NotebookNode], None]


@dataclass(frozen=True)
class Case:
    """A submission and what must become of it.

    answers: exercise -> source instead of the solution; lost: exercises or checks that
    earn nothing; line, says: patterns of collect's line and of the feedback page.
    """

    name: str
    answers: dict[str, str] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    says: str = ""
    line: str = ""
    change: Change = lambda nb: None
    data: Callable[[bytes], bytes] = lambda data: data
    taken: bool = True
    file: str = "zoo.ipynb"
    archive: bool = False  # handed in within a zip
    stock: bool = True  # may run under stock nbgrader

    def earns(self) -> dict[str, float]:
        """Return the expected points of each check."""
        lost = {k for k in POINTS if k in self.lost or k.split("-")[0] in self.lost}
        return {k: 0 if k in lost or not self.taken else p for k, p in POINTS.items()}


def one(name: str, scale: str, *lost: str, says: str = "", stock: bool = True) -> Case:
    """Make a submission that answers ``scale`` in its own way."""
    return Case(name, {"scale": scale}, lost, says, stock=stock)


def first(source: str) -> Change:
    """Put a cell of the student's own in front of the answers."""
    return lambda nb: nb.cells.insert(3, new_code_cell(source))


def last(source: str) -> Change:
    """Put a cell of the student's own at the end."""
    return lambda nb: nb.cells.append(new_code_cell(source))


@dataclass(frozen=True)
class Zoo:
    """A course with its download, and the words that nobody may see."""

    folder: Path
    canary: str
    secret: str
    tokens: dict[str, str]  # student -> a word in their sources

    @property
    def course(self) -> Path:
        """The course folder."""
        return self.folder / "course"


def script(zoo: Zoo) -> Path:
    """Write the lab's source."""
    file = zoo.folder / f"{LAB}.py"
    text = SCRIPT.replace("@CANARY@", zoo.canary).replace("@SECRET@", zoo.secret)
    file.write_text(text)
    return file


def drawn(folder: Path, cases: list[Case]) -> Zoo:
    """Draw the secret words of one run."""
    tokens = {c.name: f"MINE-{secrets.token_hex(8)}" for c in cases}
    secret = str(10**11 + secrets.randbelow(10**11))
    return Zoo(folder, f"CANARY-{secrets.token_hex(8)}", secret, tokens)


def handed_in(case: Case, zoo: Zoo, released: NotebookNode, places: dict) -> bytes:
    """Return the bytes of a student's file."""
    nb, token = nbformat.from_dict(released), zoo.tokens[case.name]
    solved = {c.id: c.source for c in instructor(zoo.folder / f"{LAB}.py").cells}
    for cell in nb.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            source = case.answers.get(cell.id)
            if source is not None and cell.cell_type == "code":
                source = f"# [answer: {cell.id}]\n{source}"
            cell.source = f"{source or solved[cell.id]}\n# {token}"
    case.change(nb)
    text = json.dumps(nb)
    for word, value in (places | {"TOKEN": token}).items():
        text = text.replace(f"@{word}@", str(value))
    return case.data(text.encode())


def write(zoo: Zoo, cases: list[Case], released: Path, places: dict) -> None:
    """Write a Moodle download, a zip of the archived ones, and the roster."""
    places = places | {"COURSE": zoo.course, "ROOT": ROOT}
    nb = nbformat.read(released, as_version=4)
    (zoo.folder / "roster.csv").write_text("\n".join(["id", *zoo.tokens, ""]))
    with zipfile.ZipFile(zoo.folder / "late.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number, case in enumerate(cases):
            data = handed_in(case, zoo, nb, places)
            folder = f"{case.name}_{number}_assignsubmission_file_"
            if case.archive:
                info = zipfile.ZipInfo(case.file.replace("@", folder))
                link = data.startswith(b"/")
                info.external_attr = (stat.S_IFLNK if link else stat.S_IFREG) << 16
                archive.writestr(info, data, zipfile.ZIP_DEFLATED)
                continue
            file = zoo.folder / "download" / folder / case.file
            file.parent.mkdir(parents=True)
            file.write_bytes(data)


def remark(text: str) -> Change:
    """Put a text of the student's own at the end."""
    return lambda nb: nb.cells.append(new_markdown_cell(text))
