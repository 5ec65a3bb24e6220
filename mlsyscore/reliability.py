"""Reliability: how often a fleet fails, what a failure costs, what insurance costs.

mtbf is the job's, not a part's: ``fleet.system_mtbf`` gives it.  Arrays broadcast.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from .fleet import all_up, failure_probability, system_mtbf
from .units import Dollars, Fraction, PerSecond, Ratio, Seconds, every, hour, positive

Rates = Annotated[ArrayLike, "1/s"]
Numbers = Annotated[ArrayLike, "1", (1.0, 9.0)]


def fit_rate(FIT: Ratio, per: Seconds = 10**9 * hour) -> PerSecond:
    """Failure rate of a part with FIT failures in 10^9 h of mid-life: FIT/10^9 h."""
    return FIT / per


def series_rate(lam: Rates, n: Numbers) -> PerSecond:
    """Failure rate of a job that needs n_i parts of rate lam_i: sum_i n_i lam_i.

    What many parts share, such as a rack's power, is a part of its own.
    """
    return float(np.sum(np.multiply(lam, n)))


@dataclass(frozen=True, slots=True)
class Weibull:
    """Life of a part: it fails early for shape < 1, by chance at 1, of age above.

    ``scale`` is the age that 1/e of the parts reach.  Both are positive.
    """

    scale: Seconds
    shape: Ratio

    def __post_init__(self) -> None:
        positive(self.scale, self.shape)

    @property
    def mean(self) -> Seconds:
        """Mean life: scale Gamma(1 + 1/shape)."""
        return self.scale * math.gamma(1 + 1 / self.shape)

    def hazard(self, t: Seconds) -> PerSecond:
        """Failure rate at age t, shape/scale (t/scale)^(shape - 1)."""
        positive(t)
        return self.shape / self.scale * (t / self.scale) ** (self.shape - 1)

    def survival(self, t: Seconds, N: int = 1) -> Fraction:
        """Probability that N fresh parts reach age t, R = exp(-N (t/scale)^shape)."""
        if not every(t >= 0):
            raise ValueError(f"no part is of age {t}")
        return np.exp(-N * (t / self.scale) ** self.shape)


def bathtub(t: Seconds, infant: Weibull, lam: PerSecond, wearout: Weibull) -> PerSecond:
    """Failure rate at age t, of youth, chance and wear: h_infant + lam + h_wearout."""
    return infant.hazard(t) + lam + wearout.hazard(t)


def young_daly(T_write: Seconds, mtbf: Seconds) -> Seconds:
    """Work between checkpoints of least first-order waste, tau = sqrt(2 T_write MTBF).

    Assumes T_write << tau << MTBF: at T_write = MTBF/100 it is 5 % too long, which
    costs 0.02 %; at MTBF/10 17 % and 0.5 %.  Source: Young, CACM 17 (1974).
    """
    positive(T_write, mtbf)
    return np.sqrt(2 * T_write * mtbf)


def daly_interval(T_write: Seconds, mtbf: Seconds) -> Seconds:
    """Work between checkpoints of the least ``segment_time`` for each unit of work.

    tau = sqrt(2 T_write MTBF) (1 + sqrt(q)/3 + q/9) - T_write,  q = T_write/(2 MTBF)
    Within 0.2 % for T_write <= MTBF/4.  Exact: MTBF (1 + W_0(-exp(-1 - 2 q))), any
    restart; without one, tau/MTBF of the time is then lost.  Needs q < 1.
    Source: Daly, Future Generation Computer Systems 22 (2006).
    """
    q = T_write / (2 * mtbf)
    if not every(q < 1):
        raise ValueError(f"a write takes {2 * q} MTBF: none would get done")
    return young_daly(T_write, mtbf) * (1 + np.sqrt(q) / 3 + q / 9) - T_write


def waste(
    tau: Seconds, T_write: Seconds, mtbf: Seconds, T_restart: Seconds = 0.0
) -> Ratio:
    """Share of time lost, to first order: W = T_write/tau + (tau/2 + T_restart)/MTBF.

    Checkpoints; failures, half an interval redone and a restart.  It lies between the
    share of the wall-clock and the extra on the work, which part as W grows.
    """
    positive(tau, mtbf)
    return T_write / tau + (tau / 2 + T_restart) / mtbf


def least_waste(T_write: Seconds, mtbf: Seconds) -> Ratio:
    """First-order waste at the Young-Daly interval, W = sqrt(2 T_write/MTBF)."""
    return waste(young_daly(T_write, mtbf), T_write, mtbf)


def segment_time(
    tau: Seconds, T_write: Seconds, mtbf: Seconds, T_restart: Seconds = 0.0
) -> Seconds:
    """Mean wall-clock time until tau of work is done and written.

    E[T] = MTBF exp(T_restart/MTBF) (exp((tau + T_write)/MTBF) - 1)
    Exact for exponential failures, of writes and restarts too.  Source: Daly (2006).
    """
    positive(mtbf)
    return mtbf * np.exp(T_restart / mtbf) * np.expm1((tau + T_write) / mtbf)


def recovery_time(
    detect: Seconds, restart: Seconds, load: Seconds, replay: Seconds
) -> Seconds:
    """Time that a failure costs, T_rec = detect + restart + load + replay."""
    return detect + restart + load + replay


def availability(mtbf: Seconds, mttr: Seconds) -> Fraction:
    """Share of time up, A = MTBF/(MTBF + MTTR), for any spread of both times."""
    return mtbf / (mtbf + mttr)


def any_up(A: Fraction, k: int) -> Fraction:
    """Probability that one of k independent replicas, or more, is up: 1 - (1 - A)^k."""
    return 1 - all_up(1 - A, k)


def total_cost(
    C_compute: Dollars, T: Seconds, mtbf: Seconds, C_f: Dollars, C_FT: Dollars
) -> Dollars:
    """Cost of a fault-tolerant run, C_compute + E[N_f] C_f + C_FT; E[N_f] = T/MTBF."""
    return C_compute + T / mtbf * C_f + C_FT


def sdc_probability(N: int, lam: PerSecond, T_step: Seconds) -> Fraction:
    """Probability that a step meets silent corruption: 1 - exp(-N lam T_step)."""
    return failure_probability(T_step, system_mtbf(1 / lam, N))


def probe_window(T_probe: Seconds, T_out: Seconds, misses: int) -> Seconds:
    """Longest time from a failure to the end of the last of some missed probes.

    T = misses T_probe + T_out;  the shortest is one T_probe less
    """
    return misses * T_probe + T_out


def straggler_throughput(v: Numbers) -> Ratio:
    """Speed of synchronous workers of speeds v: that of the slowest, min v."""
    return float(np.min(v))


def hot_spare_breakeven(m: int, N: int, mtbf: Seconds) -> Seconds:
    """Time saved at each stop of N devices that repays m idle ones: m/N MTBF."""
    return m / N * mtbf


def byzantine_members(f: int) -> int:
    """Least members that agree though f of them lie: 3 f + 1 (Lamport et al., 1982)."""
    return 3 * f + 1


def breakeven_speedup(T_write: Seconds, mtbf: Seconds, r: Ratio) -> Ratio:
    """Speed-up by which a job r times as large only pays for its further failures.

    S = (1 - W)/(1 - sqrt(r) W),  W = least_waste;  the MTBF is r times shorter
    """
    kept = 1 - least_waste(T_write, mtbf / r)
    positive(kept)
    return (1 - least_waste(T_write, mtbf)) / kept
