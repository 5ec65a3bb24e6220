"""Fairness: what two groups get from one rule, and how sure an audit can be.

Counts are of people; differences are group a's rate less group b's.  Arrays broadcast.
"""

from dataclasses import dataclass

import numpy as np

from .units import Dollars, Fraction, PerSecond, Ratio, every


@dataclass(frozen=True, slots=True)
class Confusion:
    """One group's decisions: true and false ones (t, f), to select or not (p, n)."""

    tp: int
    fp: int
    fn: int
    tn: int

    def __post_init__(self) -> None:
        if not all(every(k >= 0) for k in (self.tp, self.fp, self.fn, self.tn)):
            raise ValueError(f"counts are 0 or more, not {self}")


def _rate(k: int, rest: int) -> Fraction:
    if not every(k + rest > 0):
        raise ValueError(f"a rate of {k} among {k + rest} people says nothing")
    return k / (k + rest)


def tpr(g: Confusion) -> Fraction:
    """True positive rate of a group, tp / (tp + fn).  FNR is 1 - TPR."""
    return _rate(g.tp, g.fn)


def fpr(g: Confusion) -> Fraction:
    """False positive rate of a group, fp / (fp + tn)."""
    return _rate(g.fp, g.tn)


def ppv(g: Confusion) -> Fraction:
    """Positive predictive value of a group, tp / (tp + fp).  Also: precision."""
    return _rate(g.tp, g.fp)


def selection_rate(g: Confusion) -> Fraction:
    """Share of a group that is selected, (tp + fp) / all."""
    return _rate(g.tp + g.fp, g.fn + g.tn)


def base_rate(g: Confusion) -> Fraction:
    """Share of a group that has what is predicted, p = (tp + fn) / all."""
    return _rate(g.tp + g.fn, g.fp + g.tn)


def accuracy(g: Confusion) -> Fraction:
    """Share of decisions about a group that are right, (tp + tn) / all."""
    return _rate(g.tp + g.tn, g.fp + g.fn)


def parity_difference(a: Confusion, b: Confusion) -> Ratio:
    """Demographic parity: difference of selection rates."""
    return selection_rate(a) - selection_rate(b)


def disparate_impact(a: Confusion, b: Confusion) -> Fraction:
    """Demographic parity: the lower selection rate over the higher; 4/5 is the gate.

    Ignores chance: small groups fail by luck.  Source: EEOC, 29 CFR 1607.4 D (1978).
    """
    s, t = selection_rate(a), selection_rate(b)
    if not every(s + t > 0):
        raise ValueError(f"nobody is selected: rates {s} and {t}")
    return np.minimum(s, t) / np.maximum(s, t)


def opportunity_difference(a: Confusion, b: Confusion) -> Ratio:
    """Equal opportunity: difference of TPR.  Source: Hardt, Price and Srebro (2016)."""
    return tpr(a) - tpr(b)


def equalised_odds_difference(a: Confusion, b: Confusion) -> Fraction:
    """Equalised odds: the larger of the gaps of TPR and of FPR, without sign."""
    return np.maximum(abs(tpr(a) - tpr(b)), abs(fpr(a) - fpr(b)))


def average_odds_difference(a: Confusion, b: Confusion) -> Ratio:
    """Mean of the differences of TPR and of FPR; opposite gaps cancel."""
    return (tpr(a) - tpr(b) + fpr(a) - fpr(b)) / 2


def implied_fpr(p: Fraction, PPV: Fraction, FNR: Fraction) -> Fraction:
    """FPR that a base rate, PPV and FNR leave, p/(1 - p) (1 - PPV)/PPV (1 - FNR).

    At equal PPV and FNR, both below 1, unequal base rates force unequal FPR.  Raises
    ValueError if no rule has these.  Source: Chouldechova, Big Data 5 (2017), eq. 2.6.
    """
    FPR = p / (1 - p) * (1 - PPV) / PPV * (1 - FNR)
    if not every((FPR >= 0) & (FPR <= 1)):
        raise ValueError(f"p = {p}, PPV = {PPV}, FNR = {FNR} would need FPR = {FPR}")
    return FPR


