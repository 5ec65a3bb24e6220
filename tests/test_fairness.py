"""Fairness: published counts, another library, and people drawn at random."""

import inspect
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from fairlearn import metrics as fl
from fairlearn.postprocessing import ThresholdOptimizer
from scipy import optimize, stats
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score, precision_score

from mlsyscore import fairness as fa
from mlsyscore.fairness import Confusion, Threshold

rng, approx = np.random.default_rng, pytest.approx
NOBODY = Confusion(0, 0, 1, 1)
COMPAS = {  # ProPublica, "Compas Analysis" notebook (2016), its printed tables:
    # TN, FP, FN, TP; FPR %, FNR %, prevalence, PPV.  Medium or high risk is positive
    "all": (2681, 1282, 1216, 2035, 32.35, 37.40, 0.45, 0.61),
    "black": (990, 805, 532, 1369, 44.85, 27.99, 0.51, 0.63),
    "white": (1139, 349, 461, 505, 23.45, 47.72, 0.39, 0.59),
    "all, violent": (4121, 1597, 347, 389, 27.93, 47.15, 0.11, 0.20),
    "black, violent": (1692, 1043, 170, 273, 38.14, 38.37, 0.14, 0.21),
    "white, violent": (1679, 380, 129, 77, 18.46, 62.62, 0.09, 0.17),
}


def published(name):
    TN, FP, FN, TP, *_ = COMPAS[name]
    return Confusion(TP, FP, FN, TN)


@pytest.mark.parametrize("name", COMPAS)
def test_compas_rates_and_the_identity_between_them(name):
    g, (FPR, FNR, p, PPV) = published(name), COMPAS[name][4:]
    assert fa.fpr(g) == approx(FPR / 100, abs=5e-5)
    assert 1 - fa.tpr(g) == approx(FNR / 100, abs=5e-5)
    assert fa.base_rate(g) == approx(p, abs=5e-3)
    assert fa.ppv(g) == approx(PPV, abs=5e-3)
    ours = fa.implied_fpr(fa.base_rate(g), fa.ppv(g), 1 - fa.tpr(g))
    assert ours == approx(fa.fpr(g), rel=1e-12)


def test_compas_with_equal_ppv_and_fnr_would_still_have_unequal_fpr():
    p = np.array([fa.base_rate(published(name)) for name in ("black", "white")])
    assert fa.implied_fpr(p, 0.61, 0.37) == approx([0.427, 0.261], abs=1e-3)
    assert fa.implied_fpr(0.5, 1.0, 0.2) == 0  # perfect PPV: the way out
    assert fa.implied_fpr(0.5, 0.5, 0.0) == 1  # select everyone: another


def people(groups):
    """Write counts out as one (true, predicted, group) row a person."""
    rows = []
    for name, g in groups.items():
        for y, guess, k in ((1, 1, g.tp), (0, 1, g.fp), (1, 0, g.fn), (0, 0, g.tn)):
            rows += [(y, guess, name)] * k
    return (np.array(column) for column in zip(*rows, strict=True))


def test_another_library_finds_the_same_in_the_same_people():
    drawn = rng(0).integers(1, 40, (6, 4))
    groups = {i: Confusion(*k) for i, k in enumerate(drawn.tolist())}
    y, guess, who = people(groups)
    rates = {
        "tpr": fl.true_positive_rate,
        "fpr": fl.false_positive_rate,
        "selection_rate": fl.selection_rate,
        "ppv": precision_score,
        "accuracy": accuracy_score,
        "base_rate": lambda y, guess: np.mean(y),
    }
    frame = fl.MetricFrame(
        metrics=rates, y_true=y, y_pred=guess, sensitive_features=who
    )
    for name, theirs in frame.by_group.items():
        assert [getattr(fa, name)(g) for g in groups.values()] == approx(list(theirs))
    gaps = {
        fa.parity_difference: fl.demographic_parity_difference,
        fa.disparate_impact: fl.demographic_parity_ratio,
        fa.opportunity_difference: fl.equal_opportunity_difference,
        fa.equalised_odds_difference: fl.equalized_odds_difference,
    }
    for i, j in ((0, 1), (5, 4)):
        pair = (who == i) | (who == j)
        two = [y[pair], guess[pair]]
        for ours, theirs in gaps.items():
            found = abs(ours(groups[i], groups[j]))
            assert found == approx(theirs(*two, sensitive_features=who[pair]))
        mean = fl.equalized_odds_difference(
            *two, sensitive_features=who[pair], agg="mean"
        )
        ours = fa.average_abs_odds_difference(groups[i], groups[j])
        assert ours == approx(mean)


