"""The fleet's laws against machines that jitter, fail and learn."""

import math

import numpy as np
import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from mlsyscore import fleet
from mlsyscore.units import day, hour


def play_steps(draws, T_comm):
    """Run every worker to the barrier, then one transfer; return the mean step."""
    env = simpy.Environment()

    def worker(t):
        yield env.timeout(t)

    def job():
        for row in draws:
            yield env.all_of([env.process(worker(t)) for t in row])
            yield env.timeout(T_comm)

    env.run(env.process(job()))
    return env.now / len(draws)


def test_the_fleet_law_is_a_barrier_that_waits_for_the_slowest():
    law = fleet.step_time(8.0, 4, 0.7, 0.0, 0.0)
    assert play_steps(np.full((5, 4), 8.0 / 4), 0.7) == pytest.approx(law)
    x = np.random.default_rng(0).normal(2.0, 0.1, (50, 4))
    slowest = fleet.step_time(8.0, 4, 0.7, x.max(axis=1).mean() - 2.0, 0.0)
    assert play_steps(x, 0.7) == pytest.approx(slowest)


def play_overlap(layers, compute, send):
    """A backward pass that sends each layer's gradients while it computes the next."""
    done, link = 0.0, 0.0
    for _ in range(layers):
        done += compute
        link = max(link, done) + send
    return link


@pytest.mark.parametrize("send", [0.02, 0.1, 0.3])
def test_overlap_hides_all_but_one_layer_of_the_smaller_term(send):
    layers, compute, N = 50, 0.1, 6
    work, comm = layers * compute, layers * send
    assert fleet.step_time(N * work, N, work, work, work) == pytest.approx(2 * work)
    assert fleet.step_time(N * work, N, 0.1, 0.2, 0.1 + 0.2) == pytest.approx(work)
    hidden = min(work - compute, comm - send)
    law = fleet.step_time(N * work, N, comm, 0.0, hidden)
    assert play_overlap(layers, compute, send) == pytest.approx(law)


