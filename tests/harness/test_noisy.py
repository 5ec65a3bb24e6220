"""A link's timings, and what an answer found in them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mlsyscore.harness.noisy import drawn, fitted, named, recovered, timings
from mlsyscore.network import Link
from mlsyscore.units import GB, us

LINK = Link(2 * us, 25 * GB)


def test_so_many_timings_of_each_size_are_wrong_and_named():
    n, T, bad = timings(np.random.default_rng(1), LINK, 20, slow=3, short=1)
    assert n.size == T.size == 12 * 20
    off = T / LINK.time(n)
    assert sorted(bad) == bad
    assert set(np.flatnonzero((off > 5) | (off < 0.2))) == set(bad)
    assert sum(off[bad] > 5) == 12 * 3
    assert np.std(np.log(np.delete(off, bad))) == pytest.approx(0.03, rel=0.2)


def test_an_answer_is_a_link_and_positions():
    assert fitted("", (LINK, np.array([3, 1])), 4) == (LINK, [1, 3])
    for answer in (None, LINK, (LINK,), ("a link", []), (LINK, [4]), (LINK, [1, 1])):
        with pytest.raises(AssertionError):
            fitted("", answer, 4)


def test_both_numbers_are_to_be_recovered():
    recovered("", Link(2.07 * us, 24.1 * GB), LINK)
    with pytest.raises(AssertionError, match=r"alpha: 1\.05 times .* large messages"):
        recovered("", Link(2.1 * us, 25 * GB), LINK)
    with pytest.raises(AssertionError, match=r"beta: 0\.94 times .* bad timings"):
        recovered("", Link(2 * us, 23.5 * GB), LINK)


def test_suspects_are_the_bad_timings_and_no_others():
    T = np.array([4, 40, 4, 0.4]) * us
    named("", [1, 3], [1, 3], T)
    with pytest.raises(
        AssertionError, match=r"1 bad timings are missed, one of 0\.4 µs"
    ):
        named("", [1], [1, 3], T)
    with pytest.raises(AssertionError, match="1 good timings are called suspects"):
        named("", [0, 1, 3], [1, 3], T)


def test_a_fit_is_drawn(monkeypatch):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gca()))
    n, T, bad = timings(np.random.default_rng(1), LINK)
    drawn(n, T, LINK, bad)
    assert [len(x.get_xdata()) for x in shown[0].lines[:2]] == [n.size, len(bad)]
    plt.close("all")