def test_differences_are_a_less_b_and_an_average_hides_what_cancels():
    a, b = Confusion(9, 1, 1, 9), Confusion(6, 4, 4, 6)
    assert fa.parity_difference(Confusion(6, 2, 1, 1), b) == approx(0.3)
    assert fa.disparate_impact(NOBODY, b) == fa.disparate_impact(b, NOBODY) == 0
    assert fa.opportunity_difference(a, b) == approx(0.3)
    assert fa.average_odds_difference(a, b) == approx(0)
    assert fa.equalised_odds_difference(a, b) == approx(0.3)
    both = Confusion(9, 5, 1, 5), Confusion(6, 4, 4, 6)  # gaps 0.3 and 0.1
    assert fa.average_odds_difference(*both) == approx(0.2)
    for pair, gap in (((a, b), 0.3), (both, 0.2), (both[::-1], 0.2)):  # no signs
        assert fa.average_abs_odds_difference(*pair) == approx(gap)


def every_threshold(alpha, beta):
    """Selection at each threshold of a calibrated score with a Beta distribution."""
    s = np.linspace(0.005, 0.995, 100)
    w = stats.beta.pdf(s, alpha, beta) / stats.beta.pdf(s, alpha, beta).sum()
    tp, fp = (np.cumsum(x[::-1])[::-1] for x in (w * s, w * (1 - s)))
    g = Confusion(tp, fp, tp[0] - tp, fp[0] - fp)
    keep = (fa.selection_rate(g) > 0.05) & (fa.selection_rate(g) < 0.95)
    return Confusion(tp[keep], fp[keep], (tp[0] - tp)[keep], (fp[0] - fp)[keep])


def least_gap(a, b, rates):
    """Over all pairs of thresholds, the least that the worst of the gaps can be."""
    return np.max([abs(r(a)[:, None] - r(b)) for r in rates], axis=0).min()


def test_no_pair_of_thresholds_meets_both_criteria_when_base_rates_differ():
    a, b = every_threshold(3, 2), every_threshold(2, 3)  # base rates 0.6 and 0.4
    assert least_gap(a, b, [fa.tpr, fa.fpr]) < 0.003  # odds alone can be equal
    assert least_gap(a, b, [fa.ppv]) < 0.003  # so can PPV
    impossible = least_gap(a, b, [fa.ppv, fa.tpr, fa.fpr])
    assert impossible == approx(0.081, abs=1e-3)  # but one is 8 points off, at best
    assert least_gap(a, a, [fa.ppv, fa.tpr, fa.fpr, fa.selection_rate]) == 0


def quantiles(mean, sd, n=100_000):
    """Scores of n people whose distribution is normal."""
    return stats.norm.ppf((np.arange(n) + 0.5) / n, mean, sd)


