"""Robustness: telling drift from noise, and what an attack or a flipped bit can do.

The laws of drift take two samples: n values of reference data, m of current data.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from .units import Fraction, Ratio, Seconds, every, positive, share

Fractions = Annotated[NDArray[np.float64], "1", (0.0, 1.0)]
SLACK = 1e-12  # 10 (1 - 0.7) comes out a hair above 3


@dataclass(frozen=True, slots=True)
class Normal:
    """A normal distribution, of whatever the monitored feature measures."""

    mu: Ratio
    sigma: Ratio

    def __post_init__(self) -> None:
        positive(self.sigma)


def psi(p: Fractions, q: Fractions) -> Ratio:
    """Population stability index of two histograms, counts or shares, last axis bins.

    PSI = sum (p - q) ln(p/q): KL both ways.  The usual limits, 0.1 and 0.25, ignore the
    sample: with B bins and no drift PSI is (B - 1)(1/n + 1/m) on average.
    Raises ValueError for an empty bin, where PSI is infinite: merge bins.
    """
    positive(p, q)
    p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
    return ((p - q) * np.log(p / q)).sum(-1)


def kl_normal(P: Normal, Q: Normal) -> Ratio:
    """Divergence of P from Q, in nats: the surprise of P's data to who expects Q.

    KL(P, Q) = ln(sigma_Q/sigma_P) + (sigma_P^2 + (mu_P - mu_Q)^2)/(2 sigma_Q^2) - 1/2
    Not symmetric.  Ignores all but mean and sd.  Source: Kullback and Leibler (1951).
    """
    square = (P.sigma**2 + (P.mu - Q.mu) ** 2) / Q.sigma**2
    return np.log(Q.sigma / P.sigma) + (square - 1) / 2


def z_score(P: Normal, n: int, Q: Normal, m: int) -> Ratio:
    """Standard errors between two samples' means, to compare with 1.96 at 5 %.

    z = (mu_Q - mu_P) / sqrt(sigma_P^2/n + sigma_Q^2/m)
    A large n drops P's error.  Assumes independence: correlation > 0 alarms falsely.
    """
    return (Q.mu - P.mu) / np.sqrt(P.sigma**2 / n + Q.sigma**2 / m)


def ks_critical(alpha: Fraction, n: int, m: int) -> Ratio:
    """Gap between two empirical distributions that chance passes with chance alpha.

    D = c(alpha) sqrt((n + m)/(n m)),  c = sqrt(-ln(alpha/2)/2)
    Asymptotic, first term.  Ties make it cautious: a feature of few values alarms
    far less than alpha.  Source: Smirnov (1948).
    """
    if not every((alpha > 0) & (alpha < 1)):
        raise ValueError(f"a level lies between 0 and 1, not at {alpha}")
    return np.sqrt(-np.log(alpha / 2) / 2 * (1 / n + 1 / m))


def adversarial_step(T: Seconds, K: int) -> Seconds:
    """Time of a training step on examples from K steps of PGD: (K + 1) T.

    Each attack step is a pass forward and back through the model, as is training's.
    Ignores the optimiser, which runs once.  Source: Madry et al. (2018).
    """
    if not every(K >= 0):
        raise ValueError(f"an attack takes 0 steps or more, not {K}")
    return (K + 1) * T


def certified_radius(p_A: Fraction, sigma: Ratio) -> Ratio:
    """L2 radius where the smoothed classifier keeps its answer, R = sigma Phi^-1(p_A).

    p_A bounds the top class's share under noise N(0, sigma^2) from below: take it
    from a confidence bound, not from the count.  Exact for a linear boundary.
    Raises ValueError for p_A < 1/2: abstain.  Source: Cohen et al. (2019), theorem 1.
    """
    if not 0.5 <= p_A < 1:
        raise ValueError(f"a radius needs 1/2 <= p_A < 1, not {p_A}")
    return sigma * NormalDist().inv_cdf(p_A)


def corner_distance(eps: Ratio, d: int) -> Ratio:
    """L2 distance from the centre of an L-infinity ball to its corners: eps sqrt(d)."""
    return eps * math.sqrt(d)


def conformal_rank(n: int, alpha: Fraction) -> int:
    """Rank, from the least, of the score that bounds the set, ceil((n + 1)(1 - alpha)).

    Covers k/(n + 1) of fresh points, averaged over calibration sets and over points,
    not in each group.  Assumes exchangeable data, no ties.  Raises ValueError if k > n.
    Source: Vovk et al. (2005); Lei et al., JASA 113 (2018).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"a level lies between 0 and 1, not at {alpha}")
    k = math.ceil((n + 1) * (1 - alpha) * (1 - SLACK))
    if k > n:
        raise ValueError(f"{n} scores are too few to miss only {alpha}")
    return k


def risk_curve(confidence: Fractions, wrong: Fractions) -> Fractions:
    """Share wrong at coverage k/n, the k most confident of n answered, k = 1 ... n.

    r_k = mean of wrong in the top k.  Source: El-Yaniv and Wiener, JMLR 11 (2010).
    """
    order = np.argsort(-confidence, kind="stable")
    return np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)


def calibration_error(confidence: Fractions, right: Fractions, B: int = 10) -> Ratio:
    """Expected calibration error, B equal bins: sum n_b/n |accuracy_b - confidence_b|.

    Biased upwards: a calibrated model scores up to 0.4 sqrt(B/n), not 0.
    Source: Guo et al. (2017), equation 3.
    """
    share(confidence)
    b = np.minimum((confidence * B).astype(int), B - 1)
    return np.abs(np.bincount(b, right - confidence)).sum() / len(b)


def exponent_flip(w: Ratio, k: int, E: int = 8) -> Ratio:
    """Value of a float w after bit k of its E-bit exponent has flipped.

    w' = w 2^(+-2^k),  + where the bit was 0
    E is 8 in FP32 and BF16, 5 in FP16.  Ignores that hardware reads an exponent of all
    ones as inf or NaN, all zeros as subnormal.  Source: IEEE 754 (2019), section 3.4.
    """
    top, w = 2 ** (E - 1), np.float64(w)  # where a float32 would overflow
    size = np.abs(w)
    if not (0 <= k < E <= 8 and every((size >= 2.0 ** (2 - top)) & (size < 2.0**top))):
        raise ValueError(f"needs a normal float and a bit of E <= 8, not {w}, {k}, {E}")
    bit = np.frexp(w * 2.0 ** (top - 2))[1] >> k & 1
    return w * 2.0 ** ((1 - 2 * bit) * 2**k)
