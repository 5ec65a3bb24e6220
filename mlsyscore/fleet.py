"""Fleet: what N machines do to a step, to a run and to a loss.  Arrays broadcast."""

from .elementwise import every, expm1, log1p
from .ranges import (
    Count,
    Fraction,
    Positive,
    Ratio,
    law,
)
from .units import Bytes, BytesPerFlop, Flop, Seconds


@law
def step_time(
    T_compute: Seconds, N: Count, T_comm: Seconds, T_sync: Seconds, T_overlap: Seconds
) -> Seconds:
    """Fleet law: N machines divide the computing, then must talk and wait.

    T_step = T_compute/N + T_comm + T_sync - T_overlap
    T_comm and T_sync are those of N machines; both grow with N.  Raises ValueError
    unless 0 <= T_overlap <= min(T_compute/N, T_comm + T_sync): nothing hides behind
    less than itself.  Ignores that machines differ: put the barrier's wait in T_sync.
    Source: the book, chapter 1, the fleet law.
    """
    work, rest = T_compute / N, T_comm + T_sync
    if not every((T_overlap <= work) & (T_overlap <= rest)):
        raise ValueError(f"no overlap {T_overlap} of computing {work} with {rest}")
    return work + rest - T_overlap


@law
def communication_ratio(
    T_comm: Seconds, T_compute: Positive[Seconds], N: Count
) -> Ratio:
    """Time to talk for each second of a machine's computing, T_comm / (T_compute/N).

    Above 1 the fleet mostly talks, unless overlap hides it.
    Source: the book, chapter 1 (rho).
    """
    return T_comm / (T_compute / N)


@law
def communication_intensity(M: Bytes, O: Positive[Flop]) -> BytesPerFlop:
    """Network bytes that a program needs for each of its operations, CI = M/O.

    Above what the machine sends per operation, beta/R, the network sets the step.
    Source: the book, chapter 1; the balance of a machine is Kung's, ISCA (1986).
    """
    return M / O


@law
def scaling_efficiency(
    T_1: Positive[Seconds], T_N: Positive[Seconds], N: Count
) -> Ratio:
    """Share of N machines' time that one would have needed alone, eta = T_1/(N T_N).

    Below 1/2 most of the fleet's time is overhead.  Above 1 the work itself shrank,
    as when a shard begins to fit in a cache.  Both times are for the same work.
    Source: definition; strong scaling, Amdahl, AFIPS (1967).
    """
    return T_1 / (N * T_N)


@law
def realised_speedup(S: Ratio, f: Fraction) -> Ratio:
    """Speed-up left when a share f of the time goes to coordination: S (1 - f).

    Source: the book, chapter 1.
    """
    return S * (1 - f)


@law
def system_mtbf(mtbf: Seconds, N: Count) -> Seconds:
    """Mean time between failures of N parts of which any one stops the job, MTBF/N.

    Exact for constant, independent failure rates.  Also the long-run mean for any
    lifetime, once failed parts have been replaced for long; fresh parts with infant
    mortality fail sooner, shared causes make fewer and larger failures.
    Source: Barlow and Proschan, Mathematical Theory of Reliability (1965).
    """
    return mtbf / N


@law
def failure_probability(t: Seconds, mtbf: Positive[Seconds]) -> Fraction:
    """Probability that a failure comes before time t, 1 - exp(-t/MTBF).

    Assumes a constant failure rate; for a job, its own MTBF and not a part's.
    Source: Barlow and Proschan (1965): the exponential distribution.
    """
    return -expm1(-t / mtbf)


@law
def all_up(A: Fraction, N: Count) -> Fraction:
    """Probability that N parts, each up a share A of the time, are all up: A^N.

    Assumes that they fail independently; a shared switch makes it larger.
    Source: definition of independence.
    """
    return A**N


@law
def any_of(p: Fraction, N: Count) -> Fraction:
    """Probability of at least one of N independent events, 1 - (1 - p)^N.

    Computed as -expm1(N log1p(-p)): right for a p of 1e-17 too.  A shared cause makes
    it smaller.  Source: definition of independence.
    """
    return -expm1(N * log1p(-p))


@law
def power_law_loss(
    X: Positive[Ratio], A_L: Ratio, alpha: Positive[Ratio], C_L: Ratio = 0.0
) -> Ratio:
    """Loss of a model trained with X times a reference of compute, data or size.

    L(X) = A_L X^-alpha + C_L, the floor that no X passes.  A fit: holds where fitted.
    Source: Kaplan et al., arXiv 2001.08361 (2020); C_L: Hoffmann et al., 2203.15556.
    """
    return A_L * X**-alpha + C_L


@law
def resource_for_loss(
    L: Ratio, A_L: Ratio, alpha: Positive[Ratio], C_L: Ratio = 0.0
) -> Ratio:
    """Inverse of ``power_law_loss``: a loss L takes X = (A_L / (L - C_L))^(1/alpha).

    With A_L = 1 and C_L = 0 it is the factor of compute for a loss of L times today's.
    Raises ValueError for a loss at or below the floor.  Source: as power_law_loss.
    """
    if not every(L > C_L):
        raise ValueError(f"no X brings the loss to {L}, with a floor at {C_L}")
    return (A_L / (L - C_L)) ** (1 / alpha)
