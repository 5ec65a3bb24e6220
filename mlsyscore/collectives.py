"""Collectives: the time for N devices to share n bytes each.

``n`` is the size of the tensor that each device holds before an all-reduce or
a reduce-scatter, and after an all-gather.  Each device sends on its own ``link``
while it receives on it.  Arrays broadcast.  None counts the arithmetic.
"""

import numpy as np

from .network import Link
from .units import Bytes, BytesPerSecond, Fraction, Seconds


def _devices(N: int) -> None:
    if np.any(np.asarray(N) < 1):
        raise ValueError(f"a collective needs at least one device, not N = {N}")


def _rounds(N: int) -> float:
    _devices(N)
    rounds: float = np.ceil(np.log2(N))
    return rounds


def reduce_scatter(n: Bytes, N: int, link: Link) -> Seconds:
    """Ring reduce-scatter: each device ends with one summed chunk of n/N bytes.

    T = (N - 1) (alpha + n / (N beta))

    Source: Patarasuk and Yuan, J. Parallel Distrib. Comput. 69 (2009).
    """
    _devices(N)
    return (N - 1) * link.time(n / N)


def all_gather(n: Bytes, N: int, link: Link) -> Seconds:
    """Ring all-gather to n bytes on each device: T as reduce_scatter, run backwards.

    Source: Thakur, Rabenseifner and Gropp, IJHPCA 19 (2005), section 4.
    """
    return reduce_scatter(n, N, link)


def ring_allreduce(n: Bytes, N: int, link: Link) -> Seconds:
    """Ring all-reduce: a reduce-scatter, then an all-gather.

    T = 2 (N - 1) alpha + 2 (N - 1)/N n / beta

    Ignores congestion: neighbours must have a path of their own.
    Source: Patarasuk and Yuan (2009).
    """
    return reduce_scatter(n, N, link) + all_gather(n, N, link)


def tree_allreduce(n: Bytes, N: int, link: Link) -> Seconds:
    """Binomial tree: reduce to a root, broadcast back, the whole tensor each time.

    T = 2 ceil(log2 N) (alpha + n / beta)

    Ignores pipelining; a double binary tree comes near 2 log2(N) alpha + 2 n/beta.
    Source: Thakur, Rabenseifner and Gropp (2005).
    """
    return 2 * _rounds(N) * link.time(n)


def butterfly_allreduce(n: Bytes, N: int, link: Link) -> Seconds:
    """Recursive halving, then doubling: a tree's rounds with a ring's bytes.

    T = 2 log2(N) alpha + 2 (N - 1)/N n / beta

    N must be a power of two.  Ignores that distant partners share links.
    Source: Thakur, Rabenseifner and Gropp (2005), section 4 (Rabenseifner).
    """
    rounds = _rounds(N)
    if np.any(2**rounds != N):
        raise ValueError(f"the butterfly pairs devices: N = {N} is no power of two")
    return 2 * rounds * link.alpha + 2 * (N - 1) / N * n / link.beta


def parameter_server(n: Bytes, N: int, link: Link) -> Seconds:
    """All N devices send n bytes to one server, which sends n bytes back to each.

    T = 2 (alpha + N n / beta)

    The server's one link carries everything; the N start-ups overlap.
    """
    _devices(N)
    return 2 * link.time(N * n)


def allreduce_bound(n: Bytes, N: int, link: Link) -> Seconds:
    """Least time that N devices' links allow: T >= 2 (N - 1)/N n / beta.

    No algorithm on the devices beats it; a switch that adds (SHARP, NVLS) does.
    Source: Patarasuk and Yuan (2009), theorem 1.
    """
    _devices(N)
    return 2 * (N - 1) / N * n / link.beta


def crossover(N: int, link: Link) -> Bytes:
    """Size at which ring and tree all-reduce take equal time.

    n = alpha beta (N - 1 - L) / (L - (N - 1)/N),  L = ceil(log2 N)

    For large N about N alpha beta / log2 N.  The ring always wins for N < 4.
    """
    L = _rounds(N)
    if np.any(np.asarray(N) < 4):
        raise ValueError(f"with N = {N} < 4 devices the ring always wins")
    return link.half * (N - 1 - L) / (L - (N - 1) / N)


def all_to_all(n: Bytes, N: int, link: Link, skew: Fraction = 1.0) -> Seconds:
    """Each device sends n/N to each other one; the hottest receiver takes skew x.

    T = (N - 1) alpha + skew (N - 1)/N n / beta

    Pairwise exchange.  Ignores the fabric's cut, which may bind before the links.
    Raises ValueError for skew < 1: some receiver takes at least the mean.
    """
    _devices(N)
    if np.any(np.asarray(skew) < 1):
        raise ValueError(f"the hottest receiver takes at least the mean: skew {skew}")
    return (N - 1) * link.time(skew * n / N)


def busbw(n: Bytes, T: Seconds, N: int) -> BytesPerSecond:
    """Bus bandwidth of an all-reduce, 2 (N - 1)/N n / T, as nccl-tests reports it.

    The rate of each device's link if a ring did the work; with in-switch sums it
    can exceed the link.  Source: nccl-tests, doc/PERFORMANCE.md.
    """
    _devices(N)
    return 2 * (N - 1) / N * n / T
