"""Data storage: feeding N accelerators, saving what they learned, paying for both.

Times T are those of one step unless a law says otherwise.  Arrays broadcast.
"""

from dataclasses import dataclass
from typing import Annotated

from .elementwise import ceil, every, larger, smaller
from .ranges import (
    LAST,
    Count,
    Factor,
    Fraction,
    Positive,
    Range,
    Ratio,
    Whole,
    hold,
    law,
)
from .units import (
    Bytes,
    BytesPerSecond,
    Dollars,
    DollarsPerByte,
    DollarsPerByteSecond,
    Seconds,
)

TwoOrMore = Annotated[int, "1", Range(2, LAST)]


@law
def utilisation(BW: BytesPerSecond, N: Count, R: Positive[BytesPerSecond]) -> Fraction:
    """Share of time that N accelerators, able to take R each, work: min(1, BW/(N R)).

    A steady flow: bursts and slow reads cost more, unless a buffer covers them.
    Source: the book, chapter 4.  Checked, by ``demand``, on MLPerf Storage v1.0.
    """
    return smaller(1.0, BW / (N * R))


@law
def demand(
    N: Count, S_batch: Bytes, T_iter: Positive[Seconds], u: Fraction = 1.0
) -> BytesPerSecond:
    """Bandwidth of N accelerators busy a share u of the time, N u S_batch / T_iter.

    S_batch is what one accelerator reads for a step, T_iter its step when fed.
    Source: the book, chapter 4.  Checked on 117 runs of MLPerf Storage v1.0 (emulated
    A100 and H100, 1 to 864; "MB/s" read as MiB/s): asks for 0 to 9 % more
    than was read, 1.7 % in the mean, 3 to 4 % for unet3d's large files; u leaves out
    how a run starts and ends.
    """
    return N * u * S_batch / T_iter


@law
def stall_sequential(T_io: Seconds, T_c: Positive[Seconds]) -> Fraction:
    """Share of a step that waits for input if it reads first, T_io / (T_io + T_c).

    Assumes that no part of a read overlaps with computing.
    Source: the book, chapter 4.
    """
    return T_io / (T_io + T_c)


@law
def stall_overlapped(T_io: Seconds, T_c: Positive[Seconds]) -> Fraction:
    """Share of a step that waits for input if it reads ahead, 1 - T_c / max(T_c, T_io).

    Assumes equal reads: with a shallow buffer, reads that vary stall more.
    Source: the book, chapter 4.
    """
    T = larger(T_c, T_io)
    return (T - T_c) / T


@law
def prefetch_depth(t_tail: Seconds, T_c: Positive[Seconds]) -> Whole:
    """Batches to hold so that a read of t_tail goes unnoticed, ceil(t_tail / T_c).

    Size it by a tail, p99 or worse, not by the mean.  Assumes that the buffer is full
    when the slow read begins: two in a row need nearly twice as much.
    Source: the book, chapter 4.
    """
    return ceil(t_tail / T_c)


@law
def hit_rate(C: Bytes, D: Positive[Bytes]) -> Fraction:
    """Share of reads, even over D bytes, that a cache of C serves: h = min(1, C/D).

    Assumes a cache that keeps what it has.  One that evicts the least recently used
    loses most of it to the next epoch: reshuffled, h + (1 - h) ln(1 - h) is left.
    Source: the book, chapter 4; what eviction leaves: derived, and played in the tests.
    """
    return smaller(1.0, C / D)


@law
def cache_service(h: Fraction, p: Factor) -> Factor:
    """Mean service time in hits, at a hit rate h, if a miss takes p: h + (1 - h) p.

    Assumes one read at a time; misses in parallel hide behind each other.
    Source: the book, chapter 4.
    """
    return h + (1 - h) * p


@law
def codec_time(
    n: Bytes,
    BW: Positive[BytesPerSecond],
    r: Positive[Ratio],
    decode: Positive[BytesPerSecond],
    blocks: Count = 1,
) -> Seconds:
    """Time to read n bytes that a codec keeps r times smaller, and to decode them.

    T = max(n/(r BW), n/decode) + min(n/(r BW), n/decode)/blocks
    One block is read, then decoded; of many, each is decoded while the next is read,
    and the slower of the two binds.  ``decode`` is a rate of bytes that come out.
    Assumes equal blocks, and that decoding takes nothing from the step's processors.
    Source: derived: a pipeline of two stages takes the longer for every block and the
    shorter once.
    """
    read, unpack = n / (r * BW), n / decode
    return larger(read, unpack) + smaller(read, unpack) / blocks


@law
def codec_break_even(
    BW: Positive[BytesPerSecond], r: Factor, blocks: Count = 1
) -> BytesPerSecond:
    """Rate of decoding from which ``codec_time`` is less than a plain read's n/BW.

    decode = BW max(k r/(k r - 1), r/(k (r - 1))), for k blocks
    In turn, k = 1, BW r/(r - 1); with reading ahead it falls to BW: what decodes more
    slowly than the store delivers plain slows a read down, however large r is.
    Raises ValueError at r = 1, which never pays.
    Source: derived: codec_time = n/BW, solved for ``decode``.
    """
    return BW * larger(blocks * r / (blocks * r - 1), r / (r - 1) / blocks)