def test_the_books_threshold_for_equal_opportunity():
    # the book, chapter 16: those who repay score 0.72 +- 0.15 in A, 0.65 +- 0.16 in B;
    # at 0.60 their TPR are 0.79 and 0.62, and 0.52 brings B to A's
    A, B = quantiles(0.72, 0.15), quantiles(0.65, 0.16)
    both = [Threshold(0.6, 0.0).rate(x) for x in (A, B)]
    assert both == approx([0.79, 0.62], abs=0.005)
    rule = fa.opportunity_threshold(B, both[0])
    assert rule.at == approx(0.52, abs=0.005)
    assert rule.at == approx(stats.norm.ppf(1 - both[0], 0.65, 0.16), abs=1e-5)
    # the price among those who default, 0.40 +- 0.17: the book prints 0.28 and 0.38
    before, after = (x.rate(quantiles(0.4, 0.17)) for x in (Threshold(0.6, 0.0), rule))
    assert [before, after] == approx([0.1197, 0.2365], abs=1e-4)


@pytest.mark.parametrize("TPR", [0, 1e-9, 0.1, 0.25, 1 / 3, 0.6, 0.7, 0.999, 1])
def test_a_sweep_of_all_rules_finds_no_other_threshold(TPR):
    scores = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 9]  # ties of one, two and three
    ours = fa.opportunity_threshold(scores, TPR)
    exact = {
        at: (Fraction(TPR) * 12 - sum(s > at for s in scores)) / scores.count(at)
        for at in set(scores)
    }
    # at an end two thresholds do: all of those above are none of those below
    found = {at: share for at, share in exact.items() if -1e-12 <= share <= 1 + 1e-12}
    assert ours.at in found
    assert ours.share == approx(float(found[ours.at]), abs=1e-12)
    assert len(found) == 1 or (0 in found.values() and 1 in found.values())
    assert ours.share > 0 or TPR == 0


def test_a_rank_that_rounding_moved_is_that_rank():
    assert 0.07 * 100 > 7  # the seven best of a hundred, and nobody else
    assert fa.opportunity_threshold(range(100), 0.07) == Threshold(93.0, 1.0)


def test_people_at_the_threshold_are_drawn_by_lot():
    g, scores = rng(8), rng(9).integers(1, 6, 1000)  # five grades
    rule = fa.opportunity_threshold(scores, 0.7)
    draws = g.uniform(size=(400, 1000)) < rule.share
    selected = (scores > rule.at) | ((scores == rule.at) & draws)
    # 210 people by lot: sd 7 of 1000, in the mean of 400 draws 0.00035
    assert selected.mean() == approx(0.7, abs=0.0015)
    assert np.mean(scores > rule.at) < 0.68 < 0.72 < np.mean(scores >= rule.at)
    # others of the same group: within four of sqrt(0.7 0.3/1000)
    fresh = np.sort(rng(10).normal(size=1000))
    rule = fa.opportunity_threshold(rng(11).normal(size=1000), 0.7)
    assert 0.0 < abs(rule.rate(fresh) - 0.7) < 4 * np.sqrt(2 * 0.7 * 0.3 / 1000)


class Scorer(BaseEstimator):
    """A model whose prediction is the score itself."""

    def fit(self, x, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, x):
        return x[:, 0]


def graded(up, down):
    """People with grades 0, 1, ...: so many qualify (up), so many do not (down)."""
    y = np.concatenate([np.full(k, v) for ks, v in ((up, 1), (down, 0)) for k in ks])
    grade = np.concatenate(
        [np.full(k, i) for ks in (up, down) for i, k in enumerate(ks)]
    )
    return grade, y


def test_another_library_chooses_the_same_rule_for_each_group():
    # likelihood ratios that rise with the grade: concave ROC, one threshold a group
    A, B = graded([5, 20, 40, 85], [60, 40, 30, 10]), graded([10, 20, 30], [90, 50, 20])
    x, y = np.concatenate([A[0], B[0]])[:, None], np.concatenate([A[1], B[1]])
    who = np.repeat(["A", "B"], [len(A[0]), len(B[0])])
    theirs = ThresholdOptimizer(
        estimator=Scorer(),
        prefit=True,
        constraints="true_positive_rate_parity",
        predict_method="predict",
        grid_size=1000,
    ).fit(x, y, sensitive_features=who)
    chance = theirs._pmf_predict(x, sensitive_features=who)[:, 1]
    TPR = chance[(who == "A") & (y == 1)].mean()
    assert chance[(who == "B") & (y == 1)].mean() == approx(TPR)
    for name, (grade, label) in (("A", A), ("B", B)):
        rule = fa.opportunity_threshold(grade[label == 1], TPR)
        for value in (0, 1):  # their FPR, then their TPR
            here = chance[(who == name) & (y == value)].mean()
            assert rule.rate(grade[label == value]) == approx(here)
    with pytest.raises(ValueError, match="0 people"):
        fa.opportunity_threshold([], 0.5)


