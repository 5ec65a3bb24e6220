"""Chapter 14: its answers were run, and its laws are those of the package."""

import numpy as np
import pytest
import torch
from played import answers_run, played
from scipy import stats

from mlsyscore import robustness as rb

STEM = "14_robust_ai"


def test_the_answers_were_run():
    answers_run(STEM)


@pytest.mark.parametrize("K", [1, 4, 25])
@pytest.mark.parametrize("eps", [0.02, 0.3])
def test_the_attack_stays_in_its_ball_and_among_pictures(K, eps):
    c = played(STEM)
    x, y = c["X_test"][:40], c["Y_test"][:40]
    moved = c["pgd"](c["plain"], x, y, eps, K)
    assert (moved - x).abs().max() <= eps + 1e-12
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert (moved - x).abs().max() > 0.9 * eps


def test_of_all_signs_the_gradient_s_climbs_most():
    c, rng = played(STEM), np.random.default_rng(8)
    x, y = c["X_test"][:30], c["Y_test"][:30]
    g = c["gradient"](c["plain"], x, y)
    best = (g * g.sign()).sum(1)
    for _ in range(50):
        sign = torch.tensor(rng.choice([-1.0, 1.0], g.shape))
        assert ((g * sign).sum(1) <= best + 1e-12).all()


@pytest.mark.parametrize("n", [20, 137, 1000])
def test_the_bound_is_clopper_and_pearson_s(n):
    lower = played(STEM)["lower"]
    for k in (1, n // 3, n - 1, n):
        want = stats.binomtest(k, n, alternative="greater").proportion_ci(0.95).low
        assert lower(np.array(k), n) == pytest.approx(want)
        # under the bound, k votes or more have the chance alpha
        assert stats.binom.sf(k - 1, n, lower(k, n)) == pytest.approx(0.05, rel=1e-6)
    assert lower(n, n) == pytest.approx(0.05 ** (1 / n))


def test_the_radius_and_the_corner_are_the_package_s():
    c = played(STEM)
    for p in (0.6, 0.9, 0.999):
        assert c["radius"](p) == pytest.approx(rb.certified_radius(p, c["SIGMA"]))
    assert rb.corner_distance(c["EPS"], 64) == pytest.approx(c["EPS"] * 8)
    for K in (1, 3, 7):
        assert rb.adversarial_step(1.0, K) == K + 1


@pytest.mark.parametrize(("n", "m"), [(200, 200), (90, 2000)])
def test_drift_s_measures_and_limits_are_the_package_s_and_scipy_s(n, m):
    c, rng = played(STEM), np.random.default_rng(3)
    a, b = rng.normal(size=n), rng.normal(0.1, 1.2, m)
    inner = np.quantile(a, np.arange(1, 10) / 10)
    edges = np.concatenate([[-np.inf], inner, [np.inf]])
    p, q = (np.histogram(x, edges)[0] for x in (a, b))
    assert c["psi"](a, b) == pytest.approx(rb.psi(p, q), rel=1e-9)
    assert c["psi_limit"](n, m) == pytest.approx(
        stats.chi2.ppf(0.95, 9) * (1 / n + 1 / m)
    )
    assert c["ks"](a, b) == pytest.approx(stats.ks_2samp(a, b).statistic)
    assert c["ks_limit"](n, m) == pytest.approx(rb.ks_critical(0.05, n, m))
    welch = stats.ttest_ind(b, a, equal_var=False).statistic
    assert c["z"](a, b) == pytest.approx(welch)
    assert c["psi_limit"](n, n) == pytest.approx(34 / n, rel=0.01)  # for the head


@pytest.mark.parametrize("n", [9, 30, 299, 300, 301])
def test_the_cut_has_the_package_s_rank(n):
    c, s = played(STEM), np.random.default_rng(n).permutation(n) + 1.0
    assert c["cut"](s) == rb.conformal_rank(n, c["ALPHA"])
    assert c["cut"](s[:8]) == (1.0 if n > 8 else c["cut"](s[:8]))


def test_the_smallest_sets_hold_their_share_and_no_more():
    p = np.random.default_rng(2).dirichlet(np.ones(10) / 2, 50)
    for row, take in zip(p, played(STEM)["softmax_sets"](p), strict=True):
        assert row[take].sum() >= 0.9 - 1e-12
        assert row[take].sum() - row[take].min() < 0.9


def test_a_flip_of_the_exponent_is_the_package_s():
    c, seen = played(STEM), 0
    for place in (0, 17, 4096, 5000, 8800):
        starts = np.cumsum([0] + [w.size for w in c["W"]])
        layer = np.searchsorted(starts, place, side="right") - 1
        w = c["W"][layer].flat[place - starts[layer]]
        for k in range(8):
            _, value, where = c["flipped"](c["W"], place, 23 + k)
            assert where == layer
            if np.isfinite(value) and abs(value) > 2.0**-126:
                assert value == rb.exponent_flip(float(w), k)
                seen += 1
            assert (abs(value) < 2) == (k < 7)  # the law: only the top bit leaves 2
        _, value, _ = c["flipped"](c["W"], place, 31)
        assert value == -w
    assert seen >= 30
