"""Each law is checked against something that is not the law."""

from decimal import Decimal, localcontext
from fractions import Fraction
from math import ceil, e, erf, exp, log, log2, sqrt

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent
from dp_accounting.pld import privacy_loss_distribution as pld
from dp_accounting.rdp import RdpAccountant
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import erfcx
from scipy.stats import beta, binom, entropy, laplace, norm

from mlsyscore import privacy as dp
from mlsyscore.units import day

WHOLE = range(2, 64)
ORDERS = [1 + x / 10 for x in range(1, 110)] + list(WHOLE[10:])


def spent(q, sigma, steps, delta, convert=dp.rdp_epsilon, orders=ORDERS):
    """Least eps over the orders."""
    R = ((a, steps * dp.subsampled_rdp(a, q, sigma)) for a in orders)
    return min(convert(a, rdp, delta) for a, rdp in R)


def loss_distribution(q, sigma, steps, delta):
    """An upper bound on eps, near the least, from another kind of accountant."""
    fine = {"value_discretization_interval": 1e-3}
    step = pld.from_gaussian_mechanism(sigma, sampling_prob=q, **fine)
    return step.self_compose(steps).get_epsilon_for_delta(delta)


@pytest.mark.parametrize("eps", [0.5, 1.0, 2.0])
def test_an_audit_of_laplace_noise_stays_under_its_claim_and_finds_a_wrong_one(eps):
    rng, n = np.random.default_rng(0), 200_000

    def audit(scale):
        """Lower bound on eps, at 99.9 %, from telling 0 and 1 apart by a threshold."""
        false, hits = (rng.laplace([[0], [1]], scale, (2, n)) > 1).sum(1)
        low = beta.ppf(0.0005, hits, n - hits + 1)
        return log(low / beta.ppf(0.9995, false + 1, n - false))

    b, wrong = dp.laplace_scale(1, eps), dp.laplace_scale(0.5, eps)
    assert eps - 0.06 < audit(b) <= eps  # the two bounds cost 0.02 to 0.05
    assert audit(wrong) > 1.5 * eps  # half the sensitivity
    error = np.abs(rng.laplace(0, b, n)).mean()
    assert error == pytest.approx(b, rel=0.009)  # four standard errors


@pytest.mark.parametrize(("eps", "s"), [(0, 3), (0.5, 1.5), (4, 1.5), (0.5, 15)])
def test_gaussian_delta_against_its_definition(eps, s):
    # the integral of max(0, p - e^eps p') for outputs centred on 3 and on 0
    x, dx = np.linspace(eps * s**2 / 3 + 1.5, 20 * s, 1_000_001, retstep=True)
    excess = norm.pdf(x, 3, s) - exp(eps) * norm.pdf(x, 0, s)
    delta = np.trapezoid(excess, dx=dx)
    assert dp.gaussian_delta(3, eps, s) == pytest.approx(delta, rel=1e-6, abs=1e-12)


def published_delta(a, eps):
    """Balle and Wang's difference, in 80 digits; Phi by its series."""

    def Phi(x):
        term, total = x, x
        for k in range(1, 1500):
            term *= x * x / (2 * k + 1)
            total += term
        return Decimal("0.5") + (-x * x / 2).exp() / (2 * PI).sqrt() * total

    with localcontext(prec=80):
        a, eps = Decimal(a), Decimal(eps)
        return float(Phi(a / 2 - eps / a) - eps.exp() * Phi(-a / 2 - eps / a))


PI = Decimal("3.1415926535897932384626433832795028841971693993751058209749445923")


@pytest.mark.parametrize(
    ("a", "eps"),
    [(1, 0), (0.5, 1), (0.25, 1.5), (1e-2, 0.06), (1e-4, 1e-4), (1e-8, 1e-8), (8, 20)],
)
def test_gaussian_delta_to_twelve_digits_where_its_two_terms_are_near_equals(a, eps):
    assert dp.gaussian_delta(a, eps, 1) == pytest.approx(
        published_delta(a, eps), rel=1e-12
    )


