"""Machines that train together, some of which lie."""

import numpy as np
import pytest

from mlsyscore.harness.liars import MACHINES, lies, together_trained


def mean(V):
    return V.mean(axis=0)


def middle(V):
    return np.nanmedian(V, axis=0)


def test_lies_are_what_their_names_say():
    honest = np.random.default_rng(0).normal(1, 2, (16, 5))
    far, inside = lies("far", honest, 4), lies("inside", honest, 4)
    assert far == pytest.approx(np.tile(-10 * honest.mean(0), (4, 1)))
    assert (inside - honest.mean(0)) / honest.std(0) == pytest.approx(-np.ones((4, 5)))
    assert np.isnan(lies("broken", honest, 2)).all()


def test_the_mean_learns_from_the_honest_and_not_from_liars():
    assert together_trained("x", mean, "far", 0, 1) > 0.9
    assert together_trained("x", mean, "far", 2, 1) < 0.5
    assert together_trained("x", mean, "far", 4, 1) < 0.3
    assert together_trained("x", mean, "inside", 4, 1) > 0.8
    for kind in ("far", "broken"):
        assert together_trained("x", middle, kind, 4, 1) > 0.8


def test_a_rule_gets_a_row_for_each_machine_liars_anywhere():
    places = []

    def watch(V):
        assert V.shape == (MACHINES, 650)
        places.append(tuple(np.flatnonzero(np.isnan(V[:, 0]))))
        return middle(V)

    together_trained("x", watch, "broken", 3, 1)
    assert {len(p) for p in places} == {3}
    assert len(set(places)) > 10


def test_a_rule_that_returns_no_numbers_is_told_so():
    with pytest.raises(AssertionError, match="x"):
        together_trained("x", lambda V: V[0] * np.nan, "far", 4, 1)
