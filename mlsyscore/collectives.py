"""Collectives: the time for N devices to share n bytes each.

``n`` is the size of the tensor that each device holds before an all-reduce or
a reduce-scatter, and after an all-gather.  Each device sends on its own ``link``
while it receives on it; ``hierarchy`` has fast links within nodes.  Arrays broadcast.
None counts the arithmetic, nor what a call of a library adds: some 30 us of NCCL's.
"""

from typing import Annotated, Any

import numpy as np

from .elementwise import every, larger
from .network import Link
from .ranges import (
    LAST,
    Count,
    Factor,
    Positive,
    PositiveFraction,
    Range,
    Ratio,
    Single,
    law,
)
from .units import Bytes, BytesPerSecond, Seconds

TwoOrMore = Annotated[int, "1", Range(2, LAST)]
FourOrMore = Annotated[int, "1", Range(4, LAST)]


def _rounds(N: Any) -> Any:
    """Return ceil(log2 N), exactly."""
    if isinstance(N, int):
        return (N - 1).bit_length()
    m, e = np.frexp(N)  # N = m 2^e with m from 1/2 to below 1
    return np.where(m > 0.5, e, e - 1)


def _ones(N: int) -> int:
    """Return the number of ones in the binary forms of 0, 1, ..., N - 1."""
    total, bit = 0, 1
    for _ in range(_rounds(N)):  # 0 and 1 alternate in runs of 1, 2, 4, ...
        total += N // (2 * bit) * bit + max(N % (2 * bit) - bit, 0)
        bit *= 2
    return total


# -- rings, trees and butterflies ------------------------------------------------
@law
def reduce_scatter(n: Bytes, N: Count, link: Link) -> Seconds:
    """Ring reduce-scatter to a summed n/N on each: T = (N - 1) (alpha + n / (N beta)).

    Published: 362.9 GB/s of bus bandwidth on 8 x H200, 0.81 of the line (Bekman, ML
    Engineering Open Book).  Ignores congestion if neighbours share a path.
    Source: Patarasuk and Yuan, J. Parallel Distrib. Comput. 69 (2009).
    """
    return (N - 1) * (link.alpha + n / N / link.beta)


@law
def all_gather(n: Bytes, N: Count, link: Link) -> Seconds:
    """Ring all-gather to n bytes on each device: T as reduce_scatter, run backwards.

    T = (N - 1) (alpha + n / (N beta))
    Source: Thakur, Rabenseifner and Gropp, IJHPCA 19 (2005), section 4.
    """
    return (N - 1) * (link.alpha + n / N / link.beta)


@law
def ring_allreduce(n: Bytes, N: Count, link: Link) -> Seconds:
    """Ring all-reduce: a reduce-scatter, then an all-gather.

    T = 2 (N - 1) alpha + 2 (N - 1)/N n / beta
    Published: at 16 GiB on 8 x A100 or H200 the law gives 0.8 of the time.  With 30 us
    more and 0.82 of the line rate it is within 16 % on 2 to 8 H100s of a node (vidur,
    3 to 67 MB), but 30 to 40 % short on A100s; alone it has half of the time at 12 MB.
    Source: Patarasuk and Yuan, J. Parallel Distrib. Comput. 69 (2009).
    """
    return 2 * (N - 1) * (link.alpha + n / N / link.beta)


@law
def tree_allreduce(n: Bytes, N: Count, link: Link) -> Seconds:
    """Binomial tree to a root and back, whole: T = 2 ceil(log2 N) (alpha + n / beta).

    Ignores pipelining: NCCL's trees are pipelined, so no published row is compared.
    Source: Thakur, Rabenseifner and Gropp, IJHPCA 19 (2005).
    """
    return 2 * _rounds(N) * (link.alpha + n / link.beta)


@law
def double_tree_allreduce(n: Bytes, N: TwoOrMore, link: Link) -> Seconds:
    """Two pipelined binary trees, each with half of the tensor.

    T = 2 ceil(log2 N) alpha + 2 n / beta
    A leaf of one tree is a parent in the other, so every link is busy.  Ignores the
    pipeline's fill and start-ups: played, 64 devices need 1.1 to 2.8 times as long.
    Source: Sanders, Speck and Träff, Parallel Computing 35 (2009).
    """
    return 2 * (_rounds(N) * link.alpha + n / link.beta)


@law
def butterfly_allreduce(n: Bytes, N: Count, link: Link) -> Seconds:
    """Recursive halving, then doubling: T = 2 log2(N) alpha + 2 (N - 1)/N n / beta.

    A tree's rounds, a ring's bytes; needs N = 2^k.  Ignores that far pairs share links.
    Source: Thakur, Rabenseifner and Gropp (2005), section 4 (Rabenseifner).
    """
    rounds = _rounds(N)
    if not every(2.0**rounds == N):
        raise ValueError(f"the butterfly pairs devices: N = {N} is no power of two")
    return 2 * (rounds * link.alpha + (N - 1) / N * n / link.beta)