def test_gaussian_delta_where_e_to_the_eps_is_beyond_any_float():
    # eps = a^2/2 = 800: 1/2 less phi(0) times Mills' ratio at 40
    left = 0.5 - erfcx(40 / sqrt(2)) / 2
    assert dp.gaussian_delta(40, 800, 1) == pytest.approx(left, rel=1e-12)
    assert dp.gaussian_delta(1, 1e6, 1) == 0
    assert dp.gaussian_delta(1e6, 800, 1) == pytest.approx(1, abs=1e-14)
    tiny = dp.gaussian_delta(1e-12, 0, 1)
    assert tiny == pytest.approx(erf(1e-12 / sqrt(8)), rel=1e-12)


def test_gaussian_delta_falls_from_near_one_to_nothing_as_noise_grows():
    sigma = np.geomspace(1e-3, 1e3, 500)
    delta = dp.gaussian_delta(1, 0.5, sigma)
    assert np.all(np.diff(delta) <= 1e-14)
    assert delta[[0, -1]] == pytest.approx([1, 0], abs=1e-9)


@pytest.mark.parametrize(("eps", "surplus"), [(0.1, 1.576), (0.5, 1.378), (0.9, 1.311)])
def test_the_classic_gaussian_adds_a_third_to_a_half_too_much_noise(eps, surplus):
    sigma = dp.gaussian_sigma(2, eps, 1e-5)
    least = brentq(lambda s: dp.gaussian_delta(2, eps, s) - 1e-5, 0.1, 1000)
    assert sigma / least == pytest.approx(surplus, abs=0.001)
    # past its range, at eps = 10, what it would say gives 2.27 times the delta
    past = dp.gaussian_delta(2, 10, sigma * eps / 10)
    assert past == pytest.approx(2.27e-5, rel=0.01)


def test_thresholds_on_laplace_noise_reach_the_membership_bound_and_none_beats_it():
    t = np.linspace(-8, 9, 1701)
    fpr, tpr = laplace.sf(t, 0, 0.5), laplace.sf(t, 1, 0.5)
    bound = dp.membership_bound(fpr, 2.0)
    outside, between = (t <= 0) | (t >= 1), (t > 0.01) & (t < 0.99)
    assert tpr[outside] == pytest.approx(bound[outside])
    assert np.all(tpr[between] < bound[between])


@pytest.mark.parametrize("eps", [0.2, 1.0, 3.0])
def test_the_best_attack_on_gaussian_noise_touches_the_membership_bound(eps):
    t = np.linspace(-6, 7, 200_001)
    fpr, tpr = norm.sf(t, 0, 0.8), norm.sf(t, 1, 0.8)
    slack = dp.membership_bound(fpr, eps, dp.gaussian_delta(1, eps, 0.8)) - tpr
    assert slack.min() == pytest.approx(0, abs=1e-8)  # a grid of 6.5e-5, squared
    assert dp.membership_bound(1.0, eps, 0.1) == 1


@pytest.mark.parametrize(
    ("fpr", "eps", "delta", "bound"),
    [
        (0.1, 1e308, 0.0, 1.0),
        (0.0, 1e308, 0.0, 0.0),
        (0.0, 2000, 0.25, 0.25),
        (0.0, 0.0, 1.0, 1.0),
        (0.5, 800, 0.7, 1.0),
        (1e-320, 700, 0.0, 0.0),  # e^-36.8
        (0.3, 0.0, 0.0, 0.3),
    ],
)
def test_membership_bound_at_the_ends(fpr, eps, delta, bound):
    assert dp.membership_bound(fpr, eps, delta) == pytest.approx(bound, abs=2e-15)


