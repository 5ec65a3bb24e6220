"""A brief and its evaluation: knobs move what they should; the absurd is refused."""

import heapq
import math

import numpy as np
import pytest

from mlsyscore.harness.capstone import (
    KNOBS,
    LIMITS,
    MODELS,
    brief_of,
    evaluate,
    largest_share,
    readable,
)
from mlsyscore.serving import Replica
from mlsyscore.units import hour

BRIEF = brief_of(1, dict.fromkeys(LIMITS, 1.0))
GOOD = {"p": 4, "d": 64, "r": 2, "tau": 1200, "spares": 4, "site": "nuclear"}
GOOD |= {"servers": 20, "batch": 16, "sigma": 20, "at_a": 0, "at_b": -0.3}


def test_briefs_differ_and_repeat():
    briefs = [brief_of(seed) for seed in range(12)]
    assert brief_of(3) == brief_of(3)
    assert {b["model"] for b in briefs} == set(MODELS)
    for key in ("tokens", "load", "answer", "mtbf", "records", "base"):
        assert len({str(b[key]) for b in briefs}) >= 9
    assert list(evaluate(BRIEF, GOOD)) == list(LIMITS)
    assert set(GOOD) == set(KNOBS)


def moved(**knobs):
    before, after = evaluate(BRIEF, GOOD), evaluate(BRIEF, {**GOOD, **knobs})
    return {k: np.sign(after[k] - before[k]) for k in LIMITS if after[k] != before[k]}


@pytest.mark.parametrize(
    ("knob", "value", "up", "down"),
    [
        ("d", 128, "lost cost carbon power", "days"),
        ("r", 8, "days carbon", "cost"),
        ("tau", 100, "lost days cost carbon", ""),
        ("spares", 0, "lost days cost carbon", "power"),
        ("servers", 15, "p99", "cost carbon power"),
        ("batch", 48, "p99", "carbon"),
        ("sigma", 60, "wrong carbon", "epsilon"),
        ("at_a", 0.6, "wrong carbon", ""),
        ("site", "hydro", "p99 power", "cost carbon"),
    ],
)
def test_a_knob_moves_limits_in_both_directions(knob, value, up, down):
    got = moved(**{knob: value})
    assert {k for k in got if got[k] > 0} >= set(up.split())
    assert {k for k in got if got[k] < 0} >= set(down.split())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"p": 3}, r"80 layers do not divide over p = 3"),
        ({"d": 48}, r"1024 sequences do not divide over d = 48"),
        ({"p": 1, "d": 1}, r"training: \d+ GB on a chip of 80 GiB"),
        ({"servers": 0}, r"servers = 0 is not from 1"),
        ({"servers": -3}, r"servers = -3 is not"),
        ({"servers": 1e12}, r"servers = 1e\+12 is not"),
        ({"spares": 1.5}, r"spares = 1.5 is not whole"),
        ({"sigma": math.nan}, r"sigma = nan is not from"),
        ({"tau": math.inf}, r"tau = inf is not from"),
        ({"tau": "soon"}, r"tau is no number"),
        ({"d": None}, r"d is no number"),
        ({"site": "moon"}, r"no site 'moon'"),
        ({"r": 0.5}, r"r = 0.5 is not from 1"),
    ],
)
def test_what_cannot_be_built_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        evaluate(BRIEF, {**GOOD, **change})


def test_keys_and_values_must_fit_the_chips_that_serve():
    brief = {**BRIEF, "model": "GPT-3 175B"}
    evaluate(brief, {**GOOD, "batch": 40})
    with pytest.raises(ValueError, match=r"serving: \d+ GB on a chip"):
        evaluate(brief, {**GOOD, "batch": 128})


def test_a_design_is_a_dict_with_all_knobs_of_any_kind_of_number():
    for bad in (None, [1, 2], {k: v for k, v in GOOD.items() if k != "at_b"}):
        with pytest.raises(ValueError, match=r"dict|has no"):
            evaluate(BRIEF, bad)
    same = {k: np.float64(v) if k != "site" else v for k, v in GOOD.items()}
    assert evaluate(BRIEF, same) == evaluate(BRIEF, GOOD)
    assert readable(BRIEF, {**GOOD, "joy": 3})["p"] == 4


