"""The words of a check, as a student's notebook has them."""

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from traitlets.config import Config

from mlsyscore.harness import calls
from mlsyscore.harness.calls import RankError, fresh, lent, made, together

SETUP = """# [set-up: text-1]
from mlsyscore.harness.calls import fresh
class Shelf:
    def __init__(self): self._kept = {}
    def put(self, name, x): self._kept[name] = x
    def get(self, name): return self._kept[name]
"""
ANSWER = """# [answer: shelf]
kept = []
def put(shelf, x): kept.append(x); shelf.put("a", x)
def get(shelf): return shelf.get("a")
def remembered(): return len(kept)
class Sampler:
    def __init__(self, seed): self.seed = seed
    def plan(self): return [self.seed] * 3
def forever():
    n = 0
    while True:
        yield n
        n += 1
def bad(shelf): raise KeyError("no such thing")
"""
CHECK = """# [check: shelf-again, 1 point]
shelf = Shelf()
put(shelf, 7)
assert remembered() == 1
again, find = fresh(remembered), fresh(get)
assert again() == 0
assert find(shelf) == 7
fresh(put)(shelf, 8)
assert get(shelf) == 8 and remembered() == 1
assert fresh(Sampler)(4).plan() == [4, 4, 4]
numbers = fresh(forever)()
assert [next(numbers), next(numbers)] == [0, 1]
try:
    fresh(bad)(shelf)
except KeyError:
    print("as it is")
"""


def test_fresh_is_another_process_with_set_up_and_answers_alone():
    sources = ["x = 5", SETUP, ANSWER, CHECK]
    nb = new_notebook(cells=[new_code_cell(s) for s in sources])
    config = Config(KernelManager={"transport": "ipc"})
    NotebookClient(nb, config=config, timeout=60).execute()
    assert nbformat.from_dict(nb).cells[-1].outputs[-1].text == "as it is\n"


def test_fresh_needs_a_notebook():
    with pytest.raises(RuntimeError, match="fresh needs a notebook"):
        fresh(len)


class Meeting:
    """Ranks meet; hears when one has ended."""

    def __init__(self):
        self.left = []

    def _left(self):
        self.left.append(1)


class Consequence(RuntimeError):
    """Another's fault."""

    consequence = True


def test_together_runs_every_rank_and_names_the_first_that_is_to_blame():
    meeting = Meeting()
    assert together(lambda r, m: r * r, [(r, meeting) for r in range(4)]) == [
        0,
        1,
        4,
        9,
    ]
    assert len(meeting.left) == 4

    def f(r):
        raise (ValueError if r == 2 else Consequence)(f"of {r}")

    with pytest.raises(RankError, match="rank 2 of 3: ValueError: of 2"):
        together(f, [(r,) for r in range(3)])


def test_together_waits_for_no_rank_for_ever(monkeypatch):
    monkeypatch.setattr(calls, "PATIENCE", 0.05)
    ready = calls.threading.Event()
    with pytest.raises(RankError, match="rank 1 of 2: TimeoutError"):
        together(lambda r: r == 0 or ready.wait(9), [(0,), (1,)])
    ready.set()


def test_lent_ends_with_its_block_also_by_an_error():
    thing = object()

    def fail():
        with lent(thing):
            assert thing in calls.LENT
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert thing not in calls.LENT


def test_made_is_the_thing_itself_in_a_notebook():
    thing = made(Meeting)
    assert isinstance(thing, Meeting)
    assert thing._made == (Meeting, ())
