"""A submission is run as a student might have written it, and judged outside."""

import copy
import re
import shutil

import numpy as np
import pytest

from autograder import evidence, sandbox
from autograder.build import instructor
from autograder.crossing import outcome, thaw
from autograder.inside import plain
from mlsyscore.network import Link

LAB = """# %%
import numpy as np

# %% answer="double"
def double(x):
    return 2 * x

# %% check="double-three" points=1
assert double(3) == 6, f"double(3) is 6, not {double(3)}"

# %% check="double-array" points=1
assert np.all(double(np.ones(2)) == 2), "each element counts"

# %% answer="half"
def half(x):
    return x / 2

# %% check="half-two" points=1
assert half(2) == 1
"""
HONEST = "def double(x):\n    return 2 * x"

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no jail here: apt-get install bubblewrap"
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    script = tmp_path_factory.mktemp("lab") / "01_lab.py"
    script.write_text(LAB)
    return instructor(script)


def failures(lab, source):
    """Grade the lab with one answer replaced: failed check -> message."""
    nb = copy.deepcopy(lab)
    (answer,) = (c for c in nb.cells if c.id == "double")
    answer.source = source
    outputs = evidence.run(nb, lab)
    checks = [c for c in lab.cells if evidence.role(c) == "check"]
    return {
        c.id: o[0].evalue
        for c, o in zip(nb.cells, outputs, strict=True)
        if c.id in {k.id for k in checks} and o and o[0].output_type == "error"
    }


@pytest.mark.parametrize(
    "source",
    [
        HONEST,
        "import warnings\nwarnings.warn('noise')\n" + HONEST,
        "import sys\nprint('noise', file=sys.stderr)\ndouble = lambda x: x + x",
        HONEST + "\nprint('y' * 10**7)",
        HONEST + "\n1 / 0",
    ],
)
def test_a_right_answer_earns_its_points(lab, source):
    assert failures(lab, source) == {}


LYING = """
class Yes(float):
    __eq__ = lambda self, other: True
    __array__ = lambda self, *a, **k: np.array(2.0)
def double(x): return Yes(7)
"""
TRANSFORMER = """
get_ipython().input_transformers_cleanup.append(lambda lines: ["pass\\n"])
def double(x): return 0
"""
PATCHED = """
import builtins
np.all = lambda *a: True
builtins.AssertionError = builtins.print
def double(x): return 0
"""


@pytest.mark.parametrize("source", [LYING, TRANSFORMER, PATCHED, "double = 6"])
def test_a_lie_earns_nothing(lab, source):
    assert {"double-three", "double-array"} <= set(failures(lab, source))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import os\n    os._exit(1)", "killed its kernel"),
        ("while True: pass", "ran longer than 3 s"),
        ("import os\n    while True: os.fork()", "killed its kernel|longer than 3 s"),
        ("return double(x)", "recursion"),
        ("return object()", "no plain data"),
        ("return [double]", "no plain data"),
        ("return input()", "input"),
        ("raise SystemExit", "SystemExit"),
        ("raise NotImplementedError()", ""),
        ("return 5", r"double\(3\) is 6, not 5"),
    ],
)
def test_a_bad_answer_says_why_and_costs_only_itself(lab, body, message, monkeypatch):
    monkeypatch.setattr(evidence, "CELL", 3.0)
    failed = failures(lab, f"def double(x):\n    {body}")
    assert set(failed) == {"double-three", "double-array"}
    assert re.search(message, failed["double-three"])


HOARD = """
import os, time
def double(x):
    for _ in range(3):
        if os.fork() == 0:
            kept = b"x" * (900 << 20)
            time.sleep(60)
    time.sleep(60)
"""


def test_processes_may_not_hoard_together_what_one_may_not(lab, monkeypatch):
    monkeypatch.setattr(sandbox, "MEMORY", 2 << 30)
    assert "killed its kernel" in failures(lab, HOARD)["double-three"]


@pytest.mark.parametrize(
    "value",
    [
        *(
            None,
            True,
            10**30,
            -0.0,
            float("inf"),
            "a\ud800",
            b"\0",
            (1, [2.5, {"k": ()}]),
        ),
        Link(1.0, 2.0),
        {1, 2},
    ],
)
def test_plain_data_crosses_unchanged(value):
    there = thaw(plain(value))
    assert there == value
    assert type(there) is type(value)


def test_nan_dtype_and_shape_survive():
    x = np.array([[np.nan, np.inf]], dtype=np.float32)
    y = thaw(plain(x))
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(x, y)
    assert np.isnan(thaw(plain(np.float64("nan"))))


@pytest.mark.parametrize(
    "forged",
    [
        {"thing": ["os", "system", {}]},
        {"array": ["|O", [1], "AAAAAAAAAAA="]},
        {"array": ["<f8", [10**9], ""]},
        {"what": 1},
        [1],
        7,
        {"float": "x"},
    ],
)
def test_a_forged_answer_is_only_a_wrong_answer(forged):
    with pytest.raises(RuntimeError, match="unreadable"):
        thaw(forged)


def test_an_error_arrives_as_its_builtin_type():
    with pytest.raises(ValueError, match="N = 0"):
        outcome({"error": ["ValueError", "N = 0"]})
    with pytest.raises(RuntimeError, match="MyError: x"):
        outcome({"error": ["MyError", "x"]})
