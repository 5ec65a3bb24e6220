import numpy as np
import pytest
from scipy.stats import binom, binomtest, norm

from mlsyscore.harness import voters
from mlsyscore.harness.voters import Voter, beyond, claimed


def certify(voter, n0, n, alpha, side=1, name_by=0, count=1, floor=0.5):
    drawn = [voter.votes(n0), voter.votes(n)]
    c = int(np.argmax(drawn[name_by]))
    k, n = (drawn[1][c], n) if count else (drawn[0][c] + drawn[1][c], n0 + n)
    kind = ("greater", "two-sided")[side - 1]
    low = binomtest(k, n, alternative=kind).proportion_ci(1 - alpha).low
    return (c, voter.sigma * norm.ppf(low)) if low > floor else None


def test_the_bound_is_where_so_many_votes_have_the_chance_alpha():
    for k, n, alpha in ((1, 7, 0.2), (300, 400, 0.001), (50, 50, 0.05)):
        p = voters._lower(k, n, alpha)
        assert binom.sf(k - 1, n, p) == pytest.approx(alpha, rel=1e-6)
    assert voters._lower(0, 9, 0.1) == 0


def test_an_honest_answer_passes_and_abstains_where_it_must():
    for seed in range(30):
        claimed("t", certify, Voter([0.5, 0.3, 0.2], 2.0, seed), 20, 90, 0.01)
    c, R = claimed("t", certify, Voter([0, 1], 0.5, 1), 5, 100, 0.05)
    assert c == 1
    assert pytest.approx(0.5 * norm.ppf(0.05**0.01)) == R


def all_of(**broken):
    for seed in range(60):
        voter = Voter([0.38, 0.62], 1.0, seed)
        claimed("t", lambda *a: certify(*a, **broken), voter, 9, 60, 0.05)


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ({"side": 2}, "one side|abstain"),
        ({"name_by": 1}, "votes name"),
        ({"count": 0}, "do not count|abstain"),
        ({"floor": 0.3}, "not above 1/2"),
        ({"floor": 0.6}, "you abstain"),
    ],
)
def test_broken_answers_are_told(broken, text):
    with pytest.raises(AssertionError, match=text):
        all_of(**broken)


def test_votes_are_fresh_and_as_many_as_asked():
    for wrong in (
        lambda v, n0, n, a: v.votes(n0),
        lambda v, n0, n, a: [v.votes(n), v.votes(n0)],
        lambda v, n0, n, a: [v.votes(n0), v.votes(n), v.votes(1)],
    ):
        with pytest.raises(AssertionError, match="votes were drawn"):
            claimed("t", wrong, Voter([0.2, 0.8], 1.0, 1), 3, 8, 0.05)
    voter = Voter([0.2, 0.8], 1.0, 1)
    for n in (0, 1.5, "3", voters.MOST + 1):
        with pytest.raises(ValueError, match="vote"):
            voter.votes(n)
    assert sum(voter.votes(np.int64(7))) == 7


def test_the_share_of_claims_beyond_the_truth():
    pictures = [Voter([0.8, 0.2], 1.0, seed) for seed in range(400)]
    wrong = beyond(certify, pictures, 10, 60, 0.05)
    assert wrong < 42  # 20 at most on average; 42 or more once in 10^5 times
    pictures = [Voter([0.8, 0.2], 1.0, seed) for seed in range(400)]
    assert beyond(certify, pictures, 10, 60, 0.3) > 60
    assert Voter([0.1, 0.9], 2.0, 1)._radius(1) == pytest.approx(2 * norm.ppf(0.9))
