"""The guard that reads a signature: what passes it, what does not, and as what."""

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction as Quotient

import numpy as np
import pytest

from mlsyscore.ranges import (
    BELOW_1,
    EXACT,
    FIRST,
    FROM_0,
    LAST,
    Count,
    Difference,
    Fraction,
    Positive,
    Range,
    Ratio,
    Real,
    Signed,
    Single,
    Whole,
    hold,
    kind,
    law,
    span,
)
from mlsyscore.units import Bytes, Seconds


@law
def seen(x: Real, n: Whole = 2, f: Fraction = 0.5) -> Real:
    """What arrives."""
    seen.got = x, n, f
    return x * 1.0


@law
def share(x: Real) -> Fraction:
    """Give x back as a share."""
    return x


@law
def counted(x: Real) -> Whole:
    """Give x back as a count."""
    return x


@law
def inverse(x: Ratio) -> Positive[Seconds]:
    """Has a pole."""
    return 1 / x


@law
def lonely(x: Single[Positive[Ratio]]) -> Ratio:
    """One at a time."""
    return x


@dataclass(frozen=True, slots=True)
class Thing:
    """Two numbers and another thing."""

    a: Positive[Bytes]
    n: Count = 3
    of: object = None

    def __post_init__(self) -> None:
        hold(self)

    @law
    def times(self, k: Count) -> Bytes:
        """k a."""
        return k * self.a


@dataclass(frozen=True)
class Box:
    """Holds a thing, and no number."""

    of: Thing

    def __post_init__(self) -> None:
        hold(self)


@law
def on(thing: Thing, x: Ratio) -> Bytes:
    """Take a thing and a number."""
    return thing.a * x


def test_an_alias_says_its_range_in_words():
    words = {Positive[Seconds]: "above 0", Seconds: "0 or more", Real: "finite"}
    words |= {Fraction: "from 0 to 1", Count: "1 or more", Difference: "from -1 to 1"}
    assert {repr(span(hint)) for hint in words} == set(words.values())
    assert repr(Range(FIRST, BELOW_1)) == "above 0 to below 1"
    assert repr(Range(0.25, 8)) == "from 0.25 to 8"
    assert (span(Signed[Seconds]), span(Thing), span(float)) == (
        Range(-LAST, LAST),
        None,
        Range(-LAST, LAST),
    )
    assert (kind(Count), kind(Seconds), kind(Thing)) == (int, float, Thing)


@pytest.mark.parametrize(
    ("x", "there"),
    [
        (2, 2),
        (2.5, 2.5),
        (True, 1),
        (np.float32(0.5), 0.5),
        (np.int64(2**62 + 1), 2**62 + 1),
        (np.array(3), 3.0),
        (Quotient(1, 4), 0.25),
        (Decimal("0.1"), 0.1),
    ],
)
def test_one_number_of_any_kind_arrives_as_pythons(x, there):
    result = seen(x, 4)
    assert type(result) is float
    assert seen.got == (there, 4, 0.5)
    assert [type(v) in (int, float) for v in seen.got] == [True] * 3


def test_arrays_and_lists_arrive_as_floats():
    for x in ([1, 2], (1, 2), np.array([1, 2]), np.array([1.0, 2.0])):
        assert seen(x, x).tolist() == [1.0, 2.0]
        assert [v.dtype for v in seen.got[:2]] == [float, float]


def test_a_whole_number_may_be_written_as_a_float():
    seen(0.0, 7e9)
    assert seen.got[1] == 7_000_000_000
    assert type(seen.got[1]) is int
    for n in (2.5, [1, 2.5]):
        with pytest.raises(ValueError, match=r"n = .*2\.5.*whole number"):
            seen(0.0, n)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((math.nan,), "x = nan"),
        ((math.inf,), "x = inf"),
        ((10**400,), "x = 1000"),
        ((0.0, -1), "n = -1, where 0 or more is needed"),
        ((0.0, 0, 1.5), "f = 1.5, where from 0 to 1 is needed"),
        ((0.0, 0, [0.2, -0.5, 7.0]), "f = -0.5"),
        (("many",), "x = many, where a number"),
        ((None,), "x = nan"),
        ((2j,), "x = 2j, where a number"),
    ],
)
def test_what_is_outside_is_named(args, said):
    with pytest.raises(ValueError, match=said):
        seen(*args)


def test_a_law_runs_once():
    ran = []

    @law
    def made(x: Ratio) -> Thing:
        """Make a thing."""
        ran.append(x)
        return Thing(x)

    assert made(2.0) == Thing(2.0)
    assert ran == [2.0]


def test_names_and_defaults_work_as_in_any_function():
    seen(x=1.0, f=0.25)
    assert seen.got == (1.0, 2, 0.25)
    with pytest.raises(TypeError):
        seen()
    with pytest.raises(TypeError):
        seen(1.0, m=3)
    assert seen.__name__ == "seen"
    assert seen.__doc__ == "What arrives."


def test_a_result_outside_its_range_is_refused_with_the_arguments():
    with pytest.raises(ValueError, match=r"share\(x = 1.5\).*1.5"):
        share(1.5)
    with pytest.raises(ValueError, match=r"inverse\(x = 0\).*zero"):
        inverse(0)
    with pytest.raises(ValueError, match=r"inverse\(x = 5e-324\).*inf"):
        inverse(FIRST)
    with pytest.raises(ValueError, match="inf"):
        inverse(np.array([1.0, 0.0]))


def test_rounding_leaves_a_share_at_its_end_and_no_more():
    assert share(1 + 1e-12) == 1.0
    assert share(-1e-12) == 0.0
    assert share(np.array([1 + 1e-12, 0.5])).tolist() == [1.0, 0.5]
    for x in (1 + 1e-8, -1e-8):
        with pytest.raises(ValueError, match="share"):
            share(x)


def test_a_count_is_an_int_and_an_array_of_counts_is_of_ints():
    assert (counted(3.0), type(counted(3.0))) == (3, int)
    assert counted(2**70) == 2**70
    assert counted([1, 2]).dtype == np.int64
    assert counted([1, EXACT]).tolist() == [1, 2**53]
    for x in (2.5, [1, 2.5]):
        with pytest.raises(ValueError, match="whole"):
            counted(x)
    with pytest.raises(ValueError, match="53"):
        counted([1, 2.0**54])


def test_single_takes_no_array():
    assert lonely(2.0) == 2.0
    with pytest.raises(ValueError, match="one number, not an array"):
        lonely([1.0, 2.0])


def test_a_thing_holds_its_fields():
    assert Thing(2.0).times(3) == 6.0
    thing = Thing(np.float64(2), np.int64(4))
    assert (type(thing.a), type(thing.n)) == (float, int)
    assert Thing([1, 2]).a.tolist() == [1, 2]
    for bad, said in (((0.0,), "a = 0.0"), ((1.0, 0), "n = 0"), ((1.0, 1.5), "whole")):
        with pytest.raises(ValueError, match=said):
            Thing(*bad)
    with pytest.raises(ValueError, match="k = 0"):
        Thing(1.0).times(0)


def test_a_thing_passes_untouched():
    thing = Thing(2.0)
    assert on(thing, 3) == 6.0
    assert on(thing, np.array([1.0, 2.0])).tolist() == [2.0, 4.0]
    assert span(FROM_0) is None
    assert Box(thing).of is thing
