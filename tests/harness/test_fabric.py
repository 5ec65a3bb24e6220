"""Timings, cables and loads that the third lab's checks stand on."""

import math

import numpy as np
import pytest

from mlsyscore.harness.fabric import cabled, pod_of, scattered, timings
from mlsyscore.network import Link
from mlsyscore.units import GB, us

LINK = Link(2 * us, 25 * GB)


def test_so_many_timings_of_each_size_are_wrong_and_named():
    n, T, bad = timings(np.random.default_rng(1), LINK, 20, slow=3, short=1)
    assert n.size == T.size == 12 * 20
    off = T / LINK.time(n)
    assert sorted(bad) == bad
    assert set(np.flatnonzero((off > 5) | (off < 0.2))) == set(bad)
    assert sum(off[bad] > 5) == 12 * 3
    assert np.std(np.log(np.delete(off, bad))) == pytest.approx(0.03, rel=0.2)


def test_cables_become_a_table_of_neighbours():
    assert cabled([("h0", "e0"), ["e0", "a1"], {"a1", "c2"}]) == {
        "h0": ["e0"],
        "e0": ["h0", "a1"],
        "a1": ["e0", "c2"],
        "c2": ["a1"],
    }
    assert [pod_of(x, 4) for x in ("h3", "h4", "e1", "a2")] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    "cables",
    [None, 3, "h0e0", [("h0",)], [("h0", "e0", "a0")], [("h0", "x1")], [("h", "e0")]],
)
def test_what_is_no_cable_is_told(cables):
    with pytest.raises(AssertionError):
        cabled(cables)


def test_loads_scatter_as_their_error_says():
    true = 0.5 / math.sqrt(400)

    def runs(scale, seeds=range(40), said=true):
        draws = [np.random.default_rng(s).normal() for s in seeds]
        return [(1.5 + scale * true * z, said) for z in draws]

    scattered("", runs(1), 1.5, true, 400)
    with pytest.raises(AssertionError, match="which is not it"):
        scattered("", runs(1), 1.6, true, 400)
    for scale in (0.2, 2.5):  # draws that agree too well, or are too few
        with pytest.raises(AssertionError, match="the loads scatter by"):
            scattered("", runs(scale), 1.5, true, 400)
    with pytest.raises(AssertionError, match="no standard error of"):
        scattered("", runs(1, said=0.5), 1.5, true, 400)
    with pytest.raises(AssertionError, match="40 seeds give 20 answers"):
        scattered("", runs(1, [s // 2 for s in range(40)]), 1.5, true, 400)
