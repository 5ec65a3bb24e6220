"""What stays in the jail is used from outside: classes, generators, functions."""

import itertools
import shutil
import threading

import numpy as np
import pytest

from autograder.jail.crossing import Line, Remote
from autograder.jail.kernel import Jail, Lost
from autograder.judge import evidence
from autograder.make.build import instructor

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no jail here: apt-get install bubblewrap"
)

DEFINED = """
import numpy as np

class Loader:
    shards = (1, 2)
    def __init__(self, n): self.n, self.seen, self._own = n, [], 5
    def __len__(self): return self.n
    def __getitem__(self, i):
        if i >= self.n: raise IndexError(i)
        return np.full(2, i)
    def __iter__(self): return (self[i] for i in range(self.n))
    def note(self, x, twice=False):
        self.seen.append(x)
        return self if twice else len(self.seen)
    @classmethod
    def of(cls, n): return cls(n)

class Yes:
    __eq__ = __bool__ = __lt__ = __gt__ = lambda *a: True
    __len__ = lambda self: 3

def forever():
    n = 0
    while True:
        yield n
        n += 1

def adder(n): return lambda x: x + n
def apply(f, x): return f(x)
def yes(): return Yes()
def first(x): return float(x[0])
def loop():
    while True: pass
def refuse(): raise StopIteration("enough")
def odd(): return range(3), {"a": 1}.keys(), odd
def flood(): return [Yes() for _ in range(20000)]
"""


@pytest.fixture(scope="module")
def line():
    jail = Jail(5.0, 300.0)
    jail.run(DEFINED)
    yield Line(jail, {})
    jail.close()


@pytest.fixture
def there(line):
    return lambda name: Remote(name, line, "a function")


def test_an_object_of_a_students_class_is_used_from_outside(there):
    loader = there("Loader")(3)
    assert len(loader) == 3
    assert [x.tolist() for x in loader] == [[0, 0], [1, 1], [2, 2]]
    assert loader[2].tolist() == [2, 2]
    with pytest.raises(IndexError):
        loader[3]
    assert loader.note("a") == 1
    assert loader.note("b", twice=True).note("c") == 3
    assert loader.seen == ["a", "b", "c"]
    assert there("Loader").of(2).n == 2
    assert there("Loader").shards == (1, 2)
    with pytest.raises(AttributeError, match="nothing"):
        loader.nothing  # noqa: B018
    with pytest.raises(AttributeError):
        loader._own  # noqa: B018


def test_a_generator_is_read_as_far_as_a_check_wants(there):
    numbers = there("forever")()
    assert list(itertools.islice(numbers, 4)) == [0, 1, 2, 3]
    assert next(numbers) == 4
    with pytest.raises(RuntimeError, match="StopIteration: enough"):
        there("refuse")()  # which would end a loop of ours


def test_a_function_that_was_returned_is_called_and_sent_back(there):
    three = there("adder")(3)
    assert three(4) == 7
    assert there("adder")(np.ones(2))(1).tolist() == [2, 2]
    assert there("apply")(three, 1) == 4


@pytest.mark.parametrize(
    "lie",
    [
        lambda x: x == 3,
        lambda x: x != 3,
        bool,
        lambda x: not x,
        lambda x: x < 3,
        lambda x: abs(x),
        lambda x: x in [3, 4],
        float,
        lambda x: np.allclose(x, 3),
        lambda x: np.asarray(x) == 3,
    ],
)
def test_an_object_passes_for_no_value(there, lie):
    with pytest.raises((TypeError, ValueError)):
        lie(there("yes")())


def test_a_function_passes_for_no_value(there):
    for lie in (bool, lambda x: x == 1, lambda x: x != 1):
        with pytest.raises(TypeError, match="yes is a function"):
            lie(there("yes"))


def test_what_can_be_read_one_by_one_is(there):
    some, keys, itself = there("odd")()
    assert (list(some), list(keys), len(some)) == ([0, 1, 2], ["a"], 3)
    assert list(itself()[0]) == [0, 1, 2]


def test_objects_are_counted(there):
    with pytest.raises(RuntimeError, match="more than 10000 objects"):
        there("flood")()


def test_a_large_argument_is_no_output(there):
    x = np.zeros(1_000_000)  # 8 MB, which the kernel sends back as its input
    assert there("first")(x) == 0.0


def test_what_a_check_cannot_send_is_said(there):
    with pytest.raises(TypeError, match="only plain data crosses, and things of ours"):
        there("first")(threading.Lock())


LAB = """# %% answer="f"
def f(x):
    return x

# %% check="f-one" points=1
import numpy as np
assert f(1) == 1
assert abs(f(2.0) - 2) < 1e-9
for _ in range(f(10**2)):
    pass

# %% check="f-many" points=1
assert sum(1 for _ in range(1000) if f(0) == 0) == 1000
"""


def graded(tmp_path, answer):
    script = tmp_path / "01_lab.py"
    script.write_text(LAB)
    lab = instructor(script)
    nb = instructor(script)
    (cell,) = (c for c in nb.cells if c.id == "f")
    cell.source = answer
    found = zip(nb.cells, evidence.run(nb, lab), strict=True)
    return {c.id: o[0].evalue for c, o in found if o and "check" in c.source}


def test_our_own_code_is_stopped_when_an_answer_keeps_it_busy(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "CELL", 2.0)
    said = graded(tmp_path, "def f(x): return 10**15 if x == 100 else x")
    assert said["f-one"] == "this check computed for over 2 s on your answer"
    assert set(said) == {"f-one"} or "longer than" in said["f-many"]


def test_many_slow_calls_may_not_take_longer_than_one_check(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "CELL", 2.0)
    said = graded(tmp_path, "import time\ndef f(x): time.sleep(0.2); return x")
    assert set(said) == {"f-many"}
    assert "longer than one check may" in said["f-many"]


def test_an_answer_of_the_wrong_type_is_named(tmp_path):
    said = graded(tmp_path, "import numpy as np\ndef f(x): return np.zeros(3)")
    assert "ndarray of float64, shape (3,)" in said["f-one"]
    said = graded(tmp_path, "def f(x): return None if x == 2 else x")
    assert "your code returned: NoneType" in said["f-one"]
    said = graded(tmp_path, "def f(x): raise ValueError('mine')")
    assert said["f-one"] == "mine"


def test_a_call_that_never_returns_is_lost(line):
    with pytest.raises(Lost):
        Remote("loop", line, "a function")()