@law
def graph_index(items: Whole, vector: Bytes, M: TwoOrMore, link: Bytes = 4.0) -> Bytes:
    """Size of an HNSW index of vectors: items (vector + link M (2 + 1/(M - 1))).

    Each vector has 2 M links on the lowest layer and M on each layer above, of which it
    reaches 1/(M - 1) in the mean.  Put in ``vector`` what is kept beside it: Faiss 12
    bytes, hnswlib 16.  A search reads some hundred vectors, each from another place.
    Source: Malkov and Yashunin, arXiv 1603.09320 (2016), section 4.2.3, whose mean
    1/ln M does not round the layer down: 14 % more links at M = 16.  Checked on Faiss
    1.15, M from 4 to 32, 5,000 and 20,000 vectors: within 0.02 %.
    """
    return items * (vector + link * M * (2 + 1 / (M - 1)))


@law
def list_index(
    items: Whole, code: Bytes, lists: Count, vector: Bytes, key: Bytes = 8.0
) -> Bytes:
    """Size of an inverted-file index: items (code + key) + lists vector.

    Each list is kept under the mean of its vectors.  ``code`` is what is kept of a
    vector: all of it, or a product code of a few bytes, which has 2^bits further
    vectors of code book.  Ignores room that lists reserve to grow.
    Source: Jégou, Douze and Schmid, IEEE PAMI 33 (2011): IVFADC.  Checked on Faiss
    1.15, 20,000 vectors in 100 lists: within 0.3 %.
    """
    return items * (code + key) + lists * vector


@law
def list_look_up(
    items: Whole, lists: Count, probes: Count, imbalance: Factor = 1.0
) -> Ratio:
    """Vectors compared with a query: all list means, then those in the nearest lists.

    lists + items min(1, u probes/lists);  least near lists = sqrt(u probes items)
    The imbalance u = lists sum_i (items_i/items)^2 is 1 if lists are equal.  Exact in
    the mean for one probe of queries that fall as the data do; for 4 and 16 of 100
    lists, at u = 1.22, 11 and 7 % high of Faiss 1.15.  Raises ValueError for more
    probes than lists.  Source: Jégou, Douze and Schmid, IEEE PAMI 33 (2011); u: the
    same, Int. J. Computer Vision 87 (2010).
    """
    if not every(probes <= lists):
        raise ValueError(f"of {lists} lists, {probes} cannot be probed")
    return lists + items * smaller(1.0, imbalance * probes / lists)


@law
def checkpoint_bytes(P: Ratio, s: Bytes = 14.0) -> Bytes:
    """Size of a checkpoint of P parameters, or of a shard's, s P.

    14 B: fp16 weights, an fp32 master copy, two fp32 moments of Adam; gradients are
    not kept.  Source: Rajbhandari et al., arXiv 1910.02054 (2020), section 3.1, less
    gradients.  Checked on MLPerf Storage's rules, read as GiB: 70 and 405 billion
    within 0.3 %, 1,000 billion 28 % low; BLOOM's 2.3 TB: 7 % high; a file of nanoGPT,
    s = 12: 3 % low.
    """
    return s * P


@law
def staging_time(n: Bytes, nodes: Count, BW: Positive[BytesPerSecond]) -> Seconds:
    """Time to save n bytes, each node its share to its own drives: T = n / (nodes BW).

    Nothing survives the node yet: a drain must follow, and end before the next save.
    Source: the book, chapter 4.
    """
    return n / (nodes * BW)


@law
def transfer_time(
    n: Bytes, BW: Positive[BytesPerSecond], copies: Ratio = 1.0
) -> Seconds:
    """Time to move copies of n bytes through a tier of rate BW: T = copies n / BW.

    A drain, a cold start, or a storm in which every reader wants the whole.  Ignores
    start-up: small files are bound by opens, not by bytes.
    Source: the book, chapter 4.
    """
    return copies * n / BW


@law
def erasure_overhead(d: Count, m: Whole) -> Factor:
    """Bytes stored for each byte kept, if m parity shards guard d of data: (d + m) / d.

    Any m shards may be lost.  d = 1 is plain copies.
    Source: Reed and Solomon (1960); Plank, Software: Practice and Experience (1997).
    """
    return (d + m) / d


@dataclass(frozen=True, slots=True)
class Prices:
    """What a store asks: to keep a byte for a second, to read it out, per request."""

    kept: DollarsPerByteSecond
    read: DollarsPerByte = 0.0
    request: Dollars = 0.0

    def __post_init__(self) -> None:
        hold(self)


@law
def store_cost(
    n: Bytes, T: Seconds, reads: Ratio, files: Whole, prices: Prices
) -> Dollars:
    """Bill for n bytes in files: C = n c_kept T + reads (n c_read + files c_request).

    Reads are of the whole.  Ignores minimum terms, tiers of volume, and requests to
    write.  Source: the book, chapter 4.
    """
    each = n * prices.read + files * prices.request
    return n * prices.kept * T + reads * each


@law
def break_even_epochs(
    kept: DollarsPerByteSecond, T: Seconds, read: Positive[DollarsPerByte]
) -> Factor:
    """Epochs from which a copy, read out once, beats streaming: 1 + c_kept T / c_read.

    T is the time for which the copy is paid, per run.  The size cancels.  Ignores what
    it costs to make the copy.  Source: the book, chapter 4.
    """
    return 1 + kept * T / read
