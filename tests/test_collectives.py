"""Each law is checked against something that is not the law."""

from collections import Counter
from itertools import pairwise, permutations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from mlsyscore import collectives as cc
from mlsyscore.catalog import HDR, NDR, NVLINK3, NVLINK4, NVLINK5
from mlsyscore.network import Link
from mlsyscore.processes import run
from mlsyscore.units import GB, KB, MB, Gbps, GiB, MiB, ms, us


def play_ring(x, link):
    """Pass real chunks round a ring; return (every device's sum, elapsed time)."""
    N, t = len(x), 0.0
    held = [np.array_split(row.astype(float), N) for row in x]
    for step in range(2 * (N - 1)):
        first = step < N - 1  # reduce-scatter, then all-gather
        lag = step if first else step - N
        sent = [held[r][(r - lag) % N].copy() for r in range(N)]
        for r in range(N):
            to, c = held[(r + 1) % N], (r - lag) % N
            to[c] = to[c] + sent[r] if first else sent[r]
        t += max(link.time(message.nbytes) for message in sent)
    return np.array([np.concatenate(chunks) for chunks in held]), t


def play_butterfly(x, link):
    """Halve with partners at distance N/2, N/4, ..., 1; then double on the way back."""
    N, t, me = len(x), 0.0, np.arange(len(x))
    held, mine = x.astype(float).reshape(N, N, -1), np.ones((N, N), bool)
    distances = [N >> k for k in range(1, N.bit_length())]
    for d in distances:  # a device goes on with the chunks that share its bit
        mine &= ((me[:, None] ^ me) & d) == 0
        held = np.where(mine[..., None], held + held[me ^ d], held)
        t += link.time(held[0][mine[0]].nbytes)
    for d in reversed(distances):
        t += link.time(held[0][mine[0]].nbytes)
        held = np.where(mine[me ^ d][..., None], held[me ^ d], held)
        mine |= mine[me ^ d]
    return held.reshape(x.shape), t


def play_tree(x, link):
    """Reduce to device 0 over distances 1, 2, 4, ...; broadcast back the same way."""
    N, t, held = len(x), 0.0, x.astype(float)
    distances = [1 << k for k in range((N - 1).bit_length())]
    for d in distances:
        for r in range(0, N - d, 2 * d):
            held[r] += held[r + d]
        t += link.time(held[0].nbytes)
    for d in reversed(distances):
        for r in range(0, N - d, 2 * d):
            held[r + d] = held[r]
        t += link.time(held[0].nbytes)
    return held, t


@pytest.mark.parametrize(
    ("play", "law", "N"),
    [(play_ring, cc.ring_allreduce, N) for N in (1, 2, 3, 4, 8)]
    + [(play_butterfly, cc.butterfly_allreduce, N) for N in (2, 4, 16)]
    + [(play_tree, cc.tree_allreduce, N) for N in (1, 2, 3, 6, 8, 17)],
)
def test_a_law_matches_the_algorithm_that_runs(play, law, N):
    x = np.random.default_rng(0).normal(size=(N, 16 * N))
    y, t = play(x, NDR)
    assert np.allclose(y, x.sum(axis=0))
    assert law(x[0].nbytes, N, NDR) == pytest.approx(t)


def climb(N, S):
    """Depth of two mirrored binary trees; rounds until S chunks have climbed each.

    In a round a rank sends one chunk and takes one.
    """
    up = {r: (r - (r & -r)) | 2 * (r & -r) for r in range(1, N)}
    up = {r: p if p < N else r - (r & -r) for r, p in up.items()}
    flip = [N - 1 - r if N % 2 == 0 else (r + 1) % N for r in range(N)]
    deep = {0: 0}
    for r in sorted(up, key=lambda r: -(r & -r)):
        deep[r] = 1 + deep[up[r]]
    sends = [(c - deep[r], 0, r, p, c) for c in range(S) for r, p in up.items()]
    sends += [(when, 1, flip[r], flip[p], c) for when, _, r, p, c in sends]
    out, into, have = Counter(), Counter(), Counter()
    for _, tree, r, p, c in sorted(sends):  # a wave that climbs a level in a round
        end = 1 + max(have[tree, r, c], out[r], into[p])
        out[r] = into[p] = have[tree, p, c] = end
    return max(deep.values()), max(out.values())