@pytest.mark.parametrize(
    ("N", "wait"), [(1, 0.0), (8, 1.42), (64, 2.34), (1024, 3.25), (16384, 3.98)]
)
def test_stragglers_make_the_barrier_wait_for_the_expected_maximum(N, wait):
    # T_sync is then `wait` standard deviations of one worker's step
    cdf = stats.norm.cdf
    exact, _ = integrate.quad(lambda x: 1 - cdf(x) ** N - cdf(-x) ** N, 0, 12)
    assert exact == pytest.approx(wait, abs=0.01)
    steps, work, sigma = max(400_000 // N, 25), 1.0, 0.05
    x = np.random.default_rng(N).normal(work, sigma, (steps, N)).max(axis=1)
    law = fleet.step_time(N * work, N, 0.3, wait * sigma, 0.0)
    error = x.std() / math.sqrt(steps) + 0.01 * sigma  # and the digits of wait
    assert (x + 0.3).mean() == pytest.approx(law, abs=4 * error)


def test_without_a_wait_the_fleet_law_is_a_seventh_short_at_1024_workers():
    # 5 % jitter: 16 % of the computing is lost at the barrier
    x = np.random.default_rng(1).normal(1.0, 0.05, (2_000, 1024)).max(axis=1)
    law = fleet.step_time(1024.0, 1024, 0.0, 0.0, 0.0)
    assert x.mean() / law == pytest.approx(1.162, abs=0.002)
    # exponential jitter grows with log N and not with its root: H_1024 = 7.5
    y = np.random.default_rng(2).exponential(0.05, (2_000, 1024)).max(axis=1)
    assert y.mean() / 0.05 == pytest.approx(7.51, rel=0.02)


FLOATS = st.floats(0.01, 1e6)


@given(work=FLOATS, N=st.integers(1, 10**5), rest=FLOATS, share=st.floats(0, 1))
def test_a_step_lies_between_its_longest_part_and_its_sum(work, N, rest, share):
    overlap = share * min(work / N, rest)
    step = fleet.step_time(work, N, rest, 0.0, overlap)
    assert max(work / N, rest) * (1 - 1e-12) <= step <= (work / N + rest) * (1 + 1e-12)
    alone = fleet.step_time(work, N, rest, 0.0, 0.0)
    rho = fleet.communication_ratio(rest, work, N)
    assert fleet.scaling_efficiency(work, alone, N) == pytest.approx(1 / (1 + rho))


def test_twice_the_machines_with_30_percent_communication_gain_a_half():
    before = fleet.step_time(0.7, 1, 0.3, 0.0, 0.0)
    after = fleet.step_time(0.7, 2, 0.3, 0.0, 0.0)
    assert before / after == pytest.approx(1.54, abs=0.005)


def test_efficiency_of_a_published_run_follows_its_rates():
    # MT-NLG 530B, batch 1,920: 60.1 s on 2,240 A100, 50.2 s on 2,800; 126 and 121
    # TFLOP/s each (Smith et al., arXiv 2201.11990, section 2; whole TFLOP/s)
    eta = fleet.scaling_efficiency(60.1 * 2240, 50.2, 2800)
    assert eta == pytest.approx(121 / 126, rel=1 / 121)
    assert eta == pytest.approx(0.958, abs=0.001)


def test_speedup_left_is_what_a_timeline_shows():
    slots = np.arange(1000) % 5 < 3  # two slots of five go to coordination
    assert fleet.realised_speedup(3.0, 0.4) == pytest.approx(3.0 * slots.mean())


def test_intensity_meets_balance_where_sending_takes_as_long_as_computing():
    M, O, beta = 7e11, 8.6e15, 25e9
    balance = beta / (O / (M / beta))
    assert fleet.communication_intensity(M, O) == pytest.approx(balance)


def test_parts_of_mixed_ages_fail_as_often_as_the_law_says_for_any_lifetime():
    # 2,000 parts, replaced as they fail; watched from 5 to 15 mean lives.  Weibull
    # 0.7 has a cv of 1.46, so the count of 20,000 has a standard error of 1.0 %.
    scale = 1 / math.gamma(1 + 1 / 0.7)
    lives = scale * np.random.default_rng(3).weibull(0.7, (2_000, 60))
    fails = lives.cumsum(axis=1)
    assert fails.max(axis=1).min() > 15
    count = ((fails > 5) & (fails < 15)).sum()
    assert 10 / count == pytest.approx(fleet.system_mtbf(1.0, 2_000), rel=0.04)


def test_fresh_parts_with_infant_mortality_fail_19_times_sooner():
    # first failure among 1,000 parts; Weibull 0.7: MTBF N^(-1/0.7), not MTBF/N
    scale = 1 / math.gamma(1 + 1 / 0.7)
    first = scale * np.random.default_rng(4).weibull(0.7, (4_000, 1_000)).min(axis=1)
    law = fleet.system_mtbf(1.0, 1_000)
    # cv 1.46 over 4,000 runs: 2.3 %
    assert law / first.mean() == pytest.approx(19.3, rel=0.09)
    p = fleet.failure_probability(law / 10, law)  # the law: 9.5 %
    assert p == pytest.approx(0.095, abs=0.001)
    assert (first < law / 10).mean() == pytest.approx(0.849, abs=0.02)


def test_first_failure_among_exponential_lifetimes():
    first = np.random.default_rng(5).exponential(1.0, (20_000, 50)).min(axis=1)
    law = fleet.system_mtbf(1.0, 50)
    assert first.mean() == pytest.approx(law, rel=4 / math.sqrt(20_000))
    for t in (0.1 * law, law, 3 * law):
        p = fleet.failure_probability(t, law)
        error = math.sqrt(p * (1 - p) / 20_000)
        assert (first < t).mean() == pytest.approx(p, abs=4 * error)
    assert fleet.failure_probability(0, law) == 0
    assert fleet.failure_probability(1e-9, 1e9) == pytest.approx(1e-18)


def test_50_000_hours_a_gpu_is_what_llama3_saw():
    # 419 unexpected interruptions in 54 days on 16,384 H100 (arXiv 2407.21783,
    # section 3.3.4); the book's 50,000 h is a round number: 2 %
    law = fleet.system_mtbf(50_000 * hour, 16_384)
    assert law == pytest.approx(54 * day / 419, rel=0.02)


def test_all_up_counts_independent_parts_and_a_shared_rack_helps():
    rng = np.random.default_rng(6)
    down = rng.binomial(1_000, 0.001, 100_000)  # parts down at a moment
    error = math.sqrt(0.37 * 0.63 / 100_000)
    alone = fleet.all_up(0.999, 1_000)
    assert (down == 0).mean() == pytest.approx(alone, abs=4 * error)
    racks = rng.binomial(100, 0.001, 100_000)  # the same, down by racks of ten
    error = math.sqrt(0.905 * 0.095 / 100_000)
    assert (racks == 0).mean() == pytest.approx(0.905, abs=4 * error)
    assert alone == pytest.approx(0.368, abs=0.0005)
    assert fleet.all_up(1, 9) == 1
    assert fleet.all_up(0, 9) == 0


def test_a_loss_that_is_a_power_law_is_predicted_where_it_was_not_fitted():
    # distance from a query to the nearest of X points in a plane: alpha = 1/2
    rng = np.random.default_rng(7)

    def loss(X):
        x = np.linalg.norm(rng.random((1_000, X, 2)) - 0.5, axis=2)
        return 0.2 + x.min(axis=1).mean()

    A_L = (loss(40) - 0.2) * math.sqrt(40)
    law = fleet.power_law_loss(2_000, A_L, 0.5, 0.2)
    # nearest distances have a cv of 0.52: 1.7 % for each of two means
    assert law - 0.2 == pytest.approx(loss(2_000) - 0.2, rel=4 * 1.7e-2 * math.sqrt(2))


@pytest.mark.parametrize(("A_L", "alpha", "C_L"), [(2.6, 0.05, 0.0), (8.0, 0.3, 1.7)])
def test_the_inverse_finds_the_root_of_the_loss(A_L, alpha, C_L):
    def short(x):
        return fleet.power_law_loss(math.exp(x), A_L, alpha, C_L) - 2.0

    root = math.exp(optimize.brentq(short, -50, 50))
    assert fleet.resource_for_loss(2.0, A_L, alpha, C_L) == pytest.approx(root)
    doubled = fleet.power_law_loss(2, 1.0, 0.05)  # 3.4 % less: arXiv 2001.08361, 1.2
    assert doubled == pytest.approx(0.966, abs=0.0005)
    assert fleet.resource_for_loss(doubled, 1.0, 0.05) == pytest.approx(2)


def test_arrays_broadcast():
    N, x = np.array([1, 8, 64]), np.array([0.5, 0.25, 0.125])

    def laws(N, x):
        yield fleet.step_time(9.0, N, x, x, x / 8)
        yield fleet.communication_ratio(x, 3.0, N)
        yield fleet.scaling_efficiency(9.0, x, N) * fleet.realised_speedup(3.0, x)
        yield fleet.failure_probability(x, fleet.system_mtbf(9.0, N))
        yield fleet.all_up(x, N)
        yield fleet.power_law_loss(N, 2.0, x, 0.1)
        yield fleet.resource_for_loss(1 + x, 2.0, x)

    each = [list(laws(int(n), float(y))) for n, y in zip(N, x, strict=True)]
    assert np.allclose(np.array(list(laws(N, x))).T, each)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: fleet.step_time(1, 0, 1, 1, 0),
        lambda: fleet.step_time(1, np.array([0, 1]), 1, 1, 0),
        lambda: fleet.step_time(4, 4, 1, 1, 1.1),
        lambda: fleet.step_time(8, 2, 1, 1, 2.1),
        lambda: fleet.step_time(8, 2, 1, 1, -0.1),
        lambda: fleet.step_time(8, 2, 1, 1, math.nan),
        lambda: fleet.communication_ratio(1, 1, 0),
        lambda: fleet.scaling_efficiency(1, 1, 0),
        lambda: fleet.realised_speedup(3, 40),
        lambda: fleet.realised_speedup(3, -0.1),
        lambda: fleet.realised_speedup(3, np.array([0.5, math.nan, 0])),
        lambda: fleet.system_mtbf(1, 0),
        lambda: fleet.failure_probability(-1, 1),
        lambda: fleet.failure_probability(1, 0),
        lambda: fleet.all_up(1.5, 3),
        lambda: fleet.all_up(0.9, 0),
        lambda: fleet.power_law_loss(0, 1, 0.05),
        lambda: fleet.power_law_loss(2, 1, 0),
        lambda: fleet.resource_for_loss(1, 1, 0.05, 1),
        lambda: fleet.resource_for_loss(2, 1, 0),
    ],
)
def test_input_that_would_give_a_plausible_wrong_answer_is_refused(bad):
    with pytest.raises(ValueError, match=r"\d"):
        bad()
