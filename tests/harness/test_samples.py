"""What a sampler's plan says, and seeds that meet."""

import numpy as np
import pytest

from mlsyscore.harness.samples import all_once, by_step, pairs_shared, seeds_clash


def test_a_plan_becomes_a_table_of_steps_and_ranks():
    plan = (([[0], [4]], [[2]]), [np.array([[1], [5]]), [(3,)]])
    rows = by_step("", plan, 2, 2, 0, 3)
    assert rows == [[[0], [1]], [[2], [3]], [[4], [5]]]
    all_once("", rows, 6)
    assert by_step("", [[[]]], 1, 1, 3, 3) == []


@pytest.mark.parametrize(
    ("plan", "what"),
    [
        ([[[[0]]]], "2 values are expected, not 1"),
        ([[[[0]]], 3], "a list is expected, not int"),
        ([[[[0]]], [[]]], "has 0 batches, not 1"),
        ([[[[0]]], [["ab"]]], "a list is expected, not str"),
        ([[[[0]]], [[[0.5]]]], "whole numbers are expected"),
    ],
)
def test_a_plan_that_is_none_is_told(plan, what):
    with pytest.raises(AssertionError, match=what):
        by_step("x", plan, 2, 1, 0, 1)


def test_an_epoch_that_reads_nothing_or_the_same_is_told():
    with pytest.raises(AssertionError, match="0 reads in the epoch, not 2"):
        all_once("", [[[], []]], 2)
    with pytest.raises(AssertionError, match="some samples come twice"):
        all_once("", [[[0], [0]]], 2)


def test_pairs_that_share_a_step_are_counted():
    assert pairs_shared([[0, 1, 2], [3, 4, 5]], [[0, 1, 3], [2, 4, 5]]) == 2
    assert pairs_shared([[0, 1, 2]], [[2, 1, 0]]) == 3


@pytest.mark.parametrize(
    "mixed",
    [
        lambda s, e: s + e,
        lambda s, e: 13 * s + e,
        lambda s, e: 16 * 16 * s + e,
        lambda s, e: s + 97 * e,
        lambda s, e: (s << 7) ^ e,
        lambda s, e: s ^ (e << 5),
    ],
)
def test_seeds_that_are_mixed_linearly_meet(mixed):
    assert seeds_clash(mixed, 8, 16)


def test_pairs_that_are_kept_apart_do_not():
    assert not seeds_clash(lambda s, e: (s, e), 8, 16)
