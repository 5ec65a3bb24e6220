"""Chapter 16: its answers were run, and its laws are those of the package."""

from fractions import Fraction

import numpy as np
import pytest
from fairlearn import metrics as fl
from played import answers_run, played
from scipy.spatial import ConvexHull
from sklearn.metrics import precision_score

from mlsyscore import fairness as fa
from mlsyscore.fairness import Confusion

STEM = "16_responsible_ai"
GROUPS = ("Black", "White")


def test_the_answers_were_run():
    answers_run(STEM)


def people():
    """The published people: what happened, what was flagged, who."""
    c, rows = played(STEM), []
    for group in GROUPS:
        for y, table in ((1, c["OFFENDED"]), (0, c["INNOCENT"])):
            for score, k in enumerate(table[group], 1):
                rows += [(y, score >= 5, group)] * int(k)
    return (np.array(column) for column in zip(*rows, strict=True))


def test_rates_are_the_package_s_and_another_library_s():
    c = played(STEM)
    y, flagged, who = people()
    frame = fl.MetricFrame(
        metrics={
            "FPR": fl.false_positive_rate,
            "FNR": fl.false_negative_rate,
            "PPV": precision_score,
            "flagged": fl.selection_rate,
        },
        y_true=y,
        y_pred=flagged.astype(int),
        sensitive_features=who,
    ).by_group
    for group in GROUPS:
        r = c["rates"](*c["four_counts"](group))
        for name in frame:
            assert r[name] == pytest.approx(frame.loc[group, name])
        g = Confusion(*c["four_counts"](group))
        ours = [fa.fpr(g), 1 - fa.tpr(g), fa.ppv(g), fa.base_rate(g)]
        assert ours == pytest.approx([r[k] for k in ("FPR", "FNR", "PPV", "base rate")])
        assert fa.selection_rate(g) == pytest.approx(r["flagged"])
        assert fa.accuracy(g) == pytest.approx(r["right"])


def test_the_published_tables():
    c = played(STEM)
    assert c["four_counts"]("Black") == [1369, 805, 532, 990]
    assert c["four_counts"]("White") == [505, 349, 461, 1139]
    (tp, fp, fn, tn) = (Fraction(k) for k in c["four_counts"]("Black"))
    r = c["rates"](tp, fp, fn, tn)
    assert c["implied_fpr"](r["base rate"], r["PPV"], r["FNR"]) == fp / (fp + tn)


def test_rules_with_an_equal_ppv_and_one_more_rate_lie_inside_the_hull():
    c = played(STEM)
    y, n = c["OFFENDED"]["Black"], c["INNOCENT"]["Black"]
    v, m = c["four_counts"]("White")[:2]
    for TPR in c["rows_equal"].values():
        FPR = c["per"] * TPR
        assert FPR < TPR < np.interp(FPR, *c["hull"]("Black"))
        ppv = TPR * y.sum() / (TPR * y.sum() + FPR * n.sum())
        assert ppv == pytest.approx(v / (v + m))


@pytest.mark.parametrize("p", [0.1, 0.39, 0.9])
def test_the_identity_is_the_package_s(p):
    ours = played(STEM)["implied_fpr"](p, 0.95, 0.4)
    assert ours == pytest.approx(fa.implied_fpr(p, 0.95, 0.4))


def test_crossed_counts_add_up():
    c = played(STEM)
    for group in GROUPS:
        flagged, innocent = np.sum(c["SEXES"][group], axis=0)
        _, fp, _, tn = c["four_counts"](group)
        assert (flagged, innocent) == (fp, fp + tn)


@pytest.mark.parametrize("group", GROUPS)
def test_the_hull_is_scipy_s(group):
    c = played(STEM)
    points = np.column_stack(c["clouds"][group])
    corners = points[ConvexHull(points).vertices]
    upper = corners[corners[:, 1] > corners[:, 0] + 1e-12]
    FPR, TPR = c["hull"](group)
    assert np.interp(upper[:, 0], FPR, TPR) == pytest.approx(upper[:, 1])


def test_the_matched_thresholds_are_the_package_s_rule():
    c = played(STEM)
    scores = np.repeat(np.arange(1, 11), c["OFFENDED"]["White"])
    y, _ = c["outcome"]("Black", c["placed"]["TPR"]["Black"])
    share = y / c["OFFENDED"]["Black"].sum()
    rule = fa.opportunity_threshold(scores, share)
    position = c["placed"]["TPR"]["White"]
    assert rule.at == 10 - int(position)
    assert rule.share == pytest.approx(position % 1, abs=2e-3)


def test_z_and_the_audit_s_size():
    c = played(STEM)
    gap, z = c["two_rates"](805, 1795, 349, 1488)
    assert z == pytest.approx(fa.two_proportion_z(805 / 1795, 1795, 349 / 1488, 1488))
    n = c["audit"](0.3, 0.05, 0.5)
    half_width = fa.gap_margin(0.3, round(n / 2), 0.3, round(n / 2), 2.8)
    assert half_width == pytest.approx(0.05, rel=1e-3)
    assert gap == pytest.approx(100 * (0.4485 - 0.2345), abs=0.01)


def test_the_loop_is_the_package_s():
    c = played(STEM)
    assert c["law"] == pytest.approx(fa.share_after(20, 0.5, 1.1))
    # the law holds what the finds ask for; the page holds what the district gets
    assert c["random"] == pytest.approx(fa.holding_exploration(c["asked"], 1.1))
    s = c["played"]["the last, 5 % at random"][:, -1].mean()
    assert 0.524 < s < c["level_at"] == pytest.approx(0.79, abs=0.005)


def test_the_book_s_gap_breaches_at_cycle_6():
    assert 5 < fa.cycles_to_breach(3.0, 1.1, 5.0) < 6
