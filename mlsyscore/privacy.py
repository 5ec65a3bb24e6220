"""Privacy and security: what a record leaks, and the noise that hides it.

Delta, the sensitivity, is the most that one record moves a statistic, in its unit.
"""

from math import ceil, erfc, exp, inf, log2, sqrt
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from .units import Dollars, DollarsPerSecond, Fraction, PerSecond, Ratio, Seconds, share

Counts = Annotated[NDArray[np.float64], "1"]
Order = Annotated[float, "1", (1.1, 9.0)]
TAIL, POINTS = 16.0, 4096  # standard deviations beyond the mass; points of the sum


def _between(low: float, high: float, *values: Any) -> None:
    for x in values:
        if not np.all((x > low) & (x < high)):
            raise ValueError(f"{x} must lie between {low} and {high}")


def _tail(x: float) -> float:
    return erfc(x / sqrt(2)) / 2


def laplace_scale(Delta: Ratio, eps: Ratio) -> Ratio:
    """Scale of Laplace noise that gives eps, and its mean error: b = Delta / eps.

    Source: Dwork, McSherry, Nissim and Smith, TCC (2006).
    """
    _between(0, inf, Delta, eps)
    return Delta / eps


def gaussian_sigma(Delta: Ratio, eps: Fraction, delta: Fraction) -> Ratio:
    """Gaussian sigma enough for (eps, delta): Delta sqrt(2 ln(1.25 / delta)) / eps.

    Not the least; see gaussian_delta.  Raises ValueError for eps >= 1, where it is
    not proved and in the end too little.  Source: Dwork and Roth (2014), theorem A.1.
    """
    _between(0, inf, Delta)
    _between(0, 1, eps, delta)
    return Delta * np.sqrt(2 * np.log(1.25 / delta)) / eps


def gaussian_delta(Delta: Ratio, eps: Ratio, sigma: Ratio) -> Fraction:
    """Least delta of Gaussian noise at a given eps, exactly.

    delta = Phi(a/2 - eps/a) - e^eps Phi(-a/2 - eps/a),  a = Delta / sigma
    Source: Balle and Wang, ICML (2018), theorem 8.
    """
    _between(0, inf, Delta, sigma)
    a = Delta / sigma
    return _tail(eps / a - a / 2) - exp(eps) * _tail(eps / a + a / 2)


def basic_composition(eps: Ratio, k: int) -> Ratio:
    """Budget that k releases of eps spend at most: k eps; deltas add likewise."""
    return k * eps


def membership_bound(fpr: Fraction, eps: Ratio, delta: Fraction = 0.0) -> Fraction:
    """Largest share of members that an attack finds at a false-positive rate.

    TPR <= min(e^eps FPR + delta, 1 - e^-eps (1 - delta - FPR))
    Source: Kairouz, Oh and Viswanath, ICML (2015), theorem 2.1.
    """
    share(fpr)
    other = 1 - np.exp(-eps) * np.maximum(1 - delta - fpr, 0)
    return np.minimum(np.exp(eps) * fpr + delta, other)


def sampling_rate(N: int, B: Ratio) -> Fraction:
    """Chance that one of N records joins a batch of mean size B: q = B / N."""
    _between(0, inf, B)
    if not np.all(B <= N):
        raise ValueError(f"a batch of {B} is not drawn from {N} records")
    return B / N


def sgd_steps(N: int, B: Ratio, epochs: Ratio) -> int:
    """Steps of DP-SGD in a number of epochs: ceil(epochs N / B)."""
    return ceil(epochs * N / B)


def gaussian_rdp(alpha: Order, sigma: Ratio) -> Ratio:
    """Renyi divergence of Gaussian noise, alpha / (2 sigma^2), in units of Delta.

    Steps add.  Source: Mironov, CSF (2017), corollary 3.
    """
    _between(0, inf, sigma)
    return alpha / (2 * sigma**2)


def subsampled_rdp(alpha: Order, q: Fraction, sigma: Ratio) -> Ratio:
    """Renyi divergence of one step of DP-SGD at one order: the definition, summed.

    1/(alpha - 1) ln E[(1 - q + q e^((2z - 1)/(2 sigma^2)))^alpha], z ~ N(0, sigma^2)
    Each record joins by its own coin of chance q; a neighbour lacks one record.
    Source: Mironov, Talwar and Zhang, arXiv 1908.10530 (2019), section 3.
    """
    _between(1, inf, alpha)
    _between(0, inf, sigma)
    _between(0, 1, q)
    z, dz = np.linspace(-TAIL * sigma, alpha + TAIL * sigma, POINTS, retstep=True)
    odds = np.logaddexp(np.log1p(-q), np.log(q) + (2 * z - 1) / (2 * sigma**2))
    weight = np.log(dz / sigma) - (z / sigma) ** 2 / 2 - np.log(2 * np.pi) / 2
    return float(np.logaddexp.reduce(alpha * odds + weight)) / (alpha - 1)


def rdp_epsilon(alpha: Order, rdp: Ratio, delta: Fraction) -> Ratio:
    """Bound on eps from a Renyi divergence: rdp + ln(1/delta) / (alpha - 1).

    Take the least over alpha.  Source: Mironov, CSF (2017), proposition 3.
    """
    _between(1, inf, alpha)
    _between(0, 1, delta)
    return rdp + np.log(1 / delta) / (alpha - 1)


def rdp_epsilon_tight(alpha: Order, rdp: Ratio, delta: Fraction) -> Ratio:
    """Bound on eps, lower than rdp_epsilon by ln(alpha)/(alpha - 1) - ln(1 - 1/alpha).

    Source: Canonne, Kamath and Steinke, NeurIPS (2020), proposition 12.
    """
    gain: float = np.log(alpha) / (alpha - 1) - np.log(1 - 1 / alpha)
    return rdp_epsilon(alpha, rdp, delta) - gain


def mutual_information(counts: Counts) -> Ratio:
    """Bits that an output O tells about a record R, from their joint counts.

    I(R;O) = sum p(r,o) log2(p(r,o) / (p(r) p(o)))
    Few counts bias it up, by about (rows - 1)(columns - 1) / (2 n ln 2) for n in all.
    """
    if not np.all(np.asarray(counts) >= 0):
        raise ValueError(f"counts are not negative: {counts}")
    p = np.atleast_2d(counts) / np.sum(counts)
    apart, some = p.sum(0) * p.sum(1, keepdims=True), p > 0
    return float(np.sum(p[some] * np.log2(p[some] / apart[some])))


def rounded_bits(d: int) -> Ratio:
    """Most bits in one score from 0 to 1 rounded to d decimals: log2(10^d + 1)."""
    return log2(10**d + 1)


def extraction_time(n: Ratio, r: PerSecond, b: Ratio) -> Seconds:
    """Least time for n queries through a token bucket: max(0, (n - b) / r).

    It fills at r tokens a second up to b; a query takes one.  Starts full.
    """
    _between(0, inf, r, b)
    return np.maximum(0, (n - b) / r)


def extraction_cost(n: Ratio, c_q: Dollars, T: Seconds, c: DollarsPerSecond) -> Dollars:
    """Cost of n answers at c_q each, over T seconds at a fee c: n c_q + c T."""
    return n * c_q + c * T


def gather_ratio(R: int) -> Ratio:
    """Bytes to see R gradients in one place, as Krum must, per all-reduce's: R / 2."""
    _between(1, inf, R)
    return R / 2
