"""A class of ten: honest, mistaken, mangled and hostile submissions of one lab."""

import csv
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import nbformat
from nbformat import NotebookNode

from autograder.make.address import ROOT
from autograder.make.build import instructor

LAB = "06_collective_communication"
HOSTILE = """
class Yes(float):
    __eq__ = __lt__ = __le__ = lambda self, other: True
    __abs__ = __sub__ = lambda self, *other: Yes(0)
get_ipython().input_transformers_cleanup.append(lambda lines: ["pass\\n"])
def two_level(*a): return Yes(1)
"""


def mistakes(lab: str = LAB) -> ModuleType:
    """Import a lab's wrong and right answers."""
    file = ROOT / "labs/mistakes" / f"{lab}.py"
    spec = importlib.util.spec_from_file_location(f"mistakes_{lab}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answered(answers: dict[str, str], lab: str = LAB) -> NotebookNode:
    """Return the solved lab with some answers replaced."""
    nb = instructor(ROOT / "labs" / f"{lab}.py")
    for cell in nb.cells:
        if cell.id in answers:
            cell.source = f"# [answer: {cell.id}]\n{answers[cell.id]}"
    assert set(answers) <= {c.id for c in nb.cells}, set(answers)
    return nb


def first(found: dict[str, str]) -> str:
    """Return the first of an exercise's answers."""
    return next(iter(found.values()))


def submissions(released: Path) -> dict[str, str]:
    """Return student -> the text of the file that they hand in."""
    known = mistakes()
    solved = {c.id: c.source for c in answered({}).cells}

    def handed_in(**answers: str) -> NotebookNode:
        nb = nbformat.read(released, as_version=4)
        mine = solved | {
            k.replace("_", "-"): f"# [answer: {k.replace('_', '-')}]\n{v}"
            for k, v in answers.items()
        }
        for cell in nb.cells:
            marks = cell.metadata.get("nbgrader")
            if marks and marks.solution:
                cell.source = mine[cell.id]
        return nb

    stripped, doubled = handed_in(), handed_in()
    for cell in stripped.cells:
        cell.metadata.clear()
        cell.pop("id")
    stripped.nbformat_minor = 0
    doubled.cells = [c for c in doubled.cells if c.id != "ring-three"]
    blank = nbformat.read(released, as_version=4)
    doubled.cells += [c for c in blank.cells if c.id == "ring"]
    loop = "def two_level(*a):\n    while True: pass"
    notebooks = {
        "ada": handed_in(),
        "bob": blank,
        "cat": handed_in(ring=first(known.WRONG["ring"])),
        "dan": handed_in(two_level=first(known.WRONG["two-level"])),
        "eve": handed_in(
            **{k.replace("-", "_"): first(v) for k, v in known.RIGHT.items()}
        ),
        "fay": stripped,
        "gus": doubled,
        "hal": handed_in(two_level=loop),
        "ivy": handed_in(two_level=HOSTILE),
    }
    texts = {s: json.dumps(nb) for s, nb in notebooks.items()}
    return texts | {"jan": texts["ada"][:1000]}


def write(released: Path, download: Path) -> None:
    """Write the class's files, as an LMS would hand them out, and its roster."""
    download.mkdir(parents=True, exist_ok=True)
    files = submissions(released)
    for student, text in files.items():
        (download / f"{student}_{LAB}.ipynb").write_text(text, encoding="utf-8")
    with (download.parent / "roster.csv").open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["id"])
        rows.writerows([s] for s in files)
