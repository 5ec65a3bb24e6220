"""Each law is checked against something that is not the law."""

import math
from collections import Counter
from fractions import Fraction
from itertools import pairwise, permutations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from mlsyscore import collectives as cc
from mlsyscore.catalog import HDR, NDR, NVLINK3, NVLINK4
from mlsyscore.network import Link
from mlsyscore.processes import run
from mlsyscore.units import GB, KB, MB, GiB, ms, us


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


@pytest.mark.parametrize("N", [1, 2, 5])
def test_a_ring_all_reduce_is_two_collectives_of_equal_time(N):
    n = 3 * MB
    T = play_ring(np.zeros((N, int(n) // 8 // N * N)), NDR)[1] / 2
    laws = cc.reduce_scatter(n, N, NDR), cc.all_gather(n, N, NDR)
    assert laws == pytest.approx((T, T), rel=1e-5)


def play_doubling(x, link):
    """Sum over windows of 2, 4, 8, ... devices; the last is cut to what is missing.

    others[i] holds the sum of the t before i; whole[i] that and i's own.
    """
    N, t, T = len(x), 0, 0.0
    others = np.zeros_like(x)
    for bit in bin(N - 1)[2:] if N > 1 else "":
        whole = others + x  # a message is one of the two
        sent = np.roll(whole, t + 1, axis=0) if bit == "1" else np.roll(others, t, 0)
        others, t = others + sent, 2 * t + int(bit)
        T += link.time(sent[0].nbytes)
    return others + x, T


@pytest.mark.parametrize(
    ("play", "law", "N"),
    [(play_doubling, cc.doubling_allreduce, N) for N in (1, 2, 3, 7, 8, 9, 31)]
    + [(play_ring, cc.ring_allreduce, N) for N in (1, 2, 3, 4, 8)]
    + [(play_butterfly, cc.butterfly_allreduce, N) for N in (2, 4, 16)]
    + [(play_tree, cc.tree_allreduce, N) for N in (1, 2, 3, 6, 8, 17)],
)
def test_a_law_matches_the_algorithm_that_runs(play, law, N):
    x = np.random.default_rng(0).normal(size=(N, 16 * N))
    y, t = play(x, NDR)
    assert np.allclose(y, x.sum(axis=0))
    assert law(x[0].nbytes, N, NDR) == pytest.approx(t)


def play_bruck_gather(x, link):
    """Send all that is held to the device 1, 2, 4, ... before; order at the end."""
    N, T = len(x), 0.0
    held = [[i] for i in range(N)]
    d = 1
    while d < N:
        sent = [held[i][: min(d, N - d)] for i in range(N)]
        T += link.time(max(x[blocks].nbytes for blocks in sent))
        held = [held[i] + sent[(i + d) % N] for i in range(N)]
        d *= 2
    return np.array([x[sorted(blocks)].ravel() for blocks in held]), T


def play_bruck_exchange(x, link):
    """In round k send on, 2^k further, the blocks whose way has a 1 there."""
    N, T, d = len(x), 0.0, 1
    held = np.array([[x[i, (i + j) % N] for j in range(N)] for i in range(N)])
    while d < N:
        go = [j for j in range(N) if j & d]
        T += link.time(held[0, go].nbytes)
        held[:, go] = np.roll(held, d, axis=0)[:, go]
        d *= 2
    return np.array([[held[i, (i - j) % N] for j in range(N)] for i in range(N)]), T


@pytest.mark.parametrize("N", [1, 2, 3, 5, 8, 12, 17])
def test_brucks_schedules_move_what_the_laws_count(N):
    x = np.random.default_rng(0).normal(size=(N, 6))
    y, T = play_bruck_gather(x, NDR)
    assert all((row == x.ravel()).all() for row in y)
    assert cc.bruck_all_gather(x.nbytes, N, NDR) == pytest.approx(T)
    x = np.random.default_rng(1).normal(size=(N, N, 6))
    y, T = play_bruck_exchange(x, NDR)
    assert (y == x.swapaxes(0, 1)).all()
    assert cc.bruck_all_to_all(x[0].nbytes, N, NDR) == pytest.approx(T)


def play_switch(x, link):
    """Each reads the sum of its chunk through the switch and writes it to all."""
    N = len(x)
    chunks = np.array_split(np.arange(x.shape[1]), N)
    up, down, y = np.zeros(N), np.zeros(N), np.empty_like(x)
    for owner, chunk in enumerate(chunks):
        up += x[0, chunk].nbytes  # all send theirs, the owner too
        total = x[:, chunk].sum(axis=0)
        down[owner] += total.nbytes
        up[owner] += total.nbytes
        y[:, chunk] = total
        down += total.nbytes
    return y, 2 * link.alpha + max(up.max(), down.max()) / link.beta


@pytest.mark.parametrize("N", [2, 3, 8])
def test_a_switch_that_sums_takes_every_byte_once_and_a_chunk_twice(N):
    x = np.random.default_rng(0).normal(size=(N, 16 * N))
    y, T = play_switch(x, NVLINK4)
    assert np.allclose(y, x.sum(axis=0))
    assert cc.switch_allreduce(x[0].nbytes, N, NVLINK4) == pytest.approx(T)


def test_published_sums_in_the_switch_beat_every_ring():
    # 8 x H200: bus bandwidth in GB/s of NVLS, and of a ring, an all-gather, a
    # reduce-scatter (Bekman, ML Engineering Open Book, network/README.md)
    nvls, ring, gather, scatter = 480.0 * GB, 367.6 * GB, 361.4 * GB, 362.9 * GB
    n, wire = 16 * GiB, Link(0.0, ring)
    T = 2 * 7 / 8 * n / nvls
    assert cc.ring_allreduce(n, 8, wire) / T == pytest.approx(1.31, abs=0.005)
    assert cc.allreduce_bound(n, 8, NVLINK4) / T > 1.06  # no ring could, at line rate
    assert cc.switch_allreduce(n, 8, wire) / T == pytest.approx(0.84, abs=0.005)
    # n/T in GB/s with 5 to 8 H100, where a ring has 365 to 370: nccl issue 1455
    for N, rate in ((5, 258), (6, 265), (7, 270), (8, 273)):
        law = cc.switch_allreduce(n, N, Link(0.0, 370 * GB)) / (n / (rate * GB))
        assert law == pytest.approx(0.835, rel=0.01)
    # 8 x H800, links of 200 GB/s: 215 (nccl issue 1374); a ring has the same 0.82
    law = cc.switch_allreduce(n, 8, Link(0.0, 0.82 * 200 * GB))
    assert law / (2 * 7 / 8 * n / (215 * GB)) == pytest.approx(0.84, abs=0.005)
    for law, rate in ((cc.all_gather, gather), (cc.reduce_scatter, scatter)):
        share = law(n, 8, NVLINK4) / (7 / 8 * n / rate)
        assert share == pytest.approx(0.805, abs=0.005)


@pytest.mark.parametrize("N", [1, 2, 3, 4, 2**49, 2**49 + 1, 2**53, 2**53 + 1, 10**18])
def test_rounds_are_counted_exactly(N):
    rounds = next(k for k in range(64) if 2**k >= N)
    assert cc.tree_allreduce(0, N, Link(1.0, 1.0)) == 2 * rounds
    array = np.array([float(min(N, 2**53))])
    rounds = next(k for k in range(64) if 2**k >= min(N, 2**53))
    assert cc.tree_allreduce(0, array, Link(1.0, 1.0)) == 2 * rounds


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
    assert cc.all_to_all(n, N, NDR, N) == pytest.approx(7 * NDR.time(n))  # all to one
    parcels, me = np.full((N, N), n / N), np.arange(N)
    parcels[:, 3] *= hot
    T = sum(NDR.time(parcels[me, (me + k) % N].max()) for k in range(1, N))
    assert cc.all_to_all(n, N, NDR, hot) == pytest.approx(T)
    bound = cc.all_to_all_bound(n, N, NDR, 1000 * NDR.beta, hot)
    assert bound == pytest.approx(T - 7 * NDR.alpha)


def test_published_dispatches_by_nics_alone():
    # DeepEP, docs/legacy.md, low latency: H800, 50 GB/s per GPU; 128 tokens of 7,168
    # values, FP8 with a scale for each 128, a copy for each of 8 experts; GPUs, us
    n, wire = 128 * 8 * 7168 * (1 + 4 / 128), Link(0.0, 50 * GB)
    seen = {32: 155, 64: 173, 128: 192, 256: 194}
    off = [cc.all_to_all(n, N, wire) / (T * us) for N, T in seen.items()]
    assert off == pytest.approx([0.95, 0.86, 0.78, 0.78], abs=0.01)


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


# DGX, PyTorch: microsoft/vidur (MIT), data/profiling/network: devices, bytes, median us
H100 = [(2, 3244032, 43), (2, 7700480, 44), (2, 67108864, 245), (4, 3244032, 43)]
H100 += [(4, 18350080, 100), (4, 67108864, 318), (8, 3244032, 46), (8, 11862016, 92)]
H100 += [(8, 67108864, 322)]


def test_published_all_reduces_of_one_node_against_its_links():
    for n, seen, ratio in [
        (2048, 37, 0.19),
        (11862016, 92, 0.58),
        (67108864, 322, 0.83),
    ]:
        law = cc.ring_allreduce(n, 8, NVLINK4)
        assert law / (seen * us) == pytest.approx(ratio, abs=0.01)
    for N, n, seen in H100:  # with a call, and the share of the line that H200s show
        law = 30 * us + cc.ring_allreduce(n, N, Link(0.0, 0.82 * NVLINK4.beta))
        assert law / (seen * us) == pytest.approx(1, abs=0.16)
    law = 30 * us + cc.ring_allreduce(11862016, 8, Link(0.0, 0.82 * NVLINK3.beta))
    assert law / (203 * us) == pytest.approx(0.56, abs=0.01)  # A100


def test_messages_wait_for_each_other_unless_they_travel_as_one():
    n, N, t = 4 * KB, 100, 0.0
    for _ in range(N):  # one sender: it starts a message when the last has left
        t += NDR.alpha
        t += n / NDR.beta
    whole = NDR.time(np.zeros(int(n), np.int8).nbytes * N)
    assert cc.messages_apart(n, N, NDR) == pytest.approx(t)
    assert cc.messages_fused(n, N, NDR) == pytest.approx(whole)
    assert cc.fusion_gain(n, N, NDR) == pytest.approx(t / whole)
    assert cc.fusion_gain(0, N, NDR) == N
    assert cc.fusion_gain(1e6, N, Link(0.0, 1.0)) == 1


def test_published_messages_gain_by_fusion():
    # send-recv between two DGX H100, medians in us: microsoft/vidur (MIT).  The link
    # has the times of 2,048 and of 43,515,904 bytes
    link = Link(17 * us, 43515904 / ((1224 - 17) * us))
    for N, small, large, n, gains in [
        (31, 19, 67, 1343488, (8.8, 10.4)),  # of 43,008 bytes
        (32, 21, 104, 3244032, (6.5, 5.9)),  # of 100,352
    ]:
        law = cc.fusion_gain(n / N, N, link)
        assert (N * small / large, law) == pytest.approx(gains, abs=0.05)


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


def test_a_codec_that_hardly_compresses_has_its_budget_to_the_last_digit():
    r = 1 + 2.0**-40
    exact = 40 * (1 - 1 / Fraction(r))
    assert cc.codec_budget(40.0, r) == pytest.approx(float(exact), rel=1e-12)


def feed_back(codec, gradients):
    """Squared norms of what error feedback holds, step by step."""
    e, held = np.zeros_like(gradients[0]), []
    for g in gradients:
        v = codec(g + e)
        e = g + e - v
        held.append((e**2).sum(axis=-1).mean())
    return np.array(held)


def top(k):
    def codec(x):
        order = np.argsort(-np.abs(x), axis=-1)
        kept = np.zeros_like(x)
        np.put_along_axis(kept, order[..., :k], 1.0, axis=-1)
        return kept * x

    return codec


def test_error_feedback_holds_less_than_its_bound_and_a_shrinking_codec_all_of_it():
    d, gamma = 32, 0.1
    for k in (1, 4, 16):  # of independent gradients, which cancel in the memory
        g = gamma * np.random.default_rng(k).normal(size=(200, 20, d))
        held = feed_back(top(k), g).max()
        assert 0.001 < held / cc.feedback_bound(k / d, gamma, math.sqrt(d)) < 0.03
    for d in (8, 64):  # equal values go out in turn: one waits for each step of d
        held = feed_back(top(1), np.full((4 * d, 1, d), 1 / math.sqrt(d))).max()
        share = held / cc.feedback_bound(1 / d, 1, 1)
        assert share == pytest.approx(1 / 12 - 1 / (24 * d))
    for delta in (0.1, 0.5, 0.9):  # each time the most that a codec may lose
        kept = 1 - math.sqrt(1 - delta)
        held = feed_back(lambda x, kept=kept: kept * x, np.full((900, 1, 1), 0.5))[-1]
        loose = cc.feedback_bound(delta, 0.5, 1) / held
        assert loose == pytest.approx(4 / (1 + math.sqrt(1 - delta)) ** 2)
    assert cc.feedback_bound(1, 1, 1) == 0


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
    laws += [cc.doubling_allreduce, cc.bruck_all_gather, cc.switch_allreduce]
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
    cc.all_to_all: [
        *((1, 0, NDR), (1, 8, NDR, 0.5), (1, 8, NDR, np.array([1.5, 0.5]))),
        *((1, 8, NDR, 8.1), (1, np.array([8, 2]), NDR, 3)),
    ],
    cc.all_to_all_bound: [(1, 8, NDR, 0), (1, 8, NDR, 1, 8.1)],
    cc.switch_allreduce: [(1, 1, NDR)],
    cc.fusion_gain: [(0, 2, Link(0, 1))],
    cc.feedback_bound: [(0, 1, 1), (1.5, 1, 1)],
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
