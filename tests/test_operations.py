"""Each law is checked against something that is not the law."""

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from mlsyscore import operations as ops
from mlsyscore.compute import break_even_utilisation
from mlsyscore.units import day, dollar, hour, minute


def z_test(x, y, n):
    """Two-sided p-values of the pooled two-proportion test, n requests per arm."""
    pooled = (x + y) / (2 * n)
    return 2 * norm.sf(np.abs(x - y) / np.sqrt(2 * n * pooled * (1 - pooled)))


def share_found(p, delta, n, runs=200_000, seed=0):
    """Share of simulated A/B tests that find something at the 5 % level."""
    rng = np.random.default_rng(seed)
    x, y = rng.binomial(n, p, runs), rng.binomial(n, p + delta, runs)
    return np.mean(z_test(x, y, n) < 0.05)


def test_the_sample_size_gives_the_power_it_claims_where_variances_are_equal():
    # rates mirrored about 1/2 vary alike; standard error sqrt(.8 x .2 / 2e5) = 0.0009
    n = round(ops.sample_size(0.495, 0.01))
    assert share_found(0.495, 0.01, n) == pytest.approx(0.8, abs=0.003)
    assert share_found(0.495, 0, n) == pytest.approx(0.05, abs=0.0015)  # error 0.0005


def test_the_books_click_experiment_falls_two_points_short_of_its_power():
    # 5.5 % varies more than the 5 % that the law takes for both arms
    n = round(ops.sample_size(0.05, 0.005))
    assert share_found(0.05, 0.005, n) == pytest.approx(0.782, abs=0.003)


def test_other_levels_and_powers():
    n, rng = round(ops.sample_size(0.49, 0.02, 0.2, 0.95)), np.random.default_rng(1)
    x, y = rng.binomial(n, [[0.49], [0.51]], (2, 200_000))
    assert np.mean(z_test(x, y, n) < 0.2) == pytest.approx(0.95, abs=0.0015)  # 3 errors


def test_requests_of_one_user_are_worth_less_than_requests_of_many():
    # ten requests a user, whose own rate is Beta(0.45, 8.55): alike by 1 / (a + b + 1)
    # = 0.1, so each arm's variance is 1 + 9 x 0.1 = 1.9 times what the law assumes
    rng, users, runs = np.random.default_rng(2), 1000, 2000
    x, y = rng.binomial(10, rng.beta(0.45, 8.55, (2, runs, users))).sum(-1)
    found = np.mean(z_test(x, y, 10 * users) < 0.05)
    assert found == pytest.approx(0.155, abs=0.025)  # standard error 0.008


@pytest.mark.parametrize(
    ("looks", "published"),
    [(1, 0.05), (2, 0.08), (5, 0.14), (20, 0.25), (100, 0.37)],
)  # Wetterslev, Jakobsen and Gluud, BMC Med. Res. Methodol. 17:39 (2017), table 1
def test_peeking_inflates_errors_but_less_than_independent_tests(looks, published):
    steps = np.random.default_rng(3).normal(size=(20_000, looks))
    z = steps.cumsum(1) / np.sqrt(np.arange(1, looks + 1))
    peeked = np.mean(np.any(np.abs(z) > norm.isf(0.025), axis=1))
    assert peeked == pytest.approx(published, abs=0.005 + 0.01)  # digits, 3 errors
    assert peeked <= ops.familywise_error(0.05, looks) + 0.005


@pytest.mark.parametrize(("rho", "share"), [(0.0, 0.6415), (0.5, 0.42), (0.9, 0.157)])
def test_twenty_metrics_find_a_false_win_less_often_when_they_move_together(rho, share):
    rng = np.random.default_rng(4)
    common, own = rng.normal(size=(50_000, 1)), rng.normal(size=(50_000, 20))
    z = np.sqrt(rho) * common + np.sqrt(1 - rho) * own
    found = np.mean(np.any(np.abs(z) > norm.isf(0.025), axis=1))
    assert found == pytest.approx(share, abs=0.008)  # standard error 0.002
    assert found <= ops.familywise_error(0.05, 20) + 0.006


def test_alert_rate_holds_for_correlated_monitors_whose_alerts_come_in_bursts():
    rng, checks, m = np.random.default_rng(5), 20_000, 200
    common, own = rng.normal(size=(checks, 1)), rng.normal(size=(checks, m))
    zs = [np.sqrt(rho) * common + np.sqrt(1 - rho) * own for rho in (0.0, 0.3)]
    counts = [(np.abs(z) > 2).sum(1) for z in zs]
    law = ops.false_alerts(m, 5 * minute, 2 * norm.sf(2)) * 5 * minute
    for count in counts:
        assert count.mean() == pytest.approx(law, abs=4 * count.std() / checks**0.5)
    assert counts[0].std() == pytest.approx(2.95, rel=0.03)  # near Poisson
    assert counts[1].std() == pytest.approx(9.7, rel=0.05)


