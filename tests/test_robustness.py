"""Drift, attacks, certificates and flipped bits, each against data that is drawn."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from scipy import integrate, optimize, stats
from sklearn.calibration import calibration_curve

from mlsyscore import robustness as rb
from mlsyscore.robustness import Normal

rng, approx = np.random.default_rng, pytest.approx


def test_psi_is_entropy_both_ways_for_counts_or_shares():
    p, q = rng(0).integers(1, 90, size=(2, 7, 12)).astype(float)
    both = stats.entropy(p, q, axis=1) + stats.entropy(q, p, axis=1)
    assert rb.psi(p, q) == approx(both)
    assert rb.psi(p[3] / p[3].sum(), q[3] * 5) == approx(both[3])
    assert rb.psi([1, 3], [1, 1]) == approx(np.log(3) / 4)  # two bins, by hand


def test_a_fixed_psi_limit_measures_the_sample_not_the_drift():
    # 20,000 null pairs: standard error of the mean 0.8 %, of a share 0.35 points
    for n, alarms in ((200, 0.372), (500, 0.004)):
        p, q = rng(1).multinomial(n, [0.1] * 10, size=(2, 20_000)).astype(float)
        v = rb.psi(p, q)
        assert v.mean() == approx(9 * (1 / n + 1 / n), rel=0.04)
        assert np.mean(v > 0.1) == approx(alarms, abs=0.014)
        level = stats.chi2.ppf(0.95, 9) * (1 / n + 1 / n)
        assert np.mean(v > level) == approx(0.05, abs=0.014)


def divergence(p, q):
    return integrate.quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), -60, 60)[0]


def test_kl_is_the_integral_that_defines_it_and_misses_a_change_of_tails():
    for p, q in (((0, 1), (0, 1)), ((4.2, 1.1), (4.5, 1.3)), ((4, 3), (-1, 2))):
        direct = divergence(stats.norm(*p), stats.norm(*q))
        assert rb.kl_normal(Normal(*p), Normal(*q)) == approx(direct, abs=1e-9)
    tails = stats.t(5, scale=np.sqrt(3 / 5))  # mean 0, sd 1, as the reference
    assert rb.kl_normal(Normal(0, tails.std()), Normal(0, 1)) == approx(0)
    assert divergence(tails, stats.norm()) == approx(0.0468, abs=1e-4)


def test_kl_of_what_hardly_differs_is_no_less_than_nothing():
    for d in (1e-5, 1e-8, 1e-12, 1e-16, 0.0):
        assert rb.kl_normal(Normal(d, 1), Normal(0, 1)) == approx(d * d / 2, rel=1e-12)
        for s in (1 + d, 1 - d):  # ((s - 1)^2 + O(d^3)), which rounds to 1e-16
            kl = rb.kl_normal(Normal(0, s), Normal(0, 1))
            assert kl == approx(d * d, rel=1e-4, abs=2e-16)
    stuck = rb.kl_normal(Normal(0, 1e-30), Normal(0, 1))  # a sensor that froze
    assert stuck == approx(30 * np.log(10) - 1 / 2)


def test_z_is_welchs_and_the_books_its_first_sample_less_its_second():
    p, q = Normal(0.4, 0.2), Normal(0.5, 0.9)
    welch = stats.ttest_ind_from_stats(0.5, 0.9, 70, 0.4, 0.2, 40, equal_var=False)
    assert rb.two_sample_z(q, 70, p, 40) == approx(welch.statistic)
    p, q = Normal(0.50, 0.3), Normal(0.55, 0.3)
    # the book's 5.27 takes the reference mean as known; two samples give 3.73
    assert rb.two_sample_z(q, 1000, p, 10**12) == approx(5.27, abs=0.005)
    assert rb.two_sample_z(q, 1000, p, 1000) == approx(3.73, abs=0.005)


def test_z_alarms_at_its_level_until_values_depend_on_each_other():
    x = rng(2).normal(size=(2, 10_000, 200))

    def alarms(x):
        p, q = (Normal(s.mean(-1), s.std(-1, ddof=1)) for s in x)
        return np.mean(np.abs(rb.two_sample_z(q, 200, p, 200)) > 1.96)

    assert alarms(x) == approx(0.05, abs=0.009)  # four standard errors of 10,000 draws
    for k in range(1, 200):  # each value remembers half of the one before
        x[..., k] += 0.5 * x[..., k - 1]
    assert alarms(x) == approx(0.26, abs=0.018)  # five times the level


def test_ks_critical_is_kolmogorovs_and_cautious_for_small_samples_and_ties():
    for alpha in (0.001, 0.01, 0.05):
        exact = stats.kstwobign.isf(alpha) * np.sqrt(1 / 500 + 1 / 300)
        assert rb.ks_critical(alpha, 500, 300) == approx(exact, rel=1e-5)
    # exact level of a nominal 5 % without ties: 20 values 3.4 %, 1,000 values 4.8 %
    for n, level in ((20, 0.0335), (1000, 0.0484)):
        k = ceil(rb.ks_critical(0.05, n, n) * n)  # the least gap that alarms, in 1/n
        test = stats.ks_2samp(np.arange(n), np.arange(n) + k - 0.5, method="exact")
        assert test.statistic == approx(k / n)
        assert test.pvalue == approx(level, abs=1e-4)
    assert rb.ks_critical(0.5, 2, 2) == approx(np.sqrt(np.log(4) / 2))
    with pytest.raises(ValueError, match=r"would be 1\.358"):
        rb.ks_critical(0.05, 2, 2)  # 2 values of 2 differ by 1 at most
    x = rng(3).integers(5, size=(4000, 2, 1000))  # a feature of five values: 1.1 %
    below = np.stack([(x <= v).mean(-1) for v in range(5)], -1)
    D = np.abs(below[:, 0] - below[:, 1]).max(-1)
    tied = np.mean(rb.ks_critical(0.05, 1000, 1000) < D)
    assert tied == approx(0.011, abs=0.007)  # four standard errors


def passes_of_adversarial_training(K, steps=3, eps=0.1):
    """Train a logistic regression on PGD-K examples; count passes forward and back."""
    x, w, passes = rng(4).normal(size=(64, 5)), np.ones(5), 0
    y = np.sign(x[:, 0])

    def gradients(x):
        nonlocal passes
        passes += 1
        pull = -y / (1 + np.exp(y * (x @ w)))
        return pull[:, None] * w, pull @ x / len(y)

    for _ in range(steps):
        attacked = x.copy()
        for _ in range(K):
            attacked += eps / 2 * np.sign(gradients(attacked)[0])
            attacked = np.clip(attacked, x - eps, x + eps)
        w = w - 0.1 * gradients(attacked)[1]
    return passes


def test_pgd_training_takes_the_passes_that_a_real_loop_counts():
    plain = passes_of_adversarial_training(0)
    for K in (0, 1, 7):
        assert rb.adversarial_step(plain, K) == passes_of_adversarial_training(K)


def test_the_certificate_is_exact_for_one_wall_and_half_of_the_truth_for_two():
    w, x, N = np.array([3.0, -4.0]), np.array([0.2, -0.1]), 400_000
    distance, sigma = w @ x / 5, 0.5  # to the plane w.x = 0
    p_A = np.mean((x + sigma * rng(5).normal(size=(N, 2))) @ w > 0)
    # by the delta method the radius has this standard error; allow four
    error = sigma * np.sqrt(p_A * (1 - p_A) / N) / stats.norm.pdf(distance / sigma)
    assert rb.certified_radius(p_A, sigma) == approx(distance, abs=4 * error)

    def share(x):  # one dimension, class A where |x| < 1, sigma 1
        return stats.norm.cdf(1 - x) - stats.norm.cdf(-1 - x)

    holds = optimize.brentq(lambda x: share(x) - 0.5, 0, 9)  # to 0.93
    assert rb.certified_radius(share(0), 1.0) / holds == approx(0.509, abs=1e-3)
    assert rb.certified_radius(0.5, 1.0) == approx(0, abs=1e-15)
    with pytest.raises(ValueError, match=r"p_A = 1\.0"):
        rb.certified_radius(1.0, 1.0)
    corner = np.full((3, 10, 10), -0.1)  # every pixel moved
    assert rb.corner_distance(0.1, corner.size) == approx(np.linalg.norm(corner))


def test_a_count_is_not_a_bound_on_p_A():
    # 200 noisy votes of a true p_A = 0.9: the count certifies too far 46 % of the time,
    # a 99.9 % Clopper-Pearson bound hardly ever; four standard errors of 20,000 draws
    votes = rng(6).binomial(200, 0.9, size=20_000)
    true = rb.certified_radius(0.9, 0.5)
    far = rb.certified_radius(votes / 200, 0.5) > true
    low = stats.beta.ppf(0.001, votes, 201 - votes)
    assert np.mean(far) == approx(stats.binom.sf(180, 200, 0.9), abs=0.014)
    assert np.mean(rb.certified_radius(low, 0.5) > true) <= 0.002


@pytest.mark.parametrize(("n", "alpha"), [(19, 0.1), (200, 0.05), (500, 0.3)])
def test_conformal_coverage_is_a_beta_law(n, alpha):
    k = rb.conformal_rank(n, alpha)
    scores = np.sort(rng(7).exponential(size=(10_000, n)))  # any law without ties
    covered = 1 - np.exp(-scores[:, k - 1])  # exact share of fresh scores under it
    beta = stats.beta(k, n + 1 - k)
    assert covered.mean() == approx(beta.mean(), abs=4 * beta.std() / 100)
    assert 1 - alpha - 1e-12 <= beta.mean() <= 1 - alpha + 1 / (n + 1)
    assert stats.kstest(covered, beta.cdf).pvalue > 1e-3


def test_conformal_coverage_is_no_promise_to_a_group():
    # a tenth of people have scores twice as wide: 90 % in all is 63 % for them
    g, n = rng(8), 200_000
    wide = 1 + (g.uniform(size=2 * n) < 0.1)
    score = np.abs(g.normal(size=2 * n)) * wide
    inside = score[n:] <= np.sort(score[:n])[rb.conformal_rank(n, 0.1) - 1]
    assert inside.mean() == approx(0.9, abs=0.004)  # both samples vary: 0.1 points
    assert inside[wide[n:] == 2].mean() == approx(0.63, abs=0.015)


def test_conformal_rank_agrees_with_exact_arithmetic():
    for n in range(1, 101):
        for cent in range(1, 100):
            exact = ceil((n + 1) * (1 - Fraction(cent, 100)))
            assert exact > n or rb.conformal_rank(n, cent / 100) == exact
    assert type(rb.conformal_rank(9, 0.1)) is int
    ranks = rb.conformal_rank(np.array([9, 99]), np.array([[0.1], [0.3]]))
    assert ranks.tolist() == [[9, 90], [7, 70]]


def test_risk_falls_as_a_calibrated_model_abstains():
    c = rng(9).uniform(0.5, 1, 100_000)
    risk = rb.risk_curve(c, (rng(10).uniform(size=c.size) > c).astype(float))
    for share in (0.1, 0.5, 1.0):  # those kept have mean confidence 1 - share/4
        k = round(share * c.size)
        assert risk[k - 1] == approx(share / 4, abs=4 * np.sqrt(share / 4 / k))
    few = rb.risk_curve(np.array([0.6, 0.9, 0.6, 0.8]), np.array([1.0, 0.0, 0.0, 1.0]))
    assert few == approx([0, 1 / 2, 2 / 3, 1 / 2])


def test_calibration_error_of_an_overconfident_model_and_of_a_calibrated_one():
    c = (np.arange(1_000_000) + 0.5) / 1_000_000
    right = rng(11).uniform(size=c.size) < c**2  # accuracy c^2: the gap averages 1/6
    assert rb.calibration_error(c, right, 50) == approx(1 / 6, abs=0.002)
    c = c[::1000]
    right = rng(11).uniform(size=c.size) < c
    share, mean = calibration_curve(right, c, n_bins=10)  # 100 in each bin
    assert rb.calibration_error(c, right) == approx(np.abs(share - mean).mean())
    last = rb.calibration_error(np.array([1.0, 0.95]), np.array([0.0, 1.0]), 10)
    assert last == approx(0.475)  # 1.0 shares the last bin, where errors cancel
    # rounded to cents each is on an edge: of 100 bins, it is alone in the one below it
    c = np.arange(101) / 100
    mixed = np.arange(101) % 2  # neighbours that shared a bin would cancel
    ece = rb.calibration_error(c, mixed, 100)
    assert ece == approx(np.abs(mixed - c).mean())
    # a calibrated model scores not 0 but 0.31 sqrt(B/n): 3 points from 1,000 answers
    c, y = rng(12).uniform(size=(2, 400, 1000))
    ece = [rb.calibration_error(a, b) for a, b in zip(c, y < c, strict=True)]
    assert np.mean(ece) == approx(0.0313, abs=0.0015)  # sd 0.0075 / sqrt(400)


def stored(w, bit):
    """Flip one bit of the word that really holds w."""
    word = {4: np.uint32, 2: np.uint16}[w.dtype.itemsize]
    with np.errstate(invalid="ignore"):  # a signalling NaN may come out
        return (w.view(word) ^ word(1 << bit)).view(w.dtype).astype(float)


@pytest.mark.parametrize(
    ("kind", "E", "fraction"), [(np.float32, 8, 23), (np.float16, 5, 10)]
)
def test_flipped_bits_of_words_in_memory(kind, E, fraction):
    g, info = rng(14), np.finfo(kind)
    exponents = np.repeat(np.arange(info.minexp, info.maxexp), 80)  # all normal ones
    w = g.choice([-1, 1], exponents.size) * g.uniform(1, 1.99, exponents.size)
    w = np.ldexp(w.astype(kind), exponents)
    for k in range(E):
        memory, ours = stored(w, fraction + k), rb.exponent_flip(w, k, E)
        finite = np.isfinite(memory)
        normal = finite & (np.abs(memory) >= info.smallest_normal)
        assert np.array_equal(memory[normal], ours[normal])
        # the law errs for one exponent that becomes all ones, and one all zeros
        assert np.all(np.abs(ours[~finite]) >= 2.0**info.maxexp)
        assert np.mean(~normal) == approx(2 / (2**E - 2))
    for bit in range(fraction):  # these change a weight by half at most
        assert np.all(np.abs(stored(w, bit) / w - 1) <= 2.0 ** (bit - fraction))
    assert np.array_equal(stored(w, fraction + E), -w.astype(float))
    assert rb.exponent_flip(2.0**-126, 7) == 4  # the least normal float32


def test_arrays_broadcast():
    n, mu, w = np.array([10, 20]), np.array([1.0, 2.0]), np.array([0.042, -3e-8])
    p, q = Normal(0.0, 1.0), Normal(mu, 1 + mu)
    for i in range(2):
        one = Normal(mu[i], 1 + mu[i])
        assert rb.two_sample_z(p, n, q, 7)[i] == approx(
            rb.two_sample_z(p, n[i], one, 7)
        )
        assert rb.kl_normal(p, q)[i] == approx(rb.kl_normal(p, one))
        assert rb.ks_critical(0.05, n, 7)[i] == rb.ks_critical(0.05, n[i], 7)
        assert rb.exponent_flip(w, 7)[i] == rb.exponent_flip(w[i], 7)
        assert rb.adversarial_step(2.0, n)[i] == rb.adversarial_step(2.0, n[i])


NAN, ONE, TWO = float("nan"), np.ones(1), np.array([0.5, 1.0])
STANDARD = Normal(0, 1)
REFUSED = {
    Normal: [(0.0, 0.0), (0.0, NAN), (0.0, np.array([1.0, -1.0])), (NAN, 1.0)],
    rb.psi: [
        *[(np.array([1.0, 0]), np.ones(2)), (np.ones(2), np.array([1.0, 0]))],
        *[(np.ones(3), np.ones(2)), (ONE, TWO), (TWO, ONE), (ONE, ONE), (3.0, 4.0)],
        *[
            ([], []),
            (np.ones((2, 3)), np.ones((2, 2))),
            (TWO, np.array([1e308, 1e308])),
        ],
    ],
    rb.kl_normal: [(STANDARD, Normal(1e200, 1)), (Normal(0, 1e200), STANDARD)],
    rb.two_sample_z: [(STANDARD, n, STANDARD, 9) for n in (0, -1, 1.5)]
    + [(STANDARD, 9, STANDARD, n) for n in (0, -1, 1.5)],
    rb.ks_critical: [
        *[(0.0, 9, 9), (1.0, 9, 9), (NAN, 9, 9), (0.5, 0, 9), (0.5, 9, 0)],
        *[(0.5, 9.5, 9), (1e-300, 9, 9)],
    ],
    rb.adversarial_step: [(1.0, -1), (-1.0, 1), (1.0, 1.5)],
    rb.certified_radius: [(0.49, 1.0), (NAN, 1.0), (1.0, 1.0), (0.9, -1.0)],
    rb.corner_distance: [(-0.1, 4), (0.1, 0), (0.1, 1.5)],
    rb.conformal_rank: [
        *[(8, 0.1), (8, 0.0), (8, 1.0), (8, NAN), (0, 0.5), (8.5, 0.5), (8, -0.1)],
        (np.array([9, 8]), 0.1),
    ],
    rb.risk_curve: [
        *[(TWO, ONE), (ONE, TWO), (0.5, 1.0), (TWO[None], TWO[None]), (2 * TWO, TWO)],
        *[(TWO, -TWO), (TWO, 2 * TWO)],
    ],
    rb.calibration_error: [
        *[(np.array([0.5, c]), np.ones(2)) for c in (1.1, -0.1, NAN)],
        *[(TWO, ONE), (ONE, TWO), (0.5, 1.0), (TWO[None], TWO[None]), ([], [])],
        *[(TWO, 2 * TWO), (TWO, TWO, 0), (TWO, TWO, 1e308), (TWO, TWO, [1, 2])],
    ],
    rb.exponent_flip: [(w, 7) for w in (0.0, 2.0**-127, 2.0**128, NAN, np.arange(2.0))],
    lambda *k_E: rb.exponent_flip(1.0, *k_E): [
        *[(8,), (-1,), (0, 9), (0, 1), (5, 5), (1.5,), (0, 5.5)],
    ],
}


@pytest.mark.parametrize(
    ("law", "words"), [(f, x) for f in REFUSED for x in REFUSED[f]]
)
def test_input_that_would_give_a_plausible_wrong_answer_is_refused(law, words):
    with pytest.raises(ValueError, match=r"\d|nan"):
        law(*words)


def test_the_ends_are_accepted():
    assert rb.certified_radius(0.5, 1.0) == 0
    assert rb.adversarial_step(0.0, 0) == 0
    assert rb.exponent_flip(-65504.0, 1, 5) == -65504 / 4  # the largest of FP16
    with pytest.raises(ValueError, match="65536"):
        rb.exponent_flip(65536.0, 0, 5)
    assert rb.exponent_flip(2.0**-14, 4, 5) == 4  # its least normal one
