import math

import numpy as np
import pytest

from mlsyscore.harness.draws import agrees, apart, sample, seeds_apart


def right(mean, runs, rng):
    return rng.exponential(mean, runs)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("runs", [60, 2000, 3001])
def test_independent_times_pass(seed, runs):
    rng = np.random.default_rng(seed)
    x, z = rng.exponential(size=(2, runs))
    apart("x", x, z)
    agrees("x", x, 1.0)


def test_a_sampler_repeats_with_its_seed_and_with_nothing_else():
    x = sample("x", right, 3.0, runs=500)
    assert np.array_equal(x, right(3.0, 500, np.random.default_rng(17)))
    own = np.random.default_rng(1)
    for f, says in [
        (lambda mean, runs, rng: own.exponential(mean, runs), "one seed gives two"),
        (lambda mean, runs, rng: np.arange(1.0, runs + 1), "two seeds give one"),
        (lambda mean, runs, rng: rng.exponential(mean, 3), "the shape"),
        (lambda mean, runs, rng: -rng.exponential(mean, runs), "above 0"),
        (lambda mean, runs, rng: 1 + rng.integers(9, size=runs), "repeat"),
    ]:
        with pytest.raises(AssertionError, match=says):
            sample("x", f, 3.0, runs=500)
    with pytest.raises(AssertionError, match="one seed gives two"):
        sample("x", right, 3.0, runs=500, again=lambda m, n, rng: right(m + 1, n, rng))


def test_times_that_follow_another_law_do_not_agree():
    x = np.random.default_rng(1).exponential(2.0, 3000)
    with pytest.raises(AssertionError, match="the mean of your 3000"):
        agrees("x", x, 1.0)
    with pytest.raises(AssertionError, match=r"twice\?"):
        agrees("x", x, 1.0, 1.0, {2.0: "twice"})


@pytest.mark.parametrize("jitter", [False, True])
def test_a_grid_of_quantiles_agrees_too_well(jitter):
    rng, n = np.random.default_rng(1), 2000
    u = (rng.permutation(n) + (1 - rng.random(n) if jitter else 0.5)) / n
    with pytest.raises(AssertionError, match="closer than independent"):
        agrees("x", -np.log(u), 1.0)


def test_mirrored_pairs_are_seen_in_any_order():
    rng, n = np.random.default_rng(1), 2000
    u = rng.random(n // 2)
    with pytest.raises(AssertionError, match="come in pairs"):
        agrees("x", -np.log(rng.permutation(np.concatenate([u, 1 - u]))), 1.0)


def test_runs_that_tell_of_others_are_seen():
    rng, n = np.random.default_rng(1), 2000
    x, z = rng.random((2, n))
    half = x[: n // 2]
    for bad in (
        np.sort(x),
        np.concatenate([half, 1 - half]),
        np.concatenate([half, 1 - half[::-1]]),
        np.stack([half, 1 - half], axis=1).ravel(),
        np.minimum(x, np.roll(x, 1)),
    ):
        with pytest.raises(AssertionError, match="another run"):
            apart("x", bad, z)
    for bad in (np.roll(x, 77), x[::-1], np.log(x), 1 - x):
        with pytest.raises(AssertionError, match="another seed"):
            apart("x", x, bad)


def test_few_seeds_in_disguise_are_seen():
    def few(mean, runs, rng):
        return np.random.default_rng(rng.integers(100)).exponential(mean, runs)

    assert len(seeds_apart("x", right, 3.0)) == 60
    with pytest.raises(AssertionError, match="the same run"):
        seeds_apart("x", few, 3.0)


def test_a_gap_that_right_samples_pass_is_rare():
    """The lower limit against the law of Kolmogorov's statistic, near 0."""
    x = 0.23
    assert math.sqrt(2 * math.pi) / x * math.exp(-(math.pi**2) / (8 * x**2)) < 2e-9
