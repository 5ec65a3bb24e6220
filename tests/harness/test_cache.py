"""A cache with a policy: what it asks, what it refuses, and LRU by another route."""

from collections import OrderedDict

import numpy as np
import pytest

from mlsyscore.harness.cache import Policy, by_epoch, played, reaches


class LRU(Policy):
    def __init__(self, C):
        super().__init__(C)
        self.held = OrderedDict()

    def hit(self, x):
        self.held.move_to_end(x)

    def miss(self, x):
        out = self.held.popitem(last=False)[0] if len(self.held) == self.C else None
        self.held[x] = True
        return out


class Keeps(Policy):
    """Keeps what it has, whatever comes."""

    def __init__(self, C):
        super().__init__(C)
        self.held = set()

    def miss(self, x):
        if len(self.held) == self.C:
            return x
        self.held.add(x)


def lru_hits(reads, C):
    """By stack distances: at most C were read since the last use, itself included."""
    last, hits = {}, []
    for i, x in enumerate(reads):
        since = len(set(reads[last[x] : i])) if x in last else C + 1
        hits.append(int(since <= C))
        last[x] = i
    return hits


def answering(out):
    return type("P", (LRU,), {"miss": lambda self, x: out, "hit": lambda self, x: None})


@pytest.mark.parametrize("C", [1, 3, 8, 20])
def test_lru_has_the_hits_that_the_reads_alone_tell(C):
    reads = np.random.default_rng(C).integers(12, size=200).tolist()
    assert played("", LRU, C, [reads[:50], reads[50:]]) == lru_hits(reads, C)


def test_hits_are_shared_out_by_epoch():
    assert by_epoch([1, 0, 1, 1], [[1], [2, 3], [4]]) == [1, 1, 1]


@pytest.mark.parametrize(
    ("out", "what"),
    [
        (None, r"1 are held; miss\(2\) lets none go"),
        (9, "lets 9 go, which is not held"),
        ("2", "one number is expected, not str"),
        ([2], "one number is expected"),
        (True, "one number is expected, not bool"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_told(out, what):
    first = LRU(1)
    kind = type("P", (LRU,), {"miss": lambda self, x: first.miss(x) if x == 1 else out})
    with pytest.raises(AssertionError, match=what):
        played("", kind, 1, [[1, 2]])


def test_a_policy_that_raises_is_told_where():
    def broken(self, x):
        raise KeyError(x)

    with pytest.raises(AssertionError, match=r"hit\(4\) raised KeyError: 4"):
        played("two", type("P", (LRU,), {"hit": broken}), 2, [[4, 4]])


def test_the_new_sample_itself_is_used_and_not_kept():
    kind = type("P", (LRU,), {"miss": lambda self, x: np.int64(x)})
    assert played("", kind, 2, [[1, 1, 1]]) == [0, 0, 0]


def test_what_a_policy_owes_is_counted_by_epoch():
    reaches("", Keeps, 5, [(4, 0, 9)], 1)
    with pytest.raises(AssertionError, match=r"epoch 2 has \d+ hits; 5 are expected"):
        reaches("", LRU, 5, [(2, 0, 9)], 1)
    reaches("", LRU, 9, [(2, 0, 9), (4, 20, 29)], 1)
    with pytest.raises(AssertionError, match=r"epoch 5 has 0 hits; 5 are expected"):
        reaches("", Keeps, 5, [(2, 0, 9), (4, 20, 29)], 1)


def test_a_policy_that_says_nothing_is_a_blank():
    with pytest.raises(NotImplementedError):
        played("", Policy, 2, [[1]])