def test_many_rules_at_once_are_the_roc_curve():
    grade, y = graded([5, 20, 40, 85], [60, 40, 30, 10])
    all_rules = Threshold(np.arange(4), np.array([0.0, 1.0, 0.5, 0.0]))
    for value in (0, 1):
        each = [np.mean(grade[y == value] > t) for t in range(4)]
        at = [np.mean(grade[y == value] == t) for t in range(4)]
        each = [each[0], each[1] + at[1], each[2] + at[2] / 2, each[3]]
        assert all_rules.rate(grade[y == value]) == approx(each)


def exact(n, m, p_a, p_b):
    """Both rates of every pair of samples, and the probability of each pair."""
    i, j = np.arange(n + 1), np.arange(m + 1)
    w = np.outer(stats.binom.pmf(i, n, p_a), stats.binom.pmf(j, m, p_b))
    return *np.meshgrid(i / n, j / m, indexing="ij"), w


def test_level_of_the_pooled_z_test_by_enumeration():
    # a nominal 5 % is 5.2 % for large groups, 1.2 or 6.5 % where few are selected
    cases = ((1000, 1000, 0.5, 0.0517), (20, 20, 0.05, 0.0117), (200, 20, 0.02, 0.0646))
    for n, m, p, level in cases:
        a, b, w = exact(n, m, p, p)
        mixed = (a + b > 0) & (a + b < 2)
        z = fa.two_proportion_z(a[mixed], n, b[mixed], m)
        assert w[mixed][np.abs(z) > 1.96].sum() == approx(level, abs=1e-4)


def test_coverage_of_the_interval_by_enumeration():
    # a nominal 95 % is 75 % for ten people and rates near 0
    cases = ((1000, 0.7, 0.4, 0.950), (10, 0.7, 0.4, 0.934), (10, 0.1, 0.05, 0.753))
    for n, p_a, p_b, covered in cases:
        a, b, w = exact(n, n, p_a, p_b)
        inside = abs(a - b - (p_a - p_b)) <= fa.gap_margin(a, n, b, n) + 1e-12
        assert w[inside].sum() == approx(covered, abs=1e-3)


def test_z_squared_is_chi_squared_and_has_a_sign():
    table = [[70, 30], [80, 120]]
    chi2 = stats.chi2_contingency(table, correction=False).statistic
    assert fa.two_proportion_z(0.7, 100, 0.4, 200) == approx(np.sqrt(chi2))
    assert fa.two_proportion_z(0.4, 200, 0.7, 100) == approx(-np.sqrt(chi2))
    assert fa.gap_margin(0.7, 100, 0.4, 200, 2.576) == approx(
        2.576
        * np.sqrt(stats.binom.var(100, 0.7) / 1e4 + stats.binom.var(200, 0.4) / 4e4)
    )


@pytest.mark.parametrize(("h", "p", "z"), [(0.03, 0.5, 1.96), (0.02, 0.1, 2.576)])
def test_an_audit_of_that_size_comes_within_the_margin(h, p, z):
    n = int(np.ceil(fa.audit_size(h, p, z)))
    hits = abs(rng(0).binomial(n, p, 100_000) / n - p) <= h + 1e-12
    # the share of a lattice inside moves by a step of 2 pmf at the edges
    level = 2 * stats.norm.cdf(z) - 1
    step = 2 * stats.binom.pmf(round(n * (p + h)), n, p)
    assert hits.mean() == approx(
        level, abs=step + 4 * np.sqrt(level * (1 - level) / 1e5)
    )


