"""What a sampler's plan says, and seeds that meet."""

import numpy as np
import pytest

from mlsyscore.harness.samples import (
    all_once,
    by_step,
    comes_back,
    epoch_of,
    pairs_shared,
    resumes,
    seeds_clash,
    shuffled,
    shuffles,
)


class Sampler:
    """A right one; what is wrong in others is a change of one line."""

    def __init__(self, D, R, W, batch, seed):
        self.D, self.R, self.W, self.batch, self.seed = D, R, W, batch, seed

    def order(self, epoch, step):
        return np.random.default_rng([self.seed, epoch]).permutation(self.D)

    def cut(self, order, s):
        G = self.R * self.batch
        now = order[s * G : (s + 1) * G]
        return [now[r :: self.R].tolist() for r in range(self.R)]

    def plan(self, epoch, step=0):
        order = self.order(epoch, step)
        plan = [[[] for _ in range(self.W)] for _ in range(self.R)]
        for s in range(step, -(-self.D // (self.R * self.batch))):
            for r, mine in enumerate(self.cut(order, s)):
                plan[r][s % self.W].append(mine)
        return plan


def but(**methods):
    return type("Other", (Sampler,), methods)


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
        lambda s, e: 15 * s + 11 * e,
        lambda s, e: 3 * s - 14 * e,
    ],
)
def test_seeds_that_are_mixed_linearly_meet(mixed):
    assert seeds_clash(mixed, 8, 16)


def test_pairs_that_are_kept_apart_do_not():
    assert not seeds_clash(lambda s, e: (s, e), 8, 16)


@pytest.mark.parametrize("factor", [10_000, 2**20, 7919])
def test_seeds_that_are_mixed_by_a_likely_factor_meet(factor):
    assert seeds_clash(lambda s, e: factor * s + e, 8, 4)
    assert seeds_clash(lambda s, e: s + factor * e, 8, 4)


def test_a_right_sampler_meets_every_demand():
    assert len(epoch_of(Sampler, 33, 2, 3, 4, 1, 0)) == 5
    others = {"far": (4, 4), "near": (3, 6)}
    shuffles(Sampler, 3, 5, others)
    resumes(Sampler, Sampler, 33, 2, 2, 3, 2, 3)
    comes_back(Sampler, Sampler, 33, (2, 3), (3, 2), 2, 3)
    steps = shuffled(Sampler, 1, 1)
    assert sorted(i for step in steps for i in step) == list(range(60))


def test_a_last_step_that_one_rank_takes_is_told():
    def greedy(self, order, s):
        G, n = self.R * self.batch, self.batch
        now = order[s * G : (s + 1) * G].tolist()
        return [now[r * n : (r + 1) * n] for r in range(self.R)]

    with pytest.raises(AssertionError, match="may differ by one"):
        epoch_of(but(cut=greedy), 8, 2, 1, 3, 1, 0)

    def first(self, order, s):
        return [order[s * 6 : s * 6 + 6].tolist(), []]

    with pytest.raises(AssertionError, match=r"ranks have \[6, 0\] samples, not 3"):
        epoch_of(but(cut=first), 8, 2, 1, 3, 1, 0)


def test_orders_that_are_none_are_told():
    def lies(self, epoch, step):
        return np.arange(self.D)

    with pytest.raises(AssertionError, match="are not shuffled"):
        shuffles(but(order=lies), 3, 0, {})

    def same(self, epoch, step):
        return np.random.default_rng(self.seed).permutation(self.D)

    with pytest.raises(AssertionError, match="here: 150 of 150 pairs"):
        shuffles(but(order=same), 3, 0, {"here": (3, 1)})

    def chance(self, epoch, step):
        self.rng = getattr(self, "rng", None) or np.random.default_rng(id(self))
        return self.rng.permutation(self.D)

    with pytest.raises(AssertionError, match="two orders"):
        shuffles(but(order=chance), 3, 0, {})


def test_a_resume_elsewhere_is_told():
    def anew(self, epoch, step):
        return np.random.default_rng([self.seed, epoch, step]).permutation(self.D)

    with pytest.raises(AssertionError, match="before the crash"):
        resumes(but(order=anew), but(order=anew), 33, 2, 2, 3, 2, 3)

    def used_up(self, epoch, step):
        orders = self.__dict__.setdefault("orders", {})
        if epoch in orders:
            return orders[epoch][::-1]
        orders[epoch] = np.random.default_rng([self.seed, epoch]).permutation(self.D)
        return orders[epoch]

    with pytest.raises(AssertionError, match="first call leave behind"):
        resumes(but(order=used_up), but(order=used_up), 33, 2, 2, 3, 2, 3)

    def ranked(self, epoch, step):
        return np.random.default_rng([self.seed, epoch, self.R]).permutation(self.D)

    with pytest.raises(AssertionError, match="steps first, and each step in ranks"):
        comes_back(but(order=ranked), but(order=ranked), 33, (2, 1), (3, 6), 2, 3)