@pytest.mark.parametrize(("k", "exact"), [(9, 0.155), (900, 1.91)])
def test_gaussian_releases_compose_far_below_the_sum_of_their_budgets(k, exact):
    # exactly, k releases with noise sigma are one with sigma / sqrt k
    eps, delta = 0.1, 1e-5
    s = dp.gaussian_sigma(1, eps, delta / 2000) / sqrt(k)
    truth = brentq(lambda x: dp.gaussian_delta(1, x, s) - delta, 1e-4, 50)
    assert truth == pytest.approx(exact, rel=0.01)
    assert truth < dp.basic_composition(eps, k) == pytest.approx(k / 10)


@pytest.mark.parametrize("k", [1, 3])
def test_laplace_releases_can_spend_the_whole_sum(k):
    # one threshold on each of k answers: all above 1, for 1 against 0
    b = dp.laplace_scale(1, 0.5)
    odds = (laplace.sf(1, 1, b) / laplace.sf(1, 0, b)) ** k
    assert log(odds) == pytest.approx(dp.basic_composition(0.5, k))


# TF Privacy's MNIST README (B = 256) and Opacus's (B = 240): both print classic RDP
@pytest.mark.parametrize(
    ("B", "sigma", "epochs", "steps", "published"),
    [
        (256, 1.3, 15, 3516, 1.19),
        (256, 1.1, 60, 14063, 3.01),
        (256, 0.7, 45, 10547, 7.10),
        (240, 1.3, 15, 3750, 1.16),
        (240, 1.1, 60, 15000, 2.91),
        (240, 0.7, 45, 11250, 6.86),
    ],
)
def test_published_epsilons_of_dp_sgd(B, sigma, epochs, steps, published):
    q, delta = dp.sampling_rate(60_000, B), 1e-5
    assert dp.sgd_steps(60_000, B, epochs) == steps
    run = (q, sigma, steps, delta)
    classic, tight = spent(*run), spent(*run, dp.rdp_epsilon_tight, WHOLE)
    assert classic == pytest.approx(published, abs=0.005)  # three digits
    assert loss_distribution(*run) < tight < classic
    step = PoissonSampledDpEvent(q, GaussianDpEvent(sigma))
    peer = RdpAccountant(list(WHOLE)).compose(SelfComposedDpEvent(step, steps))
    assert tight == pytest.approx(peer.get_epsilon(delta))


@pytest.mark.parametrize(
    ("sigma", "epochs", "theirs"),
    [(1.3, 15, 1.1799), (1.1, 60, 2.9699), (0.7, 45, 7.0099)],
)  # dp-accounting 0.6.0, B = 250, the least of other orders
def test_epsilons_of_another_accountant_to_four_digits(sigma, epochs, theirs):
    q, steps = dp.sampling_rate(60_000, 250), dp.sgd_steps(60_000, 250, epochs)
    assert spent(q, sigma, steps, 1e-5) == pytest.approx(theirs, rel=2e-4)


def test_steps_are_those_of_exact_arithmetic():
    assert dp.sgd_steps(50_000, 100, 1.1) == 550
    assert type(dp.sgd_steps(50_000, 100, 1.1)) is int
    for N in (1000, 50_000, 60_000):
        for B in (100, 240, 256):
            for tenth in range(100):
                exact = ceil(Fraction(tenth, 10) * N / B)
                assert dp.sgd_steps(N, B, tenth / 10) == exact
    many = dp.sgd_steps(50_000, np.array([100, 64]), np.array([[1.1], [1.0]]))
    assert many.tolist() == [[550, 860], [500, 782]]


def test_the_moments_accountant():
    # Abadi et al. (2016), section 3.2: q 0.01, sigma 4, 10,000 steps
    run = (0.01, 4, 10_000, 1e-5)
    assert spent(*run) == pytest.approx(1.26, abs=0.005)
    assert loss_distribution(*run) == pytest.approx(0.95, abs=0.015)


def test_the_books_cifar_run_spends_three_times_the_eps_of_3_that_it_aims_at():
    assert spent(0.08, 1.3, 750, 1e-5) == pytest.approx(11.98, abs=0.01)
    assert loss_distribution(0.08, 1.3, 750, 1e-5) == pytest.approx(10.17, abs=0.01)


