import numpy as np
import pytest

from mlsyscore.harness import masks
from mlsyscore.harness.masks import Fleet, Streams


def test_a_stream_is_its_seed_s_and_is_counted():
    expand = Streams()
    assert (expand(5, 9)[:4] == expand(np.int64(5), 4)).all()
    assert (expand(5, 9) != expand(6, 9)).any()
    assert expand._seeds == [5, 5, 5, 6]
    assert expand(7, 3).dtype == np.uint32


@pytest.mark.parametrize(("seed", "n"), [(-1, 3), (0.5, 3), (1, -1), (1, 10**7)])
def test_a_stream_bears_whatever_is_asked(seed, n):
    with pytest.raises(ValueError, match="seed"):
        Streams()(seed, n)


def test_streams_are_bounded():
    expand = Streams()
    expand._seeds = [0] * 100_000
    with pytest.raises(ValueError, match="enough"):
        expand(1, 1)


def test_pairs_share_a_seed_and_sums_wrap():
    fleet = Fleet([3, 10, 4], 5, 1)
    assert fleet.seeds(3)[10] == fleet.seeds(10)[3] == fleet.between([10], [3])[10, 3]
    three, four = (fleet.x[i].astype(np.uint64) for i in (3, 4))
    assert (fleet.total([3, 4]) == (three + four) % 2**32).all()
    assert not fleet.total([]).any()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([1, 2], "3 values"),
        ([1, 2.5, 3], "whole numbers"),
        ([1, 2, -1], "modulo"),
        ([1, 2, 2**32], "modulo"),
        ([1, 2, "3"], "whole numbers"),
        (None, "a list"),
    ],
)
def test_what_are_no_words_is_said(answer, said):
    with pytest.raises(AssertionError, match=said):
        masks.words("t", answer, 3)


def test_words_of_any_kind_are_read():
    for kind in (list, np.uint32, np.int64, np.float64):
        x = [1, 2, 2**32 - 1]
        assert masks.words("t", x if kind is list else np.array(x, kind), 3)[2] == x[2]


def masked(x, me, own, pairs, expand):
    total = x + expand(own, len(x))
    for j, seed in pairs.items():
        mask = expand(seed, len(x))
        total = total + mask if me < j else total - mask
    return total


def unmask(messages, own, pairs, expand):
    total = sum(messages.values())
    for seed in own.values():
        total = total - expand(seed, len(total))
    for (i, j), seed in pairs.items():
        mask = expand(seed, len(total))
        total = total - mask if i < j else total + mask
    return total


@pytest.mark.parametrize(("gone", "seeds"), [([], 4), ([9], 6), ([2, 9, 5], 4)])
def test_a_sum_is_exact_and_its_seeds_are_counted(gone, seeds):
    fleet = Fleet([2, 9, 5, 7], 6, 3)
    assert masks.summed("t", masked, unmask, fleet, gone) == seeds


def plain(x, me, own, pairs, expand):
    masked(x, me, own, pairs, expand)
    return x


@pytest.mark.parametrize(
    ("mine", "theirs", "said"),
    [
        (plain, unmask, "as they are"),
        (lambda *a: masked(*a[:3], {}, a[4]), unmask, "3 of its seeds"),
        (masked, lambda *a: unmask(*a) + np.uint32(1), "6 of 6 words"),
        (masked, lambda *a: unmask(a[0], a[1], {}, a[3]), "6 of 6 words"),
        (masked, lambda *a: 1, "a list"),
        (masked, lambda *a: Fleet([2, 9, 5, 7], 6, 3).total(a[0]), "6 of 6 words"),
    ],
)
def test_what_is_no_masked_sum_is_said(mine, theirs, said):
    with pytest.raises(AssertionError, match=said):
        masks.summed("t", mine, theirs, Fleet([2, 9, 5, 7], 6, 3), [9])
