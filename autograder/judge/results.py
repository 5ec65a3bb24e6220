"""Judge a submission, once: its outputs are kept under a name made of all they follow
from, so that grading goes on where it was killed.
"""

import functools
import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from ..jail import sandbox, warm
from ..jail.kernel import PATIENCE
from ..make.roles import imported, name, role
from . import evidence

warm.ALSO.add(evidence.__name__)
LATE = 60  # seconds that a judge may take beside those of the notebook
ROOT = Path(__file__).parents[2]
CODE = sorted(p for k in ("autograder", "mlsyscore") for p in ROOT.glob(f"{k}/**/*.py"))


@functools.cache
def _code() -> str:
    return "\n".join(p.read_text() for p in CODE)


def grader() -> str:
    """Name this version of the autograder, and its limits."""
    limits = (evidence.CELL, evidence.NOTEBOOK, sandbox.MEMORY, PATIENCE)
    return hashlib.sha256(f"{_code()}{limits}".encode()).hexdigest()


def key(nb: NotebookNode, master: NotebookNode, by: str) -> str:
    """Return the name of a result: the same cells judged by the same lab and code.

    A locked cell is judged as the lab has it; nbgrader's step sees it with its hidden
    part, and the workers without.
    """
    ours = {name(c): role(c) for c in master.cells}
    locked = {key for key, kind in ours.items() if kind in ("setup", "probe", "check")}
    parts = [[name(c), c.cell_type, c.source] for c in nb.cells]
    parts = [[key, kind, s * (key not in locked)] for key, kind, s in parts]
    parts += [
        [name(c), role(c), c.source, c.metadata.get("hidden")] for c in master.cells
    ]
    return hashlib.sha256(json.dumps([by, parts]).encode()).hexdigest()[:32]


def found(file: Path) -> Any:
    """Return the outputs kept in a file, or None."""
    try:
        return json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return None


def keep(file: Path, outputs: Any) -> None:
    """Keep outputs in a file, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{uuid.uuid4()}")
    try:
        draft.write_text(json.dumps(outputs))
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def work(by: str, nb: NotebookNode, master: NotebookNode) -> Any:
    """Return the outputs of every cell, judged by a process of their own.

    Raises RuntimeError where another version of the autograder would judge.
    """
    if grader() != by:
        raise RuntimeError("this worker has another autograder, or other limits")
    seconds = 2 * PATIENCE * evidence.NOTEBOOK + LATE  # in two passes
    warm.ALSO.update(imported(master))
    return warm.own().call(seconds, evidence.run, nb, master)


def judged(nb: NotebookNode, master: NotebookNode, cache: Path) -> Any:
    """Return every cell's outputs, from the cache or by running the submission."""
    by = grader()
    file = cache / f"{key(nb, master, by)}.json"
    if (outputs := found(file)) is None:
        outputs = work(by, nb, master)
        keep(file, outputs)
    return outputs