def test_one_server_has_nobody_to_stand_in_and_a_full_queue_never_settles():
    assert evaluate(BRIEF, {**GOOD, "servers": 1})["p99"] == math.inf
    assert largest_share(BRIEF, {**GOOD, "servers": 2}) == math.inf


def test_no_design_is_so_slow_that_a_number_is_lost():
    lost = evaluate(BRIEF, {**GOOD, "tau": 30 * 86400, "d": 1024})
    assert not any(math.isnan(x) for x in lost.values())
    assert lost["lost"] > 0.99


def test_the_p99_is_a_played_queue_s_with_one_server_out():
    brief = {**BRIEF, "load": 10.0}
    x = {**GOOD, "servers": 5, "batch": 8}
    S = Replica(MODELS[brief["model"]], _chip(), 8, 0.4).request(1000, 152, 8)
    found = evaluate(brief, x)
    brief["load"] = 0.93 * 32 / S / (1 + found["wrong"])
    law = evaluate(brief, x)["p99"] - S - brief["sites"]["nuclear"]["delay"]
    rng, n = np.random.default_rng(5), 400_000
    came, takes = np.cumsum(rng.exponential(S / 32 / 0.93, n)), rng.exponential(S, n)
    free, waits = [0.0] * 32, np.empty(n)
    for k in range(n):
        start = max(heapq.heappop(free), came[k])
        waits[k] = start - came[k]
        heapq.heappush(free, start + takes[k])
    assert np.quantile(waits, 0.99) == pytest.approx(law, rel=0.15)


def _chip():
    from mlsyscore.catalog import H100

    return H100


def test_duties_are_those_of_drawn_people():
    x = {**GOOD, "at_a": 0.2, "at_b": -0.5, "sigma": 200}
    rng, n = np.random.default_rng(2), 400_000
    b = rng.random(n) < BRIEF["share_b"]
    good = rng.random(n) < np.where(b, BRIEF["base"][1], BRIEF["base"][0])
    m = BRIEF["apart"] / math.sqrt(1 + (10 * 200 / BRIEF["records"]) ** 2)
    score = np.where(good, m, -m) - BRIEF["lower"] * b + rng.normal(size=n)
    paid = score > np.where(b, -0.5, 0.2)
    found = evaluate(BRIEF, x)
    assert (paid != good).mean() == pytest.approx(found["wrong"], abs=0.003)
    gap = paid[good & ~b].mean() - paid[good & b].mean()
    assert abs(gap) == pytest.approx(found["gap"], abs=0.006)


def test_a_spare_is_paid_for_as_long_as_the_training_takes():
    some, more = (evaluate(BRIEF, {**GOOD, "spares": k}) for k in (40, 41))
    hours = 8 * 24 * some["days"]
    price = 2 * BRIEF["sites"]["nuclear"]["dear"] * (0.85 + 0.15 / 2)
    assert more["cost"] - some["cost"] == pytest.approx(hours * price / 1e6)


def test_lost_work_is_that_of_a_played_job():
    """Failures at random, spares that come back: five thousand hours of 768 chips."""
    x = {**GOOD, "d": 32, "p": 1, "spares": 1, "tau": 1800}
    brief = {**BRIEF, "model": "Llama 2 7B", "mtbf": 20_000 * hour, "repair": 24 * hour}
    rng, nodes = np.random.default_rng(1), 32
    away, short, t, ends = 0, 0.0, 0.0, []
    rate, total = nodes * 8 / brief["mtbf"], 4e9
    while t < total:
        step = rng.exponential(1 / rate)
        after = min(t + step, total)
        while ends and ends[0] < after:
            back = heapq.heappop(ends)
            short += (away > 1) * (back - t)
            t, away = back, away - 1
        short += (away > 1) * (after - t)
        t, away = after, away + 1
        heapq.heappush(ends, t + brief["repair"])
    with_spare = evaluate(brief, x)["lost"]
    with_many = evaluate(brief, {**x, "spares": 50})["lost"]
    law = 1 - (1 - with_spare) / (1 - with_many)
    assert short / total == pytest.approx(law, rel=0.1)