@pytest.mark.parametrize("alpha", [2, 3, 17, 64])
@pytest.mark.parametrize(("q", "sigma"), [(0.004, 1.1), (0.3, 0.7), (0.01, 4)])
def test_subsampled_divergence_against_the_binomial_sum(alpha, q, sigma):
    # another derivation, at whole orders: Mironov et al. (2019), section 3.3
    k = np.arange(alpha + 1)
    terms = binom.logpmf(k, alpha, q) + k * (k - 1) / (2 * sigma**2)
    R = np.logaddexp.reduce(terms) / (alpha - 1)
    # both sums round near 1, so to 1e-16 of it
    assert dp.subsampled_rdp(alpha, q, sigma) == pytest.approx(R, rel=1e-8, abs=1e-14)


@pytest.mark.parametrize("alpha", [1.001, 1.1, 2, 40, 1e4])
@pytest.mark.parametrize("sigma", [0.01, 0.5, 3, 1e6])
def test_without_a_coin_each_step_is_a_gaussian_and_without_data_it_is_nothing(
    alpha, sigma
):
    error = max(2e-8 * alpha / (2 * sigma**2), 4e-15 / (alpha - 1))  # as it claims
    plain = dp.gaussian_rdp(alpha, sigma)
    assert dp.subsampled_rdp(alpha, 1.0, sigma) == pytest.approx(plain, abs=error)
    assert dp.subsampled_rdp(alpha, 0.0, sigma) == pytest.approx(0, abs=error)


@pytest.mark.parametrize("q", [1e-6, 0.01, 0.5])
@pytest.mark.parametrize("sigma", [0.01, 0.02, 0.06])
def test_huge_divergences_keep_the_digits_that_they_claim(q, sigma):
    alpha, k = 1000, np.arange(1001)
    terms = binom.logpmf(k, alpha, q) + k * (k - 1) / (2 * sigma**2)
    R = np.logaddexp.reduce(terms) / (alpha - 1)
    assert dp.subsampled_rdp(alpha, q, sigma) == pytest.approx(R, rel=2e-8)


# dp-accounting adds the sizes of alternating terms between whole orders: too much.
@pytest.mark.parametrize(("alpha", "peer"), [(2.5, 1.0088), (3.9, 1.0001)])
def test_subsampled_divergence_against_quadrature(alpha, peer):
    q, s = 0.2, 0.9

    def moment(z):
        odds = 1 - q + q * exp((2 * z - 1) / (2 * s * s))
        return exp(-z * z / (2 * s * s)) / (s * sqrt(2 * np.pi)) * odds**alpha

    E = quad(moment, -12, 20, epsabs=1e-13, limit=200)[0]
    law = dp.subsampled_rdp(alpha, q, s)
    assert law == pytest.approx(log(E) / (alpha - 1), rel=1e-9)
    event = PoissonSampledDpEvent(q, GaussianDpEvent(s))
    eps = RdpAccountant([alpha]).compose(event).get_epsilon(1e-5)
    theirs = eps - dp.rdp_epsilon_tight(alpha, 0, 1e-5)
    assert theirs / law == pytest.approx(peer, abs=1e-4)


def test_conversions_of_renyi_divergence():
    # for the plain Gaussian, calculus gives the least classic bound: Mironov (2017)
    sigma, delta, orders = 0.8, 1e-6, np.arange(1.01, 50, 0.01)
    bound = dp.rdp_epsilon(orders, dp.gaussian_rdp(orders, sigma), delta)
    assert bound.min() == pytest.approx(1 / 1.28 + sqrt(2 * log(1 / delta)) / 0.8)
    assert dp.gaussian_delta(1, bound.min(), sigma) == pytest.approx(1.344e-8, rel=0.01)
    tight = dp.rdp_epsilon_tight(orders, dp.gaussian_rdp(orders, sigma), delta)
    assert np.all(tight < bound)
    # delta at eps = 0 is e^(rdp (alpha - 1)) (1 - 1/alpha)^alpha / (alpha - 1)
    assert dp.rdp_epsilon_tight(2, 0, 0.2499) == pytest.approx(log(0.25 / 0.2499))
    with pytest.raises(ValueError, match=r"would be -0\.18"):
        dp.rdp_epsilon_tight(2, 0, 0.3)
    # dp_accounting 0.6.0, its own tests: divergence 1.1 at orders 2 to 32
    assert dp.rdp_epsilon_tight(32, 1.1, 1e-5) == pytest.approx(1.32783806176)


