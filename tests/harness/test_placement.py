import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from mlsyscore.harness import placement

mpl.use("Agg")
LEAST = {(4, 8): 28.0, (3, 16): 768.0, (11, 8): 28.0, (12, 14): 475.0}
LEAST |= {(13, 24): 1948.0, (14, 32): 3752.0, (15, 19): 1123.0}  # (seed, workers)


def least_cost(free, rack, g):
    """Cost of the best placement; each rack fills its node with most free first."""
    near = np.full(g + 1, -np.inf)  # most that nearness saves, for each number placed
    near[0] = 0.0
    for r in set(rack):
        nodes = sorted(f for f, k in zip(free, rack, strict=True) if k == r)[::-1]
        saved = np.cumsum([0.0] + [8.0 * k for f in nodes for k in range(f)])
        k = np.arange(len(saved))
        saved += 9.0 * k * (k - 1) / 2
        after = near.copy()
        for k in range(1, min(len(saved), g + 1)):
            after[k:] = np.maximum(after[k:], near[:-k] + saved[k])
        near = after
    return 18.0 * g * (g - 1) / 2 - near[g]


def test_the_least_cost_of_small_fleets_is_the_least_of_all():
    rng = np.random.default_rng(5)
    for _ in range(10):
        free = [int(x) for x in rng.integers(0, 4, 5)]
        rack, g = [4, 4, 1, 1, 9], int(rng.integers(1, max(sum(free), 1) + 1))
        every = itertools.product(*[range(f + 1) for f in free])
        costs = [placement.pair_cost(n, rack) for n in every if sum(n) == g]
        if costs:
            assert min(costs) == least_cost(free, rack, g)


@pytest.mark.parametrize(("case", "least"), LEAST.items())
def test_the_least_costs_of_some_fleets(case, least):
    free, rack = placement.fleet_of(case[0])
    assert least_cost(free, rack, case[1]) == pytest.approx(least)
    first = placement.placed(
        "n", placement.first_fit(free, case[1]), free, rack, case[1]
    )
    assert first > 1.05 * least


def test_pairs_by_hand():
    assert placement.pair_cost([2, 1, 1], [0, 0, 5]) == 1 + 2 * 9 + 3 * 18


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([1, 1], "3 values are expected, not 2"),
        ([1, 1, 1], "3 workers are placed, not 2"),
        ([3, 0, -1], "node 0 gets 3 workers; 2 GPUs are free"),
        ([2, -1, 1], "node 1 gets -1 workers"),
        ([0.5, 0.5, 1], "whole numbers are expected"),
        (None, "a list is expected"),
    ],
)
def test_no_placement_is_said(answer, said):
    with pytest.raises(AssertionError, match=said):
        placement.placed("n", answer, [2, 2, 2], [0, 0, 1], 2)


def test_a_placement_is_drawn_as_it_is():
    placement.draw_place([2, 0, 1], [3, 1, 1], [7, 7, 2])
    heights = [bar.get_height() for bar in plt.gca().patches]
    assert heights == [2, 0, 1, 1, 1, 0]
    placement.draw_ratios(lambda free, rack, g: placement.first_fit(free, g), (8,))
    assert plt.gca().lines[0].get_ydata() == pytest.approx([1.0] * 12)
    plt.close("all")