def two_proportion_z(p_a: Fraction, n_a: int, p_b: Fraction, n_b: int) -> Ratio:
    """Standard errors between two rates, pooled: the test that they are equal.

    z = (p_a - p_b) / sqrt(p (1 - p) (1/n_a + 1/n_b)),  p the rate of both together
    Says how sure a gap is, not how large.  Needs about five of each kind in each group.
    """
    p = (n_a * p_a + n_b * p_b) / (n_a + n_b)
    if not every((p > 0) & (p < 1)):
        raise ValueError(f"the test needs 0 < p < 1 of both together, not {p}")
    return (p_a - p_b) / np.sqrt(p * (1 - p) * (1 / n_a + 1 / n_b))


def gap_margin(
    p_a: Fraction, n_a: int, p_b: Fraction, n_b: int, z: Ratio = 1.96
) -> Ratio:
    """Half width of the interval (95 %) around the gap of two rates, unpooled.

    h = z sqrt(p_a (1 - p_a)/n_a + p_b (1 - p_b)/n_b)
    Wald's: covers too little for small groups and for rates near 0 or 1.
    """
    return z * np.sqrt(p_a * (1 - p_a) / n_a + p_b * (1 - p_b) / n_b)


def audit_size(h: Ratio, p: Fraction = 0.5, z: Ratio = 1.96) -> Ratio:
    """People to sample to know a group's p within h, z^2 p (1 - p)/h^2; round up."""
    return z**2 * p * (1 - p) / h**2


def bonferroni(alpha: Fraction, m: int) -> Fraction:
    """Level alpha/m of each of m tests, so that any false alarm has chance <= alpha."""
    return alpha / m


def gap_after(k: int, gap_0: Ratio, f: Ratio) -> Ratio:
    """Gap after k cycles that learn from their own decisions, far from 1: gap_0 f^k."""
    return gap_0 * f**k


def cycles_to_breach(gap_0: Ratio, f: Ratio, limit: Ratio) -> Ratio:
    """Cycles in which a gap reaches a limit: k = ln(limit/gap_0) / ln f.  Round up."""
    if not (every(gap_0 > 0) and every(f > 1) and every(limit >= gap_0)):
        raise ValueError(f"needs 0 < gap {gap_0} <= limit {limit}, f > 1, not {f}")
    return np.log(limit / gap_0) / np.log(f)


def shards_touched(S: int, r: int) -> Ratio:
    """Shards of S that hold one of r random records: S (1 - (1 - 1/S)^r)."""
    return S * (1 - (1 - 1 / S) ** r)


def unlearning_cost(C: Dollars, S: int, r: int = 1) -> Dollars:
    """Cost of forgetting r records: the shards touched, each C/S to train again.

    Ignores checkpoints within a shard.  Source: Bourtoule et al. (SISA, 2021).
    """
    return C / S * shards_touched(S, r)


def oversight_bound(e: Fraction, s: Fraction) -> Fraction:
    """Best accuracy of a reader who lets a share s of a model's errors e pass: 1 - e s.

    Assumes that all other errors are mended, and no right answer is spoilt.
    """
    return 1 - e * s


def exposure_rate(q: PerSecond, K: int, eps: Fraction, M: int) -> PerSecond:
    """Random impressions of each of M items, on a share eps of K slots: q K eps/M."""
    return q * K * eps / M


def decision_value(
    TPR: Fraction, FPR: Fraction, p: Fraction, gain: Dollars, loss: Dollars
) -> Dollars:
    """Value per applicant of a rule, p TPR gain - (1 - p) FPR loss.

    Equal opportunity costs what it loses when the group's threshold moves.
    """
    return p * TPR * gain - (1 - p) * FPR * loss