def test_information_and_its_bias_in_small_samples():
    n = np.array([[30, 5, 0], [10, 20, 15]])
    bits = entropy(n.ravel(), np.outer(n.sum(1), n.sum(0)).ravel(), base=2)
    assert dp.mutual_information(n) == pytest.approx(bits)  # scipy's relative entropy
    # a secret bit that is told truly with odds e^0.5 leaks near 0.5^2/8 nats
    table = np.array([[sqrt(e), 1], [1, sqrt(e)]]) / (2 + 2 * sqrt(e))
    truth = dp.mutual_information(table)
    assert truth * log(2) == pytest.approx(0.5**2 / 8, rel=0.05)
    counts = np.random.default_rng(2).multinomial(100, table.ravel(), 2000)
    found = np.mean([dp.mutual_information(c.reshape(2, 2)) for c in counts])
    # 1 / (2 x 100 ln 2) = 0.0072 on top of 0.0439; standard error 0.0007
    assert found - truth == pytest.approx(0.0072, abs=0.002)


def test_information_of_independent_tables_is_no_less_than_nothing():
    for seed in range(50):
        r, c = np.random.default_rng(seed).uniform(size=(2, 6))
        assert 0 <= dp.mutual_information(np.outer(r, c)) < 1e-14
    assert dp.mutual_information([3, 4, 5]) == 0  # one record
    assert dp.mutual_information(np.eye(8) * 1e-200) == pytest.approx(3)


@pytest.mark.parametrize("d", [0, 1, 2, 6, 15, 17, 100, 300])
def test_rounded_bits_against_whole_numbers(d):
    assert dp.rounded_bits(d) == pytest.approx(log2(10**d + 1), rel=1e-14)


def test_a_token_bucket_that_is_played_and_what_a_copy_costs():
    tokens, t, done, r, b = 8.0, 0.0, 0, 0.5, 8.0
    while done < 100:  # asks whenever a token is there
        if tokens >= 1:
            tokens, done = tokens - 1, done + 1
        else:
            t, tokens = t + 0.25, min(b, tokens + 0.25 * r)
    assert dp.extraction_time(100, r, b) == pytest.approx(t)
    assert dp.extraction_time(5, r, b) == 0
    # the book: 5M answers at 0.1 cents, or 10,000 a day for 50 $ a month of 30 days
    T = dp.extraction_time(5e6, 10_000 / day, 1)
    assert T / day == pytest.approx(500, rel=1e-6)
    assert dp.extraction_cost(5e6, 0.001, T, 0) == pytest.approx(5000)
    assert dp.extraction_cost(5e6, 0, T, 50 / (30 * day)) == pytest.approx(833, abs=1)


@pytest.mark.parametrize("N", [2, 4, 64])
def test_gathering_against_a_ring_whose_messages_are_counted(N):
    sent = sum(1 / N for phase in range(2) for step in range(N - 1))  # by each, ring
    assert dp.gather_ratio(N) == pytest.approx(len(range(1, N)) / sent)  # to the one