def test_a_pool_needs_fewer_machines_because_peaks_do_not_coincide():
    demand = np.random.default_rng(6).gamma(2, 10, (20, 10_000))  # teams, hours
    alone = np.quantile(demand, 0.99, axis=1).sum()
    pooled = np.quantile(demand.sum(0), 0.99)
    used = demand.sum(0).mean()
    saved = ops.hardware_saved(used / alone, used / pooled)
    assert saved == pytest.approx((alone - pooled) / alone)


def test_canary_and_roll_out_against_requests_that_arrive():
    rng, r = np.random.default_rng(7), 50.0
    at = rng.exponential(1 / r, 1_000_000).cumsum()
    mine = at[rng.random(at.size) < 0.05]
    T = ops.canary_time(20_000, r, 0.05)
    assert mine[20_000] == pytest.approx(T, rel=0.02)  # 20,000 counts: 0.7 %
    shares, stages = np.array([0.01, 0.05, 0.25, 1.0]), np.array([2.0, 4, 4, 8]) * 600
    ends = stages.cumsum()
    stage = np.searchsorted(ends, at[at < ends[-1]])
    met = (rng.random(stage.size) < shares[stage]).sum()
    law = ops.exposed_requests(r, shares, stages)
    assert met == pytest.approx(law, abs=4 * law**0.5)


@pytest.mark.parametrize("e", [0.0005, 0.02, 1.0])
def test_burn_rate_against_a_month_of_errors(e):
    errors = np.full(30 * 86_400, e)  # a share of each second's requests
    spent = errors.cumsum() / (errors.size * 0.001)  # of the budget at 99.9 %
    assert spent[-1] == pytest.approx(ops.burn_rate(e, 0.999))
    if e > 0.001:
        gone = errors.size / ops.burn_rate(e, 0.999)
        assert np.argmax(spent >= 1) + 1 == pytest.approx(gone, abs=1)


def test_published_burn_rates():
    # Google, The Site Reliability Workbook (2018), chapter 5: at 99.9 % a burn of 14.4
    # for 1 h, 6 for 6 h or 1 for 3 d spends 2, 5 or 10 % of a 30-day budget
    for hours, b, spent in [(1, 14.4, 0.02), (6, 6, 0.05), (72, 1, 0.1)]:
        assert ops.burn_rate(b / 1000, 0.999) * hours / 720 == pytest.approx(spent)
    # one failure of ten requests in an hour spends 13.9 %: a burn rate of 100, where
    # the chapter prints 1,000
    b = ops.burn_rate(1 / 10, 0.999)
    assert b == pytest.approx(100)
    assert b * 1 / 720 == pytest.approx(0.139, abs=0.0005)


def play_decay(T, C, rng, jumps=0.5, size=2.0, horizon=200_000.0):
    """Mean cost rate when shocks, not a line, wear the model: each adds `size` $/s."""
    at = rng.uniform(0, horizon, rng.poisson(jumps * horizon))
    left = T - at % T  # from the shock to the next retraining
    return (size * left.sum() + C * horizon / T) / horizon


def test_upkeep_and_best_interval_against_random_shocks():
    C, s, rng = 400.0, 0.5 * 2.0, np.random.default_rng(8)
    best = ops.retraining_interval(C, s)
    grid = best * np.array([0.5, 0.8, 1.0, 1.25, 2.0])
    played = np.array([play_decay(T, C, rng) for T in grid])
    # 100,000 shocks of uniform left-over time: 0.2 % of the second term
    assert played == pytest.approx(ops.upkeep(grid, C, s), rel=0.006)
    assert played[2] == played.min()


@pytest.mark.parametrize(
    ("C", "late", "dear"), [(0.2, 1.30, 1.024), (0.5, 1.68, 1.067)]
)
def test_where_decay_levels_off_the_law_retrains_too_soon(C, late, dear):
    # the loss rate rises as 1 - exp(-t): initial slope 1, ceiling 1, C in units of both
    def cost(T):
        t = np.linspace(0, T, 2001)
        return (C + np.trapezoid(1 - np.exp(-t), t)) / T

    T = ops.retraining_interval(C, 1.0)
    true = minimize_scalar(cost, bounds=(T / 3, 10 * T), method="bounded").x
    assert true / T == pytest.approx(late, abs=0.01)
    assert cost(T) / cost(true) == pytest.approx(dear, abs=0.002)


