"""Robustness: telling drift from noise, and what an attack or a flipped bit can do."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from .elementwise import ceil, every, larger, log, sqrt
from .ranges import (
    BELOW_1,
    FIRST,
    LAST,
    Count,
    Fraction,
    OpenFraction,
    Positive,
    Range,
    Ratio,
    Real,
    Single,
    Whole,
    hold,
    law,
)
from .units import Seconds

Bins = Annotated[int, "1", Range(1, 1e6)]
Bit = Annotated[int, "1", Range(0, 7)]
Exponent = Annotated[int, "1", Range(2, 8)]
Fractions = Annotated[NDArray[np.float64], "1", Range(0.0, 1.0)]
Histogram = Annotated[NDArray[np.float64], "1", Range(FIRST, LAST)]
Majority = Annotated[float, "1", Range(0.5, BELOW_1)]

QUANTILE = NormalDist().inv_cdf


@dataclass(frozen=True, slots=True)
class Normal:
    """A normal distribution, of whatever the monitored feature measures."""

    mu: Real
    sigma: Positive[Ratio]

    def __post_init__(self) -> None:
        hold(self)


@law
def psi(p: Histogram, q: Histogram) -> Ratio:
    """Population stability index of two histograms, counts or shares, last axis bins.

    PSI = sum (p - q) ln(p/q): KL both ways.  The usual limits, 0.1 and 0.25, ignore the
    sample: without drift, B bins of n and of m values give (B - 1)(1/n + 1/m) on
    average.  Raises ValueError for an empty bin, where PSI is infinite: merge bins.
    Source: Kullback and Leibler (1951): their J; the mean: chi-squared, to first order.
    """
    if not p.shape[-1:] == q.shape[-1:] > (1,):
        raise ValueError(f"the same 2 bins or more in both, not {p.shape}, {q.shape}")
    p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
    return ((p - q) * np.log(p / q)).sum(-1)


@law
def kl_normal(P: Normal, Q: Normal) -> Ratio:
    """Divergence of P from Q, in nats: the surprise of P's data to who expects Q.

    KL(P, Q) = ln(sigma_Q/sigma_P) + (sigma_P^2 + (mu_P - mu_Q)^2)/(2 sigma_Q^2) - 1/2
    Not symmetric.  Ignores all but mean and sd.  Rounds to 1e-16.
    Source: Kullback and Leibler (1951).
    """
    r, d = P.sigma / Q.sigma, (P.mu - Q.mu) / Q.sigma
    return larger((r**2 - 1) / 2 - log(r), 0.0) + d**2 / 2


@law
def two_sample_z(a: Normal, n_a: Count, b: Normal, n_b: Count) -> Real:
    """Standard errors between two samples' means, to compare with 1.96 at 5 %.

    z = (mu_a - mu_b) / sqrt(sigma_a^2/n_a + sigma_b^2/n_b)
    A large n drops its sample's error.  Assumes independence: values that resemble
    those before them alarm falsely.  Source: Welch, Biometrika 34 (1947).
    """
    return (a.mu - b.mu) / sqrt(a.sigma**2 / n_a + b.sigma**2 / n_b)


@law
def ks_critical(alpha: OpenFraction, n: Count, m: Count) -> Fraction:
    """Gap between two empirical distributions that chance passes with chance alpha.

    D = c(alpha) sqrt(1/n + 1/m),  c = sqrt(-ln(alpha/2)/2)
    Asymptotic, first term: at 5 % the true level is 4.8 % for 1,000 values in each, 3.4
    % for 20.  Ties make it cautious: a feature of few values alarms far less than
    alpha.  Raises ValueError for samples so small that no gap passes.
    Source: Smirnov, Annals of Mathematical Statistics 19 (1948).
    """
    return sqrt(-log(alpha / 2) / 2 * (1 / n + 1 / m))


@law
def adversarial_step(T: Seconds, K: Whole) -> Seconds:
    """Time of a training step on examples from K steps of PGD: (K + 1) T.

    Each attack step is a pass forward and back through the model, as is training's.
    Ignores the optimiser, which runs once.  Source: Madry et al., ICLR (2018).
    """
    return (K + 1) * T


def _quantile(p: Any) -> Any:
    """Return the x below which a share p of N(0, 1) lies."""
    each = QUANTILE if isinstance(p, float) else np.vectorize(QUANTILE, otypes=[float])
    return each(p)


@law
def certified_radius(p_A: Majority, sigma: Ratio) -> Ratio:
    """L2 radius where the smoothed classifier keeps its answer, R = sigma Phi^-1(p_A).

    p_A bounds the top class's share under noise N(0, sigma^2) from below: take it
    from a confidence bound, not from the count.  Exact for a linear boundary.
    Below 1/2 there is none: abstain.  Source: Cohen et al., ICML (2019), theorem 1.
    """
    return sigma * _quantile(p_A)


@law
def corner_distance(eps: Ratio, d: Count) -> Ratio:
    """L2 distance from the centre of an L-infinity ball to its corners: eps sqrt(d).

    Ignores the walls of the valid range, which cut corners off.
    Source: definition; Pythagoras.
    """
    return eps * sqrt(d)


@law
def conformal_rank(n: Count, alpha: OpenFraction) -> Count:
    """Rank, from the least, of the score that bounds the set, ceil((n + 1)(1 - alpha)).

    Covers k/(n + 1) of fresh points, averaged over calibration sets and over points,
    not in each group.  Assumes exchangeable data, no ties.  Raises ValueError if k > n.
    Source: Vovk et al. (2005); Lei et al., JASA 113 (2018).
    """
    k = ceil((n + 1) * (1 - alpha))
    if not every(k <= n):
        raise ValueError(f"{n} scores are too few to miss only {alpha}")
    return k


@law
def risk_curve(confidence: Fractions, wrong: Fractions) -> Fractions:
    """Share wrong at coverage k/n, the k most confident of n answered, k = 1 ... n.

    r_k = mean of wrong in the top k.  Equals keep their order, which then decides.
    Source: El-Yaniv and Wiener, JMLR 11 (2010).
    """
    if confidence.ndim != 1 or confidence.shape != wrong.shape:
        raise ValueError(f"1 mark an answer, not {confidence.shape}, {wrong.shape}")
    order = np.argsort(-confidence, kind="stable")
    return np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)


@law
def calibration_error(
    confidence: Fractions, right: Fractions, B: Single[Bins] = 10
) -> Fraction:
    """Expected calibration error, B equal bins: sum n_b/n |accuracy_b - confidence_b|.

    Bin b holds confidences above (b - 1)/B, up to b/B.  Biased upwards: a calibrated
    model scores up to 0.4 sqrt(B/n), not 0.  Source: Guo et al., ICML (2017), eq. 3.
    """
    if confidence.ndim != 1 or confidence.shape != right.shape:
        raise ValueError(f"1 mark an answer, not {confidence.shape}, {right.shape}")
    b = np.maximum(ceil(confidence * B), 1).astype(int)
    return np.abs(np.bincount(b, right - confidence)).sum() / len(b)


def _exponent(w: Any) -> Any:
    """Return e of |w| = 1.f 2^e."""
    return (math.frexp(w) if isinstance(w, float) else np.frexp(w))[1] - 1


@law
def exponent_flip(w: Real, k: Bit, E: Exponent = 8) -> Real:
    """Value of a float w after bit k of its E-bit exponent has flipped.

    w' = w 2^(+-2^k),  + where the bit was 0
    E is 8 in FP32 and BF16, 5 in FP16.  Raises ValueError unless w is normal there.
    Ignores that hardware reads an exponent of all ones as inf or NaN, all zeros as
    subnormal.  Source: IEEE 754 (2019), section 3.4.
    """
    bias = 2 ** (E - 1) - 1
    stored = _exponent(w) + bias
    if not every((w != 0) & (stored >= 1) & (stored <= 2 * bias) & (k < E)):
        raise ValueError(f"needs a normal float and a bit of E <= 8, not {w}, {k}, {E}")
    bit = stored // 2**k % 2
    return w * 2.0 ** ((1 - 2 * bit) * 2**k)
