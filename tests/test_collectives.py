"""Each law is checked against something that is not the law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsyscore import collectives as cc
from mlsyscore.catalog import HDR, LLAMA2_70B, NDR, NVLINK4
from mlsyscore.network import Link, fit_link
from mlsyscore.processes import run
from mlsyscore.units import GB, KB, MB, Gbps, GiB, ms, second, us


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
    """Halve and double with partners at distance N/2, N/4, ..."""
    N, t, held = len(x), 0.0, x.astype(float)
    parts = [(0, x.shape[1])] * N
    distances = [N >> k for k in range(1, N.bit_length())]
    for d in distances:
        old, new = held.copy(), list(parts)
        for r in range(N):
            a, b = parts[r]
            m = (a + b) // 2
            new[r] = (a, m) if r & d == 0 else (m, b)
            keep = slice(*new[r])
            held[r, keep] = old[r, keep] + old[r ^ d, keep]
        parts = new
        t += link.time((parts[0][1] - parts[0][0]) * held.itemsize)
    for d in reversed(distances):
        old, new = held.copy(), list(parts)
        t += link.time((parts[0][1] - parts[0][0]) * held.itemsize)
        for r in range(N):
            held[r, slice(*parts[r ^ d])] = old[r ^ d, slice(*parts[r ^ d])]
            a, b = parts[r], parts[r ^ d]
            new[r] = (min(a[0], b[0]), max(a[1], b[1]))
        parts = new
    return held, t


@pytest.mark.parametrize("N", [1, 2, 3, 4, 8])
def test_ring_law_matches_a_ring_that_runs(N):
    x = np.random.default_rng(0).normal(size=(N, 16 * N))
    y, t = play_ring(x, NDR)
    assert np.allclose(y, x.sum(axis=0))
    assert cc.ring_allreduce(x[0].nbytes, N, NDR) == pytest.approx(t)


@pytest.mark.parametrize("N", [2, 4, 16])
def test_butterfly_law_matches_a_butterfly_that_runs(N):
    x = np.random.default_rng(1).normal(size=(N, 4 * N))
    y, t = play_butterfly(x, NDR)
    assert np.allclose(y, x.sum(axis=0))
    assert cc.butterfly_allreduce(x[0].nbytes, N, NDR) == pytest.approx(t)


@pytest.mark.parametrize(
    ("law", "n", "N", "link", "book", "rel"),
    [  # the book's worked numbers, to the digits it prints
        (cc.ring_allreduce, 2 * LLAMA2_70B, 64, NDR, 5.5127, 1e-4),
        (cc.tree_allreduce, 2 * LLAMA2_70B, 64, NDR, 33.6, 1e-4),
        (cc.parameter_server, LLAMA2_70B, 64, NDR, 179.2, 1e-4),
        (cc.ring_allreduce, 25 * MB, 64, NDR, 1.1734 * ms, 1e-4),
        (cc.ring_allreduce, 25 * MB, 1024, NDR, 4.068 * ms, 1e-4),
        (cc.tree_allreduce, 25 * MB, 64, NDR, 6.018 * ms, 1e-4),
        (cc.tree_allreduce, 1 * GB, 1024, NDR, 400 * ms, 1e-3),
    ],
)
def test_the_books_numbers(law, n, N, link, book, rel):
    # The book's parameter server moves N x 140 GB once through its link; ours
    # counts both directions one after the other, so half the bytes give its 179 s.
    assert law(n, N, link) == pytest.approx(book, rel=rel)


def test_the_books_crossovers():
    assert cc.crossover(64, NDR) == pytest.approx(852.34 * KB, rel=1e-4)
    assert cc.crossover(1024, NDR) == pytest.approx(8.4408 * MB, rel=1e-4)
    slow = Link(10 * us, 10 * GB / second)
    assert cc.crossover(64, slow) == pytest.approx(1.1364 * MB, rel=1e-4)
    assert NDR.half == pytest.approx(75 * KB)


def test_published_a100_bandwidth_stays_under_the_bound():
    # 8 x A100, 16 GiB, 234.89 GB/s busbw on 300 GB/s links:
    # Bekman, ML Engineering Open Book, network/README.md
    T = 2 * 7 / 8 * 16 * GiB / (234.89 * GB)
    assert cc.busbw(16 * GiB, T, 8) == pytest.approx(234.89 * GB)
    a100 = Link(0.5 * us, 300 * GB / second)
    assert cc.allreduce_bound(16 * GiB, 8, a100) < T


def test_the_bound_breaks_where_the_switch_adds():
    # 8 x H100 with NVLS: 480 GB/s busbw on 450 GB/s links (nccl-tests issue 212)
    T = 2 * 7 / 8 * 16 * GiB / (480 * GB)
    assert cc.allreduce_bound(16 * GiB, 8, NVLINK4) > T


def test_moe_dispatch_injection_time():
    # the book: 512 tokens x 4,096 B on each of 8 devices: 1.835 MB leave each
    # and bind at 36.7 us, 55.05 us at the receiver that takes 1.5 times the mean
    n, wire = 512 * 4096, Link(0.0, 400 * Gbps)
    assert cc.all_to_all(n, 8, wire) == pytest.approx(36.7 * us, rel=1e-3)
    assert cc.all_to_all(n, 8, wire, 1.5) == pytest.approx(55.05 * us, rel=1e-3)


@given(n=st.floats(1, 1e12), N=st.integers(1, 4096))
def test_nothing_beats_the_bound(n, N):
    bound = cc.allreduce_bound(n, N, HDR)
    for law in (cc.ring_allreduce, cc.parameter_server, cc.tree_allreduce):
        assert law(n, N, HDR) >= bound * (1 - 1e-12)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: cc.ring_allreduce(1, 0, NDR),
        lambda: cc.butterfly_allreduce(1, 6, NDR),
        lambda: cc.crossover(3, NDR),
        lambda: cc.all_to_all(1, 8, NDR, 0.5),
        lambda: Link(-1 * us, 1 * GB),
        lambda: Link(1 * us, 0),
        lambda: fit_link([1 * KB, 1 * KB], [1, 1]),
        lambda: fit_link([1 * KB, 1 * MB], [2, 1]),
        lambda: run(print, 0),
    ],
)
def test_input_that_would_give_a_plausible_wrong_answer_is_refused(bad):
    with pytest.raises(ValueError, match=r"\d"):
        bad()


def test_fit_finds_alpha_where_absolute_least_squares_would_not():
    rng = np.random.default_rng(2)
    n = np.logspace(2, 9, 40)
    T = HDR.time(n) * rng.normal(1, 0.05, n.size)
    fit = fit_link(n, T)
    assert fit.alpha == pytest.approx(HDR.alpha, rel=0.1)  # 5 % noise, 40 points
    assert fit.beta == pytest.approx(HDR.beta, rel=0.1)


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