def test_bonferroni_keeps_the_fleet_of_metrics_under_the_level():
    level = fa.bonferroni(0.05, 150)
    p = rng(1).uniform(size=(40_000, 150))
    any_alarm = np.mean((p < level).any(axis=1))
    assert any_alarm == approx(0.0488, abs=0.0043)  # four standard errors
    # if all 150 move as one the chance is that of one: 0.03 %
    assert np.mean(p[:, 0] < level) < 0.001


def test_a_gap_that_feeds_on_itself_breaches_when_the_law_says():
    for gap_0, f, limit in ((3.0, 1.1, 5.0), (0.02, 1.5, 0.3), (1.0, 2.0, 9.0)):
        gap, cycles = gap_0, 0
        while gap < limit:
            gap, cycles = gap * f, cycles + 1
        assert np.ceil(fa.cycles_to_breach(gap_0, f, limit)) == cycles
        assert fa.gap_after(cycles, gap_0, f) == approx(gap)
    assert fa.cycles_to_breach(5.0, 1.1, 5.0) == 0
    near = fa.cycles_to_breach(3.0, 1 + 1e-9, 3 * (1 + 2**-40))  # near-equals
    with mpmath.workdps(50):
        cycles = mpmath.log1p(mpmath.mpf(2) ** -40) / mpmath.log(mpmath.mpf(1 + 1e-9))
    assert near == approx(float(cycles), rel=1e-12)
    # an int to a large power has no end, and no float either; a shrinking gap has both
    with pytest.raises(ValueError, match="1000000000"):
        fa.gap_after(10**9, 1, 2)
    assert [fa.gap_after(10**9, 1, 0), fa.gap_after(0, 1, 0)] == [0, 1]
    with pytest.raises(ValueError, match="beyond its limit"):
        fa.cycles_to_breach(5.0, 1.1, 3.0)
    gap, cycles = 0.03, 0  # saturation delays it
    while gap < 0.5:  # growth slows as fewer people are left to be moved
        gap, cycles = gap + 0.1 * gap * (1 - gap), cycles + 1
    assert (cycles, np.ceil(fa.cycles_to_breach(0.03, 1.1, 0.5))) == (36, 30)


def patrols(p, rates, cycles, eps=0.0, n=1_000_000, seed=12):
    """Share of visits to district a, each cycle sent where the last one found most.

    A share eps of the visits goes to either district by the toss of a coin.
    """
    g, shares = rng(seed), [p]
    for _ in range(cycles):
        random = g.binomial(n, eps)
        a = g.binomial(n - random, p) + g.binomial(random, 0.5)
        found = g.binomial([a, n - a], rates)
        p = found[0] / found.sum()
        shares.append(p)
    return np.array(shares)


def test_patrols_that_follow_their_own_records():
    rates = (0.3, 0.2)  # half as much again is recorded of a visit to a
    k = np.arange(9)
    # luck: 6,000 are found in a at least, 1.3 % of error in the first cycle, then less
    for p_0 in (0.5, 0.02):
        seen = patrols(p_0, rates, 8)
        odds = fa.share_after(k, p_0, 1.5)
        assert seen / (1 - seen) == approx(odds / (1 - odds), rel=0.06)
        assert abs(np.log(seen / odds)).max() < 0.05
        rival = p_0 * 1.5**k  # the straight line: right while few visits go to a
        assert abs(np.log(seen / rival)).max() > 0.3
    few = patrols(1e-3, rates, 3, n=10**9)
    assert few == approx(fa.gap_after(np.arange(4), 1e-3, 1.5), rel=0.01)
    # another season, another ratio: the product of both
    mixed = patrols(patrols(0.1, (0.3, 0.2), 1)[-1], (0.2, 0.25), 1)[-1]
    assert mixed == approx(fa.share_after(1, 0.1, 1.5 * 0.8), rel=0.02)


