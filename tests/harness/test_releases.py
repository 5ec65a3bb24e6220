"""Programs to audit, and what a sample of noise must look like."""

import numpy as np
import pytest
from scipy.stats import kstest, laplace, norm

from mlsyscore.harness.releases import Mechanism, floor_found, follows


@pytest.mark.parametrize(("noise", "law"), [("laplace", laplace), ("normal", norm)])
def test_a_program_adds_its_shift_to_its_noise(noise, law):
    world = Mechanism(noise, 3.0, 2.0, 1)
    assert kstest(world.draw(False, 20_000), law(0, 2).cdf).pvalue > 1e-3
    assert kstest(world.draw(True, 20_000), law(3, 2).cdf).pvalue > 1e-3


def test_a_coin_has_its_shares_in_every_part():
    world = Mechanism("coin", 0.2, 1.0, 0, 2000)
    for n in (1000, 10, 990):
        assert world.draw(True, n).sum() == 0.6 * n
        assert world.draw(False, n).sum() == 0.4 * n


def test_runs_are_counted_on_each_side():
    world = Mechanism("normal", 1.0, 1.0, 0, 5)
    world.draw(True, 5)
    for side, n in ((True, 1), (False, 6), (False, 0), (False, -1)):
        with pytest.raises(ValueError, match="runs asked"):
            world.draw(side, n)
    world.draw(False, 5)


def test_an_audit_must_draw_on_both_sides_and_not_go_below_0():
    def lazy(world, runs, delta, error):
        world.draw(True, runs)
        return 1.0

    def low(world, runs, delta, error):
        world.draw(True, 1), world.draw(False, 1)
        return -0.1

    for audit, why in ((lazy, "with and without"), (low, "below 0")):
        with pytest.raises(AssertionError, match=why):
            floor_found("x", audit, Mechanism("normal", 1, 1, 0, 9), 0.0, 0.1)
    fine = lambda w, *_: low(w, *_) + 0.1  # noqa: E731
    assert floor_found("x", fine, Mechanism("normal", 1, 1, 0, 9), 0.0, 0.1) == 0


def test_a_right_sample_follows_and_others_do_not():
    rng, law = np.random.default_rng(0), laplace(5, 2)
    x = rng.laplace(5, 2, 20_000)
    assert follows("x", x.tolist(), 20_000, law.cdf) == pytest.approx(np.sort(x))
    for wrong, why in (
        (rng.laplace(5, 1, 20_000), "half of it"),
        (rng.laplace(5.3, 2, 20_000), "another shape or centre"),
        (rng.normal(5, 2.5, 20_000), "another shape or centre"),
        (np.full(20_000, 5.0), "1 values"),
        (x[:-1], "19999"),
    ):
        with pytest.raises(AssertionError, match=why):
            follows("x", wrong, 20_000, law.cdf, {0.5: "half of it"}, 2.0)


def test_right_samples_pass_for_many_seeds():
    for seed in range(200):
        x = np.random.default_rng(seed).normal(size=2000)
        follows("x", x, 2000, norm.cdf)
