"""Fairness: what two groups get from one rule, and how sure an audit can be.

Counts are of people; differences are group a's rate less group b's.  Arrays broadcast.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from .elementwise import ceil, every, expm1, larger, log, log1p, smaller, sqrt
from .ranges import (
    Count,
    Difference,
    Factor,
    Fraction,
    FractionBelow1,
    OpenFraction,
    Positive,
    PositiveFraction,
    Range,
    Ratio,
    Real,
    Signed,
    Single,
    hold,
    law,
)
from .units import Dollars, PerSecond

People = Annotated[float, "1", Range(0.0, 1e15)]  # four counts add up exactly
Scores = Annotated[ArrayLike, "1"]


@dataclass(frozen=True, slots=True)
class Confusion:
    """One group's decisions: true and false ones (t, f), to select or not (p, n).

    Counts of people, or what they weigh: shares, sample weights, expected counts.
    """

    tp: People
    fp: People
    fn: People
    tn: People

    def __post_init__(self) -> None:
        hold(self)


def _rate(k: Real, n: Real) -> Real:
    if not every(n > 0):
        raise ZeroDivisionError(f"a rate among {n} people")
    return k / n


@law
def tpr(g: Confusion) -> Fraction:
    """True positive rate, tp / (tp + fn).  FNR is 1 - TPR.  Source: definition."""
    return _rate(g.tp, g.tp + g.fn)


@law
def fpr(g: Confusion) -> Fraction:
    """False positive rate, fp / (fp + tn).  Source: definition."""
    return _rate(g.fp, g.fp + g.tn)


@law
def ppv(g: Confusion) -> Fraction:
    """Positive predictive value, or precision, tp / (tp + fp).  Source: definition."""
    return _rate(g.tp, g.tp + g.fp)


@law
def selection_rate(g: Confusion) -> Fraction:
    """Share of a group that is selected, (tp + fp) / all.  Source: definition."""
    return _rate(g.tp + g.fp, g.tp + g.fp + g.fn + g.tn)


@law
def base_rate(g: Confusion) -> Fraction:
    """Share that has what is predicted, p = (tp + fn) / all.  Source: definition."""
    return _rate(g.tp + g.fn, g.tp + g.fp + g.fn + g.tn)


@law
def accuracy(g: Confusion) -> Fraction:
    """Share of decisions that are right, (tp + tn) / all.  Source: definition."""
    return _rate(g.tp + g.tn, g.tp + g.fp + g.fn + g.tn)


@law
def parity_difference(a: Confusion, b: Confusion) -> Difference:
    """Demographic parity: difference of selection rates, whoever qualifies.

    Source: Calders, Kamiran and Pechenizkiy, ICDM Workshops (2009).
    """
    return selection_rate(a) - selection_rate(b)


@law
def disparate_impact(a: Confusion, b: Confusion) -> Fraction:
    """Demographic parity: the lower selection rate over the higher; 4/5 is the gate.

    Ignores chance: small groups fail by luck.  Source: EEOC, 29 CFR 1607.4 D (1978).
    """
    s, t = selection_rate(a), selection_rate(b)
    if not every(s + t > 0):
        raise ZeroDivisionError(f"nobody is selected: rates {s} and {t}")
    return smaller(s, t) / larger(s, t)


@law
def opportunity_difference(a: Confusion, b: Confusion) -> Difference:
    """Equal opportunity: difference of TPR.  Source: Hardt, Price and Srebro (2016)."""
    return tpr(a) - tpr(b)


@law
def equalised_odds_difference(a: Confusion, b: Confusion) -> Fraction:
    """Equalised odds: the larger of the gaps of TPR and of FPR, without sign.

    Source: Hardt, Price and Srebro, NeurIPS (2016).
    """
    return larger(abs(tpr(a) - tpr(b)), abs(fpr(a) - fpr(b)))


@law
def average_odds_difference(a: Confusion, b: Confusion) -> Difference:
    """Mean of the differences of TPR and of FPR; opposite gaps cancel.

    Source: Bellamy et al., AI Fairness 360, arXiv 1810.01943 (2018).
    """
    return (tpr(a) - tpr(b) + fpr(a) - fpr(b)) / 2


@law
def average_abs_odds_difference(a: Confusion, b: Confusion) -> Fraction:
    """Mean of the gaps of TPR and of FPR, without sign: 0 only for equalised odds.

    (|TPR_a - TPR_b| + |FPR_a - FPR_b|)/2; the book's average odds difference.
    Source: Bellamy et al. (2018).
    """
    return (abs(tpr(a) - tpr(b)) + abs(fpr(a) - fpr(b))) / 2


@law
def implied_fpr(p: FractionBelow1, PPV: PositiveFraction, FNR: Fraction) -> Fraction:
    """FPR that a base rate, PPV and FNR leave, p/(1 - p) (1 - PPV)/PPV (1 - FNR).

    At equal PPV and FNR, both below 1, unequal base rates force unequal FPR.  Raises
    ValueError if no rule has these.  An identity of any counts: that the published
    COMPAS tables agree with it says nothing about them.
    Source: Chouldechova, Big Data 5 (2017), eq. 2.6.
    """
    return p / (1 - p) * (1 - PPV) / PPV * (1 - FNR)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A rule: select who scores above ``at``, and of those who score it a share."""

    at: Real
    share: Fraction

    def __post_init__(self) -> None:
        hold(self)

    @law
    def rate(self, scores: Signed[Scores]) -> Fraction:
        """Share of people with these scores that the rule selects.

        P(S > at) + share P(S = at): a TPR if all of them qualify, an FPR if none does.
        Source: definition.
        """
        s, at = np.ravel(scores), np.expand_dims(self.at, -1)
        return ((s > at).sum(-1) + self.share * (s == at).sum(-1)) / s.size


