import numpy as np
import pytest

from mlsyscore.harness.lives import Lives, exact_share, judged, planned, stops_of
from mlsyscore.reliability import daly_interval, young_daly


def one(shape, mean):
    return Lives(((1.0, shape, mean),))


def test_a_plan_is_a_dict_of_numbers():
    assert planned("x", {"a": 1, "b": np.float64(2), "c": "no"}, "b", "a") == [2, 1]
    for bad in ({"a": 1}, None, {"a": 1, "b": "2"}):
        with pytest.raises(AssertionError, match="x"):
            planned("x", bad, "a", "b")


def test_lives_of_two_kinds_have_both():
    life = Lives(((0.25, 1.0, 2.0), (0.75, 4.0, 10.0)))
    lives = life.drawn(5, 200_000)
    assert life.mean == pytest.approx(8.0)
    assert lives.mean() == pytest.approx(8.0, rel=0.01)
    for age in (0.5, 3.0, 9.0, 12.0):
        assert np.mean(lives > age) == pytest.approx(life.survival(age), abs=0.005)


@pytest.mark.parametrize(
    "life", [one(0.5, 1.0), one(1.7, 1.0), Lives(((0.6, 3.0, 0.2), (0.4, 5.0, 2.2)))]
)
def test_the_exact_share_is_what_a_play_has(life):
    """Segment by segment: work, a copy, and a write while the next segment works."""
    tau, copy, write, rest = 0.2, 0.03, 0.15, 0.1
    lives = life.drawn(3, 400_000)
    work, now, written = np.zeros(len(lives)), rest, 0.0
    while now < lives.max():
        assert now + tau >= written  # the write before is done when a copy begins
        now += tau + copy
        written = now + write
        work += np.where(written <= lives, tau, 0.0)
    share = work.mean() / lives.mean()
    error = np.std(work - share * lives) / 400_000**0.5 / lives.mean()
    assert abs(share - exact_share(tau, life, copy, write, rest)) < 5 * error
    assert abs(share - exact_share(tau, life, copy + write, 0.0, rest)) > 5 * error
    assert abs(share - exact_share(tau, life, copy, 0.0, rest)) > 5 * error


@pytest.mark.parametrize(("shape", "apart"), [(0.7, True), (1.0, False)])
def test_stops_of_many_parts_forget(shape, apart):
    """The share of short gaps: a part's own, and that of 300."""
    own = np.mean(one(shape, 1.0).drawn(3, 100_000) < 0.1)
    gaps = stops_of(300, shape)
    assert gaps.mean() == pytest.approx(1.0, rel=0.01)
    assert np.mean(gaps < 0.1) == pytest.approx(1 - np.exp(-0.1), abs=0.003)
    assert (own > 0.15) == apart


def test_an_interval_is_judged_by_what_it_costs():
    life, case = one(1.0, 100.0), (2.0, 0.1, 30.0)
    best = daly_interval(2.0, 100.0)
    for near in (best, 1.01 * best, np.float64(0.99 * best)):
        judged("x", near, life, case, best)
    for far in (1.3 * best, best / 60):
        with pytest.raises(AssertionError, match="of the share of work"):
            judged("x", far, life, case, best)
    with pytest.raises(AssertionError, match="Young-Daly's interval"):
        judged("x", young_daly(10.0, 100.0), life, (10.0, 5.0, 30.0), 38.0)
    with pytest.raises(AssertionError, match="one write at a time"):
        judged("x", 19.0, life, (2.0, 19.1, 30.0), 19.1)
    judged("x", np.float32(19.1), life, (2.0, 19.1, 30.0), 19.1)
    for bad in (-1.0, float("nan"), "900", None):
        with pytest.raises(AssertionError):
            judged("x", bad, life, case, best)


def best(life, stop, first):
    """The best interval of a job that stops so long, and is so late from the first."""
    taus = np.geomspace(0.05, 2, 400)
    return max(taus, key=lambda tau: exact_share(tau, life, stop, 0.0, first))


@pytest.mark.parametrize(
    ("stop", "first", "what"),
    [
        (0.16, 0.4, "a write does not stop the work here"),
        (0.06, 0.4, "a segment counts when its write is done"),
        (0.06, 0.1, "a life begins with a restart"),
    ],
)
def test_the_best_interval_of_another_job_is_known(stop, first, what):
    life, case = one(4.0, 1.0), (0.06, 0.1, 0.4)
    right = best(life, 0.06, 0.5)
    judged("x", right, life, case, right)
    with pytest.raises(AssertionError, match=f"another job: {what}"):
        judged("x", best(life, stop, first), life, case, right)
    with pytest.raises(AssertionError) as found:
        judged("x", 1.2, life, case, right)
    assert "another job" not in str(found.value)
