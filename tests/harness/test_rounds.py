import numpy as np
import pytest
from scipy.stats import binom

from mlsyscore.harness import rounds
from mlsyscore.harness.rounds import follows, played, tables

LAW = {(0,): 0.5, (0, 1): 0.3, (1, 1): 0.15, (1, 0): 0.05}
KEYS, ODDS = list(LAW), tuple(LAW.values())


def draws(seed, n=2000, odds=ODDS):
    picks = np.random.default_rng(seed).choice(len(KEYS), n, p=odds)
    return [KEYS[i] for i in picks]


def test_what_follows_its_law_is_accepted_and_what_does_not_is_not():
    for seed in range(50):
        follows("it", draws(seed), LAW)
    for odds in ((0.4, 0.4, 0.15, 0.05), (0.5, 0.3, 0.05, 0.15), (1, 0, 0, 0)):
        with pytest.raises(AssertionError, match=r"Tokens a round: .* expected 1\.50"):
            follows("it", draws(0, odds=odds), LAW)
        with pytest.raises(AssertionError) as told:
            follows("it", draws(0, odds=odds), LAW, show=False)
        assert "1.5" not in str(told.value)
    with pytest.raises(AssertionError, match=r"\[7\] can never come"):
        follows("it", [*draws(0), (7,)], LAW)


@pytest.mark.parametrize("rare", [0.05, 0.003])
def test_a_right_answer_fails_as_rarely_as_is_said(rare, monkeypatch):
    """At limits that can be reached: the rate of false alarms is the limit's."""
    monkeypatch.setattr(rounds, "RARE", rare)
    rng = np.random.default_rng(9)
    odds = rng.dirichlet(np.ones(60))
    law = {(i,): float(p) for i, p in enumerate(odds)}
    high = 0
    runs = 1500
    for _ in range(runs):
        found = [(int(i),) for i in rng.choice(60, 1500, p=odds)]
        try:
            follows("it", found, law, show=False)
        except AssertionError as e:
            high += "closer" not in str(e)
    assert high <= binom.isf(1e-4, runs, rare)
    assert high >= binom.ppf(1e-4, runs, rare)


def test_what_is_no_draw_at_all_agrees_too_well():
    law = {(i, j): 1 / 64 for i in range(8) for j in range(8)}
    with pytest.raises(AssertionError, match="closer than chance"):
        follows("it", [key for key in law for _ in range(60)], law)


def test_rounds_are_read():
    P, Q = tables(1, 3)

    def answers(value):
        return lambda P, Q, start, k, runs, rng: value

    good = [[0], (1, 2), np.array([2, 1, 0])]
    assert played("it", answers(good), P, Q, 0, 2, 3, 5) == [(0,), (1, 2), (2, 1, 0)]
    for wrong, text in (
        ([[0]] * 2, "3 values are expected"),
        ([[0], [], [1]], "a round of 0 tokens; 1 to 3"),
        ([[0], [0] * 4, [1]], "a round of 4 tokens"),
        ([[0], [3], [1]], r"tokens are 0 to 2, not \(3,\)"),
        ([[0], [-1], [1]], "tokens are 0 to 2"),
        ([[0], [0.5], [1]], "whole numbers"),
        (None, "a list is expected"),
    ):
        with pytest.raises(AssertionError, match=text):
            played("it", answers(wrong), P, Q, 0, 2, 3, 5)


def test_tables_are_odds_and_their_draws_are_seeded():
    P, Q = tables(4, 5, 3.0)
    assert P.sum(1) == pytest.approx(np.ones(5))
    assert Q.sum(1) == pytest.approx(np.ones(5))
    assert np.abs(P - Q).max() > 0.1
    assert np.array_equal(P, tables(4, 5, 3.0)[0])

    def answer(P, Q, start, k, runs, rng):
        P[:] = Q[:] = 0  # the check keeps its own
        return [[int(t)] for t in rng.integers(0, 5, runs)]

    one, two, other = (played("it", answer, P, Q, 0, 1, 50, s) for s in (1, 1, 2))
    assert one == two != other
    assert P.sum() == pytest.approx(5)
