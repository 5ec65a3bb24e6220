"""Right answers of odd kinds lose nothing, and neither does who restarts a kernel."""

import copy
import shutil

import numpy as np
import pytest
from nbformat.v4 import new_code_cell

from autograder.jail.crossing import Line, Remote
from autograder.jail.kernel import Jail
from autograder.judge import evidence
from autograder.make.build import instructor
from autograder.make.roles import name, role
from mlsyscore.checks import close, number, same

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no jail here: apt-get install bubblewrap"
)

NUMBERS = [
    "fractions.Fraction(5, 2)",
    "decimal.Decimal('2.5')",
    "np.float32(2.5)",
    "np.float16(2.5)",
    "np.array(2.5)",
    "torch.tensor(2.5)",
    "torch.tensor(2.5, dtype=torch.bfloat16)",
    "torch.tensor(2.5, requires_grad=True)",
    "pandas.Series([2.5])[0]",
]
ARRAYS = [
    "array.array('d', [1, 2, 4])",
    "array.array('l', [1, 2, 4])",
    "memoryview(array.array('d', [1, 2, 4]))",
    "memoryview(np.array([1.0, 2.0, 4.0]))",
    "np.array([1.0, 0, 2.0, 0, 4.0])[::2]",
    "collections.deque([1.0, 2.0, 4.0])",
    "torch.tensor([1, 2, 4])",
    "torch.tensor([1.0, 2, 4], requires_grad=True)",
    "pandas.Series([1.0, 2.0, 4.0])",
    "pandas.Series([1, 2, 4], index=[7, 8, 9])",
    "pandas.Index([1, 2, 4])",
    "[fractions.Fraction(k) for k in (1, 2, 4)]",
    "(decimal.Decimal(k) for k in (1, 2, 4))",
    "np.array([fractions.Fraction(1), 2, 4.0], dtype=object)",
    "pandas.Series([fractions.Fraction(1), 2, 4])",
    "map(float, [1, 2, 4])",
    "dict.fromkeys([1, 2, 4])",
    "(2**k for k in range(3))",
]
BYTES = [
    "bytearray(b'abc')",
    "memoryview(b'abc')",
    "memoryview(bytearray(b'abc'))",
    "memoryview(b'xabcx')[1:4]",
]
START = """
import array, collections, decimal, fractions
import numpy as np, torch
try: import pandas
except ImportError: pandas = None
def has_pandas(): return pandas is not None
"""


@pytest.fixture(scope="module")
def there():
    jail = Jail(20.0, 300.0)
    jail.run(START)
    line = Line(jail, {})

    def value(source):
        if "pandas" in source and not Remote("has_pandas", line, "a function")():
            pytest.skip("the grader has no pandas")
        jail.run(f"def f(): return {source}")
        return Remote("f", line, "a function")()

    yield value
    jail.close()


@pytest.mark.parametrize("source", NUMBERS)
def test_a_number_of_any_kind_is_one(there, source):
    got = there(source)
    assert number("it", got) == 2.5
    close("it", got, 2.5)
    assert got == 2.5


@pytest.mark.parametrize("source", ["fractions.Fraction(6, 2)", "decimal.Decimal(3)"])
def test_a_whole_number_of_any_kind_is_one(there, source):
    got = there(source)
    assert number("it", got) == 3
    assert list(range(5))[int(got)] == 3


@pytest.mark.parametrize("source", ARRAYS)
def test_an_array_of_any_kind_is_one(there, source):
    got = there(source)
    if not hasattr(got, "shape"):
        got = list(got)
    same("it", np.asarray(got, float), [1, 2, 4])


def test_a_large_array_of_any_kind_is_not_read_one_by_one(there):
    for source in ("array.array('d', bytes(8 * 10**6))", "range(10**6)"):
        assert len(there(source)) == 10**6


@pytest.mark.parametrize("source", BYTES)
def test_bytes_of_any_kind_are_bytes(there, source):
    assert bytes(there(source)) == b"abc"


@pytest.mark.parametrize(
    "source", ["decimal.Decimal('nan')", "fractions.Fraction(1, 3) * 3 - 2"]
)
def test_what_is_no_right_number_is_still_wrong(there, source):
    with pytest.raises(AssertionError):
        close("it", there(source), 1.0)


LAB = """# %%
import numpy as np

# %% answer="one"
### BEGIN SOLUTION
def one(x): return x + 1
### END SOLUTION

# %% check="one-seen" points=1
assert one(1) == 2
### BEGIN HIDDEN TESTS
assert one(5) == 6
### END HIDDEN TESTS

# %% answer="two"
### BEGIN SOLUTION
def two(x): return 2 * x
### END SOLUTION

# %% check="two-seen" points=1
from mlsyscore.harness.calls import fresh
assert two(1) == 2
assert fresh(two)(2) == 4
### BEGIN HIDDEN TESTS
assert two(5) == 10
### END HIDDEN TESTS

# %% answer="six"
### BEGIN SOLUTION
def six(): return 6
### END SOLUTION

# %% check="six-seen" points=1
assert six() == 6
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    script = tmp_path_factory.mktemp("lab") / "01_lab.py"
    script.write_text(LAB)
    return instructor(script)


def failed(lab, extra, at="two", answers=None):
    """Return which checks fail with a cell of the student's own before an answer."""
    nb = copy.deepcopy(lab)
    for c in nb.cells:
        c.source = (answers or {}).get(c.id, c.source)
    where = next(i for i, c in enumerate(nb.cells) if c.id == at)
    for k, source in enumerate(extra):
        nb.cells.insert(where + k, new_code_cell(source))
    found = zip(nb.cells, evidence.run(nb, lab), strict=True)
    return {name(c) for c, o in found if role(c) == "check" and o}


@pytest.mark.parametrize(
    "snippet",
    [
        "import os\nos.kill(os.getpid(), 9)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
        "get_ipython().kernel.do_shutdown(True)",
        "exit()",
        "quit",
        "import sys\nsys.exit()",
        "import IPython\nIPython.Application.instance().kernel.do_shutdown(True)",
        "import os\nos._exit(00)",
        "import asyncio\nasyncio.get_event_loop().stop()",
        "%reset -f\nimport numpy as np\ndef one(x): return x + 1",
    ],
)
def test_who_restarts_the_kernel_loses_nothing(lab, snippet):
    assert failed(lab, [snippet]) == set()


def test_who_lets_the_kernel_die_a_little_later_loses_what_is_next_at_most(lab):
    late = "import threading, os\nthreading.Timer(0.05, os._exit, [0]).start()"
    assert failed(lab, [late]) <= {"two-seen"}


def test_a_module_that_is_written_beside_the_notebook_is_found(lab):
    module = "%%writefile my_helpers.py\ndef double(x): return 2 * x"
    answer = "from my_helpers import double\ndef two(x): return double(x)"
    used = "import my_helpers\nassert my_helpers.double(4) == 8"
    assert failed(lab, [module, used], answers={"two": answer}) == set()
    own = "import pathlib\npathlib.Path('mine.py').write_text('TWO = 2')\n"
    answer = own + "import mine\ndef two(x): return mine.TWO * x"
    assert failed(lab, [], answers={"two": answer}) == set()