@pytest.mark.parametrize("p", [0.65, 0.8, 0.9])
def test_visits_at_random_hold_the_share_where_the_law_says(p):
    eps = fa.holding_exploration(p, 1.5)
    for start in (0.5, 0.99):  # from both sides
        seen = patrols(start, (0.3, 0.2), 100, eps)
        # a cycle's luck is 0.001, and fades by a tenth or more each cycle
        assert seen[-40:].mean() == approx(p, abs=0.004)
    assert patrols(0.5, (0.3, 0.2), 100, eps * 0.9)[-40:].mean() > p + 0.004
    assert patrols(0.5, (0.3, 0.2), 100, eps * 1.1)[-40:].mean() < p - 0.004


def test_how_much_exploration_at_the_ends():
    assert fa.holding_exploration(0.7, 1) == 0  # nothing grows: nothing to hold
    # all of it at random still leaves a the share of its records, f/(1 + f)
    assert fa.holding_exploration(0.6, 1.5) == approx(1)
    with pytest.raises(ValueError, match=r"1\.5, .* result would be"):
        fa.holding_exploration(0.55, 1.5)
    for p in (1e-300, 0.5):  # a share that eps could only raise, or not move
        with pytest.raises(ValueError, match=r"above 0\.5, and not"):
            fa.holding_exploration(p, 1.5)
    assert fa.holding_exploration(1e-4, 1.1, 0) == approx(1 - 1 / 1.1, rel=1e-3)

    def one_cycle(eps, p, f, fair):  # by records, not by odds
        a = (1 - eps) * p + eps * fair
        return f * a / (f * a + (1 - a)) - p

    for p, f, fair in ((0.7, 1.5, 0.5), (0.3, 4.0, 0.05), (0.999, 1 + 1e-6, 0.5)):
        root = optimize.brentq(one_cycle, 0, 1, (p, f, fair), xtol=1e-15)
        assert fa.holding_exploration(p, f, fair) == approx(root, rel=1e-6)


def test_shares_near_the_ends_are_right_to_twelve_digits():
    with mpmath.workdps(50):
        for k, p, f in (
            (3, 1e-15, 1.1),
            (40, 0.3, 1.7),
            (2.5, 0.9, 0.2),
            (5e3, 0.5, 2),
        ):
            odds = mpmath.mpf(p) / (1 - mpmath.mpf(p)) * mpmath.mpf(f) ** k
            assert fa.share_after(k, p, f) == approx(
                float(odds / (1 + odds)), rel=1e-12
            )
    assert fa.share_after(0, 0.3, 7) == approx(0.3)
    assert [fa.share_after(9, p, 2) for p in (0, 1)] == [0, 1]


def shards_hit(draws, shards):
    hit = np.zeros((len(draws), shards), bool)
    hit[np.arange(len(draws))[:, None], draws] = True
    return hit.sum(axis=1)


def test_deletions_that_are_really_drawn_touch_that_many_shards():
    S, r, days = 100, 150, 20_000
    touched = shards_hit(rng(2).integers(S, size=(days, r)), S)
    ours = fa.shards_touched(S, r)
    assert ours == approx(touched.mean(), abs=4 * touched.std() / np.sqrt(days))
    bill = touched.mean() * (4.6e6 / S)  # each shard costs its share
    assert fa.unlearning_cost(4.6e6, S, r) == approx(bill, rel=1e-3)
    assert fa.unlearning_cost(4.6e6, S) == approx(46_000)
    for n, k in ((10**12, 7), (10**17, 3), (3, 5), (1, 4), (2, 100)):
        seen = n * (1 - (1 - Fraction(1, n)) ** k)
        assert fa.shards_touched(n, k) == approx(float(seen), rel=1e-12)
        assert fa.unlearning_cost(10.0, n, k) == approx(10 * float(seen / n), rel=1e-12)
    # records asked for as 1/rank of their shard touch 52 shards, not 78
    rank = 1 / np.arange(1, S + 1)
    uneven = shards_hit(rng(3).choice(S, (2000, r), p=rank / rank.sum()), S)
    assert [uneven.mean(), ours] == approx([51.8, 77.9], abs=0.4)


