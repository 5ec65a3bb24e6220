"""Each law is checked against something that is not the law."""

import heapq

import numpy as np
import pytest

from mlsyscore import serving as sv
from mlsyscore.catalog import LLAMA2_7B, LLAMA2_70B, LLAMA3_70B
from mlsyscore.compute import Transformer
from mlsyscore.queues import in_system
from mlsyscore.serving import Batching
from mlsyscore.units import GB, MB, GiB, KiB, day, dollar, hour, ms, second

LLM = Batching(40 * ms, 0.5 * ms)  # the book's decoder: its knee is 80
OPT_13B = Transformer(13_000_000_000, 40, 5120, 40, 40)  # arXiv 2205.01068, table 1
OPT_66B = Transformer(66_000_000_000, 64, 9216, 72, 72)  # the same
OPT_175B = Transformer(175_000_000_000, 96, 12288, 96, 96)  # the same
LLAMA3_8B = Transformer(8_000_000_000, 32, 4096, 32, 8)  # arXiv 2407.21783, table 3


def serve(arrivals, T, places):
    """Serve in order of arrival, T each, in so many places; return the ends."""
    free, ends = [0.0] * places, []
    for t in arrivals:
        ends.append(max(t, heapq.heappop(free)) + T)
        heapq.heappush(free, ends[-1])
    return np.array(ends)


@pytest.mark.parametrize("B", [1, 8, 80, 500])
def test_a_batch_is_a_fixed_time_and_its_requests_one_by_one(B):
    clock, done = 0.0, 0
    while clock < 60 * second:
        clock += 40 * ms + sum([0.5 * ms] * B)
        done += B
    assert LLM.latency(B) * done / B == pytest.approx(clock)
    assert LLM.throughput(B) == pytest.approx(done / clock)


def test_the_knee_is_half_of_the_rate_that_no_batch_passes():
    rates = LLM.throughput(np.arange(1, 10**6))
    assert (np.diff(rates) > 0).all()
    best = rates[-1]  # a batch of a million: 0.01 % below the limit
    assert np.interp(best / 2, rates, np.arange(1, 10**6)) == pytest.approx(
        LLM.knee, rel=1e-3
    )


def test_one_replica_fewer_than_the_law_never_catches_up():
    # the book: 1,000 a second, 0.1 s inside, batches of 8 in 80 ms: 10 by rate, 13
    x, Q = Batching(0.0, 10 * ms).throughput(8), in_system(1000, 0.1)
    assert sv.replicas(1000, x, 0, 8) == 10
    need = sv.replicas(1000, x, Q, 8)
    assert need == 13
    arrive = np.arange(20_000) / 1000
    for count, waits in [(need, False), (need - 1, True)]:
        late = serve(arrive, 0.1, 8 * int(count)) - arrive
        assert (late[-1] > 0.2) == waits


def test_replicas_are_not_rounded_up_from_noise():
    assert sv.replicas(1.1, 0.1, 0, 1) == 11  # 1.1 / 0.1 = 11.000000000000002
    assert sv.replicas(1.1001, 0.1, 0, 1) == 12
    assert sv.replicas(2.0000000004, 1, 0, 1) == 2  # noise in a measured rate, too
    assert sv.replicas(1, 1, np.array([16, 17]), 8) == pytest.approx([2, 3])