def test_feature_history_against_rows_that_are_written():
    row = np.dtype([("value", "f8"), ("key", "i8"), ("event", "i8"), ("written", "i8")])
    log = [np.zeros(1, row) for feature in range(12) for t in range(0, 48, 2)]  # hours
    law = ops.feature_history(12, 2 * day, 2 * hour, row.itemsize)
    assert law == np.concatenate(log).nbytes


def test_owning_and_renting_against_a_ledger():
    bought = ops.Ownership(1_000 * dollar, 0.5 * dollar / hour, 0.25 * dollar / hour)
    busy = np.random.default_rng(9).permutation(np.arange(10_000) % 5 < 3)  # 60 %
    owned = 1_000 + np.cumsum(0.5 + 0.25 * busy)
    rented = np.cumsum(2.0 * busy)
    assert bought.total(0.6, 10_000 * hour) == pytest.approx(owned[-1])
    # the hours in use come at random: 0.5 $ over 0.55 $ an hour, times sqrt(1818)
    crossing = bought.crossover(0.6, 2 * dollar / hour)
    assert np.argmax(rented > owned) == pytest.approx(crossing / hour, abs=150)
    assert bought.crossover(1.0, 2 * dollar / hour) / hour == pytest.approx(800)
    assert bought.total(0.0, 1 * hour) == pytest.approx(1_000.5)
    rent = 2 * crossing / hour  # by then, in all
    u = break_even_utilisation(bought.total(0, crossing), rent, rent / 8)
    assert u == pytest.approx(0.6)


def test_platform_return_against_tickets():
    rng, wage = np.random.default_rng(10), 150.0
    hours = rng.gamma(2, 10, (400, 50)).sum()  # 400 months, 50 models, mean 20 h
    law = ops.benefit_cost(50, 20 / 730, wage / hour, 120_000 / (730 * hour))
    # 20,000 tickets of relative spread 0.7: 0.5 %
    assert law == pytest.approx(hours * wage / (400 * 120_000), rel=0.02)


def test_arrays_broadcast():
    p, delta = np.array([[0.05], [0.2]]), np.array([0.005, 0.01, 0.02])
    n = ops.sample_size(p, delta)
    assert n.shape == (2, 3)
    assert n[1, 2] == pytest.approx(ops.sample_size(0.2, 0.02))
    assert ops.hardware_saved(np.array([0.0, 0.3, 1.0]), 1.0).tolist() == [1, 0.7, 0]
    assert ops.familywise_error(np.array([0.0, 0.5]), 2).tolist() == [0, 0.75]
    assert ops.retraining_interval(np.array([1, 4]), 2).tolist() == [1, 2]
    assert ops.burn_rate(np.array([0.0, 0.5]), 0.5).tolist() == [0, 1]
    assert ops.payback(10, np.array([1.0, 5.0])).tolist() == [10, 2]


def test_several_roll_outs_at_once_stages_along_the_last_axis():
    shares, stages = np.array([[0.1, 1.0], [0.5, 0.5]]), np.array([10.0, 5.0])
    met = ops.exposed_requests(2.0, shares, stages)
    assert met.tolist() == [2 * (1 + 5), 2 * (5 + 2.5)]
    assert ops.exposed_requests(np.array([2.0, 4.0]), shares, stages)[1] == 30
    assert ops.exposed_requests(2.0, 0.5, [10, 5]) == 15  # one share in all stages
    with pytest.raises(ValueError, match=r"3.*2"):
        ops.exposed_requests(2.0, [0.1, 0.2, 1.0], stages)


@pytest.mark.parametrize("alpha", [1e-17, 1e-9, 0.05, 0.75, 1 - 1e-9])
@pytest.mark.parametrize("m", [1, 2, 20, 10**9])
def test_familywise_error_to_twelve_digits(alpha, m):
    with localcontext(prec=60):
        exact = 1 - (1 - Decimal(alpha)) ** m
    assert ops.familywise_error(alpha, m) == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("more", [1e-12, 1e-6, 0.5])
def test_a_pool_that_is_hardly_better_saves_little_to_twelve_digits(more):
    u, v = 0.3, 0.3 * (1 + more)
    exact = 1 - Fraction(u) / Fraction(v)
    assert ops.hardware_saved(u, v) == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("alpha", [0.3, 1e-9, 1e-40, 1e-300])
def test_levels_may_be_as_small_as_a_fleet_of_tests_asks(alpha):
    z = norm.isf(alpha / 2) + norm.isf(0.2)
    n = ops.sample_size(0.2, 0.1, alpha)
    assert n == pytest.approx(z**2 * 2 * 0.2 * 0.8 / 0.1**2, rel=1e-9)