@law
def doubling_allreduce(n: Bytes, N: Count, link: Link) -> Seconds:
    """Recursive doubling, the fewest rounds: T = ceil(log2 N) (alpha + n / beta).

    All exchange all that they have, with partners at distance 1, 2, 4, ...: for small
    tensors.  Where N is no power of two, by a schedule of uneven distances; MPI's
    usual one then takes floor(log2 N) + 2 rounds.  Ignores that far pairs share links.
    Source: Thakur, Rabenseifner and Gropp (2005); any N: Bar-Noy, Kipnis and
    Schieber, Parallel Processing Letters 3 (1993).
    """
    return _rounds(N) * (link.alpha + n / link.beta)


@law
def bruck_all_gather(n: Bytes, N: Count, link: Link) -> Seconds:
    """Bruck's all-gather: T = ceil(log2 N) alpha + (N - 1)/N n / beta.

    A tree's rounds and a ring's bytes for any N; recursive doubling needs N = 2^k for
    as much.  Ignores the copies that put the blocks in order.
    Source: Bruck et al., IEEE Trans. Parallel Distrib. Syst. 8 (1997); Thakur,
    Rabenseifner and Gropp (2005), section 4.
    """
    return _rounds(N) * link.alpha + (N - 1) / N * n / link.beta


@law
def parameter_server(n: Bytes, N: Count, link: Link) -> Seconds:
    """All N devices send n bytes to a server and get n back: T = 2 (alpha + N n/beta).

    The server's one link carries everything; the N start-ups overlap.
    Source: the book, chapter 6, which counts one direction of the two.
    """
    return 2 * (link.alpha + N * n / link.beta)


@law
def switch_allreduce(n: Bytes, N: TwoOrMore, link: Link) -> Seconds:
    """Sums in the switch, as NVLS: T = 2 alpha + (1 + 1/N) n / beta.

    A device owns an N-th: it reads the sum of that, for which all send theirs, and
    writes it once, for the switch to copy.  SHARP's switches push: n / beta in place.
    Published: on 8 x H100 480 GB/s of bus bandwidth, on links of 450.  At the rate
    that a ring gets there, 370, the law gives 0.84 of the time, with 5 to 8 devices
    alike, and 0.84 on H800; the ring's law is 1.3 times too long.
    Source: Klenk et al., ISCA (2020); SHARP: Graham et al., COM-HPC (2016).
    """
    return 2 * link.alpha + (1 + 1 / N) * n / link.beta


@law
def allreduce_bound(n: Bytes, N: Count, link: Link) -> Seconds:
    """Least time that N devices' links allow: T >= 2 (N - 1)/N n / beta.

    Sums in the switch beat it.  Source: Patarasuk and Yuan (2009), theorem 1.
    """
    return 2 * (N - 1) / N * n / link.beta


@law
def crossover(N: FourOrMore, link: Link) -> Bytes:
    """Size at which ring and tree all-reduce take equal time.

    n = alpha beta (N - 1 - L) / (L - (N - 1)/N),  L = ceil(log2 N)
    For large N about N alpha beta / log2 N.  With fewer than 4 devices the ring
    always wins.  Source: the book, chapter 6; the two laws set equal.
    """
    L = _rounds(N)
    return link.alpha * link.beta * (N - 1 - L) / (L - (N - 1) / N)


@law
def busbw(n: Bytes, T: Positive[Seconds], N: Count) -> BytesPerSecond:
    """Bus bandwidth of an all-reduce, 2 (N - 1)/N n / T, as nccl-tests reports it.

    A ring's rate per link; sums in the switch can exceed it.  Source: nccl-tests,
    doc/PERFORMANCE.md.
    """
    return 2 * (N - 1) / N * n / T


# -- all to all ------------------------------------------------------------------
@law
def all_to_all(n: Bytes, N: Count, link: Link, skew: Factor = 1.0) -> Seconds:
    """Each device sends n/N to each other one; the hottest receiver takes skew x.

    T = (N - 1) alpha + skew (N - 1)/N n / beta
    Pairwise exchange.  Ignores the fabric's cut, which may bind before the links.
    Raises ValueError for skew > N: nobody receives more than all that is sent.
    Published: DeepEP's dispatch of 128 tokens to 8 experts each by NICs alone (H800):
    without start-ups, which overlap there, 5 % short on 32 GPUs, 22 % on 128 and 256.
    Source: Thakur, Rabenseifner and Gropp (2005); skew: the book, chapter 6.
    """
    _shared(skew, N)
    return (N - 1) * (link.alpha + skew * n / N / link.beta)


