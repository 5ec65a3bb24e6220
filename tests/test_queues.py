"""The laws of waiting against queues that are played, and where a run never gets."""

import inspect
import random
from fractions import Fraction
from math import factorial

import numpy as np
import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlsyscore import queues as qu


def lindley(gap, S):
    """Wait of each job before one server: W' = max(0, W + S - gap'), all at once."""
    x = np.zeros_like(S)
    x[..., 1:] = np.cumsum(S[..., :-1] - gap[..., 1:], axis=-1)
    return x - np.minimum(np.minimum.accumulate(x, axis=-1), 0)


def many_servers(c, rho, runs=400, n=2500, cold=500, seed=3):
    """Wait of each job before c servers of mean service 1, in many runs at once."""
    rng = np.random.default_rng(seed)
    free, wait = np.zeros((runs, c)), np.empty((n, runs))
    for job in range(n):  # free: when each server is free again, the earliest first
        free = np.maximum(free - rng.exponential(1 / (rho * c), (runs, 1)), 0)
        wait[job] = free[:, 0]
        free[:, 0] += rng.exponential(1.0, runs)
        free.sort(axis=1)
    return wait[cold:].T


def confident(samples, law):
    """The law lies within 4 standard errors of the mean of independent batches."""
    error = samples.std(ddof=1) / np.sqrt(samples.size)
    assert error < 0.05 * law  # else the test would say nothing
    assert samples.mean() == pytest.approx(law, abs=4 * error)


def service(kind, size, rng):
    """Times of mean 1 and a stated coefficient of variation."""
    if kind == "equal":
        return np.ones(size), 0.0
    if kind == "exponential":
        return rng.exponential(1.0, size), 1.0
    return np.where(rng.random(size) < 0.1, 8.2, 0.2), 2.4  # nine short, one long


@pytest.mark.parametrize("kind", ["equal", "exponential", "mixed"])
@pytest.mark.parametrize("rho", [0.3, 0.8])
def test_one_server_waits_as_pollaczek_and_khinchine_say(kind, rho):
    rng = np.random.default_rng(0)
    S, C_s = service(kind, 1_000_000, rng)
    W = lindley(rng.exponential(1 / rho, S.size), S)
    batches = W[50_000:].reshape(50, -1).mean(axis=1)  # 19,000 jobs: nearly independent
    confident(batches, qu.wait_ratio(rho, C_s))


def test_little_and_the_wait_in_seconds_hold_in_a_run():
    rng = np.random.default_rng(1)
    S, lam, mean = rng.exponential(3.0, 200_000), 0.2, 3.0
    came = np.cumsum(rng.exponential(1 / lam, S.size))
    T = lindley(np.diff(came, prepend=0), S) + S
    order = np.sort(np.concatenate([came, came + T]))
    inside = 2 * np.searchsorted(came, order, "right") - np.arange(1, order.size + 1)
    Q = (np.diff(order) * inside[:-1]).sum() / order[-1]  # the area under a count
    rate = S.size / order[-1]
    assert qu.in_system(rate, T.mean()) == pytest.approx(Q)
    assert qu.offered_load(rate, S.mean()) == pytest.approx(S.sum() / order[-1])
    batches = (T - S)[20_000:].reshape(36, -1).mean(axis=1)
    confident(batches, qu.mg1_wait(lam, mean))
    assert qu.mg1_wait(lam, mean, 0.0) == pytest.approx(qu.mg1_wait(lam, mean) / 2)


@pytest.mark.parametrize(("c", "rho"), [(2, 0.6), (8, 0.85)])
def test_many_servers_wait_as_erlang_says(c, rho):
    wait = many_servers(c, rho)
    confident(wait.mean(axis=1), qu.mmc_wait(rho * c, 1.0, c))
    confident((wait > 0).mean(axis=1), qu.erlang_c(rho * c, c))


def test_simpy_agrees_on_three_servers():
    rng, env, waits = random.Random(4), simpy.Environment(), []
    lam, S, c = 1.5, 1.2, 3
    servers = simpy.Resource(env, c)

    def job():
        came = env.now
        with servers.request() as turn:
            yield turn
            waits.append(env.now - came)
            yield env.timeout(rng.expovariate(1 / S))

    def source():
        while True:
            yield env.timeout(rng.expovariate(lam))
            env.process(job())

    env.process(source())
    env.run(11_000 / lam)
    batches = np.array(waits[1_000:10_600]).reshape(24, -1).mean(axis=1)
    error = batches.std(ddof=1) / np.sqrt(24)
    assert batches.mean() == pytest.approx(qu.mmc_wait(lam, S, c), abs=4 * error)
    assert error < 0.1 * batches.mean()


@pytest.mark.parametrize("c", [1, 3, 40])
@pytest.mark.parametrize("a", [0.0, 0.7, 2.5, 36.0])
def test_erlang_b_is_a_truncated_poisson(a, c):
    poisson = stats.poisson(a)
    assert qu.erlang_b(a, c) == pytest.approx(poisson.pmf(c) / poisson.cdf(c))