@pytest.mark.parametrize("N", [4, 6, 12, 64])
def test_the_double_trees_terms_are_its_depth_and_its_rounds_per_chunk(N):
    depth, rounds = climb(N, 40)
    more = climb(N, 41)[1] - rounds
    bytes_sent = more * 40 * 1 * GB / (2 * 40)  # of n/80 each; as much on the way down
    T = 2 * depth * NDR.alpha + 2 * bytes_sent / NDR.beta
    assert cc.double_tree_allreduce(1 * GB, N, NDR) == pytest.approx(T)


@pytest.mark.parametrize(
    ("n", "ratio"), [(4 * KB, 1.87), (1 * MB, 2.76), (25 * MB, 1.50), (1 * GB, 1.06)]
)
def test_a_pipelined_double_tree_takes_longer_than_its_law(n, ratio):
    # 64 devices, the best number of chunks; each round costs a start-up
    rounds = {S: 2 * climb(64, S)[1] for S in (1, 4, 64, 256)}
    T = min(k * NDR.time(n / 2 / S) for S, k in rounds.items())
    law = cc.double_tree_allreduce(n, 64, NDR)
    assert T / law == pytest.approx(ratio, rel=0.01)


def busiest(leaves, flows, up):
    """Flows per unit of the busiest link: hosts on leaves, up links from each leaf."""
    G = nx.Graph((("leaf", i), "spine") for i in range(len(leaves)))
    G.add_edges_from(
        enumerate(("leaf", i) for i, k in enumerate(leaves) for _ in range(k))
    )
    load = Counter(e for a, b in flows for e in pairwise(nx.shortest_path(G, a, b)))
    return max(count / (up if "spine" in e else 1) for e, count in load.items())


