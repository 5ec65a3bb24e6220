"""Data storage: feeding N accelerators, saving what they learned, paying for both.

Times T are those of one step unless a law says otherwise.  Arrays broadcast.
"""

from dataclasses import dataclass

import numpy as np

from .units import (
    Bytes,
    BytesPerSecond,
    Dollars,
    DollarsPerByte,
    DollarsPerByteSecond,
    Fraction,
    Ratio,
    Seconds,
    every,
    share,
)


def utilisation(BW: BytesPerSecond, N: int, R: BytesPerSecond) -> Fraction:
    """Share of time that N accelerators, able to take R each, work: min(1, BW/(N R)).

    A steady flow: bursts and slow reads cost more, unless a buffer covers them.
    """
    return np.minimum(1.0, BW / (N * R))


def demand(
    N: int, S_batch: Bytes, T_iter: Seconds, u: Fraction = 1.0
) -> BytesPerSecond:
    """Bandwidth of N accelerators busy a share u of the time, N u S_batch / T_iter.

    S_batch is what one accelerator reads for a step, T_iter its step when fed.
    """
    share(u)
    return N * u * S_batch / T_iter


def _times(T_io: Seconds, T_c: Seconds) -> None:
    if not (every(T_io >= 0) and every(T_c > 0)):
        raise ValueError(f"needs T_io >= 0 and T_c > 0, not {T_io} and {T_c}")


def stall_sequential(T_io: Seconds, T_c: Seconds) -> Fraction:
    """Share of a step that waits for input if it reads first, T_io / (T_io + T_c)."""
    _times(T_io, T_c)
    return T_io / (T_io + T_c)


def stall_overlapped(T_io: Seconds, T_c: Seconds) -> Fraction:
    """Share of a step that waits for input if it reads ahead, 1 - T_c / max(T_c, T_io).

    Assumes equal reads: with a shallow buffer, reads that vary stall more.
    """
    _times(T_io, T_c)
    return 1 - T_c / np.maximum(T_c, T_io)


def prefetch_depth(t_tail: Seconds, T_c: Seconds) -> int:
    """Batches to hold so that a read of t_tail goes unnoticed, ceil(t_tail / T_c).

    Size it by a tail, p99 or worse, not by the mean.  Assumes that the buffer is full
    when the slow read begins: two in a row need nearly twice as much.
    """
    _times(t_tail, T_c)
    return np.ceil(t_tail / T_c).astype(int)


def hit_rate(C: Bytes, D: Bytes) -> Fraction:
    """Share of reads, even over D bytes, that a cache of C serves: h = min(1, C/D).

    Assumes a cache that keeps what it has.  One that evicts the least recently used
    loses most of it to the next epoch: reshuffled, h + (1 - h) ln(1 - h) is left.
    """
    return np.minimum(1.0, C / D)


def cache_service(h: Fraction, p: Ratio) -> Ratio:
    """Mean service time in hits, at a hit rate h, if a miss takes p: h + (1 - h) p.

    Assumes one read at a time; misses in parallel hide behind each other.
    """
    share(h)
    if not every(p >= 1):
        raise ValueError(f"a miss takes p >= 1 hits, not p = {p}")
    return h + (1 - h) * p


def checkpoint_bytes(P: int, s: Bytes = 14.0) -> Bytes:
    """Size of a checkpoint of P parameters, s P.

    14 B: fp16 weights, an fp32 master copy, two fp32 moments of Adam; gradients are
    not kept.  Source: Rajbhandari et al., ZeRO (2020), section 3.1, less gradients.
    """
    return s * P


def staging_time(n: Bytes, nodes: int, BW: BytesPerSecond) -> Seconds:
    """Time to save n bytes, each node its share to its own drives: T = n / (nodes BW).

    Nothing survives the node yet: a drain must follow, and end before the next save.
    """
    return n / (nodes * BW)


def transfer_time(n: Bytes, BW: BytesPerSecond, copies: int = 1) -> Seconds:
    """Time to move copies of n bytes through a tier of rate BW: T = copies n / BW.

    A drain, a cold start, or a storm in which every reader wants the whole.  Ignores
    start-up: small files are bound by opens, not by bytes.
    """
    return copies * n / BW


def erasure_overhead(d: int, m: int) -> Ratio:
    """Bytes stored for each byte kept, if m parity shards guard d of data: (d + m) / d.

    Any m shards may be lost.  d = 1 is plain copies.
    Source: Reed and Solomon (1960); Plank, Software: Practice and Experience (1997).
    """
    if not (every(d >= 1) and every(m >= 0)):
        raise ValueError(f"needs d >= 1 and m >= 0 shards, not d = {d}, m = {m}")
    return (d + m) / d


@dataclass(frozen=True, slots=True)
class Prices:
    """What a store asks: to keep a byte for a second, to read it out, per request."""

    kept: DollarsPerByteSecond
    read: DollarsPerByte = 0.0
    request: Dollars = 0.0


def store_cost(n: Bytes, T: Seconds, reads: int, files: int, prices: Prices) -> Dollars:
    """Bill for n bytes in files: C = n c_kept T + reads (n c_read + files c_request).

    Reads are whole.  Ignores minimum terms, tiers of volume, and requests to write.
    """
    each = n * prices.read + files * prices.request
    return n * prices.kept * T + reads * each


def break_even_epochs(
    kept: DollarsPerByteSecond, T: Seconds, read: DollarsPerByte
) -> Ratio:
    """Epochs from which a copy, read out once, beats streaming: 1 + c_kept T / c_read.

    T is the time for which the copy is paid, per run.  The size cancels.
    """
    return 1 + kept * T / read
