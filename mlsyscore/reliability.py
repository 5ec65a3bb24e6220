"""Reliability: how often a fleet fails, what a failure costs, what insurance costs.

mtbf is the job's, not a part's: ``fleet.system_mtbf`` gives it.  Arrays broadcast.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from .elementwise import every, exp, expm1, sqrt
from .fleet import any_of
from .ranges import (
    FROM_0,
    Count,
    Fraction,
    Positive,
    Range,
    Ratio,
    Single,
    Whole,
    hold,
    law,
)
from .units import Dollars, PerSecond, Seconds, hour

Liars = Annotated[int, "1", Range(0, 1e9)]
Numbers = Annotated[ArrayLike, "1", FROM_0]
Rates = Annotated[ArrayLike, "1/s", FROM_0]


# -- how often -------------------------------------------------------------------
@law
def fit_rate(FIT: Ratio, per: Positive[Seconds] = 10**9 * hour) -> PerSecond:
    """Failure rate of a part with FIT failures in 10^9 h of mid-life: FIT/10^9 h.

    Published: 20,000 FIT a GPU, all causes counted in, predict the 419 interruptions
    of Llama 3's 54 days on 16,384 H100s within 2 % (arXiv 2407.21783, 3.3.4).
    Source: definition; JEDEC JESD85.
    """
    return FIT / per


@law
def series_rate(lam: Rates, n: Numbers) -> PerSecond:
    """Failure rate of a job that needs n_i parts of rate lam_i: sum_i n_i lam_i.

    What many parts share, such as a rack's power, is a part of its own.  Raises
    ValueError for no parts, and for lists of different lengths.
    Source: Barlow and Proschan, Mathematical Theory of Reliability (1965).
    """
    rates = np.multiply(lam, n)
    if not rates.size:
        raise ValueError("a job of 0 parts has no failure rate")
    return rates.sum()


@dataclass(frozen=True, slots=True)
class Weibull:
    """Life of a part: it fails early for shape < 1, by chance at 1, of age above.

    ``scale`` is the age that 1/e of the parts reach.
    """

    scale: Positive[Seconds]
    shape: Single[Positive[Ratio]]

    def __post_init__(self) -> None:
        hold(self)

    @property
    @law
    def mean(self) -> Seconds:
        """Mean life: scale Gamma(1 + 1/shape).

        Source: Weibull, J. Applied Mechanics 18 (1951).
        """
        return self.scale * math.gamma(1 + 1 / self.shape)

    @law
    def hazard(self, t: Seconds) -> PerSecond:
        """Failure rate at age t, shape/scale (t/scale)^(shape - 1); none at 0 if < 1.

        Source: Weibull (1951).
        """
        return self.shape / self.scale * (t / self.scale) ** (self.shape - 1)

    @law
    def survival(self, t: Seconds, N: Count = 1) -> Fraction:
        """Probability that N fresh parts reach age t, R = exp(-N (t/scale)^shape).

        Source: Weibull (1951).
        """
        return exp(-N * (t / self.scale) ** self.shape)


@law
def bathtub(t: Seconds, infant: Weibull, lam: PerSecond, wearout: Weibull) -> PerSecond:
    """Failure rate at age t, of youth, chance and wear: h_infant + lam + h_wearout.

    Three independent ways to fail, of which the first counts.
    Source: Barlow and Proschan (1965): rates in series add.
    """
    return infant.hazard(t) + lam + wearout.hazard(t)


# -- how often to save -----------------------------------------------------------
@law
def young_daly(T_write: Positive[Seconds], mtbf: Positive[Seconds]) -> Seconds:
    """Work between checkpoints of least first-order waste, tau = sqrt(2 T_write MTBF).

    Assumes T_write << tau << MTBF: at T_write = MTBF/100 it is 5 % too long, which
    costs 0.02 %; at MTBF/10 17 % and 0.5 %.  Source: Young, CACM 17 (1974).
    """
    return sqrt(2 * T_write * mtbf)


@law
def daly_interval(T_write: Positive[Seconds], mtbf: Positive[Seconds]) -> Seconds:
    """Work between checkpoints of the least ``segment_time`` for each unit of work.

    tau = sqrt(2 T_write MTBF) (1 + sqrt(q)/3 + q/9) - T_write,  q = T_write/(2 MTBF)
    Within 0.2 % for T_write <= MTBF/4.  Exact: MTBF (1 + W_0(-exp(-1 - 2 q))), any
    restart; without one, tau/MTBF of the time is then lost.  Needs q < 1.
    Source: Daly, Future Generation Computer Systems 22 (2006).
    """
    q = T_write / 2 / mtbf
    if not every(q < 1):
        raise ValueError(f"a write takes {2 * q} MTBF: none would get done")
    return sqrt(2 * T_write * mtbf) * (1 + sqrt(q) / 3 + q / 9) - T_write


@law
def waste(
    tau: Positive[Seconds],
    T_write: Seconds,
    mtbf: Positive[Seconds],
    T_restart: Seconds = 0.0,
) -> Ratio:
    """Share of time lost, to first order: W = T_write/tau + (tau/2 + T_restart)/MTBF.

    Checkpoints; failures, half an interval redone and a restart.  It lies between the
    share of the wall-clock and the extra on the work, which part as W grows: played,
    it is 3 to 11 % short of the extra below a waste of 0.2, and half of it near 1.
    Source: Young, CACM 17 (1974); the restart: the book, chapter 7.
    """
    return T_write / tau + (tau / 2 + T_restart) / mtbf


@law
def least_waste(T_write: Seconds, mtbf: Positive[Seconds]) -> Ratio:
    """First-order waste at the Young-Daly interval, W = sqrt(2 T_write/MTBF).

    Ignores restarts.  Source: the book, chapter 7; waste at young_daly.
    """
    return sqrt(2 * T_write / mtbf)


@law
def segment_time(
    tau: Seconds, T_write: Seconds, mtbf: Positive[Seconds], T_restart: Seconds = 0.0
) -> Seconds:
    """Mean wall-clock time until tau of work is done and written.

    E[T] = MTBF exp(T_restart/MTBF) (exp((tau + T_write)/MTBF) - 1)
    Exact for exponential failures, of writes and restarts too.
    Source: Daly, Future Generation Computer Systems 22 (2006).
    """
    return mtbf * exp(T_restart / mtbf) * expm1((tau + T_write) / mtbf)


# -- what a failure and its insurance cost ---------------------------------------
@law
def recovery_time(
    detect: Seconds, restart: Seconds, load: Seconds, replay: Seconds
) -> Seconds:
    """Time that a failure costs, T_rec = detect + restart + load + replay.

    One after another: a restart that loads while it waits takes less.
    Source: the book, chapter 7.
    """
    return detect + restart + load + replay


@law
def availability(mtbf: Positive[Seconds], mttr: Seconds) -> Fraction:
    """Share of time up, A = MTBF/(MTBF + MTTR), for any spread of both times.

    In the long run; MTBF here is the mean time up from a repair to the next failure.
    Source: Barlow and Proschan, Mathematical Theory of Reliability (1965).
    """
    return 1 / (1 + mttr / mtbf)


@law
def any_up(A: Fraction, k: Count) -> Fraction:
    """Probability that one of k replicas, or more, is up: 1 - (1 - A)^k.

    Assumes that they fail independently; a shared cause makes it smaller.
    Source: the book, chapter 7.
    """
    return any_of(A, k)


@law
def total_cost(
    C_compute: Dollars, T: Seconds, mtbf: Positive[Seconds], C_f: Dollars, C_FT: Dollars
) -> Dollars:
    """Cost of a fault-tolerant run, C_compute + E[N_f] C_f + C_FT; E[N_f] = T/MTBF.

    T counts from a fleet that has run for long.  Source: the book, chapter 7.
    """
    return C_compute + T / mtbf * C_f + C_FT


@law
def sdc_probability(N: Count, lam: PerSecond, T_step: Seconds) -> Fraction:
    """Probability that a step meets silent corruption: 1 - exp(-N lam T_step).

    lam is one device's rate.  Assumes independent events at a constant rate; in
    practice few bad devices make most.  Source: the book, chapter 7; Poisson.
    """
    return -expm1(-N * lam * T_step)


@law
def probe_window(T_probe: Seconds, T_out: Seconds, misses: Count) -> Seconds:
    """Longest time from a failure to the end of the last of some missed probes.

    T = misses T_probe + T_out;  the shortest is one T_probe less
    Ignores that an answer can be lost or late.  Source: the book, chapter 7.
    """
    return misses * T_probe + T_out


@law
def straggler_throughput(v: Numbers) -> Ratio:
    """Speed of synchronous workers of speeds v: that of the slowest, min v.

    Each has an equal share of the work.  Raises ValueError for no workers.
    Source: Valiant, CACM 33 (1990): a barrier waits for the last.
    """
    if not np.size(v):
        raise ValueError("0 workers have no speed")
    return np.min(v)


@law
def hot_spare_break_even(m: Whole, N: Count, mtbf: Seconds) -> Seconds:
    """Time saved at each stop of N devices that repays m idle ones: m/N MTBF.

    Ignores that a spare may be broken when its turn comes.
    Source: the book, chapter 7.
    """
    return m / N * mtbf


@law
def byzantine_members(f: Liars) -> Count:
    """Least members that agree though f of them lie: 3 f + 1.

    Without signatures; with them, 2 f + 1 will do where messages arrive in time.
    Source: Lamport, Shostak and Pease, ACM TOPLAS 4 (1982).
    """
    return 3 * f + 1


@law
def break_even_speedup(
    T_write: Seconds, mtbf: Positive[Seconds], r: Positive[Ratio]
) -> Ratio:
    """Speed-up by which a job r times as large only pays for its further failures.

    S = (1 - W)/(1 - sqrt(r) W),  W = least_waste before;  the MTBF is r times shorter
    The write takes as long.  Needs sqrt(r) W < 1.  To first order: within 0.02 % at a
    waste of 2 %.  Source: the book, chapter 7.
    """
    W = sqrt(2 * T_write / mtbf)
    if not every(sqrt(r) * W < 1):
        raise ValueError(f"a waste of {W}, {r} times as large a job: no work is done")
    return (1 - W) / (1 - sqrt(r) * W)