def test_readers_reach_the_bound_only_if_they_never_spoil_an_answer():
    n, g = 1_000_000, rng(4)
    errs, passes = g.uniform(size=n) < 0.05, g.uniform(size=n) < 0.7
    right = ~(errs & passes)
    # four standard errors of a share of 0.965: 0.0008; the book's radiologist
    assert fa.oversight_bound(0.05, 0.7) == approx(0.965)
    assert right.mean() == approx(fa.oversight_bound(0.05, 0.7), abs=0.0008)
    spoils = ~errs & (g.uniform(size=n) < 0.02)  # and overrules 2 % of right answers
    assert (right & ~spoils).mean() == approx(0.946, abs=0.001)  # the model alone: 0.95


def test_exploration_shows_each_item_so_often_on_average_and_an_eighth_never():
    items, users, slots = 20_000, 200_000, 20
    shown = rng(5).integers(items, size=rng(6).binomial(users * slots, 0.01))
    views = np.bincount(shown, minlength=items)
    mean = fa.exposure_rate(users, slots, 0.01, items)
    assert mean == approx(views.mean(), abs=0.04)  # 40,000 views: 0.5 % of 2
    assert np.mean(views == 0) == approx(0.135, abs=0.01)


def test_value_of_a_rule_for_applicants_who_repay_or_do_not():
    g, n = rng(7), 1_000_000
    repays = g.uniform(size=n) < 0.5
    for TPR, FPR, book in ((0.6, 0.2, 150), (0.9, 0.4, 75)):  # the price is 75 of 150
        lent = g.uniform(size=n) < np.where(repays, TPR, FPR)
        paid = np.where(repays, 1500, -3000) * lent
        ours = fa.decision_value(TPR, FPR, 0.5, 1500, 3000)
        assert ours == approx(book)
        assert ours == approx(paid.mean(), abs=4 * paid.std() / 1000)
    assert fa.decision_value(0.6, 0.2, 0.8, 10, 5) == approx(0.8 * 6 - 0.2 * 1)


def test_every_law_is_held_to_its_signature():
    for name, f in vars(fa).items():
        if inspect.isfunction(f) and f.__module__ == fa.__name__ and name[0] != "_":
            assert f.__wrapped__.__annotations__ == f.__annotations__
    with pytest.raises(ValueError, match=r"^tpr\(g = .*among 0 people"):
        fa.tpr(Confusion(0, 1, 0, 1))


def test_arrays_broadcast():
    x, k = np.array([0.2, 0.4]), np.array([3, 5])
    g, other = Confusion(k, k + 1, k + 2, 7), Confusion(1, 2, 3, 4)
    ones = [Confusion(i, i + 1, i + 2, 7) for i in (3, 5)]
    for law in (fa.tpr, fa.fpr, fa.ppv, fa.selection_rate, fa.base_rate, fa.accuracy):
        assert law(g) == approx([law(one) for one in ones])
    for law in (fa.disparate_impact, fa.equalised_odds_difference):
        assert law(g, other) == approx([law(one, other) for one in ones])
    for law, words in (
        (fa.implied_fpr, (x, 0.9, x)),
        (fa.two_proportion_z, (x, k, 0.5, 9)),
        (fa.gap_margin, (x, k, 0.5, 9)),
        (fa.cycles_to_breach, (x, 1 + x, 0.5)),
        (fa.shards_touched, (k, 4)),
    ):
        each = [[w[i] if np.ndim(w) else w for w in words] for i in range(2)]
        assert law(*words) == approx([law(*one) for one in each])