@pytest.mark.parametrize(
    ("model", "published"),
    [
        (OPT_13B, 800 * KiB),  # Kwon et al., vLLM (2023), section 1
        (LLAMA2_7B, 524_288),  # the models' cards: heads, layers and width
        (LLAMA2_70B, 327_680),
        (LLAMA3_70B, 327_680),
        (LLAMA3_8B, 131_072),
    ],
)
def test_kv_cache_is_what_real_arrays_hold(model, published):
    shape = (2, model.L, model.n_kv, model.h // model.a)  # key and value
    assert sv.kv_per_token(model) == np.zeros(shape, np.float16).nbytes == published


@pytest.mark.parametrize(
    ("model", "free", "slots"), [(OPT_66B, 21, 9.7), (OPT_175B, 264, 60.1)]
)
def test_kv_slots_of_vllm(model, free, slots):
    # Kwon et al. (2023), table 1: thousand tokens in the GB left, which are GiB;
    # 21 of them are a rounded figure (2.4 %)
    assert free * GiB / sv.kv_per_token(model) / 1000 == pytest.approx(slots, rel=0.02)


def test_paged_memory_wastes_what_real_blocks_leave_empty():
    lengths = np.random.default_rng(1).integers(1, 2049, 20_000)
    blocks = -(-lengths // 16) * 16
    waste = 1 - lengths.sum() / blocks.sum()
    # the mean rest of a block: a deviation of 4.6 tokens over sqrt(20,000), of 7.5
    assert sv.paged_waste(lengths.mean(), 16) == pytest.approx(waste, rel=0.02)


def test_paged_waste_breaks_for_answers_shorter_than_a_block():
    lengths = np.random.default_rng(2).geometric(1 / 8, 50_000)  # mean 8, block 64
    waste = 1 - lengths.sum() / (-(-lengths // 64) * 64).sum()
    assert sv.paged_waste(8, 64) == pytest.approx(0.797, abs=1e-3)
    assert waste == pytest.approx(0.875, abs=3e-3)


@pytest.mark.parametrize("n", [1, 2, 30])
def test_a_shared_prefix_is_stored_once(n):
    tokens = [("all", i) for i in range(100)]
    sequences = [tokens + [(k, i) for i in range(25)] for k in range(n)]
    stored = len({token for sequence in sequences for token in sequence})
    assert sv.prefix_saving(n, 100, 25) == pytest.approx(1 - stored / (125 * n))


def test_a_spike_finds_its_capacity_after_the_lag():
    steps, queue = [15, 5, 2.5, 87.5, 10], 0.0  # seconds, 87.5 to read 350 GB
    for _ in range(int(sum(steps))):
        queue += 130 - 100  # requests that came and were answered in a second
    T_prov = sv.cold_start(350 * GB, 4 * GB / second, 2.5)
    assert queue == pytest.approx(30 * sv.scaling_lag(15, 5, T_prov, 10))
    assert sv.cold_start(1 * MB, 1 * MB) == 1
    assert sv.cold_start(1 * MB, 1 * MB, 2.0, 7.0) == 10


def test_one_slow_server_in_a_hundred_slows_most_fan_outs():
    # Dean and Barroso (2013): 1 in 100 slow, 100 servers: 63 % of requests
    assert sv.slow_requests(0.99, 100) == pytest.approx(0.63, abs=5e-3)
    assert sv.slow_requests(0.9999, 2000) == pytest.approx(0.18, abs=5e-3)
    x = np.random.default_rng(3).exponential(size=(20_000, 50))
    slow = (x > np.log(10)).any(axis=1).mean()  # above one server's 90 % quantile
    assert sv.slow_requests(0.9, 50) == pytest.approx(slow, abs=4 * 0.0005)


def fullest(n, d, rng):
    """Throw n balls into n bins, each into the emptiest of d drawn."""
    load = [0] * n
    for bins in rng.integers(0, n, (n, d)).tolist():
        load[min(bins, key=load.__getitem__)] += 1
    return max(load)


@pytest.mark.parametrize(("n", "beyond"), [(100, 1.2), (1000, 1.9), (100_000, 2.8)])
def test_two_choices_keep_the_fullest_within_one_of_the_law(n, beyond):
    rng, runs = np.random.default_rng(4), max(2, 100_000 // n)
    played = {d: np.mean([fullest(n, d, rng) for _ in range(runs)]) for d in (1, 2, 3)}
    assert played[2] == pytest.approx(sv.max_load(n), abs=1)
    assert played[3] == pytest.approx(sv.max_load(n, 3), abs=1)
    # at random the leading term falls short, and by more for larger n
    assert played[1] - sv.max_load(n, 1) == pytest.approx(beyond, abs=0.4)


def queues(rho, d, servers=500, steps=300_000):
    """Play Poisson arrivals and exponential service; share with 1, 2, 3 or more."""
    rng, load = np.random.default_rng(5), [0] * servers
    arrivals = (rng.random(steps) < rho / (1 + rho)).tolist()
    tail, looks = np.zeros(3), 0
    for n, (arrival, at) in enumerate(
        zip(arrivals, rng.integers(0, servers, (steps, d)).tolist(), strict=True)
    ):
        if arrival:
            load[min(at, key=load.__getitem__)] += 1
        elif load[at[0]]:
            load[at[0]] -= 1
        if n > steps // 3 and n % 500 == 0:
            tail += [np.mean(np.array(load) >= k) for k in (1, 2, 3)]
            looks += 1
    return tail / looks


def test_the_first_orders_where_the_double_logarithm_is_one():
    n = np.exp(np.e)
    assert sv.max_load(n, 1) == pytest.approx(np.e)
    assert sv.max_load(n, 2) == pytest.approx(np.log2(np.e))


@pytest.mark.parametrize("d", [2, 3])
def test_queues_of_two_choices_have_the_tail_of_the_law(d):
    law = sv.queue_tail(0.8, np.arange(1, 4), d)
    # 400 looks at 500 servers, each correlated over about ten: a deviation near 0.003
    assert law == pytest.approx(queues(0.8, d), abs=0.012)
    assert law[2] < 0.8**3 / 2  # at random 0.8^3 hold three or more


def test_serving_passes_training_on_the_day_that_the_bills_meet():
    spent, days = 0.0, 0  # the book: 1 M users, 50 requests a day at 0.001 $; 2 M$
    while spent < 2e6:
        spent, days = spent + 1_000_000 * 50 * 0.001, days + 1
    law = sv.cost_crossover(2e6 * dollar, 50e6 / day, 0.001 * dollar)
    assert law / day == pytest.approx(days)


def test_deepseek_paid_half_a_dollar_for_a_million_tokens():
    # 87,072 $ a day, 226.75 nodes of 8 H800 at 2 $/h, 168 B tokens out a day:
    # DeepSeek, open-infra-index, day 6 (2025)
    X = 168e9 / day / (226.75 * 8)
    cost = sv.token_cost(2 * dollar / hour, X)
    assert cost * 168e9 == pytest.approx(87_072, rel=1e-4)
    assert sv.token_cost(2 * dollar / hour, X, 0.5) == pytest.approx(2 * cost)


def test_arrays_broadcast():
    N = np.array([4, 40, 400])
    for law in (
        lambda n: LLM.latency(n),
        lambda n: LLM.throughput(n),
        lambda n: Batching(n, 2.0).knee,
        lambda n: sv.replicas(n, 7.0, 2 * n, 8),
        lambda n: sv.prefix_saving(n, 5.0, 2.0),
        lambda n: sv.slow_requests(0.99, n),
        lambda n: sv.paged_waste(9.0, n),
        lambda n: sv.max_load(n, 2),
        lambda n: sv.queue_tail(0.5, 2, n),
    ):
        assert law(N) == pytest.approx([law(int(n)) for n in N])


@pytest.mark.parametrize(
    "bad",
    [
        lambda: Batching(-1 * ms, 1 * ms),
        lambda: Batching(1 * ms, 0.0),
        lambda: Batching(1 * ms, np.array([1.0, 0.0])),
        lambda: Batching(float("nan"), 1 * ms),
        lambda: sv.paged_waste(9.0, np.array([16, 0])),
        lambda: sv.slow_requests(1.1, 9),
        lambda: sv.queue_tail(np.array([0.5, 1.1]), 2),
        lambda: sv.token_cost(1.0, 2.0, 1.1),
        lambda: sv.slow_requests(0.9, 0),
        lambda: sv.max_load(2, 2),
        lambda: sv.max_load(np.array([9, 2]), 2),
        lambda: sv.max_load(9, 0),
        lambda: sv.queue_tail(0.5, 2, np.array([2, 1])),
    ],
)
def test_input_that_would_give_a_plausible_wrong_answer_is_refused(bad):
    with pytest.raises(ValueError, match=r"\d"):
        bad()


def test_the_borders_of_the_refused_are_answered():
    assert Batching(0.0, 1 * ms).knee == 0
    assert sv.max_load(3, 1) > 0
    assert sv.queue_tail(0.5, 2) == 1 / 8  # of two queues: 1/4 at random
    assert sv.queue_tail(0.5, 0) == sv.queue_tail(1.0, 3) == 1
    assert sv.paged_waste(9.0, 1) == 0
