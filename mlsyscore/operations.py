"""Operations: alarms, experiments, roll-outs, and what a platform pays back."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from .units import (
    Bytes,
    Dollars,
    DollarsPerSecond,
    Fraction,
    PerSecond,
    Ratio,
    Seconds,
    positive,
    share,
)

DollarsPerSecondSquared = Annotated[float, "$/s/s"]
Shares = Annotated[NDArray[np.float64], "1", (0.0, 1.0)]
Times = Annotated[NDArray[np.float64], "s"]


def payback(cost: Dollars, saving: DollarsPerSecond) -> Seconds:
    """Time until a saving returns its cost, T = cost / saving.  Ignores interest."""
    positive(saving)
    return cost / saving


@dataclass(frozen=True, slots=True)
class Ownership:
    """Machines bought: a price once, a fixed rate, a further rate while in use.

    Ignores interest, resale and replacement.
    """

    capex: Dollars
    fixed: DollarsPerSecond
    use: DollarsPerSecond

    def total(self, u: Fraction, T: Seconds) -> Dollars:
        """Cost of T seconds at utilisation u, C = capex + (fixed + u use) T."""
        share(u)
        return self.capex + (self.fixed + u * self.use) * T

    def crossover(self, u: Fraction, rent: DollarsPerSecond) -> Seconds:
        """Time until owning beats rent while in use, capex/(u (rent - use) - fixed)."""
        share(u)
        return payback(self.capex, u * (rent - self.use) - self.fixed)


def hardware_saved(u_ded: Fraction, u_shared: Fraction) -> Fraction:
    """Share of the machines that a shared pool does without: 1 - u_ded / u_shared.

    Assumes that the pool reaches u_shared without making work wait longer.
    """
    share(u_ded, u_shared)
    return 1 - u_ded / u_shared


def false_alerts(m: int, tau: Seconds, alpha: Fraction) -> PerSecond:
    """Rate of alerts from m healthy monitors checked every tau: m alpha / tau.

    Holds for correlated monitors too; their alerts come in bursts.
    """
    share(alpha)
    return m * alpha / tau


def familywise_error(alpha: Fraction, m: int) -> Fraction:
    """Chance of a false positive in m independent tests: 1 - (1 - alpha)^m.

    Upper bound for correlated two-sided normal tests.  Source: Sidak, JASA 62 (1967).
    """
    share(alpha)
    return 1 - (1 - alpha) ** m


def sample_size(
    p: Fraction, delta: Fraction, alpha: Fraction = 0.05, power: Fraction = 0.8
) -> Ratio:
    """Requests per arm to find a lift of delta over the rate p, two-sided.

    n = (z_(alpha/2) + z_beta)^2 2 p (1 - p) / delta^2
    Takes the baseline's variance for both arms, independent requests and one look.
    Source: Kohavi et al., Data Mining and Knowledge Discovery 18 (2009).
    """
    if not np.all((p > 0) & (delta > 0) & (p + delta < 1)):
        raise ValueError(f"rates lie in 0..1 and a lift is positive: {p} + {delta}")
    if not 0 < alpha < power < 1:
        raise ValueError(f"0 < alpha < power < 1, not {alpha} and {power}")
    z = NormalDist().inv_cdf(1 - alpha / 2) + NormalDist().inv_cdf(power)
    return z**2 * 2 * p * (1 - p) / delta**2


def canary_time(n: Ratio, r: PerSecond, p: Fraction) -> Seconds:
    """Time until a canary with a share p of r a second has n requests: n / (r p)."""
    share(p)
    return n / (r * p)


def exposure(r: PerSecond, p: Shares, T: Times) -> Ratio:
    """Requests that meet the new version in stages p_i for T_i, n = r sum_i p_i T_i."""
    share(np.asarray(p))
    return r * float(np.sum(np.multiply(p, T)))


def burn_rate(e: Fraction, slo: Fraction) -> Ratio:
    """How many times too fast errors, a share e, spend the error budget: e / (1 - slo).

    Source: Google, The Site Reliability Workbook (2018), chapter 5.
    """
    share(e, slo)
    return e / (1 - slo)


def upkeep(T: Seconds, C: Dollars, s: DollarsPerSecondSquared) -> DollarsPerSecond:
    """Mean cost rate of a model retrained every T for C dollars: C / T + s T / 2.

    Without retraining the loss rate grows by s every second: linear decay.
    """
    return C / T + s * T / 2


def retraining_interval(C: Dollars, s: DollarsPerSecondSquared) -> Seconds:
    """Interval of least upkeep, T* = sqrt(2 C / s); longer where decay levels off."""
    positive(C, s)
    return np.sqrt(2 * C / s)


def feature_history(F: int, retention: Seconds, tau: Seconds, row: Bytes) -> Bytes:
    """Bytes of F features renewed every tau and kept: F (retention / tau) row."""
    return F * retention / tau * row


def benefit_cost(
    N: int, h: Fraction, wage: DollarsPerSecond, bill: DollarsPerSecond
) -> Ratio:
    """What a platform returns per dollar of its bill: N h wage / bill.

    It saves h of an engineer on each.  Ignores that dependencies of models outgrow N.
    """
    return N * h * wage / bill
