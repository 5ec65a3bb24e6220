"""What the capstone's checks accept, and what they say of what they do not."""

import itertools
import math

import numpy as np
import pytest

from mlsyscore.harness.capstone import LIMITS, brief_of, evaluate
from mlsyscore.harness.margins import (
    applicants,
    fewest_wrong,
    must_design,
    must_overturn,
    must_rank,
    outcome,
)

A, B = ([4, 3, 2, 1], [1, 1, 0, 0]), ([5, 4, 3, 2, 1], [1, 0, 0, 0, 1])


def test_outcomes_are_counted():
    assert outcome("", (3, 5), A, B) == (1, 0.5)
    assert outcome("", [4, math.inf], A, B) == (3, 0.5)
    assert outcome("", np.array([1, -math.inf]), A, B) == (5, 0.0)
    for bad in (3, (3,), (3, "x"), (3, math.nan), (None, 1), (1, 2, 3)):
        with pytest.raises(AssertionError, match="x: "):
            outcome("x", bad, A, B)


@pytest.mark.parametrize("seed", range(12))
def test_the_fewest_wrong_are_those_of_all_pairs(seed):
    a, b = applicants(seed, 14, 0.0), applicants(seed + 99, 9, 0.7)
    assert sum(a[1]) > 0
    ends = [[*set(x), math.inf] for x, _ in (a, b)]
    tried = [outcome("", pair, a, b) for pair in itertools.product(*ends)]
    for gap in (0.0, 0.11, 0.31, 1.0):
        want = min(wrong for wrong, apart in tried if apart <= gap)
        assert fewest_wrong(a, b, gap) == want
    tight = min(w for w, apart in tried if apart <= 0.5 - 1e-9)
    assert fewest_wrong(a, b, 0.5) == tight


def test_a_pair_that_is_just_the_gap_apart_does_not_count():
    assert fewest_wrong(A, B, 0.5) == 2
    assert fewest_wrong(A, B, 0.51) == 1


def right(evaluate, plan, ranges):
    start, rows = evaluate(plan), []
    for k, ends in ranges.items():
        x, y = (evaluate({**plan, k: e}) for e in ends)
        flips = (x <= 1) != (start <= 1) or (y <= 1) != (start <= 1)
        rows.append((min(x, y, start) - max(x, y, start), k, x, y, flips))
    return [row[1:] for row in sorted(rows)]


def wrong_rows(change):
    def answer(evaluate, plan, ranges):
        rows = [list(row) for row in right(evaluate, plan, ranges)]
        change(rows)
        return rows

    return answer


def test_a_tornado_is_compared():
    for seed, cliff in ((0, False), (3, False), (5, True)):
        must_rank("", right, seed, 7, cliff=cliff)
        must_rank("", right, seed, 7, 1.3)
    swapped = wrong_rows(lambda rows: rows.reverse())
    with pytest.raises(AssertionError, match="the swing decides"):
        must_rank("", swapped, 3, 7)
    with pytest.raises(AssertionError, match="one row for each"):
        must_rank("", wrong_rows(lambda rows: rows[0].__setitem__(0, "x")), 3, 7)
    with pytest.raises(AssertionError, match="at low has"):
        must_rank("", wrong_rows(lambda rows: rows[2].__setitem__(1, 0.123)), 3, 7)
    with pytest.raises(AssertionError, match="flips the decision, or not"):
        must_rank("", wrong_rows(lambda rows: rows[1].__setitem__(3, 2)), 3, 7)
    infinite = wrong_rows(lambda rows: rows[0].__setitem__(2, 10.0))
    with pytest.raises(AssertionError, match="at high has 10"):
        must_rank("", infinite, 5, 7, cliff=True)
    with pytest.raises(AssertionError, match="7 values are expected"):
        must_rank("", wrong_rows(lambda rows: rows.pop()), 3, 7)


def test_a_plan_is_not_changed():
    def careless(evaluate, plan, ranges):
        rows = right(evaluate, plan, ranges)
        plan.clear()
        return rows

    with pytest.raises(AssertionError, match="not yours to change"):
        must_rank("", careless, 3, 7)


def test_pairs_are_compared_and_counted():
    def pairs(evaluate, plan, ranges):
        ends = {}
        for k, (low, high) in ranges.items():
            x, y = evaluate({**plan, k: low}), evaluate({**plan, k: high})
            if max(x, y) <= 1:
                ends[k] = high if y > x else low
        return [
            (k, j)
            for k, j in itertools.combinations(sorted(ends), 2)
            if evaluate({**plan, k: ends[k], j: ends[j]}) > 1
        ]

    for seed in (1, 9, 13):
        must_overturn("", pairs, seed, 7)
    with pytest.raises(AssertionError, match="you have 0 pairs"):
        must_overturn("", lambda *a: [], 13, 8)
    with pytest.raises(AssertionError, match="2 values are expected"):
        must_overturn("", lambda *a: [("a", "b", "c")], 13, 8)


def test_designs_are_judged_by_their_largest_share():
    design = {"p": 4, "d": 64, "r": 2, "tau": 1200, "spares": 4, "site": "nuclear"}
    design |= {"servers": 20, "batch": 16, "sigma": 20, "at_a": 0, "at_b": -0.3}
    found = evaluate(brief_of(1), design)
    brief = brief_of(1, {k: found[k] / 0.9 for k in LIMITS})
    must_design("", lambda b: design, [brief, brief], 0.95)
    with pytest.raises(AssertionError, match=r"brief 1: 9 shares are above 0.85"):
        must_design("", lambda b: design, [brief], 0.85)
    with pytest.raises(AssertionError, match="cannot be built: 80 layers"):
        must_design("", lambda b: {**design, "p": 3}, [brief], 1.0)

    def spoils(b):
        b["limits"].clear()
        return {**design, "servers": 2}

    with pytest.raises(AssertionError, match="p99"):
        must_design("", spoils, [brief], 1.0)
