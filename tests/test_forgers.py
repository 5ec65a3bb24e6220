"""No answer that forges evidence earns a point that it should not."""

import shutil

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from zoo.forgers import FORGERIES, INSIDE, REBIND

from autograder.judge import evidence
from autograder.make.address import ROOT
from autograder.make.roles import exercises, name, role
from tools.demo import answered

jailed = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no jail here: apt-get install bubblewrap"
)
pytestmark = [
    pytest.mark.usefixtures("warmed"),
    pytest.mark.filterwarnings(  # of what is stopped when its kernel is
        "ignore::pytest.PytestUnhandledThreadExceptionWarning"
    ),
]
LABS = sorted({f.lab for f in FORGERIES})


def submissions():
    """Yield (lab, forgeries): the k-th of each exercise in one, to save time."""
    for lab in LABS:
        by = {}
        for forgery in (f for f in FORGERIES if f.lab == lab):
            by.setdefault(forgery.exercise, []).append(forgery)
        for k in range(max(map(len, by.values()))):
            chosen = [some[k] for some in by.values() if k < len(some)]
            yield pytest.param(lab, chosen, id=f"{lab[:2]}-{k}")


def earned(nb, lab):
    """Return the names of the checks that a submission passes."""
    every = {name(c) for c in nb.cells if role(c) == "check"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "CELL", 5.0)  # a forgery that waits has not earned
        return every - evidence.lost(nb, answered({}, lab))


def blank(lab, chosen=()):
    """Return a lab without answers, but for the forged ones."""
    nb = nbformat.read(ROOT / f"notebooks/labs/{lab}.ipynb", as_version=4)
    for forgery in chosen:
        (cell,) = (c for c in nb.cells if c.id == forgery.exercise)
        cell.source = f"# [answer: {cell.id}]\n{forgery.source}"
    return nb


def put_first(nb, source):
    """Put a cell of the student's own in front of the answers."""
    at = next(i for i, c in enumerate(nb.cells) if role(c) == "answer")
    nb.cells.insert(at, new_code_cell(source))


@jailed
@pytest.mark.parametrize(("lab", "chosen"), list(submissions()))
def test_a_forgery_earns_what_is_honest_and_no_more(lab, chosen):
    right = {check for f in chosen for check in f.earns}
    assert earned(blank(lab, chosen), lab) == right


@jailed
@pytest.mark.parametrize("lab", LABS)
def test_who_rebinds_what_checks_use_earns_nothing(lab):
    nb = blank(lab)
    put_first(nb, REBIND + INSIDE * (lab in LABS[::2]))
    assert earned(nb, lab) == set()


def test_each_kind_is_tried_on_several_exercises():
    known = {lab: exercises(answered({}, lab)) for lab in LABS}
    where = {}
    for f in FORGERIES:
        assert f.exercise in known[f.lab], f
        assert set(f.earns) < set(known[f.lab][f.exercise]), f
        where.setdefault(f.kind, set()).add((f.lab, f.exercise))
    alone = {"trains again"}  # only one exercise has what trains
    assert {k for k, some in where.items() if len(some) < 2} <= alone
    assert len(where) >= 9
