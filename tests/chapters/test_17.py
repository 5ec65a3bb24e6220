"""Chapter 17: its answers were run, and its search and its tail have a second route."""

import heapq

import numpy as np
import pytest
from played import answers_run, played

from mlsyscore import reliability, training
from mlsyscore.units import hour

STEM = "17_conclusion"


def test_the_answers_were_run():
    answers_run(STEM)


def test_no_design_drawn_at_random_is_better_than_the_one_found():
    c, rng = played(STEM), np.random.default_rng(17)
    best = c["used"](c["NEW"]).max()
    for _ in range(6000):
        drawn = {k: v[rng.integers(len(v))] for k, v in c["OFFER"].items()}
        assert c["used"](c["Design"](**drawn)).max() > best - 1e-9


def test_the_wait_that_one_in_a_hundred_exceeds_is_a_played_queue_s():
    """Exponential service on 24 places, a load of 0.9: half a million requests."""
    c = played(STEM)
    x = c["replace"](c["OLD"], c=3, B=8)
    S = c["serve"](x, c["Assumed"](load=1.0), 0.0)[1]
    law, _, busy = c["serve"](x, c["Assumed"](load=0.9 * 24 / S), 0.0)
    assert busy == pytest.approx(0.9)
    rng, n = np.random.default_rng(3), 500_000
    came, takes = np.cumsum(rng.exponential(S / 21.6, n)), rng.exponential(S, n)
    free, waits = [0.0] * 24, np.empty(n)
    for k in range(n):
        start = max(heapq.heappop(free), came[k])
        waits[k] = start - came[k]
        heapq.heappush(free, start + takes[k])
    assert np.quantile(waits, 0.99) == pytest.approx(law, rel=0.1)


def test_training_is_the_step_over_what_is_kept():
    c = played(STEM)
    x, w = c["OLD"], c["Assumed"]()
    T, kept, N = c["train"](x, w)
    assert 32 * x.d == N
    mtbf, write = 50_000 * hour / N, 14 * 70.6e9 / 20e9
    lost = reliability.waste(x.tau, write, mtbf, w.restart)
    assert 1 / kept - 1 == pytest.approx(lost, rel=0.1)
    ideal = 6 * 70.6e9 * 2e12 / (0.5 * c["CHIP"].peak * N)
    bubble = training.bubble(4, 1024 // x.d)
    assert ideal / (1 - bubble) < T * kept < 1.1 * ideal / (1 - bubble)


def test_what_the_gate_calls_a_gap_is_of_those_who_deserve():
    c = played(STEM)
    table = c["decided"](1.0)
    gaps = np.abs(table.mean(axis=0)[:, 1])
    assert (np.diff(gaps) < 0).all()
    assert gaps[-1] < 0.02 < gaps[0]


def test_the_guess_of_one_line_a_limit_is_less_than_half_of_the_map():
    c = played(STEM)
    assert c["lines"].shape == (8, 9)
    assert c["lines"].any(axis=0).all()
    assert c["lines"].any(axis=1).all()
    assert c["lines"].sum() == 23


def test_the_duties_are_the_worst_training_s_and_the_signed_design_holds_in_each():
    c = played(STEM)
    tries = c["decided"](c["SIGNED"].sigma)[:, c["SHIFTS"].index(c["SIGNED"].shift)]
    assert (tries[:, 0] <= 0.28).all()
    assert (np.abs(tries[:, 1]) <= 0.06).all()
    wrong, gap = c["duties"](c["SIGNED"], c["Assumed"](drift=1.1))
    assert wrong == pytest.approx(1.1 * sorted(tries[:, 0])[-1])
    assert gap == pytest.approx(max(-tries[:, 1].min(), tries[:, 1].max()))


def test_twelve_more_hours_with_a_broken_server_agree_that_ten_hold_and_eight_do_not():
    c = played(STEM)
    left = c["left"](c["SIGNED"])
    for servers, holds in ((8, False), (10, True)):
        x = c["replace"](c["SIGNED"], c=servers)
        waits = [c["peak"](x, seed, broken=True) for seed in range(100, 112)]
        assert ({wait <= left for wait in waits} == {True}) == holds