def exact_erlang(a, c):
    """Sum Erlang's two formulas as fractions: refused, and made to wait."""
    a = Fraction(a)
    terms = [a**k / factorial(k) for k in range(c + 1)]
    late = terms[-1] * c / (c - a)
    return float(terms[-1] / sum(terms)), float(late / (sum(terms[:-1]) + late))


@pytest.mark.parametrize("c", [1, 7, 60])
@pytest.mark.parametrize("free", [1e-12, 1e-3, 0.5, 0.9])
def test_erlang_is_right_to_12_digits_up_to_the_last_free_server(free, c):
    a = c - free
    assert (qu.erlang_b(a, c), qu.erlang_c(a, c)) == pytest.approx(
        exact_erlang(a, c), rel=1e-12
    )


@given(rho=st.floats(0, 1, exclude_max=True), C=st.floats(0, 100))
def test_one_servers_wait_is_what_fractions_say(rho, C):
    exact = Fraction(rho) / (1 - Fraction(rho)) * (1 + Fraction(C) ** 2) / 2
    assert qu.wait_ratio(rho, C) == pytest.approx(float(exact), rel=1e-13)
    assert qu.wait_ratio(rho, 1.0, C) == qu.wait_ratio(rho, C)
    assert qu.mg1_wait(rho / 4, 4.0, C) == pytest.approx(4 * float(exact), rel=1e-13)


def test_erlang_b_gives_the_published_table():
    # the 1 % column of the Erlang B table: 10 trunks carry 4.461 erlang, 50 37.90
    assert qu.erlang_b(4.461, 10) == pytest.approx(0.01, rel=1e-3)
    assert qu.erlang_b(37.90, 50) == pytest.approx(0.01, rel=1e-3)


def test_lost_calls_do_not_care_how_service_varies():
    # two servers, all service times equal; the law knows only the mean
    rng = np.random.default_rng(5)
    a, runs, lost = 1.4, 300, []
    free = np.zeros((runs, 2))
    for _ in range(1_500):
        free = np.maximum(free - rng.exponential(1 / a, (runs, 1)), 0)
        lost.append(free[:, 0] > 0)
        free[:, 0] = np.where(lost[-1], free[:, 0], 1.0)
        free.sort(axis=1)
    confident(np.mean(lost[100:], axis=0), qu.erlang_b(a, 2))


@given(c=st.integers(1, 60), rho=st.floats(0.01, 0.99), S=st.floats(0.1, 1e4))
def test_one_pool_beats_servers_with_queues_of_their_own(c, rho, S):
    alone = qu.mg1_wait(rho / S, S)
    pooled = qu.mmc_wait(rho * c / S, S, c)
    assert pooled <= alone / c * (1 + 1e-9)
    if c == 1:
        assert pooled == pytest.approx(alone)
        assert qu.erlang_c(rho, 1) == pytest.approx(rho)


def test_infinite_variance_never_settles():
    # Pareto service of index 1.5 at half load: no C_s, no steady mean.  A run of n jobs
    # waits (its median of 200 runs) about n^(1/3) times a quarter of a service.
    assert qu.wait_ratio(0.0) == 0.0
    rng = np.random.default_rng(6)
    typical = []
    for n in (1_000, 10_000):
        S = (1 + rng.pareto(1.5, (200, n))) / 3
        W = lindley(rng.exponential(2.0, S.shape), S).mean(axis=1)
        typical.append(np.median(W))
    assert typical == pytest.approx([2.3, 5.1], rel=0.15)  # 200 medians: 7 % each


def heavy(C, size, rng):
    """Lognormal times of mean 1 and coefficient of variation C."""
    s2 = np.log(1 + C**2)
    return np.exp(rng.normal(-s2 / 2, np.sqrt(s2), size))


def test_a_steady_state_that_a_trace_never_reaches():
    # service as varied as the gaps of the Azure code trace (C = 13.2), in runs as
    # long as it (8,819 requests), at 80 % load: the typical run waits a quarter of the
    # law's 349 services, and nine runs of ten wait less than the law
    rng = np.random.default_rng(7)
    law = qu.wait_ratio(0.8, 13.2)
    S = heavy(13.2, (300, 8_819), rng)
    W = lindley(rng.exponential(1 / 0.8, S.shape), S).mean(axis=1)
    assert law == pytest.approx(350.5, abs=0.1)
    assert np.median(W) / law == pytest.approx(0.25, abs=0.04)
    assert (law > W).mean() == pytest.approx(0.9, abs=0.05)


def test_bursts_of_arrivals_break_poisson_by_sixteen_and_kingman_by_six():
    # gaps with the C_a = 13.15 of the Azure code trace (AzureLLMInferenceTrace_code,
    # 2023-11-16; our lognormal, not its order), exponential service, half load
    rng = np.random.default_rng(8)
    gap = 2 * heavy(13.15, (200, 8_819), rng)
    W = lindley(gap, rng.exponential(1.0, gap.shape)).mean()
    assert W / qu.wait_ratio(0.5) == pytest.approx(16, abs=1)
    assert qu.wait_ratio(0.5, 1.0, 13.15) / W == pytest.approx(5.5, abs=0.4)


