"""Privacy and security: what a record leaks, and the noise that hides it.

Delta, the sensitivity, is the most that one record moves a statistic, in its unit.
"""

from math import pi
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from .elementwise import ceil, exp, larger, log, log1p, smaller, sqrt
from .ranges import (
    FROM_0,
    LAST,
    Count,
    Factor,
    Fraction,
    OpenFraction,
    Positive,
    PositiveFraction,
    Range,
    Ratio,
    Whole,
    law,
)
from .units import Dollars, DollarsPerSecond, PerSecond, Seconds

Counts = Annotated[NDArray[np.float64], "1", FROM_0]
Decimals = Annotated[int, "1", Range(0, 300)]
Multiplier = Annotated[float, "1", Range(0.01, 1e6)]  # sigma where it is summed
Order = Annotated[float, "1", Range(1.001, 1e4)]
Replicas = Annotated[int, "1", Range(2, LAST)]

TAIL, POINTS = 16.0, 4096  # standard deviations beyond the mass; points of the sum
LOGS, STEP = np.linspace(-24, 3, 512, retstep=True)
GRID = np.exp(LOGS)  # from 4e-11 to 20 standard deviations
SURE, NEVER = -9.0, 40.0  # there a delta is 1, and 0, to the last digit
CERTAIN = 0.0  # logarithm of a probability


def _column(x: Any) -> Any:
    """Give an array another axis, which will count the terms of a sum."""
    return np.asarray(x)[..., None]


def _number(x: Any) -> Any:
    """Return a plain float for a single number of numpy's."""
    return x if np.ndim(x) else float(x)


@law
def laplace_scale(Delta: Positive[Ratio], eps: Positive[Ratio]) -> Positive[Ratio]:
    """Scale of Laplace noise that gives eps, and its mean error: b = Delta / eps.

    Ignores that floats have gaps, which leak.
    Source: Dwork, McSherry, Nissim and Smith, TCC (2006).
    """
    return Delta / eps


@law
def gaussian_sigma(
    Delta: Positive[Ratio], eps: OpenFraction, delta: OpenFraction
) -> Positive[Ratio]:
    """Gaussian sigma enough for (eps, delta): Delta sqrt(2 ln(1.25 / delta)) / eps.

    At delta = 1e-5 a third to a half above the least, which gaussian_delta gives.  For
    eps >= 1 it is not proved and in the end too little.
    Source: Dwork and Roth (2014), theorem A.1.
    """
    return Delta * sqrt(2 * log(1.25 / delta)) / eps


@law
def gaussian_delta(
    Delta: Positive[Ratio], eps: Ratio, sigma: Positive[Ratio]
) -> Fraction:
    """Least delta of Gaussian noise at a given eps, to 13 digits.

    delta = Phi(a/2 - eps/a) - e^eps Phi(-a/2 - eps/a),  a = Delta / sigma
    These near-equals are one integral, E[max(0, 1 - e^(eps - loss))], summed over ln t:
    int_0^inf (1 - e^(-a t)) phi(u + t) dt,  u = eps/a - a/2
    Source: Balle and Wang, ICML (2018), theorem 8.
    """
    a = Delta / sigma
    u = larger(smaller(eps / a - a / 2, NEVER), SURE)
    with np.errstate(over="ignore"):
        excess = -np.expm1(-_column(a) * GRID)
    terms = excess * np.exp(-((_column(u) + GRID) ** 2) / 2) * GRID
    return _number(terms.sum(-1) * STEP / sqrt(2 * pi))


@law
def basic_composition(eps: Ratio, k: Count) -> Ratio:
    """Budget that k releases of eps spend at most: k eps; deltas add likewise.

    Far too much for many small ones.  Source: Dwork and Roth (2014), section 3.5.
    """
    return k * eps


@law
def membership_bound(fpr: Fraction, eps: Ratio, delta: Fraction = 0.0) -> Fraction:
    """Largest share of members that an attack finds at a false-positive rate.

    TPR <= min(e^eps FPR + delta, 1 - e^-eps (1 - delta - FPR))
    Of any attack, whatever it knows besides; real ones stay far below.
    Source: Kairouz, Oh and Viswanath, ICML (2015), theorem 2.1.
    """
    few = exp(smaller(eps + log(fpr), CERTAIN)) + delta  # above 1 it bounds nothing
    return smaller(few, 1 - exp(-eps) * larger(1 - delta - fpr, 0.0))


@law
def sampling_rate(N: Count, B: Positive[Ratio]) -> PositiveFraction:
    """Chance that one of N records joins a batch of mean size B: q = B / N.

    Each record by its own coin: the batch's size varies.  Raises ValueError for B > N.
    Source: Abadi et al., CCS (2016), section 3.1.
    """
    return B / N


@law
def sgd_steps(N: Count, B: Positive[Ratio], epochs: Ratio) -> Whole:
    """Steps of DP-SGD in a number of epochs: ceil(epochs N / B).

    Source: definition; Abadi et al. (2016), section 3.1: an epoch is N / B batches.
    """
    return ceil(epochs * N / B)