@law
def opportunity_threshold(scores: Signed[Scores], TPR: Single[Fraction]) -> Threshold:
    """Equal opportunity: the rule with a TPR, from scores of a group's qualified.

    at: the score of rank TPR n, from the top;  share = (TPR n - above)/tied
    Exact for these people; for others of the group within sqrt(TPR (1 - TPR)/n).
    Ignores FPR, which a mix of two rules lowers where the ROC curve is not concave.
    Source: Hardt, Price and Srebro (2016).
    """
    ranked = np.sort(scores, axis=None)[::-1]
    if ranked.size == 0:
        raise ValueError("a threshold needs scores: 0 people qualify")
    wanted = TPR * ranked.size
    at = ranked[max(ceil(wanted), 1) - 1]
    above, tied = np.count_nonzero(ranked > at), np.count_nonzero(ranked == at)
    return Threshold(at, min((wanted - above) / tied, 1.0))


@law
def two_proportion_z(p_a: Fraction, n_a: Count, p_b: Fraction, n_b: Count) -> Real:
    """Standard errors between two rates, pooled: the test that they are equal.

    z = (p_a - p_b) / sqrt(p (1 - p) (1/n_a + 1/n_b)),  p the rate of both together
    Says how sure a gap is, not how large.  Needs about five of each kind in each group;
    raises ValueError where all or none of both were selected.
    Source: the book, chapter 16; z^2 is Pearson's chi-squared of the 2 x 2 table.
    """
    p = (n_a * p_a + n_b * p_b) / (n_a + n_b)
    return (p_a - p_b) / sqrt(p * (1 - p) * (1 / n_a + 1 / n_b))


@law
def gap_margin(
    p_a: Fraction, n_a: Count, p_b: Fraction, n_b: Count, z: Ratio = 1.96
) -> Ratio:
    """Half width of the interval (95 %) around the gap of two rates, unpooled.

    h = z sqrt(p_a (1 - p_a)/n_a + p_b (1 - p_b)/n_b)
    Wald's: covers too little for small groups and for rates near 0 or 1; a nominal 95 %
    is 75 % for ten people at 0.1 and 0.05.  Source: Agresti and Caffo, American
    Statistician 54 (2000), who add two of each kind to each group.
    """
    return z * sqrt(p_a * (1 - p_a) / n_a + p_b * (1 - p_b) / n_b)


@law
def audit_size(h: PositiveFraction, p: OpenFraction = 0.5, z: Ratio = 1.96) -> Ratio:
    """People to sample to know a group's p within h, z^2 p (1 - p)/h^2; round up.

    Ignores that the group is finite, which saves some.  p = 1/2 asks for the most; near
    0 or 1 the interval covers too little.  Source: Cochran, Sampling Techniques (1977).
    """
    return (z / h) ** 2 * p * (1 - p)


@law
def bonferroni(alpha: Fraction, m: Count) -> Fraction:
    """Level alpha/m of each of m tests, so that any false alarm has chance <= alpha.

    Wasteful where tests move together.  Source: Dunn, JASA 56 (1961).
    """
    return alpha / m