def test_kingman_is_for_heavy_load():
    # bursts, nine short gaps and one long (C_a = 2.4): at 30 % load a job waits 2.4
    # times what the rule says, at 80 % a fifth more; standard errors 0.5 and 2 %
    rng = np.random.default_rng(9)
    for rho, off, tolerance in ((0.3, 0.42, 0.01), (0.8, 0.83, 0.05)):
        gap, C_a = service("mixed", (100, 20_000), rng)
        W = lindley(gap / rho, rng.exponential(1.0, gap.shape))[:, 5_000:].mean()
        assert qu.wait_ratio(rho, 1.0, C_a) / W == pytest.approx(off, abs=tolerance)


def test_arrays_give_what_scalars_give():
    rho, S = np.array([0.2, 0.5, 0.9]), np.array([1.0, 2.0, 3.0])
    for law, args in [
        (qu.wait_ratio, (rho, S)),
        (qu.mg1_wait, (rho / S, S)),
        (qu.mmc_wait, (rho * 4 / S, S, 4)),
    ]:
        each = [law(*(np.broadcast_to(x, 3)[i] for x in args)) for i in range(3)]
        assert law(*args) == pytest.approx(each)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: qu.wait_ratio(1.0),
        lambda: qu.wait_ratio(-0.1),
        lambda: qu.wait_ratio(np.array([0.5, 1.5])),
        lambda: qu.wait_ratio(0.5, np.inf),
        lambda: qu.wait_ratio(0.5, -1.0),
        lambda: qu.mg1_wait(2.0, 1.0),
        lambda: qu.mg1_wait(-0.5, 1.0),
        lambda: qu.mg1_wait(-0.5, -1.0),
        lambda: qu.mg1_wait(0.5, 1.0, -1.0),
        lambda: qu.mg1_wait(1.0, 1.0),
        lambda: qu.mg1_wait(np.array([0.5, 1.0]), 1.0),
        lambda: qu.in_system(-1.0, 1.0),
        lambda: qu.offered_load(1.0, -1.0),
        lambda: qu.erlang_b(-0.1, 3),
        lambda: qu.erlang_b(np.array([0.5, np.nan]), 3),
        lambda: qu.erlang_b(1.0, 0),
        lambda: qu.erlang_b(1.0, 2.5),
        lambda: qu.erlang_b(1.0, 10**9),  # a loop that would take minutes
        lambda: qu.erlang_c(3.0, 3),
        lambda: qu.erlang_c(np.array([1.0, 4.0]), 3),
        lambda: qu.mmc_wait(4.0, 1.0, 3),
        lambda: qu.mmc_wait(3.0, 1.0, 3),
        lambda: qu.mmc_wait(np.array([1.0, 4.0]), 1.0, 3),
    ],
)
def test_input_that_would_give_a_plausible_wrong_answer_is_refused(bad):
    with pytest.raises(ValueError, match=r"\d"):
        bad()


def test_a_law_of_servers_takes_one_number_of_them_of_any_type():
    assert qu.erlang_b(1.0, 3.0) == qu.erlang_b(1, np.int64(3)) == qu.erlang_b(1.0, 3)
    for law in (qu.erlang_b, qu.erlang_c):
        with pytest.raises(ValueError, match="one number, not an array"):
            law(1.0, np.array([2, 3]))
    with pytest.raises(ValueError, match="one number, not an array"):
        qu.mmc_wait(1.0, 1.0, [2, 3])


@pytest.mark.parametrize("lam", [1.0, 1.5, np.array([0.5, 1.0])])
def test_a_server_that_never_catches_up_is_told_so(lam):
    with pytest.raises(ValueError, match=r"settles for rho below 1, not for .*1\."):
        qu.mg1_wait(lam, 1.0)
    with pytest.raises(ValueError, match="1 servers never catch up"):
        qu.mmc_wait(lam, 1.0, 1)


LAWS = {
    qu.offered_load: (1.0, 1.0),
    qu.in_system: (1.0, 1.0),
    qu.wait_ratio: (0.5, 1.0, 1.0),
    qu.mg1_wait: (0.5, 1.0, 1.0),
    qu.erlang_b: (1.0, 2),
    qu.erlang_c: (1.0, 2),
    qu.mmc_wait: (1.0, 1.0, 2),
}


@pytest.mark.parametrize(("law", "args"), LAWS.items())
def test_each_argument_below_its_range_is_refused_by_name(law, args):
    law(*args)
    for i, name in enumerate(list(inspect.signature(law).parameters)[: len(args)]):
        with pytest.raises(ValueError, match=f"^{law.__name__}: {name} = -1, where "):
            law(*args[:i], -1, *args[i + 1 :])
