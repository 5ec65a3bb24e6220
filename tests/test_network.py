"""The laws of fabrics against graphs, packets and measured messages."""

import inspect
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import combinations, product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from mlsyscore import network as net
from mlsyscore.catalog import HDR, NDR
from mlsyscore.network import Link, fit_link
from mlsyscore.units import GB, KB, MB, KiB, ms, us


def fat_tree(k, L):
    """Cable k-port switches by hand: leaves below spines, or such pods below a core."""
    G, half = nx.Graph(), range(k // 2)
    for pod in range(k) if L == 3 else [0]:
        for leaf in half if L == 3 else range(k):
            for i in half:
                G.add_edge(("leaf", pod, leaf), ("host", pod, leaf, i), capacity=1)
                G.add_edge(("leaf", pod, leaf), ("spine", pod, i), capacity=1)
        for s, c in product(half, half if L == 3 else []):
            G.add_edge(("spine", pod, s), ("core", s, c), capacity=1)
    return G, sorted(v for v in G if v[0] == "host")


def flow(G, some, others):
    """Links' worth of traffic that two sets of nodes can exchange: the least cut."""
    H = nx.Graph(G)
    H.add_edges_from(("source", v) for v in some)
    H.add_edges_from(("sink", v) for v in others)
    return nx.maximum_flow_value(H, "source", "sink")


def dragonfly(h):
    """Groups of 2 h routers, all joined; one link between any two groups."""
    G, g = nx.Graph(), 2 * h * h + 1
    for i in range(g):
        G.add_edges_from(((i, x), (i, y)) for x, y in combinations(range(2 * h), 2))
        for j in range(i + 1, g):
            G.add_edge((i, (j - i - 1) % g // h), (j, (i - j - 1) % g // h))
    return G


@pytest.mark.parametrize(("k", "L"), [(4, 2), (8, 2), (4, 3), (8, 3)])
def test_a_fat_tree_that_is_cabled_has_the_hosts_switches_and_paths(k, L):
    G, hosts = fat_tree(k, L)
    switches = [v for v in G if v[0] != "host"]
    assert {G.degree(v) for v in switches} == {k}
    assert len(hosts) == net.fat_tree_hosts(k, L)
    assert len(switches) == net.fat_tree_switches(k, L)
    assert nx.shortest_path_length(G, hosts[0], hosts[-1]) - 1 == net.path_switches(L)


@pytest.mark.parametrize(("k", "L"), [(4, 2), (4, 3), (8, 3)])
def test_no_split_of_a_fat_trees_hosts_is_narrower_than_half_the_ports(k, L):
    G, hosts = fat_tree(k, L)
    N, rng = len(hosts), np.random.default_rng(0)
    for order in [range(N), rng.permutation(N), rng.permutation(N)]:
        ends = [hosts[i] for i in order]
        cut = flow(G, ends[: N // 2], ends[N // 2 :])
        assert cut * NDR.beta == net.fat_tree_bisection(N, NDR.beta)


def test_published_fat_tree_and_dragonfly():
    # k = 4: 16 hosts, 20 switches (Al-Fares et al., SIGCOMM 2008, section 3)
    assert (net.fat_tree_hosts(4), net.fat_tree_switches(4)) == (16, 20)
    # 63 ports, h = 16: 262,656 hosts (Kim et al., ISCA 2008, section 3)
    assert net.dragonfly_hosts(16) == 262_656
    share = net.dragonfly_cut(16) / (net.dragonfly_hosts(16) / 2)
    assert share == pytest.approx(0.5, abs=0.001)  # of a fat-tree's cut


@pytest.mark.parametrize("d", [1, 2, 3])
def test_no_half_of_a_torus_has_fewer_links_out_than_its_cut(d):
    k = 4
    G = nx.grid_graph([k] * d, periodic=True)
    half = [v for v in G if np.atleast_1d(v)[0] < k // 2]
    least = np.linalg.eigvalsh(nx.laplacian_matrix(G).toarray())[1] * len(G) / 4
    assert nx.cut_size(G, half) == net.torus_cut(k, d)
    assert least == pytest.approx(net.torus_cut(k, d))  # Fiedler: no half has fewer


@pytest.mark.parametrize(("k", "d"), [(3, 2), (4, 3), (5, 3), (6, 2)])
def test_a_toruss_farthest_pair_is_a_diameter_apart(k, d):
    G = nx.grid_graph([k] * d, periodic=True)
    assert nx.diameter(G) == net.torus_diameter(k, d)


@pytest.mark.parametrize("h", [1, 2, 3])
def test_a_dragonfly_that_is_cabled_has_the_groups_hosts_ports_and_cut(h):
    G = dragonfly(h)
    assert len({v[0] for v in G}) == net.dragonfly_groups(h)
    assert h * len(G) == net.dragonfly_hosts(h)  # h hosts at each router
    assert {h + d for _, d in G.degree} == {4 * h - 1}
    assert nx.diameter(G) == 3  # local, global, local
    found = [nx.community.kernighan_lin_bisection(G, seed=s) for s in range(30)]
    assert min(nx.cut_size(G, *halves) for halves in found) == net.dragonfly_cut(h)


@pytest.mark.parametrize("r", [1, 2, 4])
def test_a_step_slows_by_the_cut_that_its_bytes_must_cross(r):
    G, hosts = fat_tree(8, 2)
    G.remove_nodes_from([("spine", 0, s) for s in range(4 // r, 4)])
    n, rate = 1 * GB, flow(G, hosts[:16], hosts[16:]) * NDR.beta
    T = 16 * n / rate  # each of 16 hosts sends n bytes across
    BW = net.fat_tree_bisection(32, NDR.beta, r)
    assert net.bisection_time(16 * n, BW) == pytest.approx(T)
    full = n / NDR.beta  # at full bisection only its own port holds a host back
    compute = full * 0.7 / 0.3
    steps = (compute + full) / (compute + T)
    assert net.relative_throughput(0.3, r) == pytest.approx(steps)
    # overlap breaks the law: where all hides that can, 0.58 is left at 4:1, not 0.53
    assert r != 4 or max(compute, full) / max(compute, T) == pytest.approx(0.7 / 1.2)


def test_hashed_flows_fall_short_of_the_bisection():
    # 32 flows on 32 equal uplinks: the cut says 1 flow's time, the fullest uplink 3.53
    up = np.random.default_rng(1).integers(32, size=(10_000, 32))
    fullest = [np.bincount(row, minlength=32).max() for row in up]
    # standard deviation 0.74, so 0.0074 in the mean of 10,000
    assert np.mean(fullest) == pytest.approx(3.53, abs=0.03)


def test_a_window_of_one_bandwidth_delay_is_the_least_that_fills_the_path():
    RTT, packet, count = 40 * us, 4 * KB, 3000
    bdp = round(net.bandwidth_delay(NDR.beta, RTT) / packet)  # in packets

    def rate(window):
        left = np.zeros(count)
        for i in range(1, count):
            acked = left[i - window] + RTT if i >= window else 0.0
            left[i] = max(acked, left[i - 1] + packet / NDR.beta)
        return packet * 2 * bdp / (left[-1] - left[-1 - 2 * bdp])

    assert rate(bdp) == pytest.approx(NDR.beta)
    assert rate(bdp - 20) == pytest.approx(NDR.beta * (1 - 20 / bdp), rel=0.002)


@pytest.mark.parametrize("N", [2, 16, 256])
def test_incast_overflows_when_a_played_buffer_does(N):
    packet, buffer = 256.0, 3.2 * MB
    held = T = 0.0
    while held <= buffer:  # one slot: a packet in from each sender, one out
        held, T = held + (N - 1) * packet, T + packet / NDR.beta
    assert net.incast_overflow(buffer, N, NDR.beta) == pytest.approx(T, rel=0.03)


def test_exposure_is_the_share_of_fleets_that_show_a_fault():
    rng, runs, p, N = np.random.default_rng(2), 200_000, 1e-4, 2048
    seen = np.mean(rng.binomial(N, p, runs) > 0)
    # standard error of a share near 0.19: 0.0009
    assert net.exposure(p, N) == pytest.approx(seen, abs=4 * 0.0009)
    # pairs that fail together, a link with both its modules: 0.097 and not 0.185
    pairs = np.mean(rng.binomial(N // 2, p, runs) > 0)
    assert (pairs, seen) == pytest.approx((0.097, 0.185), abs=4 * 0.0009)


@pytest.mark.parametrize("load", [0.6, 1.25])
def test_a_port_is_busy_for_its_load_and_drowns_above_one(load):
    rng, n, packet, lam = np.random.default_rng(3), 200_000, 1 * KiB, load * NDR.beta
    came = np.cumsum(rng.exponential(packet / lam, n))
    work = np.arange(1, n + 1) * packet / NDR.beta
    left = np.max(came - np.r_[0, work[:-1]]) + work[-1]  # after the last idle time
    rho = net.egress_load(lam, NDR.beta)
    # relative error of a sum of 200,000 exponentials: 0.0022
    assert work[-1] / left == pytest.approx(min(rho, 1.0), rel=4 * 0.0022)
    assert load < 1 or left / came[-1] == pytest.approx(rho, rel=4 * 0.0022)


def test_fit_finds_alpha_where_absolute_least_squares_would_not():
    rng = np.random.default_rng(2)
    n = np.logspace(2, 9, 40)
    T = HDR.time(n) * rng.normal(1, 0.05, n.size)
    fit = fit_link(n, T)
    assert fit.alpha == pytest.approx(HDR.alpha, rel=0.1)  # 5 % noise, 40 points
    assert fit.beta == pytest.approx(HDR.beta, rel=0.1)
    assert abs(np.polyfit(n, T, 1)[1]) > 10 * HDR.alpha


def test_published_messages_between_two_nodes_lie_on_a_line():
    # DGX H100, send-recv, one GPU in each of two nodes: microsoft/vidur (MIT),
    # data/profiling/network, medians of h100_dgx
    n = [10_240, 100_352, 1_343_488, 4_980_736, 11_862_016]
    fit = fit_link(n, np.array([0.019, 0.021, 0.067, 0.150, 0.343]) * ms)
    assert fit.time(43_515_904) == pytest.approx(1.224 * ms, rel=0.1)  # held back
    assert NDR.beta * 0.6 < fit.beta < NDR.beta
    assert fit.alpha == pytest.approx(18 * us, rel=0.1)  # a call, not a wire's 1.5 us


def relative_error(link, n, T):
    return np.linalg.norm((link.alpha + np.asarray(n) / link.beta) / T - 1)


def messages(rng):
    """Times of a few messages, so noisy that alpha may come out below 0."""
    n = np.r_[10 ** rng.uniform(2, 6, 3), 10 ** rng.uniform(6, 9, 2)]
    T = 10 ** rng.uniform(-9, -6) + n / 10 ** rng.uniform(8, 11)
    return n, T * rng.lognormal(0, 0.3, 5)


def test_a_fit_is_the_best_of_all_that_claim_no_less_than_no_start_up():
    rng, without = np.random.default_rng(4), 0
    for n, T in (messages(rng) for _ in range(300)):
        fit = fit_link(n, T)
        scale = np.linalg.norm([1 / T, n / T], axis=1)
        _, least = optimize.nnls(np.stack([1 / T, n / T], 1) / scale, np.ones(5))
        assert relative_error(fit, n, T) == pytest.approx(least, rel=1e-9)
        without += fit.alpha == 0
    assert 50 < without < 250  # both kinds were tried


def test_a_fit_without_start_up_has_a_bandwidth_of_its_own():
    # 1 MB in 1 ms, 2 MB in 2.5: the line starts at -0.5 ms with 0.67 GB/s.  Clipped
    # to 0 it keeps that slope; the best line through 0 has 0.89 GB/s
    n, T = np.array([1, 2]) * MB, np.array([1, 2.5]) * ms
    fit, clipped = fit_link(n, T), Link(0.0, 1 * MB / (1.5 * ms))
    assert fit.alpha == 0.0
    assert relative_error(fit, n, T) < 0.25 < 0.5 < relative_error(clipped, n, T)
    found = optimize.minimize_scalar(
        lambda b: relative_error(Link(0.0, b * GB), n, T), bounds=(0.5, 2)
    )
    assert fit.beta == pytest.approx(found.x * GB, rel=1e-5)
    assert fit_link([MB, 2 * MB], [1.0, 1.5]).alpha == pytest.approx(0.5)


@pytest.mark.parametrize("T", [[2, 1], [0.3, 0.3], [1, 1], [1e-6, 9e-7]])
def test_times_that_do_not_grow_have_no_bandwidth(T):
    with pytest.raises(ValueError, match=r"rise by .* s to 2\.0 B: no bandwidth"):
        fit_link([1, 2], T)


def test_a_fit_does_not_mind_empty_messages_or_other_units():
    n = np.array([0.0, 64 * KB, 1 * MB, 1 * GB])
    for unit in (1e-9, 1.0, 1e15):
        fit = fit_link(n * unit, NDR.time(n) * 1e6)
        assert fit.alpha == pytest.approx(NDR.alpha * 1e6)
        assert fit.beta == pytest.approx(NDR.beta * unit / 1e6)


@given(alpha=st.floats(1e-9, 1), beta=st.floats(1, 1e12), more=st.floats(1, 1e6))
def test_start_up_is_half_of_the_time_at_the_critical_size(alpha, beta, more):
    link = Link(alpha, beta)
    assert link.time(link.half) == pytest.approx(2 * alpha)
    assert link.time(more * link.half) == pytest.approx((1 + more) * alpha)


def test_arrays_give_what_their_scalars_give():
    k, N = np.array([4, 8, 16]), np.array([2, 9, 64])
    laws = {net.fat_tree_hosts: (k, 3), net.fat_tree_switches: (k, 2)}
    laws |= {net.fat_tree_bisection: (N, 50 * GB, 2.0), net.torus_cut: (k, 2)}
    laws |= {net.dragonfly_cut: (k,), net.relative_throughput: (0.3, k)}
    laws |= {net.incast_overflow: (32 * MB, N, 50 * GB), net.exposure: (1e-5, N)}
    laws |= {NDR.time: (k * MB,), net.torus_diameter: (k,)}
    for law, args in laws.items():
        rows = zip(*np.broadcast_arrays(*args), strict=True)
        assert law(*args) == pytest.approx([law(*row) for row in rows])
    assert Link(np.array([0.0, 1 * us]), 1 * GB).time(0) == pytest.approx([0, 1 * us])


BAD = {
    Link: [(-1 * us, GB), (np.nan, GB), (1 * us, 0), (np.array([1, -1]) * us, GB)],
    fit_link: [([1, 1], [1, 1]), ([1, 2], [2, 1]), ([1, 2], [0, 1])],
    NDR.time: [(-1.0,), (np.inf,)],
    lambda: Link(1e200, 1e200).half: [()],
    net.fat_tree_hosts: [(5,), (0,), (4, 0), (np.array([4, 5]),), (4.5,), (4, 1e9)],
    net.fat_tree_switches: [(3,), (4, 0), (np.array([4, 5]),)],
    net.path_switches: [(0,), (1.5,)],
    net.fat_tree_bisection: [(1, GB), (8, GB, 0.5), (8, GB, np.nan), (8.5, GB)],
    net.torus_cut: [(5,), (2,), (4, 0), (4, 1e9)],
    net.torus_diameter: [(0,), (4, 0)],
    net.dragonfly_groups: [(0,)],
    net.dragonfly_hosts: [(0,), (np.array([1, 10**5]),)],  # above 2^53: one at a time
    net.dragonfly_cut: [(0,), (1e7,)],
    net.bisection_time: [(1, 0)],
    net.relative_throughput: [(1.1, 2.0), (-0.1, 2.0), (0.5, 0.0)],
    net.incast_overflow: [(MB, 1, GB), (MB, 2, 0)],
    net.exposure: [(1.5, 10), (0.1, 0), (0.1, 1.5)],
    net.egress_load: [(1, 0)],
}
BAD[fit_link] += [([1, 2, 3], [1, 2]), ([0, 1], [0.3, 0.3]), ([0, 0], [1, 1])]
BAD[fit_link] += [(1, 1), ([], []), ([[1, 2]], [[1, 2]]), ([-1, 1], [1, 2])]
BAD[fit_link] += [(np.logspace(2, 9, 9), np.full(9, 3e-6)), ([1, 1 + 2e-16], [1, 2])]


@pytest.mark.parametrize(
    ("law", "args"), [(law, args) for law, rows in BAD.items() for args in rows]
)
def test_input_that_would_give_a_plausible_wrong_answer_is_refused(law, args):
    with pytest.raises(ValueError, match=r"\d|\[\]"):
        law(*args)


def test_the_ends_of_the_allowed_and_the_defaults():
    assert Link(0.0, 1.0).time(2.0) == 2.0
    assert [net.relative_throughput(f, 4.0) for f in (0.0, 1.0)] == [1.0, 0.25]
    assert (net.fat_tree_hosts(2), net.fat_tree_switches(2, 1)) == (2, 1)
    assert net.fat_tree_bisection(2, 1.0) == net.fat_tree_bisection(3, 1.0) == 1.0
    assert net.exposure(0.5, 1) == net.exposure(1.0, 3) / 2 == 0.5
    for law in [net.fat_tree_hosts, net.fat_tree_switches, net.torus_cut]:
        assert law(8) == law(8, 3) != law(8, 2)
    assert net.torus_diameter(8) == net.torus_diameter(8, 3)
    assert (net.torus_diameter(1), net.torus_diameter(3, 1)) == (0, 1)


@pytest.mark.parametrize(
    ("p", "N"), [(1e-17, 10**9), (1e-9, 7), (0.3, 5), (1 - 1e-12, 2), (1e-4, 10**6)]
)
def test_exposure_is_right_to_12_digits_however_rare_the_fault(p, N):
    with localcontext() as context:
        context.prec = 60
        exact = 1 - (1 - Decimal(p)) ** N
    assert net.exposure(p, N) == pytest.approx(float(exact), rel=1e-12)
    assert net.exposure(p, float(N)) == net.exposure(p, N)


def test_counts_are_exact_where_floats_are_not():
    big, whole = 10**6, [net.fat_tree_hosts(10**6, 16), net.dragonfly_hosts(10**6)]
    whole += [net.torus_cut(big, 16), net.dragonfly_cut(big), net.fat_tree_switches(6)]
    assert whole[:2] == [2 * 5**16 * 10**80, (2 * big**2 + 1) * 2 * big * big]
    assert whole[2:4] == [2 * 10**90, (2 * big**2 + 1) ** 2 // 4]
    assert {type(n) for n in [*whole, net.path_switches(3)]} == {int}
    assert net.fat_tree_hosts(np.array([4, 8])).dtype == np.int64


@given(f=st.floats(0, 1), r=st.floats(1e-6, 1e6))
def test_steps_left_are_what_fractions_say(f, r):
    exact = 1 / (1 - Fraction(f) + Fraction(f) * Fraction(r))
    assert net.relative_throughput(f, r) == pytest.approx(float(exact), rel=1e-14)


LAWS = {
    Link: (1.0, 1.0),
    NDR.time: (1.0,),
    net.fat_tree_hosts: (4, 3),
    net.fat_tree_switches: (4, 3),
    net.path_switches: (3,),
    net.fat_tree_bisection: (4, 1.0, 2.0),
    net.torus_cut: (4, 3),
    net.torus_diameter: (4, 3),
    net.dragonfly_groups: (2,),
    net.dragonfly_hosts: (2,),
    net.dragonfly_cut: (2,),
    net.bisection_time: (1.0, 1.0),
    net.relative_throughput: (0.5, 2.0),
    net.bandwidth_delay: (1.0, 1.0),
    net.incast_overflow: (1.0, 2, 1.0),
    net.exposure: (0.5, 2),
    net.egress_load: (1.0, 1.0),
}


@pytest.mark.parametrize(("law", "args"), LAWS.items())
def test_each_argument_below_its_range_is_refused_by_name(law, args):
    law(*args)
    for i, name in enumerate(list(inspect.signature(law).parameters)[: len(args)]):
        with pytest.raises(ValueError, match=f"^{law.__name__}: {name} = -1, where "):
            law(*args[:i], -1, *args[i + 1 :])