NAN, OWN = float("nan"), ops.Ownership(1, 1, 0)
MIXED, WIDE = np.array([0.5, -0.1]), np.array([0.1, 0.5])
BAD = {
    ops.payback: [(1, np.array([1, 0])), (-1, 1), (1, 0), (1e300, 1e-300)],
    ops.Ownership: [(-1, 1, 1), (1, -1, 1), (1, 1, NAN)],
    OWN.total: [(80, 1), (-0.1, 1), (0.5, -1)],
    OWN.crossover: [(80, 3), (1.01, 3), (-0.1, 3), (0.5, 1), (0.5, 2), (0.5, -1)],
    ops.hardware_saved: [
        *[(0.3, np.array([0.7, 70])), (-0.1, 0.7), (NAN, 0.7), (0, 0), (0.3, 0)],
        *[(0.7, 0.3), (2, 1)],
    ],
    ops.false_alerts: [(10, 60, 5), (10, 60, -0.1), (10, 0, 0.1), (0, 60, 0.1)],
    ops.familywise_error: [(5, 20), (MIXED, 20), (0.1, 0), (0.1, -1), (0.1, 1.5)],
    ops.sample_size: [
        *[(NAN, 0.1), (0.05, 0.0), (0.05, MIXED), (0.5, 0.5), (0.5, WIDE)],
        *[(WIDE - 0.1, 0.1), (0.1, 0.1, 1.5), (0.1, 0.1, 0.1, 0.1), (0.9, 0.2)],
        *[(0.1, 0.1, 0.0), (0.1, 0.1, 0.1, 1.0), (0.1, 0.1, 0.8, 0.05)],
        *[(0.1, 0.1, WIDE), (0.1, 0.1, 0.05, WIDE)],
    ],
    ops.canary_time: [(1000, 10, 5), (1000, 10, 0), (1000, 0, 0.1), (-1, 10, 0.1)],
    ops.exposed_requests: [
        *[(10, [0.05, 5], [60, 60]), (10, [0.05, -1], [60, 60]), (-1, [1], [60])],
        *[(10, [0.05, 1], [60, -60]), (10, [NAN, 1], [60, 60])],
    ],
    ops.burn_rate: [(2, 0.999), (-1, 0.9), (0.1, 99.9), (0.1, 1), (0.1, -1)],
    ops.upkeep: [(0, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1)],
    ops.retraining_interval: [(MIXED, 1), (np.array([1, 0]), 1), (1, np.array([1, 0]))],
    ops.feature_history: [(0, 1, 1, 1), (1, -1, 1, 1), (1, 1, 0, 1), (1, 1, 1, -1)],
    ops.benefit_cost: [(0, 1, 1, 1), (1, -1, 1, 1), (1, 1, -1, 1), (1, 1, 1, 0)],
}


@pytest.mark.parametrize(("law", "args"), [(f, x) for f in BAD for x in BAD[f]])
def test_input_that_would_give_a_plausible_wrong_answer_is_refused(law, args):
    with pytest.raises(ValueError, match=r"\d|nan"):
        law(*args)


def test_the_edges_are_accepted_and_a_power_above_one_named():
    assert ops.false_alerts(10, 1, 1.0) == 10
    assert ops.familywise_error(0.0, 9) == 0
    assert ops.familywise_error(1.0, 9) == 1
    assert ops.burn_rate(1.0, 0.0) == 1
    assert ops.hardware_saved(0.7, 0.7) == 0
    assert OWN.total(0.0, 0.0) == 1
    assert ops.benefit_cost(1, 1.5, 2.0, 1.0) == 3  # more than one engineer saved
    with pytest.raises(ValueError, match="familywise_error: alpha = 5"):
        ops.familywise_error(5, 20)
    with pytest.raises(ValueError, match="familywise_error: m = 0"):
        ops.familywise_error(0.1, 0)
    for free in (ops.Ownership(0, 1, 0), ops.Ownership(0, 1, 1)):
        with pytest.raises(ValueError, match="never beats"):
            free.crossover(0.5, 1.5)  # would take -0 s
    with pytest.raises(ValueError, match="never beats"):
        OWN.crossover(0.5, 2)  # saves nothing
    with pytest.raises(ValueError, match=r"power = 1\.5"):
        ops.sample_size(0.05, 0.01, 0.05, 1.5)
    with pytest.raises(ValueError, match=r"0\.8 .*0\.5"):
        ops.sample_size(0.05, 0.01, 0.8, 0.5)