@law
def bruck_all_to_all(n: Bytes, N: Single[Count], link: Link) -> Seconds:
    """Bruck's all-to-all: T = L alpha + ones(N)/N n / beta,  L = ceil(log2 N).

    A block passes a device for each 1 in the binary form of its way: ones(N) are those
    of 0 to N - 1, N L/2 if N = 2^k.  Few rounds, up to L/2 times the bytes: for small
    blocks.  Ignores the copies between rounds.
    Source: Bruck et al. (1997); Thakur, Rabenseifner and Gropp (2005).
    """
    return _rounds(N) * link.alpha + _ones(N) / N * n / link.beta


@law
def all_to_all_bound(
    n: Bytes,
    N: Count,
    link: Link,
    BW_bisect: Positive[BytesPerSecond],
    skew: Factor = 1.0,
) -> Seconds:
    """Least time for an all-to-all: the hottest receiver, or the fabric's cut.

    T >= max(skew (N - 1)/N n / beta, floor(N/2) ceil(N/2) n/N / BW_bisect)
    Half of what leaves a half crosses; injection is the first term at skew 1.
    Source: the book, chapter 6; the cut: Thompson, Complexity for VLSI (1980).
    """
    _shared(skew, N)
    cut = (N // 2) * ((N - N // 2) / N) * n
    return larger(skew * (N - 1) / N * n / link.beta, cut / BW_bisect)


def _shared(skew: Any, N: Any) -> None:
    if not every(skew <= N):
        raise ValueError(f"one of {N} receives {skew} times the mean: more than all")


# -- fewer messages, fewer bytes, more overlap -----------------------------------
@law
def messages_apart(n: Bytes, N: Count, link: Link) -> Seconds:
    """Time of N messages of n bytes, one after another: T = N (alpha + n / beta).

    Ignores that some senders start the next while the last is on its way: the book
    counts only the N start-ups.  Source: Hockney, Parallel Computing 20 (1994).
    """
    return N * (link.alpha + n / link.beta)


@law
def messages_fused(n: Bytes, N: Count, link: Link) -> Seconds:
    """Time of N messages of n bytes, sent as one: T = alpha + N n / beta.

    Ignores the copies into one buffer, and the wait for the last of the N.
    Source: Hockney, Parallel Computing 20 (1994).
    """
    return link.alpha + N * n / link.beta


@law
def fusion_gain(n: Bytes, N: Count, link: Link) -> Factor:
    """How much sooner N messages of n bytes arrive as one, from 1 to N times.

    N (alpha + n / beta) / (alpha + N n / beta)
    Published: between two DGX H100 31 messages of 43 KB gain 8.8 and 32 of 100 KB 6.5
    (vidur); by the law, with alpha and beta of the least and largest, 10.4 and 5.9.
    Source: the book, chapter 6; messages_apart over messages_fused.
    """
    t = n / link.beta
    return N * (link.alpha + t) / (link.alpha + N * t)


@law
def compressed_step(
    T_compute: Seconds, T_comm: Seconds, r: Factor, T_codec: Seconds = 0.0
) -> Seconds:
    """Step that sends gradients r times smaller: T_compute + T_comm/r + T_codec.

    Ignores that start-ups do not shrink, and that more steps may follow.
    Source: the book, chapter 6.
    """
    return T_compute + T_comm / r + T_codec


@law
def codec_budget(T_comm: Seconds, r: Factor) -> Seconds:
    """Time that a codec may take before it slows the step: T_comm (r - 1)/r.

    Source: the book, chapter 6; compressed_step against r = 1.
    """
    return T_comm * ((r - 1) / r)


@law
def feedback_bound(delta: PositiveFraction, gamma: Ratio, sigma: Ratio) -> Ratio:
    """Bound on E|e|^2, the squared norm of what error feedback still holds back.

    E|e|^2 <= 4 (1 - delta)/delta^2 gamma^2 sigma^2
    Step size gamma, gradients of E|g|^2 <= sigma^2, and a codec that loses at most
    1 - delta of |x|^2: k of d for top-k.  Loose by at most 4/(1 + sqrt(1 - delta))^2,
    1 to 4, for a codec that shrinks all; top-1 of equal values holds a twelfth of it,
    top-k of independent gradients 3 % at most.
    Source: Karimireddy et al., ICML (2019), arXiv 1901.09847, lemma 3.
    """
    return 4 * (1 - delta) * (gamma * sigma / delta) ** 2


@law
def overlapped(T_layer: Seconds, T_comm: Seconds, L: Count) -> Seconds:
    """Backward pass of L equal layers that send each gradient while the next computes.

    T = T_layer + (L - 1) max(T_layer, T_comm) + T_comm
    Exposed is T - L T_layer, never less than one T_comm: the last layer's gradient has
    nothing to hide behind.  Assumes that sending slows no kernel.
    Source: Li et al., PyTorch Distributed, VLDB (2020), section 3.2.3.
    """
    return T_layer + (L - 1) * larger(T_layer, T_comm) + T_comm
