"""Chapter 12: its answers were run, and its laws are those of the package."""

import numpy as np
import pytest
from played import answers_run, played
from scipy.optimize import minimize_scalar
from scipy.stats import false_discovery_control, ks_2samp

from mlsyscore import operations as ops
from mlsyscore.units import day

STEM = "12_operations_at_scale"


def test_the_answers_were_run():
    answers_run(STEM)


def test_alarms_and_sizes_are_the_package_s():
    c = played(STEM)
    m, alpha, rounds = c["MONITORS"], c["ALPHA"], c["ROUNDS"]
    assert ops.false_alerts(m, day / rounds, alpha) * day == pytest.approx(864)
    for p, delta in ((0.05, 0.005), (0.3, 0.01)):
        assert c["requests"](p, delta) == pytest.approx(ops.sample_size(p, delta))
    again = c["requests"](0.2, 0.1, 0.01, 0.95)
    assert again == pytest.approx(ops.sample_size(0.2, 0.1, 0.01, 0.95))


@pytest.mark.parametrize("tau", [0.002, 0.01, 0.05])
@pytest.mark.parametrize("se", [0.001, 0.004, 0.03])
def test_the_boundary_is_where_the_mean_likelihood_ratio_is_twenty(tau, se):
    z = played(STEM)["boundary"](se, tau)
    d, lift = z * se, np.linspace(-12, 12, 200_001) * tau
    prior = np.exp(-((lift / tau) ** 2) / 2) / np.sqrt(2 * np.pi) / tau
    ratio = np.exp((d**2 - (d - lift) ** 2) / 2 / se**2)
    assert np.trapezoid(ratio * prior, lift) == pytest.approx(20, rel=1e-3)


def test_exposure_and_burn_are_the_package_s():
    c = played(STEM)
    for share in (0.01, 0.5):
        waits = ops.exposed_requests(c["r"] / 3600, [share], [600.0])
        assert waits == pytest.approx(c["r"] * share / 6)
    errors = np.full(600, 0.03)
    assert c["burn"](errors, 60)[-1] == pytest.approx(ops.burn_rate(0.03, c["SLO"]))


def test_retraining_is_the_package_s():
    c = played(STEM)
    s = c["s"]
    for C in (c["OLD"], c["NEW"]):
        every = ops.retraining_interval(C, s)
        assert every == pytest.approx(np.sqrt(2 * C / s))
        assert s * every**2 / 2 == pytest.approx(C)  # the rule for the head
        assert ops.upkeep(every, C, s) == pytest.approx(np.sqrt(2 * C * s))


@pytest.mark.parametrize("seed", range(4))
def test_discoveries_are_scipy_s(seed):
    c, rng = played(STEM), np.random.default_rng(seed)
    p = np.concatenate([rng.random(90), rng.random(10) ** 6])
    want = np.flatnonzero(false_discovery_control(p) <= 0.05)
    assert sorted(c["discoveries"](p)) == want.tolist()
    assert len(c["discoveries"](np.ones(5))) == 0
    a, b = rng.normal(size=(300, 3)), rng.normal(0.2, 1, (300, 3))
    p = [ks_2samp(x, y, method="asymp").pvalue for x, y in zip(a.T, b.T, strict=True)]
    assert c["ks"](a, b) == pytest.approx(p, rel=0.2)


def test_the_p_value_next_below_5_percent_is_the_exact_test_s_too():
    """Two samples of 250 without ties whose largest gap is 31 rows, and 30."""
    level, n = played(STEM)["level"], 250
    for gap, below in ((31, True), (30, False)):
        p = ks_2samp(np.arange(n), np.arange(n) + gap - 0.5, method="exact").pvalue
        assert (p <= 0.05) == below
        assert not below or p == pytest.approx(level, rel=0.01)


def test_where_the_loss_grows_as_the_square_the_best_decay_has_cost_half():
    C, a = 4.0, 0.003
    best = minimize_scalar(lambda T: C / T + a * T**2 / 3, bounds=(1, 99)).x
    assert a * best**3 / 3 == pytest.approx(C / 2, rel=1e-3)