@pytest.mark.parametrize(
    ("kind", "up", "ratio"),  # up = 8 is full bisection, up = 2 is oversubscribed 4:1
    [("in order", 1, 1), ("strided", 8, 1), ("strided", 2, 4), ("shuffled", 2, 4)]
    + [("two", up, 2 // up) for up in (1, 2)],
)
def test_rings_that_share_uplinks_are_slower_than_the_law(kind, up, ratio):
    hosts, rng = np.arange(64), np.random.default_rng(3)  # 8 leaves of 8
    rings = {"in order": [hosts], "strided": [hosts.reshape(8, 8).T.ravel()]}
    rings |= {"shuffled": [rng.permutation(hosts)], "two": [hosts[::2], hosts[1::2]]}
    flows = np.concatenate([np.c_[ring, np.roll(ring, -1)] for ring in rings[kind]])
    N, n = len(rings[kind][0]), 1 * GB
    slow = Link(NDR.alpha, NDR.beta / busiest([8] * 8, flows.tolist(), up))
    T = 2 * (N - 1) * slow.time(n / N)
    assert T / cc.ring_allreduce(n, N, NDR) == pytest.approx(ratio, rel=0.03)


@pytest.mark.parametrize("leaves", [[8, 8], [3, 4]])
@pytest.mark.parametrize("up", [1, 2, 16])
def test_an_all_to_all_is_bound_by_the_link_that_routing_loads_most(leaves, up):
    N, n = sum(leaves), 1 * GB
    T = busiest(leaves, permutations(range(N), 2), up) * n / N / NDR.beta
    assert cc.all_to_all_bound(n, N, NDR, up * NDR.beta) == pytest.approx(T)
    # with more leaves than two, one leaf is a narrower cut than the bisection
    T = busiest([8] * 4, permutations(range(32), 2), 1) / 32 / NDR.beta
    assert T / cc.all_to_all_bound(1, 32, NDR, 2 * NDR.beta) == pytest.approx(1.5)


def test_an_all_to_all_takes_as_long_as_its_hottest_receiver():
    N, n, hot = 8, 512 * 4096, 1.5
    assert cc.all_to_all(n, N, NDR) == pytest.approx(7 * NDR.time(64 * 4096))
    parcels, me = np.full((N, N), n / N), np.arange(N)
    parcels[:, 3] *= hot
    T = sum(NDR.time(parcels[me, (me + k) % N].max()) for k in range(1, N))
    assert cc.all_to_all(n, N, NDR, hot) == pytest.approx(T)
    bound = cc.all_to_all_bound(n, N, NDR, 1000 * NDR.beta, hot)
    assert bound == pytest.approx(T - 7 * NDR.alpha)


def test_a_server_takes_turns_with_its_one_link():
    N, n, t = 5, 1 * MB, 0.0
    for _ in range(2):  # in, then out
        t += NDR.alpha + sum(n / NDR.beta for _ in range(N))
    assert cc.parameter_server(n, N, NDR) == pytest.approx(t)


@pytest.mark.parametrize(("N", "rough"), [(4, 2.5), (64, 0.939), (1024, 0.910)])
def test_the_crossover_is_where_the_two_laws_meet(N, rough):
    def gap(n):
        return cc.ring_allreduce(n, N, NDR) - cc.tree_allreduce(n, N, NDR)

    assert cc.crossover(N, NDR) == pytest.approx(optimize.brentq(gap, 1.0, 1 * GB))
    estimate = N * NDR.half / np.log2(N)
    assert estimate / cc.crossover(N, NDR) == pytest.approx(rough, abs=0.001)
    assert cc.ring_allreduce(1, 3, NDR) <= cc.tree_allreduce(1, 3, NDR)  # the ring wins


@given(n=st.floats(1, 1e12), N=st.integers(2, 4096))
def test_nothing_beats_the_bound(n, N):
    bound = cc.allreduce_bound(n, N, HDR)
    laws = [cc.ring_allreduce, cc.parameter_server, cc.tree_allreduce]
    for law in [*laws, cc.double_tree_allreduce]:
        assert law(n, N, HDR) >= bound * (1 - 1e-12)


def test_published_bandwidths_on_both_sides_of_the_bound():
    def busbw_to_time(busbw):  # nccl-tests, doc/PERFORMANCE.md, for 8 devices
        return 2 * 7 / 8 * 16 * GiB / (busbw * GB)

    # 8 x A100: 234.89 GB/s on links of 300: Bekman, ML Engineering Open Book, network
    T = busbw_to_time(234.89)
    assert cc.busbw(16 * GiB, T, 8) == pytest.approx(234.89 * GB)
    assert cc.allreduce_bound(16 * GiB, 8, NVLINK3) / T == pytest.approx(0.78, abs=0.01)
    # 8 x H100, where the switch adds (NVLS): 480 on links of 450, nccl-tests issue 212
    T = busbw_to_time(480)
    assert cc.allreduce_bound(16 * GiB, 8, NVLINK4) / T == pytest.approx(480 / 450)


def test_published_b200_nodes_slow_down_as_two_levels_do_and_not_as_one_ring():
    # 16 GiB all-reduce, busbw 845.67 GB/s on 8 x B200, 381.8 on 4 such nodes with
    # 50 GB/s per GPU between them: Bekman, ML Engineering Open Book, network/README.md
    n, across = 16 * GiB, Link(0.0, 400 * Gbps)
    one, four = 2 * 7 / 8 * n / (845.67 * GB), 2 * 31 / 32 * n / (381.8 * GB)
    assert cc.busbw(n, one, 8) / cc.busbw(n, four, 32) == pytest.approx(2.2, abs=0.02)
    assert NVLINK5.beta / across.beta == 18
    # one flat ring at the pace of its slowest link would be 7.6 times too slow
    flat = cc.ring_allreduce(n, 32, across)
    assert flat / four == pytest.approx(7.6, abs=0.05)
    # two levels: one shard each across, if all else hides, or phase after phase
    least = cc.ring_allreduce(n / 8, 4, across)
    phases = cc.reduce_scatter(n, 8, NVLINK5) + cc.all_gather(n, 8, NVLINK5)
    assert least / four == pytest.approx(0.74, abs=0.01)
    assert (least + phases) / four == pytest.approx(1.12, abs=0.01)


def test_published_all_reduces_of_one_node_against_its_links():
    # DGX H100, 8 GPUs, PyTorch: microsoft/vidur (MIT), data/profiling/network, medians
    for n, measured, ratio in [(2048, 37 * us, 5.3), (64 * MiB, 322 * us, 1.2)]:
        law = cc.ring_allreduce(n, 8, NVLINK4)
        assert measured / law == pytest.approx(ratio, abs=0.1)


def test_start_ups_do_not_shrink_with_the_bytes():
    g = np.random.default_rng(4).normal(size=6_250_000).astype(np.float32)
    small = np.round(g / np.abs(g).max() * 127).astype(np.int8)
    r, wire = g.nbytes / small.nbytes, Link(0.0, NDR.beta)
    T, T_small = (cc.ring_allreduce(x.nbytes, 64, wire) for x in (g, small))
    assert cc.compressed_step(1.0, T, r, 2.0) == pytest.approx(1.0 + T_small + 2.0)
    T, T_small = (cc.ring_allreduce(x.nbytes, 64, NDR) for x in (g, small))
    law = cc.compressed_step(0.0, T, r)
    assert T_small / law == pytest.approx(1.48, abs=0.01)  # 25 MB over 64 devices


@given(T_comm=st.floats(1e-6, 10), r=st.floats(1, 64), T_c=st.floats(0, 10))
def test_a_codec_pays_below_its_budget_and_not_above(T_comm, r, T_c):
    budget = cc.codec_budget(T_comm, r)
    assert cc.compressed_step(T_c, T_comm, r, budget) == pytest.approx(T_c + T_comm)
    assert budget < T_comm


def play_backward(compute, comm):
    """Layer after layer on one stream, its gradient on another; return the end."""
    ready = sent = 0.0
    for c, m in zip(compute, comm, strict=True):
        ready += c
        sent = max(sent, ready) + m
    return sent


@pytest.mark.parametrize("T_comm", [0.0, 1 * ms, 15 * ms, 27 * ms])
@pytest.mark.parametrize("L", [1, 2, 32])
def test_the_overlap_is_that_of_two_streams(T_comm, L):
    T = play_backward([15 * ms] * L, [T_comm] * L)
    assert cc.overlapped(15 * ms, T_comm, L) == pytest.approx(T)


def test_an_embedding_that_comes_last_is_exposed_whole():
    comm = [1 * ms] * 31 + [8 * ms]  # the law, fed the mean, exposes 1.2 ms
    T = play_backward([2 * ms] * 32, comm)
    law = cc.overlapped(2 * ms, float(np.mean(comm)), 32)
    assert (T - 64 * ms, law - 64 * ms) == pytest.approx((8 * ms, 1.22 * ms), rel=0.01)


def test_arrays_give_what_their_scalars_give():
    n, N, links = np.array([1.0, 1 * KB, 1 * GB]), np.array([4, 8, 64]), [NDR] * 3
    laws = [cc.ring_allreduce, cc.tree_allreduce, cc.double_tree_allreduce]
    for law in [*laws, cc.butterfly_allreduce, cc.parameter_server, cc.all_to_all]:
        assert law(n, N, NDR) == pytest.approx([*map(law, n, N, links)])
    assert cc.crossover(N, NDR) == pytest.approx([*map(cc.crossover, N, links)])
    spans = [*map(cc.overlapped, [2.0] * 3, n, N)]
    assert cc.overlapped(2.0, n, N) == pytest.approx(spans)


BAD = {
    cc.ring_allreduce: [(1, 0, NDR), (1, np.array([0, 4]), NDR)],
    cc.tree_allreduce: [(1, 0, NDR)],
    cc.double_tree_allreduce: [(1, 1, NDR), (1, np.array([8, 1]), NDR)],
    cc.butterfly_allreduce: [(1, 6, NDR), (1, np.array([4, 6]), NDR)],
    cc.parameter_server: [(1, 0, NDR)],
    cc.allreduce_bound: [(1, 0, NDR)],
    cc.busbw: [(1, 1, 0)],
    cc.crossover: [(3, NDR), (np.array([3, 64]), NDR)],
    cc.all_to_all: [(1, 0, NDR), (1, 8, NDR, 0.5), (1, 8, NDR, np.array([1.5, 0.5]))],
    cc.compressed_step: [(1, 1, 0.25), (1, 1, np.nan)],
    cc.codec_budget: [(1, np.array([4, 0.5]))],
    cc.overlapped: [(1, 1, 0)],
    run: [(print, 0)],
}


@pytest.mark.parametrize(
    ("law", "args"), [(law, args) for law, rows in BAD.items() for args in rows]
)
def test_input_that_would_give_a_plausible_wrong_answer_is_refused(law, args):
    with pytest.raises(ValueError, match=r"\d"):
        law(*args)


def summed(rank, N):
    import torch
    import torch.distributed as dist

    x = torch.full((5,), float(rank + 1))
    dist.all_reduce(x)
    return x.tolist()


def one_rank_fails(rank, N):
    if rank == 1:
        raise KeyError("lost shard")
    return rank


def hangs(rank, N):
    import time

    time.sleep(60)


def test_processes_share_a_sum():
    assert run(summed, 3) == [[6.0] * 5] * 3


def test_a_failing_rank_is_named():
    with pytest.raises(RuntimeError, match=r"(?s)rank 1 failed.*lost shard"):
        run(one_rank_fails, 2)


def test_a_hanging_rank_is_given_up():
    with pytest.raises(TimeoutError, match="2 ranks"):
        run(hangs, 2, timeout=2.0)
