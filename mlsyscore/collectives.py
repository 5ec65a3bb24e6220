"""Collectives: the time for N devices to share n bytes each.

``n`` is the size of the tensor that each device holds before an all-reduce or
a reduce-scatter, and after an all-gather.  Each device sends on its own ``link``
while it receives on it.  Arrays broadcast.  None counts the arithmetic.
"""

import numpy as np

from .compute import allreduce_traffic
from .network import Link, bisection_time
from .units import Bytes, BytesPerSecond, Ratio, Seconds, count, every


def _rounds(N: int) -> float:
    count(N)
    return np.ceil(np.log2(N))


def reduce_scatter(n: Bytes, N: int, link: Link) -> Seconds:
    """Ring reduce-scatter to a summed n/N on each: T = (N - 1) (alpha + n / (N beta)).

    Source: Patarasuk and Yuan, J. Parallel Distrib. Comput. 69 (2009).
    """
    count(N)
    return (N - 1) * link.time(n / N)


def all_gather(n: Bytes, N: int, link: Link) -> Seconds:
    """Ring all-gather to n bytes on each device: T as reduce_scatter, run backwards.

    Source: Thakur, Rabenseifner and Gropp, IJHPCA 19 (2005), section 4.
    """
    return reduce_scatter(n, N, link)


def ring_allreduce(n: Bytes, N: int, link: Link) -> Seconds:
    """Ring all-reduce: a reduce-scatter, then an all-gather.

    T = 2 (N - 1) alpha + 2 (N - 1)/N n / beta
    Ignores congestion if neighbours share a path.  Source: Patarasuk and Yuan (2009).
    """
    return reduce_scatter(n, N, link) + all_gather(n, N, link)


def tree_allreduce(n: Bytes, N: int, link: Link) -> Seconds:
    """Binomial tree to a root and back, whole: T = 2 ceil(log2 N) (alpha + n / beta).

    Ignores pipelining.  Source: Thakur, Rabenseifner and Gropp (2005).
    """
    return 2 * _rounds(N) * link.time(n)


def double_tree_allreduce(n: Bytes, N: int, link: Link) -> Seconds:
    """Two pipelined binary trees, each with half of the tensor; N >= 2.

    T = 2 ceil(log2 N) alpha + 2 n / beta
    A leaf of one tree is a parent in the other, so every link is busy.  Ignores the
    pipeline's fill and start-ups: played, 64 devices need 1.1 to 2.8 times as long.
    Source: Sanders, Speck and Träff, Parallel Computing 35 (2009).
    """
    if not every(N >= 2):
        raise ValueError(f"a double tree needs at least two devices, not N = {N}")
    return 2 * (_rounds(N) * link.alpha + n / link.beta)


def butterfly_allreduce(n: Bytes, N: int, link: Link) -> Seconds:
    """Recursive halving, then doubling: T = 2 log2(N) alpha + 2 (N - 1)/N n / beta.

    A tree's rounds, a ring's bytes; needs N = 2^k.  Ignores that far pairs share links.
    Source: Thakur, Rabenseifner and Gropp (2005), section 4 (Rabenseifner).
    """
    rounds = _rounds(N)
    if not every(2**rounds == N):
        raise ValueError(f"the butterfly pairs devices: N = {N} is no power of two")
    return 2 * rounds * link.alpha + allreduce_bound(n, N, link)


def parameter_server(n: Bytes, N: int, link: Link) -> Seconds:
    """All N devices send n bytes to a server and get n back: T = 2 (alpha + N n/beta).

    The server's one link carries everything; the N start-ups overlap.
    """
    count(N)
    return 2 * link.time(N * n)


def allreduce_bound(n: Bytes, N: int, link: Link) -> Seconds:
    """Least time that N devices' links allow: T >= 2 (N - 1)/N n / beta.

    In-switch sums (SHARP, NVLS) beat it.  Source: Patarasuk and Yuan (2009), theorem 1.
    """
    return allreduce_traffic(n, N) / link.beta


def crossover(N: int, link: Link) -> Bytes:
    """Size at which ring and tree all-reduce take equal time.

    n = alpha beta (N - 1 - L) / (L - (N - 1)/N),  L = ceil(log2 N)
    For large N about N alpha beta / log2 N.  The ring always wins for N < 4.
    """
    L = _rounds(N)
    if not every(N >= 4):
        raise ValueError(f"with N = {N} < 4 devices the ring always wins")
    return link.half * (N - 1 - L) / (L - (N - 1) / N)


def all_to_all(n: Bytes, N: int, link: Link, skew: Ratio = 1.0) -> Seconds:
    """Each device sends n/N to each other one; the hottest receiver takes skew x.

    T = (N - 1) alpha + skew (N - 1)/N n / beta
    Pairwise exchange.  Ignores the fabric's cut, which may bind before the links.
    Raises ValueError for skew < 1: some receiver takes at least the mean.
    """
    count(N, skew)
    return (N - 1) * link.time(skew * n / N)


def all_to_all_bound(
    n: Bytes, N: int, link: Link, BW_bisect: BytesPerSecond, skew: Ratio = 1.0
) -> Seconds:
    """Least time for an all-to-all: the hottest receiver, or the fabric's cut.

    T >= max(skew (N - 1)/N n / beta, floor(N/2) ceil(N/2) n/N / BW_bisect)
    Half of what leaves a half crosses; injection is the first term at skew 1.
    """
    receiver = all_to_all(n, N, Link(0.0, link.beta), skew)
    cut = bisection_time((N // 2) * (N - N // 2) * n / N, BW_bisect)
    return np.maximum(receiver, cut)


def busbw(n: Bytes, T: Seconds, N: int) -> BytesPerSecond:
    """Bus bandwidth of an all-reduce, 2 (N - 1)/N n / T, as nccl-tests reports it.

    A ring's rate per link; in-switch sums can exceed it.  Source: nccl-tests,
    doc/PERFORMANCE.md.
    """
    return allreduce_traffic(n, N) / T


def compressed_step(
    T_compute: Seconds, T_comm: Seconds, r: Ratio, T_codec: Seconds = 0.0
) -> Seconds:
    """Step that sends gradients r times smaller: T_compute + T_comm/r + T_codec.

    Needs r >= 1.  Ignores that start-ups do not shrink, and that more steps may follow.
    """
    count(r)
    return T_compute + T_comm / r + T_codec


def codec_budget(T_comm: Seconds, r: Ratio) -> Seconds:
    """Time that a codec may take before it slows the step: T_comm (1 - 1/r)."""
    count(r)
    return T_comm * (1 - 1 / r)


def overlapped(T_layer: Seconds, T_comm: Seconds, L: int) -> Seconds:
    """Backward pass of L equal layers that send each gradient while the next computes.

    T = T_layer + (L - 1) max(T_layer, T_comm) + T_comm
    Exposed is T - L T_layer, never less than one T_comm: the last layer's gradient has
    nothing to hide behind.  Assumes that sending slows no kernel.
    Source: Li et al., PyTorch Distributed, VLDB (2020), section 3.2.3.
    """
    count(L)
    return T_layer + (L - 1) * np.maximum(T_layer, T_comm) + T_comm
