"""Operations: alarms, experiments, roll-outs, and what a platform pays back."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from .elementwise import every, sqrt
from .fleet import any_of
from .ranges import (
    FROM_0,
    Count,
    Fraction,
    FractionBelow1,
    OpenFraction,
    Positive,
    PositiveFraction,
    Range,
    Ratio,
    Single,
    hold,
    law,
)
from .units import Bytes, Dollars, DollarsPerSecond, PerSecond, Seconds

DollarsPerSecondSquared = Annotated[float, "$/s/s", FROM_0]
Shares = Annotated[ArrayLike, "1", Range(0.0, 1.0)]
Times = Annotated[ArrayLike, "s", FROM_0]


@law
def payback(cost: Dollars, saving: Positive[DollarsPerSecond]) -> Seconds:
    """Time until a saving returns its cost, T = cost / saving.

    Ignores interest.  Source: definition of simple payback.
    """
    return cost / saving


@dataclass(frozen=True, slots=True)
class Ownership:
    """Machines bought: a price once, a fixed rate, a further rate while in use.

    Ignores interest, resale and replacement.
    """

    capex: Dollars
    fixed: DollarsPerSecond
    use: DollarsPerSecond

    def __post_init__(self) -> None:
        hold(self)

    @law
    def total(self, u: Fraction, T: Seconds) -> Dollars:
        """Cost of T seconds at utilisation u, C = capex + (fixed + u use) T.

        Source: the book, chapter 12.
        """
        return self.capex + (self.fixed + u * self.use) * T

    @law
    def crossover(self, u: PositiveFraction, rent: DollarsPerSecond) -> Seconds:
        """Time until owning beats rent while in use, capex/(u (rent - use) - fixed).

        Raises ValueError if it never does.  Ignores that rent falls from year to year.
        Source: the book, chapter 12.
        """
        saving = u * (rent - self.use) - self.fixed
        if not every(saving > 0):
            raise ValueError(f"owning never beats rent: it saves {saving} $/s")
        return self.capex / saving


@law
def hardware_saved(u_ded: Fraction, u_shared: PositiveFraction) -> Fraction:
    """Share of the machines that a shared pool does without: 1 - u_ded / u_shared.

    Assumes that the pool reaches u_shared without making work wait longer.  Raises
    ValueError for a pool that is used less.  Source: the book, chapter 12.
    """
    return (u_shared - u_ded) / u_shared


@law
def false_alerts(m: Count, tau: Positive[Seconds], alpha: Fraction) -> PerSecond:
    """Rate of alerts from m healthy monitors checked every tau: m alpha / tau.

    Holds for correlated monitors too; their alerts come in bursts.
    Source: the book, chapter 12; means add up whether independent or not.
    """
    return m * alpha / tau


@law
def familywise_error(alpha: Fraction, m: Count) -> Fraction:
    """Chance of a false positive in m independent tests: 1 - (1 - alpha)^m.

    Upper bound for correlated two-sided normal tests.  Source: Sidak, JASA 62 (1967).
    """
    return any_of(alpha, m)


@law
def sample_size(
    p: OpenFraction,
    delta: OpenFraction,
    alpha: Single[OpenFraction] = 0.05,
    power: Single[OpenFraction] = 0.8,
) -> Ratio:
    """Requests per arm to find a lift of delta over the rate p, two-sided.

    n = (z_(alpha/2) + z_beta)^2 2 p (1 - p) / delta^2
    Takes the baseline's variance for both arms, independent requests and one look:
    from 5 to 5.5 % the power is 78, not 80 %.  Needs p + delta < 1 and alpha < power.
    Source: Kohavi et al., Data Mining and Knowledge Discovery 18 (2009).
    """
    if not every(p + delta < 1):
        raise ValueError(f"no rate of {p} can rise by {delta}")
    if not alpha < power:
        raise ValueError(f"a level of {alpha} finds more than a power of {power}")
    z = NormalDist().inv_cdf(power) - NormalDist().inv_cdf(alpha / 2)
    return z**2 * 2 * p * (1 - p) / delta**2


@law
def canary_time(n: Ratio, r: Positive[PerSecond], p: PositiveFraction) -> Seconds:
    """Time until a canary with a share p of r a second has n requests: n / (r p).

    A mean: the last comes earlier or later by its part in sqrt(n), and traffic has
    hours of its own.  Source: the book, chapter 12.
    """
    return n / (r * p)


@law
def exposed_requests(r: PerSecond, p: Shares, T: Times) -> Ratio:
    """Requests that meet the new version in stages p_i for T_i, n = r sum_i p_i T_i.

    The last axis counts stages.  A mean.  Source: the book, chapter 12.
    """
    return r * np.sum(np.multiply(p, T), axis=-1)


@law
def burn_rate(e: Fraction, slo: FractionBelow1) -> Ratio:
    """How many times too fast errors, a share e, spend the error budget: e / (1 - slo).

    Assumes steady traffic: a share of few requests spends little.
    Source: Google, The Site Reliability Workbook (2018), chapter 5.
    """
    return e / (1 - slo)


@law
def upkeep(
    T: Positive[Seconds], C: Dollars, s: DollarsPerSecondSquared
) -> DollarsPerSecond:
    """Mean cost rate of a model retrained every T for C dollars: C / T + s T / 2.

    Without retraining the loss rate grows by s every second: linear decay.
    Source: the book, chapter 12; the form is Harris's lot size (1913).
    """
    return C / T + s * T / 2


@law
def retraining_interval(
    C: Positive[Dollars], s: Positive[DollarsPerSecondSquared]
) -> Seconds:
    """Interval of least upkeep, T* = sqrt(2 C / s); longer where decay levels off.

    Source: the book, chapter 12: the derivative of ``upkeep`` is 0.
    """
    return sqrt(2 * C / s)


@law
def feature_history(
    F: Count, retention: Seconds, tau: Positive[Seconds], row: Bytes
) -> Bytes:
    """Bytes of F features renewed every tau and kept: F (retention / tau) row.

    Ignores compression, replicas and indices.  Source: the book, chapter 12.
    """
    return F * retention / tau * row


@law
def benefit_cost(
    N: Count, h: Ratio, wage: DollarsPerSecond, bill: Positive[DollarsPerSecond]
) -> Ratio:
    """What a platform returns per dollar of its bill: N h wage / bill.

    It saves h of an engineer on each.  Ignores that dependencies of models outgrow N.
    Source: the book, chapter 12.
    """
    return N * h * wage / bill
