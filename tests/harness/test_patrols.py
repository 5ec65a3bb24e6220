"""A city whose districts are known by what patrols find there."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mlsyscore.harness.patrols import (
    JUMP,
    ROUNDS,
    WINDOWS,
    City,
    draw_city,
    excess,
    governed,
    rounds_patrolled,
)


def city(seed=1, **more):
    return City([0.1, 0.2], (0, 3), seed, **more)


def by(shares):
    """Return who asks for the same shares in every round, or for shares(round)."""

    def govern(city):
        for k in range(city.rounds):
            city.patrol(shares(k) if callable(shares) else shares)

    return govern


def due(k):
    return [0.1, 0.2] if k < JUMP else [0.3, 0.2]


def test_patrols_find_by_the_chance_of_their_district_and_of_the_round():
    c = city()
    rows = [c.patrol([1, 3]) for _ in range(ROUNDS)]
    sent, finds = np.array(rows).transpose(1, 0, 2)
    assert (sent.sum(axis=1) == c.patrols).all()
    assert sent.mean(axis=0) / c.patrols == pytest.approx([0.25, 0.75], abs=0.002)
    for part, want in ((slice(JUMP), [0.1, 0.2]), (slice(JUMP, None), [0.3, 0.2])):
        rate = finds[part].sum(axis=0) / sent[part].sum(axis=0)
        assert rate == pytest.approx(want, abs=0.003)


def test_who_knows_what_is_due_is_off_by_nothing_and_who_does_not_is():
    exact = governed("", by(due), city())
    assert exact == {name: pytest.approx(0, abs=1e-9) for name in WINDOWS}
    off = governed("", by([0.5, 0.5]), city())
    assert list(off.values()) == pytest.approx([0.5, 0.25])  # 1/2 for 1/3, 1/2 for 2/5
    stale = governed("", by([0.1, 0.2]), city())
    assert list(stale.values()) == pytest.approx([0, 2 / 3])  # 2/3 for 2/5


def test_a_lack_counts_as_an_excess_does():
    lack = governed("", by([5, 1, 1]), City([0.1, 0.1, 0.1], (0, 3), 1))
    assert list(lack.values()) == pytest.approx([8 / 7, 2 / 7])  # 1/7 for 1/5
    most = governed("", by([0, 1, 1]), City([0.1, 0.1, 0.1], (0, 3), 1))
    assert most["rounds 11 to 30"] == pytest.approx(1)  # nothing for 1/3


def test_the_excess_is_of_the_mean_share():
    c = city()
    by(lambda k: [2, 1] if k % 2 else [0, 3])(c)
    assert excess(c, 10, 30) == pytest.approx([0, 0])  # a mean of 1/3 and 2/3
    assert excess(c, 11, 12) == pytest.approx([1, -0.5])


def test_all_rounds_are_to_be_patrolled_and_no_more():
    with pytest.raises(AssertionError, match="1 of 60 rounds"):
        governed("", lambda c: c.patrol([1, 1]), city())
    c = city()
    by([1, 1])(c)
    assert rounds_patrolled(c) == ROUNDS
    with pytest.raises(RuntimeError, match="all 60 rounds are over"):
        c.patrol([1, 1])


@pytest.mark.parametrize(
    "shares", [[1], [1, 1, 1], [0, 0], [-1, 2], [float("nan"), 1], ["a", 1], 3, None]
)
def test_shares_that_are_none_are_refused_and_cost_no_round(shares):
    c = city()
    with pytest.raises(ValueError, match=r"shares"):
        c.patrol(shares)
    assert rounds_patrolled(c) == 0


def test_what_was_left_is_told_and_a_seed_gives_the_same_city():
    assert city().shares == [0.5, 0.5]
    assert city(shares=[0.0, 1.0]).shares == [0.0, 1.0]
    assert city(3).patrol([1, 2]) == city(3).patrol([1, 2])
    assert city(3).patrol([1, 2]) != city(4).patrol([1, 2])
    assert city(patrols=50).patrol([1, 0])[0] == [50, 0]


def test_a_city_is_drawn_with_what_is_due():
    c = city()
    by([1, 3])(c)
    draw_city(c)
    got, want = (line.get_ydata() for line in plt.gca().lines[:2])
    assert np.allclose(got, 0.25)
    assert np.allclose(want, [1 / 3] * JUMP + [0.6] * (ROUNDS - JUMP))
    plt.close("all")