NAN, MIXED = float("nan"), np.array([0, 3])
ONE = Confusion(1, 1, 1, 1)
REFUSED = {
    Confusion: [(-1, 1, 1, 1), (1, -1, 1, 1), (1, 1, -1, 1), (1, 1, 1, -1), (NAN,) * 4],
    fa.tpr: [(Confusion(0, 1, 0, 1),), (Confusion(MIXED, 1, 0, 1),)],
    fa.fpr: [(Confusion(1, 0, 1, 0),)],
    fa.ppv: [(NOBODY,), (Confusion(MIXED, 0, 1, 1),)],
    fa.accuracy: [(Confusion(0, 0, 0, 0),)],
    fa.disparate_impact: [(NOBODY, NOBODY), (NOBODY, Confusion(MIXED, 0, 1, 1))],
    fa.opportunity_difference: [(ONE, Confusion(0, 1, 0, 1))],
    fa.implied_fpr: [
        *((0.5, 0.4, 0.0), (0.5, 1.2, 0.1), (0.5, MIXED / 4 + 0.2, 0.1), (1, 0.5, 0.5)),
        *((0.5, 1.2, 1.3), (0.5, 0, 0.5), (0.5, 0.5, -0.1), (NAN, 0.5, 0.5)),
    ],
    fa.two_proportion_z: [
        *((0.0, 9, 0.0, 9), (1.0, 9, 1.0, 9), (MIXED / 3, 9, 0.0, 9), (0.5, 0, 0.4, 9)),
        *((1.2, 9, 0.5, 9), (0.5, 9, -0.1, 9), (0.5, 9.5, 0.4, 9)),
    ],
    fa.gap_margin: [(1.2, 9, 0.5, 9), (0.5, 9, 1.2, 9), (0.5, 9, 0.5, 9, -1.96)],
    fa.audit_size: [(0.01, 1.5), (0.01, 0), (0.01, 1), (0,), (1.1,), (-0.01,)],
    fa.bonferroni: [(0.05, 0), (1.05, 3), (0.05, -150), (0.05, 1.5)],
    fa.oversight_bound: [(2, 0.9), (0.9, 2), (-0.1, 0.5)],
    fa.exposure_rate: [(1, 20, 1.5, 9), (1, 20, 0.5, 0), (-1, 20, 0.5, 9)],
    fa.decision_value: [(1.1, 0, 0, 1, 1), (0, 1.1, 0, 1, 1), (0, 0, 1.1, 1, 1)],
    fa.cycles_to_breach: [(0.0, 2, 1), (1, 1, 2), (1, 0.9, 2), (2, 2, 1), (NAN, 2, 1)],
    fa.gap_after: [(-1, 1, 2), (1, -1, 2), (1, 1, -2), (5000, 1, 2), (1e6, 1, 1.1)],
    fa.share_after: [(-1, 0.5, 2), (1, 1.5, 2), (1, 0.5, 0), (1, 0.5, -2)],
    fa.holding_exploration: [
        *((0.5, 1.5), (0.4, 1.5), (1, 1.5), (0.7, 0.9), (0.7, 1.5, -0.1)),
        (np.array([0.4, 0.7]), 1.5),
    ],
    fa.shards_touched: [(0, 1), (9, 0), (9, -1), (9.5, 1)],
    fa.unlearning_cost: [(1, 0), (-1, 9), (1, 9, -1)],
    Threshold: [(NAN, 0.5), (0.5, 1.1), (0.5, -0.1)],
    Threshold(0.5, 0.5).rate: [([],), ([NAN],)],
    fa.opportunity_threshold: [([], 0.5), ([0.5], 1.1), ([0.5], -0.1), ([NAN], 0.5)],
}


@pytest.mark.parametrize(
    ("law", "words"), [(f, x) for f in REFUSED for x in REFUSED[f]]
)
def test_input_that_would_give_a_plausible_wrong_answer_is_refused(law, words):
    with pytest.raises(ValueError, match=r"\d|nan"):
        law(*words)
