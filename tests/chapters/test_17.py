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
    assert c["lines"].sum() == 21
