"""The published people, and what a rule on their scores comes to."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mlsyscore.harness import defendants as d

# ProPublica's notebook (2016) prints TN, FP, FN, TP of two years, any offence
PRINTED = {"Black": (990, 805, 532, 1369), "White": (1139, 349, 461, 505)}


@pytest.mark.parametrize("group", PRINTED)
def test_scores_add_up_to_the_published_table(group):
    yes, no = d.SCORES[group]
    TN, FP, FN, TP = PRINTED[group]
    assert (sum(no[:4]), sum(no[4:]), sum(yes[:4]), sum(yes[4:])) == (TN, FP, FN, TP)


@pytest.mark.parametrize("group", PRINTED)
def test_the_crossed_cells_add_up_to_the_same_table(group):
    own = [x for (race, _, _), x in d.INNOCENT.items() if race == group]
    TN, FP, _, _ = PRINTED[group]
    assert tuple(np.sum(own, axis=0)) == (FP, FP + TN)


def test_the_violent_table_has_the_published_rates():
    for group, want in {"Black": (38.14, 38.37), "White": (18.46, 62.62)}.items():
        tp, fp, fn, tn = d.VIOLENT[group]
        rates = round(100 * fp / (fp + tn), 2), round(100 * fn / (tp + fn), 2)
        assert rates == want


def test_each_innocent_person_is_there_once():
    people, flagged = d.innocent_people()
    rows = list(zip(*people.values(), flagged, strict=True))
    for cell, (k, n) in d.INNOCENT.items():
        assert (rows.count((*cell, 1)), rows.count((*cell, 0))) == (k, n - k)
    assert len(rows) == sum(n for _, n in d.INNOCENT.values())


def test_a_rule_s_rates_are_those_of_people_who_are_drawn():
    rng = np.random.default_rng
    table, q = ([30, 10, 60], [50, 140, 10]), [0.1, 0.5, 0.9]
    flags = [rng(1).binomial(counts, q, (40_000, 3)) for counts in table]
    TPR, FPR = (
        f.sum(axis=1).mean() / n for f, n in zip(flags, (100, 200), strict=True)
    )
    assert d.reached(table, q) == pytest.approx((FPR, TPR), abs=0.002)
    decided = flags[0].sum(axis=1) + 200 - flags[1].sum(axis=1)
    assert d.right(table, q) == pytest.approx(decided.mean(), abs=0.2)


def test_chances_are_read_and_clipped_by_rounding_only():
    assert d.chances("q", np.array([-1e-9, 1 + 1e-9, 0.5]), 3) == [0.0, 1.0, 0.5]
    for wrong in ([0.5, 1.1], [-0.1, 0.2], [0.1], ["a", 1], 0.5, [float("nan"), 0.1]):
        with pytest.raises(AssertionError):
            d.chances("q", wrong, 2)


def test_a_rate_is_a_number_or_none():
    d.rate("r", 0.25, 0.25)
    d.rate("r", None, None)
    for got, want in ((0.0, None), (None, 0.0), (float("nan"), None), (0.5, 0.25)):
        with pytest.raises(AssertionError):
            d.rate("r", got, want)
    with pytest.raises(AssertionError, match="twice"):
        d.rate("r", 0.5, 0.25, {2.0: "twice"})


def test_cells_are_read_in_any_order_and_once():
    row = ({"sex": "F", "age": "old"}, 1, 2)
    key = (("age", "old"), ("sex", "F"))
    assert d.cell_counts("c", (x for x in [row])) == {key: (1, 2)}
    assert d.cell_counts("c", []) == {}
    for wrong in ([row, row], [("sex", 1, 2)], [row[:2]], [({}, 0.5, 2)], 3, {"a": 1}):
        with pytest.raises(AssertionError):
            d.cell_counts("c", wrong)


def test_rules_are_drawn_where_they_lie():
    d.draw_rules({"Black": [0.0] * 4 + [1.0] * 6, "White": [0.5] * 10})
    lines = plt.gca().lines
    assert lines[1].get_xydata().ravel() == pytest.approx([805 / 1795, 1369 / 1901])
    assert lines[3].get_xydata().ravel() == pytest.approx([0.5, 0.5])
    assert lines[0].get_xdata().max() <= 1
    plt.close("all")
