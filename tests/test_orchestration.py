"""The laws of sharing a cluster against nodes, tenants and interruptions played out."""

import itertools
import math
from fractions import Fraction

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsyscore import orchestration as orc
from mlsyscore import queues as qu
from mlsyscore.ranges import FIRST
from mlsyscore.reliability import segment_time
from mlsyscore.units import day, dollar, hour, minute


def pack(free, g):
    """Place jobs of g, one by one, on any node with room; return how many fit."""
    free, jobs = list(free), 0
    while any(f >= g for f in free):
        node = next(i for i, f in enumerate(free) if f >= g)
        free[node], jobs = free[node] - g, jobs + 1
    return jobs


@given(free=st.lists(st.integers(0, 16), min_size=1, max_size=9), g=st.integers(1, 9))
def test_as_many_jobs_start_as_a_packer_places(free, g):
    jobs = pack(free, g)
    assert orc.placements(free, g) == jobs
    idle = [orc.stranded(G, g) * G for G in free if G]
    assert sum(free) - g * jobs == pytest.approx(sum(idle))


@pytest.mark.parametrize(
    ("G", "g"), [(10**15 + 1, 10**15), (3 * 10**20 + 7, 3), (8, 9), (10**12, 7), (1, 1)]
)
def test_stranded_is_right_to_the_last_digit_for_a_sliver_of_a_node(G, g):
    exact = 1 - Fraction(G // g * g, G)
    assert orc.stranded(G, g) == pytest.approx(float(exact), rel=1e-15, abs=0)


def test_jobs_start_by_the_cluster_of_each_row_and_are_whole():
    free, g = [[8, 8, 3], [7, 7, 7]], np.array([4, 7])
    each = [pack(row, x) for row, x in zip(free, g, strict=True)]
    assert orc.placements(free, g).tolist() == each
    assert orc.placements(free, 8).tolist() == [2, 0]
    assert orc.placements([8, 3], np.array([2, 3, 9])).tolist() == [5, 3, 0]
    assert type(orc.placements([8, 3], 2)) is int
    assert orc.placements([], 2) == 0


def test_nineteen_free_devices_may_start_no_job_of_eight():
    scattered = [3, 2, 3, 2, 3, 2, 2, 2]
    assert sum(scattered) == 19
    assert orc.placements(scattered, 8) == 0
    assert orc.placements([8, 8, 3, 0, 0, 0, 0, 0], 8) == 2


def test_mixed_sizes_strand_less_than_the_law_of_one_size():
    # jobs of 6 alone strand a quarter of each node of 8; jobs of 2 fill it
    assert orc.stranded(8, 6) == pytest.approx(0.25)
    free = [8] * 64
    assert pack([f - 6 * pack([f], 6) for f in free], 2) * 2 == 0.25 * sum(free)


def test_dominant_shares_are_level_where_drf_stops():
    # Ghodsi et al. (NSDI 2011), 4.1: 9 CPU and 18 GB; A asks (1, 4), B (3, 1); A runs
    # three tasks and B two.  No allocation has a larger least share.
    R, A, B = np.array([9, 18]), np.array([1, 4]), np.array([3, 1])

    def least(x, y):
        fits = np.all(x * A + y * B <= R)
        return min(orc.dominant_share(np.stack([x * A, y * B]), R)) if fits else 0

    every = [(x, y) for x in range(10) for y in range(10)]
    assert max(every, key=lambda xy: least(*xy)) == (3, 2)
    shares = orc.dominant_share(np.stack([3 * A, 2 * B]), R)
    assert shares == pytest.approx([12 / 18, 6 / 9])
    assert orc.dominant_share([0, 0], R) == 0
    with pytest.raises(ValueError, match="from 0 to 1"):
        orc.dominant_share([1, 19], R)  # more memory than there is
    with pytest.raises(ValueError, match=r"\(1,\).*\(2,\)"):
        orc.dominant_share([1], R)
    own = [[9, 18], [6, 2]]  # each tenant's own cluster
    assert orc.dominant_share([A, B], own) == pytest.approx([4 / 18, 1 / 2])


def test_serving_the_largest_factor_first_shares_as_agreed():
    s, used = np.array([0.6, 0.3, 0.1]), np.zeros(3)
    for _ in range(2_000):
        u = used / max(used.sum(), 1)
        used[np.argmax(orc.fair_share(u, s))] += 1
    assert used / used.sum() == pytest.approx(s, abs=2e-3)


def test_fair_share_has_the_values_that_slurm_documents():
    # slurm.schedmd.com/priority_multifactor.html: 1 for no use, 0.5 for just the
    # share, 0.25 for twice it
    F = orc.fair_share(np.array([0.0, 0.2, 0.4]), 0.2)
    assert pytest.approx([1, 0.5, 0.25]) == F
    assert orc.fair_share(1, FIRST) == 0


def hops(n):
    """Sum of hops between all pairs of workers: two within a rack, four across."""
    tree, workers = nx.star_graph(len(n)), []
    for rack, members in enumerate(n, 1):
        for w in range(members):
            tree.add_edge(rack, (rack, w))
            workers.append((rack, w))
    pairs = itertools.combinations(workers, 2)
    return sum(nx.shortest_path_length(tree, a, b) for a, b in pairs)


@pytest.mark.parametrize("n", [(1,), (4,), (3, 1), (2, 2, 1), (1, 1, 1, 1)])
def test_locality_cost_counts_the_hops_of_every_pair(n):
    assert orc.locality_cost(n, 4, 2) == hops(n)


def test_few_far_from_many_are_counted_one_by_one():
    n = [10**6, 1, 0]
    assert orc.locality_cost(n, 4, 0) == 4 * 10**6
    assert orc.locality_cost([n, [1, 1, 1]], 4).tolist() == [
        10**6 * (10**6 - 1) / 2 + 4 * 10**6,
        12,
    ]


def test_no_placement_is_nearer_than_the_fullest_racks():
    room = [5, 4, 4, 2]
    every = itertools.product(*(range(r + 1) for r in room))
    fits = [n for n in every if sum(n) == 8]
    best = min(fits, key=lambda n: orc.locality_cost(n, 4))
    assert sorted(best, reverse=True) == [5, 3, 0, 0]
    spread = orc.locality_cost((2, 2, 2, 2), 4) / orc.locality_cost(best, 4)
    assert spread == pytest.approx(1.37, abs=0.01)


def test_a_policy_does_the_work_of_devices_not_bought():
    bought = next(x for x in range(10_000) if (10_000 + x) * 0.5 >= 10_000 * 0.8)
    assert orc.raw_equivalent(10_000, 0.5, 0.8) == pytest.approx(bought)
    assert orc.raw_equivalent(10_000, 0.8, 0.6) == pytest.approx(-2_500)
    before, after = 0.7, 0.7 + 1e-13  # a gain of one device in 7e12
    exact = (Fraction(after) - Fraction(before)) / Fraction(before)
    law = orc.raw_equivalent(1, before, after)
    assert law == pytest.approx(float(exact), rel=1e-12)
    busy = np.random.default_rng(0).random((1_000, 400)) < 0.3
    law = orc.useful_devices(1_000, 0.3)
    assert busy.sum(axis=0).mean() == pytest.approx(law, abs=4 * math.sqrt(210 / 400))


def test_a_gang_that_waits_pays_by_the_minute():
    bill = sum(900 * 2 * dollar / 60 for _ in range(90))
    assert orc.hold_cost(900, 90 * minute, 2 * dollar / hour) == pytest.approx(bill)


def test_goodput_counts_devices_of_whole_gangs():
    rng = np.random.default_rng(1)
    need = rng.integers(1, 33, 60)
    held = np.where(rng.random(60) < 0.7, need, rng.integers(0, need))
    whole, N = held[held == need].sum(), 1_500
    law = orc.scheduling_goodput(held.sum() / N, held[held < need].sum() / N)
    assert whole / N == pytest.approx(law)
    assert (orc.scheduling_goodput(0.8, 0.8), orc.scheduling_goodput(1, 0)) == (0, 1)


def spot(work, up, T_lost, rng):
    """Play a job that stops after exponential times and is then away for T_lost."""
    wall = stops = 0.0
    while True:
        run = rng.exponential(up)
        if run >= work:
            return wall + work, stops
        wall, work, stops = wall + run + T_lost, work - run, stops + 1


def test_an_interrupted_job_takes_the_time_of_the_law():
    # 14 stops in a day of wall-clock, half an hour each, on 352.8 hours of work: 498 h;
    # 14 a day of planned time only would be 456 h, with 197 of the 291 stops
    rng, up = np.random.default_rng(2), 24 / 14 - 0.5
    runs = np.array([spot(352.8, up, 0.5, rng) for _ in range(400)])
    wall, stops = runs.mean(axis=0)
    law = orc.interrupted_time(352.8 * hour, 14 / day, 30 * minute) / hour
    error = runs[:, 0].std() / 20
    assert wall == pytest.approx(law, abs=4 * error)
    assert error < 0.003 * law
    assert stops / wall * 24 == pytest.approx(14, rel=0.01)
    assert wall / (352.8 * (1 + 14 / 24 * 0.5)) == pytest.approx(1.093, abs=0.005)
    lost = orc.preemption_tax(64, 14 / day, 30 * minute)
    assert 64 * (wall - 352.8) / wall == pytest.approx(lost, rel=0.01)


@pytest.mark.parametrize("lost", [0.0, 1e-9, 0.3, 0.999])
def test_the_stops_of_the_longer_run_are_those_that_lengthen_it(lost):
    wall, stops = 1.0, 1.0
    for _ in range(40_000):  # time added brings stops, which add time
        stops *= lost
        wall += stops
    assert orc.interrupted_time(1.0, 2.0, lost / 2) == pytest.approx(wall, rel=1e-12)


def test_stops_that_take_all_the_time_are_refused_by_that_reason():
    for lost in (0.5, 0.6, np.array([0.1, 0.5])):
        with pytest.raises(ValueError, match="leave no time"):
            orc.interrupted_time(1.0, 2.0, lost)


def test_spot_costs_what_a_ledger_adds_up_to():
    # checkpoints of 15 min each 2 h, stops 6 h apart on average, restart of 30 min
    p_spot, p_od, tau, T_write, restart = 0.7, 2.0, 2.0, 0.25, 0.5
    up = np.random.default_rng(3).exponential(6.0, 200_000)
    kept = tau * np.floor(np.maximum(up - restart, 0) / (tau + T_write)).sum()
    billed = segment_time(tau, T_write, 6.0, restart)
    law = orc.spot_cost_ratio(p_spot, p_od, billed, tau)
    ledger = up.sum() * p_spot / (kept * p_od)
    assert law == pytest.approx(ledger, rel=0.02)  # 4 standard errors of 0.45 %
    assert law == pytest.approx(0.519, abs=0.001)  # a nominal 0.35
    assert orc.spot_cost_ratio(0.7, 2.0, 3.0, 3.0) == pytest.approx(0.35)


def played(T, t, X_0, X_1, pause, dt=1e-3):
    """Epochs of a job that is resized once, step by step."""
    clock = np.arange(0, T, dt) + dt / 2
    return dt * (X_0 * (clock < t) + X_1 * (clock > t + pause)).sum()


def test_a_resized_job_does_what_a_clock_adds_up():
    law = orc.resized_work(24.0, 4.0, 1.0, 1.8, 0.25)
    assert law == pytest.approx(played(24, 4, 1.0, 1.8, 0.25), rel=1e-3)
    pause = orc.resize_break_even(20.0, 1.0, 1.8)
    assert played(24, 4, 1.0, 1.8, pause) == pytest.approx(24, rel=1e-3)
    assert orc.resize_break_even(20.0, 1.0, 1.0) == 0
    assert orc.resize_break_even(20.0, 0.0, 1.0) == 20
    slow, fast = 1.1, 1.1 + 1e-12
    exact = 20 * (1 - Fraction(slow) / Fraction(fast))
    assert orc.resize_break_even(20.0, slow, fast) == pytest.approx(
        float(exact), rel=1e-12
    )
    assert orc.resized_work(24.0, 20.0, 0.0, 1.0, 4.0) == 0
    assert orc.resized_work(24.0, 0.0, 5.0, 1.0, 0.0) == 24


def test_lending_follows_a_day_until_its_peak():
    used = 150 + 130 * np.sin(np.arange(1440) / 1440 * 2 * np.pi)
    lent = np.mean([orc.lendable(400, u / 400, 117) for u in used])
    assert lent == pytest.approx(orc.lendable(400, 150 / 400, 117))
    # a higher peak leaves nothing to lend, and the mean no longer tells
    lent = np.mean([orc.lendable(400, u / 400, 200) for u in used])
    assert lent / orc.lendable(400, 150 / 400, 200) == pytest.approx(1.39, abs=0.01)
    assert (orc.lendable(10, 1.0), orc.lendable(10, 0.0)) == (0, 10)
    assert orc.lendable(10, 0.95, 1) == 0


def test_a_cluster_does_not_wait_like_one_server():
    # GPU jobs of five clusters: mean run and mean wait in seconds (Hu et al., NSDI
    # 2024, AcmeTrace cluster_summary.csv: Seren, Kalos, Philly, Helios, PAI)
    run = np.array([1414.3, 1259.7, 18006.1, 6651.7, 4787.1])
    wait = np.array([446.0, 214.2, 3760.6, 862.0, 401.7]) / run
    # Seren's median run is 122 s: were runs lognormal, C_s would be 11.5, and one
    # server at half load would make a job wait 67 runs, 200 times too long
    C_s = math.sqrt((1414.3 / 122) ** 2 - 1)
    assert qu.wait_ratio(0.5, C_s) / wait[0] == pytest.approx(214, rel=0.01)
    # all five wait like 7 to 18 servers that are busy 80 % with exponential runs
    assert qu.mmc_wait(0.8 * 18, 1.0, 18) < wait.min()
    assert wait.max() < qu.mmc_wait(0.8 * 7, 1.0, 7)


def test_arrays_give_what_scalars_give():
    N, u = np.array([8, 16, 100]), np.array([0.2, 0.5, 0.9])
    for law, args in [
        (orc.stranded, (N, np.array([3, 8, 7]))),
        (orc.fair_share, (u, u[::-1])),
        (orc.raw_equivalent, (N, u / 2, u)),
        (orc.interrupted_time, (N, u, u)),
        (orc.resized_work, (N, u, u, N, u)),
        (orc.lendable, (N, u, N // 4)),
    ]:
        each = [law(*(x[i] for x in args)) for i in range(3)]
        assert law(*args) == pytest.approx(each)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: orc.stranded(8, 0),
        lambda: orc.stranded(0, 8),
        lambda: orc.stranded(8, 1.5),
        lambda: orc.placements([8], -1),
        lambda: orc.placements([8, -1], 1),
        lambda: orc.placements([8, math.nan], 1),
        lambda: orc.dominant_share([1, 1], [8, 0]),
        lambda: orc.dominant_share([1, -1], [8, 8]),
        lambda: orc.fair_share(1.1, 0.5),
        lambda: orc.fair_share(-0.1, 0.5),
        lambda: orc.fair_share(0.1, 0.0),
        lambda: orc.fair_share(0.1, 50),
        lambda: orc.locality_cost([-1, 2], 4),
        lambda: orc.locality_cost([1, 2], -4),
        lambda: orc.locality_cost([1, 2], 4, -1),
        lambda: orc.useful_devices(8, math.nan),
        lambda: orc.useful_devices(-8, 0.5),
        lambda: orc.raw_equivalent(8, 0.0, 0.5),
        lambda: orc.raw_equivalent(-8, 0.5, 0.6),
        lambda: orc.raw_equivalent(8, 0.5, 60),
        lambda: orc.hold_cost(-1, -1.0, 1.0),
        lambda: orc.hold_cost(1, -1.0, -1.0),
        lambda: orc.hold_cost(1e200, 1e200, 1.0),
        lambda: orc.scheduling_goodput(0.5, 0.6),
        lambda: orc.scheduling_goodput(0.5, -0.1),
        lambda: orc.scheduling_goodput(1.1, 0.1),
        lambda: orc.spot_cost_ratio(1.0, 2.0, 3.0, 4.0),
        lambda: orc.spot_cost_ratio(1.0, 0.0, 3.0, 2.0),
        lambda: orc.spot_cost_ratio(1.0, 2.0, 3.0, 0.0),
        lambda: orc.spot_cost_ratio(-1.0, -2.0, 3.0, 2.0),
        lambda: orc.interrupted_time(1.0, 2.0, 0.5),
        lambda: orc.interrupted_time(1.0, 2.0, 0.7),
        lambda: orc.interrupted_time(1.0, -2.0, 0.5),
        lambda: orc.interrupted_time(1.0, 2.0, -0.5),
        lambda: orc.interrupted_time(-1.0, 2.0, 0.1),
        lambda: orc.preemption_tax(-8, -2.0, 0.5),
        lambda: orc.preemption_tax(8, -2.0, -0.5),
        lambda: orc.resized_work(4.0, 4.0, 1.0, 2.0, 0.1),
        lambda: orc.resized_work(4.0, -1.0, 1.0, 2.0, 0.1),
        lambda: orc.resized_work(4.0, 1.0, 1.0, 2.0, -0.1),
        lambda: orc.resized_work(4.0, 1.0, -1.0, 2.0, 0.1),
        lambda: orc.resized_work(4.0, 1.0, 9.0, -2.0, 0.1),
        lambda: orc.resize_break_even(4.0, 2.0, 1.0),
        lambda: orc.resize_break_even(4.0, 0.0, 0.0),
        lambda: orc.resize_break_even(4.0, -1.0, 1.0),
        lambda: orc.lendable(8, -0.5),
        lambda: orc.lendable(8, 0.5, -1),
        lambda: orc.lendable(-8, 0.5),
    ],
)
def test_input_that_would_give_a_plausible_wrong_answer_is_refused(bad):
    with pytest.raises(ValueError, match=r"\d|nan"):
        bad()
