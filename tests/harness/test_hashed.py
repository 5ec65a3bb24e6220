"""Loads of hashed flows: the draws of right answers pass, and of wrong ones do not."""

import math

import numpy as np
import pytest

from mlsyscore.harness.hashed import distinct, loads, scattered, unlike


def test_an_answer_is_two_numbers():
    assert loads("", np.array([1.5, 0.25])) == (1.5, 0.25)
    for answer in (1.5, (1.5,), (1.5, None), (1.5, math.nan)):
        with pytest.raises(AssertionError):
            loads("", answer)


def test_loads_scatter_as_their_error_says():
    true = 0.5 / math.sqrt(400)

    def runs(scale, seeds=range(40), said=true):
        draws = [np.random.default_rng(s).normal() for s in seeds]
        return [(1.5 + scale * true * z, said) for z in draws]

    scattered("", runs(1), 1.5, true, 400)
    with pytest.raises(AssertionError, match="which is not it"):
        scattered("", runs(1), 1.6, true, 400)
    for scale in (0.2, 2.5):  # draws that agree too well, or are too few
        with pytest.raises(AssertionError, match="the loads scatter by"):
            scattered("", runs(scale), 1.5, true, 400)
    with pytest.raises(AssertionError, match="no standard error of"):
        scattered("", runs(1, said=0.5), 1.5, true, 400)
    with pytest.raises(AssertionError, match="40 seeds give 20 answers"):
        scattered("", runs(1, [s // 2 for s in range(40)]), 1.5, true, 400)
    with pytest.raises(AssertionError, match=r"40 seeds give 1 answer\."):
        scattered("", runs(1, [5] * 40), 1.6, true, 400)


def test_neighbouring_seeds_share_no_draws():
    def runs(step, trials=2000):
        z = np.random.default_rng(3).normal(size=40 * step + trials)
        seeds = [z[s * step : s * step + trials] for s in range(40)]
        return [(1.5 + x.mean(), x.std() / math.sqrt(trials)) for x in seeds]

    unlike("", runs(2000))
    for step in (1, 10, 100):
        with pytest.raises(AssertionError, match="Do neighbouring seeds share draws"):
            unlike("", runs(step))


def test_far_seeds_give_answers_of_their_own():
    distinct("", {0: (1.5, 0.1), 1: (1.6, 0.1), 1007: (1.7, 0.1)})
    with pytest.raises(AssertionError, match="the seeds 7 and 1007 give one answer"):
        distinct("", {7: (1.5, 0.1), 8: (1.6, 0.1), 1007: (1.5, 0.1)})
