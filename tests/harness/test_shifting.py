import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from mlsyscore.harness.shifting import BRITAIN, MONDAY, draw_plan, drawn, kept

JOBS = [(5, 1, 3, 3, [0, 1]), (2, 0, 4, 2, [1])]
SITES = [(1.5, 3.0, [100, 200, 300, 400]), (1.0, 4.0, [50, 60, 70, 80])]


def plan():
    x = np.zeros((2, 2, 4))
    x[0, 0, 1:3] = 1, 2
    x[0, 1, 1:3] = 1, 1
    x[1, 1, 3] = 2
    return x


def test_what_a_plan_emits_is_counted_with_each_sites_pue():
    want = 1.5 * (200 + 2 * 300) + 60 + 70 + 2 * 80
    for kind in (np.asarray, torch.tensor, np.ndarray.tolist):
        assert kept("x", kind(plan()), JOBS, SITES) == pytest.approx(want)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ((0, 0, 1), 0.5, "job 0 gets 4.5"),
        ((0, 0, 1), -1, "below 0"),
        ((0, 0, 1), np.nan, "not finite"),
        (((0, 0), (0, 0), (0, 1)), (1, 0), "before hour 1"),
        (((0, 0), (0, 0), (3, 1)), (1, 0), "after its deadline"),
        (((0, 0), (1, 1), (1, 2)), (0, 2), "4.0000 MW in an hour; 3 is its limit"),
        (((1, 1), (0, 1), (3, 3)), (1, 1), "at site 0, where it may not"),
    ],
)
def test_each_limit_is_seen(place, value, words):
    x = plan()
    x[place] = value
    with pytest.raises(AssertionError, match=words):
        kept("x", x, JOBS, SITES)


def test_a_feed_counts_the_pue():
    small = [(1.5, 2.99, SITES[0][2]), SITES[1]]
    with pytest.raises(AssertionError, match=r"site 0 draws 3\.0000 MW"):
        kept("x", plan(), JOBS, small)


@pytest.mark.parametrize("answer", [None, "x", [[1, 2], [3]], np.zeros((2, 2, 3)), 3.0])
def test_what_is_no_plan_is_refused(answer):
    with pytest.raises(AssertionError, match=r"is expected"):
        kept("x", answer, JOBS, SITES)


@pytest.mark.parametrize("size", [{}, {"n": 3, "n_sites": 1}, {"n_sites": 3}])
def test_jobs_that_are_drawn_fit_their_hours_and_the_sites(size):
    for seed in range(60):
        jobs, sites = drawn(seed, hours=41, **size)
        for energy, first, deadline, power, allowed in jobs:
            assert 0 <= first < deadline <= 41
            assert 0 < energy <= power * (deadline - first)
            assert set(allowed) <= set(range(len(sites)))
        for pue, feed, grid in sites:
            assert round(feed / pue) == pytest.approx(feed / pue)
            assert len(grid) == 41
            assert min(grid) >= 15
        room = sum(feed / pue for pue, feed, _ in sites) * 41
        assert sum(job[0] for job in jobs) <= room
    assert drawn(3) == drawn(3) != drawn(4)


def test_the_published_days_are_days():
    assert len(MONDAY) == len(BRITAIN) == 24
    assert sum(MONDAY) / 24 == pytest.approx(353, abs=0.1)
    assert sum(BRITAIN) / 24 == pytest.approx(213, abs=0.5)


def test_a_plan_is_drawn():
    draw_plan(plan(), SITES, ["one", "other"])
    bars = plt.gcf().axes[0].patches
    assert sum(b.get_height() for b in bars) == pytest.approx(1.5 * 3)
    plt.close("all")