@law
def gap_after(k: Ratio, gap_0: Ratio, f: Ratio) -> Ratio:
    """Gap after k cycles that learn from their own decisions, far from 1: gap_0 f^k.

    Ignores that few are left to move: see share_after.  Source: the book, chapter 16.
    """
    return gap_0 * (1.0 * f) ** k  # a float, since an int to a large power has no end


@law
def cycles_to_breach(
    gap_0: Positive[Ratio], f: Factor, limit: Positive[Ratio]
) -> Ratio:
    """Cycles in which a gap reaches a limit: k = ln(limit/gap_0) / ln f.  Round up.

    Raises ValueError for f = 1, or a limit below the gap.  Inverse of ``gap_after``.
    Source: the book, chapter 16.
    """
    if not every(limit >= gap_0):
        raise ValueError(f"the gap {gap_0} is beyond its limit {limit} already")
    return log1p((limit - gap_0) / gap_0) / log(f)


@law
def share_after(k: Ratio, p_0: Fraction, f: Positive[Ratio]) -> Fraction:
    """Group a's share of decisions after k cycles, each by the last one's records.

    odds p/(1 - p) grow f-fold a cycle:  p_k = p_0 f^k/(1 - p_0 + p_0 f^k)
    f: records that a decision about a leaves, over those of one about b.  If it differs
    from cycle to cycle f^k is the product.  A share eps at random makes of p_0, before
    each cycle, (1 - eps) p_0 + eps p_fair.  Slower where older records count too.  A
    mean: of n decisions a cycle luck of the order of 1/sqrt(n) stays in the odds.
    Source: derived; the loop is that of Ensign et al., PMLR 81 (2018), in patrols.
    """
    return p_0 / (p_0 + (1 - p_0) * f**-k)


@law
def holding_exploration(
    p_t: OpenFraction, f: Factor, p_fair: FractionBelow1 = 0.5
) -> Fraction:
    """Share of decisions to make at random so that group a's share stays at p_t.

    eps = (p_t - q)/(p_t - p_fair),  q = p_t/(p_t + f (1 - p_t)) makes p_t of itself
    With less the share grows further.  About 1 - 1/f for p_fair << p_t << 1.  Raises
    ValueError if decisions at random leave a share above p_t already.
    Source: the fixed point of ``share_after`` with a share eps at random.
    """
    if not every(p_t > p_fair):
        raise ValueError(f"holds only what is above {p_fair}, and not {p_t}")
    return p_t * (1 - p_t) * (f - 1) / (p_t + f * (1 - p_t)) / (p_t - p_fair)


@law
def shards_touched(S: Count, r: Count) -> Ratio:
    """Shards of S that hold one of r random records: S (1 - (1 - 1/S)^r).

    Fewer, where requests gather in some shards.  Source: definition of independence.
    """
    return -S * expm1(r * log1p(-1 / S))


@law
def unlearning_cost(C: Dollars, S: Count, r: Count = 1) -> Dollars:
    """Cost of forgetting r records: the shards touched, each C/S to train again.

    C (1 - (1 - 1/S)^r).  Ignores checkpoints within a shard.
    Source: Bourtoule et al., Machine Unlearning (SISA), IEEE S&P (2021).
    """
    return -C * expm1(r * log1p(-1 / S))


@law
def oversight_bound(e: Fraction, s: Fraction) -> Fraction:
    """Best accuracy of a reader who lets a share s of a model's errors e pass: 1 - e s.

    Assumes that all other errors are mended, and no right answer is spoilt.
    Source: the book, chapter 16.
    """
    return 1 - e * s


@law
def exposure_rate(q: PerSecond, K: Ratio, eps: Fraction, M: Count) -> PerSecond:
    """Random impressions of each of M items, on a share eps of K slots: q K eps/M.

    A mean: at 2 an item, one in eight has none.  Source: the book, chapter 16.
    """
    return q * K * eps / M


@law
def decision_value(
    TPR: Fraction, FPR: Fraction, p: Fraction, gain: Dollars, loss: Dollars
) -> Signed[Dollars]:
    """Value per applicant of a rule, p TPR gain - (1 - p) FPR loss.

    Equal opportunity costs what it loses when the group's threshold moves.
    Source: the book, chapter 16.
    """
    return p * TPR * gain - (1 - p) * FPR * loss