@law
def gaussian_rdp(alpha: Order, sigma: Positive[Ratio]) -> Ratio:
    """Renyi divergence of Gaussian noise, alpha / (2 sigma^2), in units of Delta.

    Steps add.  Source: Mironov, CSF (2017), corollary 3.
    """
    return alpha / (2 * sigma**2)


@law
def subsampled_rdp(alpha: Order, q: Fraction, sigma: Multiplier) -> Ratio:
    """Renyi divergence of one step of DP-SGD at one order: the definition, summed.

    1/(alpha - 1) ln E[(1 - q + q e^(y/sigma - 1/(2 sigma^2)))^alpha], y ~ N(0, 1)
    Each record joins by its own coin of chance q; a neighbour lacks one record.  Right
    to 2e-8 of itself, or to 4e-15/(alpha - 1) where that is more.
    Source: Mironov, Talwar and Zhang, arXiv 1908.10530 (2019), section 3.
    """
    a, s, stays, joins = map(_column, (alpha, 1 / sigma, log1p(-q), log(q)))
    y, dy = np.linspace(-TAIL, alpha / sigma + TAIL, POINTS, retstep=True, axis=-1)
    odds = np.logaddexp(stays, joins + s * (y - s / 2))
    weight = np.log(_column(dy)) - y**2 / 2 - np.log(2 * pi) / 2
    log_mean = np.logaddexp.reduce(a * odds + weight, axis=-1)
    return _number(np.maximum(log_mean, 0.0) / (alpha - 1))


@law
def rdp_epsilon(alpha: Order, rdp: Ratio, delta: OpenFraction) -> Ratio:
    """Bound on eps from a Renyi divergence: rdp + ln(1/delta) / (alpha - 1).

    Take the least over alpha.  With subsampled_rdp it is what TF Privacy and Opacus
    print for DP-SGD on MNIST (60,000 records, batches of 240 and 256, sigma 0.7 to 1.3,
    15 to 60 epochs), to all three digits; the exact loss spends 21 to 28 % less.
    Source: Mironov, CSF (2017), proposition 3.
    """
    return rdp - log(delta) / (alpha - 1)


@law
def rdp_epsilon_tight(alpha: Order, rdp: Ratio, delta: OpenFraction) -> Ratio:
    """Bound on eps, lower than rdp_epsilon by ln(alpha)/(alpha - 1) - ln(1 - 1/alpha).

    For those MNIST runs 10 to 20 % lower.  Raises ValueError where it would be below 0,
    for the proposition is of eps >= 0: there a delta less than this one does for eps 0.
    Source: Canonne, Kamath and Steinke, NeurIPS (2020), proposition 12.
    """
    gain = log(alpha) / (alpha - 1) - log1p(-1 / alpha)
    return rdp - log(delta) / (alpha - 1) - gain


@law
def mutual_information(counts: Counts) -> Ratio:
    """Bits that an output O tells about a record R, from their joint counts.

    I(R;O) = sum p(r,o) log2(p(r,o) / (p(r) p(o)))
    Rows are records, columns outputs; of one row or column it is 0.  Few counts bias it
    up, by about (rows - 1)(columns - 1) / (2 n ln 2) for n in all.
    Source: Shannon (1948); the bias: Miller (1955).
    """
    table = np.atleast_2d(counts)
    n = table.sum()
    if table.ndim > 2 or not 0 < n <= LAST:
        raise ValueError(f"no information in {n} counts of shape {table.shape}")
    p = table / n
    odds = p / p.sum(0) / p.sum(1, keepdims=True)
    return max(0.0, np.sum(p[p > 0] * np.log2(odds[p > 0])))


@law
def rounded_bits(d: Decimals) -> Ratio:
    """Most bits in one score from 0 to 1 rounded to d decimals: log2(10^d + 1).

    All values as likely; a score that is nearly always 1.00 tells less.
    Source: the book, chapter 13; Shannon (1948).
    """
    return log(10.0**d + 1) / log(2)


@law
def extraction_time(n: Ratio, r: Positive[PerSecond], b: Factor) -> Seconds:
    """Least time for n queries through a token bucket: max(0, (n - b) / r).

    It fills at r tokens a second up to b; a query takes one.  Starts full.  Ignores
    that whoever has k accounts has k buckets.
    Source: definition of a token bucket, as in RFC 2697 (1999).
    """
    return larger(0.0, (n - b) / r)


@law
def extraction_cost(n: Ratio, c_q: Dollars, T: Seconds, c: DollarsPerSecond) -> Dollars:
    """Cost of n answers at c_q each, over T seconds at a fee c: n c_q + c T.

    Ignores the training of the copy.  Source: the book, chapter 13.
    """
    return n * c_q + c * T


@law
def gather_ratio(R: Replicas) -> Factor:
    """Bytes to see R gradients in one place, as Krum must, per all-reduce's: R / 2.

    (R - 1) V into one replica, over 2 (R - 1)/R V at each of a ring.
    Source: the book, chapter 13; Krum: Blanchard et al., NeurIPS (2017).
    """
    return R / 2
