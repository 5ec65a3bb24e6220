"""A week of minutes, and how pages are read and compared."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mlsyscore.harness.incidents import draw_week, minutes_of, must_page, spans


def test_a_week_has_incidents_of_two_kinds_and_blips():
    kinds = set()
    for seed in range(4):
        requests, errors, incidents = minutes_of(seed)
        assert len(requests) == len(errors) == 7 * 1440
        share = np.array(errors) / np.maximum(requests, 1)
        for (start, end), (after, _) in itertools.pairwise(incidents):
            assert end < after
            level, length = share[start:end].mean(), end - start
            assert (60 <= length < 120 and level > 0.02) or (
                500 <= length < 700 and 0.007 < level < 0.014
            )
            kinds.add(length < 120)
        inside = np.zeros(len(share), bool)
        for start, end in incidents:
            inside[start:end] = True
        blips = (share > 0.04) & ~inside
        assert 8 <= blips.sum() <= 60
        assert share[~inside & ~blips].mean() < 5e-4
    assert kinds == {True, False}
    assert minutes_of(1) == minutes_of(1) != minutes_of(2)


def test_spans_are_pairs_of_minutes():
    assert spans("", np.array([[1, 3], [5, 9]]), 9) == [(1, 3), (5, 9)]
    assert spans("", (), 9) == []
    for answer in (
        None,
        [1, 3],
        [(1, 3, 4)],
        [(3, 3)],
        [(-1, 2)],
        [(1, 10)],
        [(0.5, 2)],
    ):
        with pytest.raises(AssertionError):
            spans("", answer, 9)


def test_pages_are_compared():
    def pages(requests, errors, slo, rules):
        requests.clear()
        return [(1, 2)] if slo == 0.9 and rules == [(2, 1, 5)] else []

    counts = [5] * 4, [0, 5, 0, 0]
    must_page(pages, "", counts, 0.9, [(2, 1, 5)], [(1, 2)])
    assert len(counts[0]) == 4
    with pytest.raises(AssertionError, match=r"pages of minutes \[\]; \[\(1, 2\)\]"):
        must_page(pages, "", counts, 0.8, [(2, 1, 5)], [(1, 2)])


def test_a_week_is_drawn():
    requests, errors, incidents = minutes_of(1)
    draw_week(requests, errors, [(100, 130)], incidents)
    ax = plt.gca()
    assert len(ax.lines) == 2 + len(incidents)
    plt.close("all")
