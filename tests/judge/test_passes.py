"""First all that is visible, then what is hidden: in whose order, by whose names."""

import copy
import shutil

import pytest
from nbformat.v4 import new_code_cell

from autograder.judge import evidence
from autograder.make.build import instructor
from autograder.make.roles import name, role

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no jail here: apt-get install bubblewrap"
)

LAB = """# %%
import numpy as np

# %% answer="one"
### BEGIN SOLUTION
def one(x):
    return x + 1
### END SOLUTION

# %% check="one-seen" points=1
assert one(1) == 2, f"one(1) is 2, not {one(1)}"

# %% check="one-any" points=2 hidden="other numbers, also below zero"
assert one(2) == 3, f"one(2) is 3, not {one(2)}"
### BEGIN HIDDEN TESTS
assert one(-4711) == -4710, f"one(-4711) is -4710, not {one(-4711)}"
### END HIDDEN TESTS

# %% answer="two"
### BEGIN SOLUTION
def two(x):
    return 2 * x
### END SOLUTION

# %% check="two-any" points=1
assert two(3) == 6, f"two(3) is 6, not {two(3)}"
### BEGIN HIDDEN TESTS
assert two(815) == 1630
### END HIDDEN TESTS

# %% answer="list"
### BEGIN SOLUTION
calls = []
### END SOLUTION

# %% check="list-empty" points=1
assert calls == []
### BEGIN HIDDEN TESTS
assert list(calls) == []
### END HIDDEN TESTS
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    script = tmp_path_factory.mktemp("lab") / "01_lab.py"
    script.write_text(LAB)
    return instructor(script)


def cell(nb, key):
    return next(c for c in nb.cells if c.id == key)


def ran(lab, answers=None, change=lambda nb: None):
    """Run the lab, some answers replaced: check -> its outputs."""
    nb = copy.deepcopy(lab)
    for key, source in (answers or {}).items():
        cell(nb, key).source = source
    change(nb)
    found = zip(nb.cells, evidence.run(nb, lab), strict=True)
    return {name(c): o for c, o in found if role(c) == "check"}


def said(found):
    return {k: o[0].evalue for k, o in found.items() if o}


def after(key, source):
    """Put a cell of the student's own behind another."""

    def change(nb):
        at = next(i for i, c in enumerate(nb.cells) if c.id == key)
        nb.cells.insert(at + 1, new_code_cell(source))

    return change


def test_a_right_notebook_passes_both(lab):
    assert said(ran(lab)) == {}


def test_every_visible_part_runs_before_the_first_hidden_one(lab):
    note = "def one(x):\n    calls.append(x)\n    return x + 1\ncalls = []"
    tells = "def two(x): raise ValueError(str(calls))"
    found = said(ran(lab, {"one": note, "two": tells, "list": "seen = 1"}))
    assert found["two-any"] == "[1, 2]"
    assert "4711" not in str(found)


def test_of_a_hidden_part_the_student_hears_one_sentence(lab):
    wrong = "def {}(x): return x + 1 if 0 <= x < 4 else 'mine'"
    found = ran(lab, {"one": wrong.format("one")})
    (shown, own) = found["one-any"]
    assert (shown.ename, shown.evalue) == (
        "AssertionError",
        "other numbers, also below zero",
    )
    assert "mine" not in str(shown)
    assert (own.output_type, own.name) == ("stream", "stderr")
    assert own.text == (
        "for the instructor: AssertionError: one(-4711) is -4710, not mine\n"
    )
    assert set(said(found)) == {"one-any"}
    wrong = "def two(x): return 6 if x == 3 else 1 / 0"
    shown, own = ran(lab, {"two": wrong})["two-any"]
    assert shown.evalue == evidence.HIDDEN
    assert "ZeroDivisionError" in own.text


def test_a_visible_part_that_fails_is_the_whole_verdict(lab):
    (shown,) = ran(lab, {"one": "def one(x): return x"})["one-any"]
    assert shown.evalue == "one(2) is 3, not 2"


def test_an_own_helper_that_changes_later_spoils_nothing_before(lab):
    helped = "def helper(x): return x + 1\ndef one(x): return helper(x)"
    again = "def helper(x): return 2 * x\ndef two(x): return helper(x)"
    assert said(ran(lab, {"one": helped, "two": again})) == {}


def test_a_name_that_is_deleted_or_rebound_later_is_back(lab):
    late = after("two-any", "del one, two\ntwo = np = 5")
    assert said(ran(lab, change=late)) == {}


def test_names_are_those_of_the_place_of_the_check(lab):
    """A right answer above its check does not mend a wrong one."""
    wrong, right = "def one(x): return 0", "def one(x): return x + 1"
    assert set(said(ran(lab, {"one": wrong}, after("one-any", right)))) == {
        "one-seen",
        "one-any",
    }


def test_a_kernel_that_dies_between_the_passes_keeps_them_apart(lab):
    helped = "def helper(x): return x + 1\ndef one(x): return helper(x)"
    dies = """def helper(x): return 2 * x
def two(x):
    if x > 100:
        import os; os._exit(1)
    return helper(x)"""
    found = said(ran(lab, {"one": helped, "two": dies}))
    assert set(found) == {"two-any"}
    dies_first = """def helper(x): return x + 1
def one(x):
    if x < 0:
        import os; os._exit(1)
    return helper(x)"""
    again = "def helper(x): return 2 * x\ndef two(x): return helper(x)"
    found = said(ran(lab, {"one": dies_first, "two": again}))
    assert set(found) == {"one-any"}


def test_checks_above_their_answers_fail_and_others_do_not(lab):
    def shuffled(nb):
        nb.cells.insert(1, nb.cells.pop(nb.cells.index(cell(nb, "two-any"))))

    assert set(said(ran(lab, change=shuffled))) == {"two-any"}


def test_a_mutable_answer_that_a_hidden_part_changes_is_only_its_own(lab):
    """Names are kept, not copies of what they hold."""
    note = "def one(x):\n    if x < 0: calls.append(x)\n    return x + 1\ncalls = []"
    found = said(ran(lab, {"one": note, "list": "calls = calls"}))
    assert set(found) == {"list-empty"}


OUT_OF_STEP = """# %%
class Slow:
    def work(self):
        for _ in range(10**9):
            pass

# %% answer="f"
def f(slow):
    return slow.work()

# %% check="f-one" points=1
assert f(Slow()) == 1

# %% answer="g"
def g(x):
    return x + 1

# %% check="g-one" points=1
assert g(1) == 2
### BEGIN HIDDEN TESTS
assert g(2) == 3
### END HIDDEN TESTS
"""


def test_who_was_interrupted_in_the_middle_of_a_call_costs_only_itself(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(evidence, "CELL", 1.0)
    (tmp_path / "01_lab.py").write_text(OUT_OF_STEP)
    lab = instructor(tmp_path / "01_lab.py")
    said = [o[0].evalue for o in evidence.run(lab, lab) if o]
    assert said == ["this check computed for over 1 s on your answer"]
