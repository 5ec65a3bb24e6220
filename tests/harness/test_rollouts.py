"""Roll-outs that a controller decides, and what is counted of them."""

import numpy as np
import pytest
from scipy.stats import binom

from mlsyscore.harness import rollouts
from mlsyscore.harness.rollouts import at_most, most, rolled_out

SAME = ([0.3] * 4, 0.3)


def test_a_controller_sees_the_requests_of_its_stages():
    seen = []

    def up(new, old, stage, stages, delta):
        seen.append((np.array(new), np.array(old), stage, stages, delta))
        return stage + 1

    end = rolled_out(up, ([0.2] * 3, [0.9, 0.9, 0.7]), 0.05, 10_000, 1)
    assert (end.looks, end.peak.tolist()) == (4, [0.5] * 3)
    assert end.promoted.all()
    assert not end.back.any()
    assert [s[2].tolist() for s in seen] == [[k] * 3 for k in range(4)]
    assert seen[0][3:] == ([0.01, 0.05, 0.25, 0.5], 0.05)
    n = np.array([s[0][0] for s in seen])
    each = np.diff(n, axis=0, prepend=0) / 10_000
    assert each.mean(axis=1) == pytest.approx([0.01, 0.05, 0.25, 0.5], abs=0.01)
    assert (10_000 * np.arange(1, 5) == (n + [s[1][0] for s in seen]).T).all()
    new, old = seen[-1][:2]
    assert new[1] / new[0] == pytest.approx([0.9, 0.9, 0.7], abs=0.02)
    assert old[1] / old[0] == pytest.approx([0.2] * 3, abs=0.02)
    assert end.met.tolist() == n[-1].tolist()


def test_those_that_ended_are_not_asked_again():
    asked = []

    def one_back_one_up(new, old, stage, stages, delta):
        asked.append(len(stage))
        return [-1, *[k for k in stage[1:]]]

    end = rolled_out(one_back_one_up, SAME, 0.1, 100, 1)
    assert asked == [4, 3, 2, 1]
    assert end.back.all()
    assert end.looks == 4
    wait = rolled_out(lambda n, o, stage, *_: stage, SAME, 0.1, 100, 1)
    assert wait.still.all()
    assert wait.looks == rollouts.LOOKS


def test_runs_are_repeatable_and_differ():
    def decide(new, old, stage, stages, delta):
        return np.where(new[1] > 3, -1, stage)

    ends = [
        rolled_out(decide, ([0.3] * 20, 0.3), 0.1, 100, seed).met for seed in (1, 1, 2)
    ]
    assert ends[0].tolist() == ends[1].tolist() != ends[2].tolist()
    assert len(set(ends[0])) > 3


def test_what_a_controller_does_to_its_arrays_changes_nothing():
    def spoils(new, old, stage, stages, delta):
        for x in (*new, *old, stage):
            x[:] = 0
        stages.clear()
        return stage + 3

    end = rolled_out(spoils, SAME, 0.1, 1000, 1)
    assert end.met.min() > 1000
    assert end.peak.tolist() == [0.5] * 4


def test_an_answer_is_a_stage_for_each():
    for answer in ([-2, 0], [0, 5], [0.5, 0], None, [0], 3, ["up", 1]):
        with pytest.raises(AssertionError, match="decide"):
            rolled_out(lambda *_, answer=answer: answer, ([0.3] * 2, 0.3), 0.1, 100, 1)


@pytest.mark.parametrize(("runs", "chance"), [(60, 0.05), (900, 0.05), (20, 0.5)])
def test_the_limit_is_passed_once_in_ten_thousand(runs, chance):
    k = most(runs, chance)
    assert binom.sf(k, runs, chance) < 1e-4 <= binom.sf(k - 1, runs, chance)
    at_most("", [True] * k + [False] * (runs - k), chance, "x")
    with pytest.raises(AssertionError, match=rf"{k + 1} of {runs} roll-outs fail"):
        at_most("", [True] * (k + 1) + [False] * (runs - k - 1), chance, "fail")