def test_arrays_broadcast():
    eps, delta = np.array([[0.1], [0.5]]), np.array([1e-7, 1e-6, 1e-5])
    sigma = dp.gaussian_sigma(1, eps, delta)
    assert sigma.shape == (2, 3)
    assert sigma[1, 2] == dp.gaussian_sigma(1, 0.5, 1e-5)
    assert dp.sampling_rate(4, np.array([1, 4])).tolist() == [0.25, 1]
    assert dp.membership_bound(np.array([0.0, 1.0]), 1.0).tolist() == [0, 1]
    orders = np.array([1.5, 2.0, 8.0])
    run = dp.subsampled_rdp(orders, 0.01, np.array([[1.0], [2.0]]))
    assert run[1, 2] == pytest.approx(dp.subsampled_rdp(8, 0.01, 2), rel=1e-12)
    assert dp.gaussian_delta(1, 0.5, orders)[1] == dp.gaussian_delta(1, 0.5, 2)


NAN, MIXED = float("nan"), np.array([0.5, -1, 2])
TABLE = np.ones((2, 2))
BAD = {
    dp.laplace_scale: [(0, 1), (1, MIXED), (1, NAN), (1, 0), (1e-300, 1e300)],
    dp.gaussian_sigma: [
        *[(-1, 0.5, 0.1), (0, 0.5, 0.1), (1, 1, 0.1), (1, 0, 0.1)],
        *[(1, 0.5, 1), (1, 0.5, 0), (1, 0.5, MIXED), (1e-200, 0.5, 1e308)],
    ],
    dp.gaussian_delta: [(0, 1, 1), (-1, 1, -1), (1, -0.1, 1), (1, 1, 0), (1, NAN, 1)],
    dp.basic_composition: [(-1, 2), (0.1, 0), (0.1, 1.5)],
    dp.membership_bound: [
        *[(5, 1), (MIXED[:2], 1), (MIXED[::2], 1), (NAN, 1), (0.1, -1)],
        *[(0.1, 1, -0.1), (0.1, 1, 1.1)],
    ],
    dp.sampling_rate: [(9, 0), (9, 10), (9, np.array([8, 10])), (0, 1), (9.5, 1)],
    dp.sgd_steps: [(0, 1, 1), (9, 0, 1), (9, 1, -1), (9, 1e-300, 1e300), (9.5, 1, 1)],
    dp.gaussian_rdp: [(2, 0), (2, -1), (1, 1), (0.5, 1)],
    dp.subsampled_rdp: [
        *[(1, 0.1, 1), (1.0005, 0.1, 1), (2e4, 0.1, 1), (2, -0.1, 1), (2, 1.1, 1)],
        *[(2, 0.1, -1), (2, 0.1, 0.005), (2, 0.1, 1e7), (2, 0.1, NAN)],
    ],
    dp.rdp_epsilon: [(1, 1, 0.1), (0.5, 1, 0.1), (2, -1, 0.1), (2, 1, 1.5), (2, 1, 0)],
    dp.rdp_epsilon_tight: [
        *[(1, 1, 0.1), (0.5, 1, 0.1), (2, -1, 0.1), (2, 1, 1.5), (2, 1, 0)],
        *[(64, 0, 0.1), (64, 0, np.array([1e-9, 0.1]))],
    ],
    dp.mutual_information: [
        *[(np.array([[1, -1], [1, 1]]),), (np.array([[1, NAN]]),), (0 * TABLE,)],
        *[(np.ones((2, 2, 2)),), ([],), (1e308 * TABLE,)],
    ],
    dp.rounded_bits: [(-1,), (1.5,), (301,), (1e308,), (10**400,)],
    dp.extraction_time: [(9, 0, 1), (9, 1, 0), (9, -1, 1), (-1, 1, 1), (9, 1, 0.5)],
    dp.extraction_cost: [(-1, 1, 1, 1), (1, -1, 1, 1), (1, 1, -1, 1), (1, 1, 1, -1)],
    dp.gather_ratio: [(1,), (2.5,), (-2,)],
}


@pytest.mark.parametrize(("law", "args"), [(f, x) for f in BAD for x in BAD[f]])
def test_input_that_would_give_a_plausible_wrong_answer_is_refused(law, args):
    with pytest.raises(ValueError, match=r"\d|nan|\[\]"):
        law(*args)
