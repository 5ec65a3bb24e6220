"""What a lab's check accepts, what it refuses, and what it says to the student."""

import math
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

from mlsyscore.checks import close, number, same
from mlsyscore.units import GB, GiB, ms, us


def said(check, *args, **options):
    """Return what a check that fails says."""
    with pytest.raises(AssertionError) as failure:
        check(*args, **options)
    return str(failure.value)


NUMBERS = [3, 3.0, 2**80, np.float32(3), np.int64(3), np.uint8(3), np.array(3.0)]
NUMBERS += [Fraction(3, 4), Decimal("2.5"), torch.tensor(3), torch.tensor(3.0)]


@pytest.mark.parametrize("got", NUMBERS, ids=repr)
def test_a_number_comes_back_as_a_float(got):
    assert type(number("T", got)) is float
    assert number("T", got) == got


NO_NUMBERS = [True, np.True_, np.array(True), "3", np.str_("3"), b"3", None, 3j]
NO_NUMBERS += [torch.ones(1), torch.float32]
NO_NUMBERS += [np.complex128(3), [3.0], (3.0,), np.array([3.0]), np.ones(2), len]


@pytest.mark.parametrize("got", NO_NUMBERS, ids=repr)
def test_no_number_is_refused_with_its_type(got):
    text = said(number, "T", got)
    assert text.startswith(f"T: one number is expected, not {type(got).__name__}")
    assert said(close, "T", got, 3.0) == text


@pytest.mark.parametrize(
    "got", [math.nan, -math.inf, np.float32("nan"), Decimal("nan")]
)
def test_a_number_is_finite(got):
    assert said(number, "T", got) == f"T: a finite number is expected, not {got}"


def test_a_long_answer_is_cut_short():
    assert len(said(number, "T", "x" * 10_000)) < 120


@pytest.mark.parametrize("want", [0.0, 3.0, -3.0, 7e11])
def test_close_is_close(want):
    close("T", want, want)
    close("T", want * (1 + 9e-7), want)
    close("T", want * 1.009, want, rel=0.01)
    far = want * (1 + 2e-6) + (want == 0) * 1e-12
    assert "is expected" in said(close, "T", far, want)


def test_close_says_both_values_in_the_unit_and_that_ratio_is_no_slip():
    text = said(close, "the step", 4.7 * ms, 3.5 * ms, "ms")
    assert text == "the step: you have 4.7 ms; 3.5 ms is expected."
    assert "4.7 tokens; 3.5 tokens" in said(close, "the step", 4.7, 3.5, "tokens")


PLAY = [(8 * 3.0, "bits for bytes"), (3.0 / 8, "bytes for bits")]
PLAY += [(2 * 3.0, "both directions"), (3.0 * ms / us, "a prefix")]
PLAY += [(3.0 * GiB / GB, "GiB for GB"), (3.0 * 2**20 / 1e6, "MiB for MB")]


@pytest.mark.parametrize(("got", "slip"), PLAY)
def test_close_names_the_slip_that_the_ratio_gives_away(got, slip):
    assert said(close, "n", got, 3.0, "B").endswith(f": {slip}?")
    assert "ratio" not in said(close, "n", 1.01 * got, 3.0, "B")


@pytest.mark.parametrize(("got", "slip"), PLAY)
@pytest.mark.parametrize("unit", ["", "hops", "$", "s", "us", "GB/s"])
def test_a_slip_is_offered_only_where_the_unit_has_it(got, slip, unit):
    """No MiB of microseconds, no second direction of hops, no bytes of dollars."""
    rates = {"GB/s": True, "s": slip == "a prefix", "us": slip == "a prefix"}
    size = us if unit == "us" else 1.0
    text = said(close, "n", got * size, 3.0 * size, unit)
    assert (slip in text) == rates.get(unit, False)


@pytest.mark.parametrize("error", [1e-2, 1e-6, 1e-10, 1e-14])
def test_two_values_that_differ_are_printed_so_that_they_do(error):
    text = said(close, "n", 2.84112 * (1 + error), 2.84112, "MB", rel=0)
    has, wanted = re.findall(r"([\d.e-]+) MB", text.replace("you have ", ""))
    assert has != wanted
    assert float(has) > float(wanted)
    text = said(same, "x", np.array([1.0, 2.84112 * (1 + error)]), [1, 2.84112], rel=0)
    has, wanted = re.findall(r"is ([\d.]+) and not ([\d.]+)", text)[0]
    assert has != wanted


def test_a_check_may_know_slips_of_its_own():
    own = {3: "per node for per device", 8: "eight devices counted twice"}
    assert said(close, "n", 9.0, 3.0, "B", own).endswith("per node for per device?")
    assert "bits for bytes" not in said(close, "n", 24.0, 3.0, "B", own)
    assert "bits for bytes" in said(
        close, "n", 24.0, 3.0, "B"
    )  # and leaves none behind


def test_unless_shown_the_value_expected_is_not_said():
    close("T", 3.1415926, 3.1415926, show=False)
    text = said(close, "T", 5.5 * ms, 3.1415926 * ms, "ms", show=False)
    assert text == "T: you have 5.5 ms; that is not it."
    slipped = said(close, "T", 8 * 3.1415926, 3.1415926, "B", show=False)
    assert "bits for bytes" in slipped  # who is off by 8 may know it
    assert "3.14" not in slipped
    text = said(same, "v", np.array([1.0, 5.5]), [1.0, 3.1415926], show=False)
    assert "5.5" in text
    assert "3.14" not in text


def test_same_takes_an_array_like_the_one_expected():
    same("v", np.array([1, 2, 3]), [1.0, 2.0, 3.0])
    same("v", np.array([[0.0, 1e9]]) * (1 + 1e-10), [[0.0, 1e9]])
    same("v", np.array([1.009]), [1.0], rel=0.01)
    same("v", np.empty(0), [])


def test_same_names_the_first_wrong_index():
    text = said(same, "v", np.array([1.0, 2.0, 4.5, 5.5]), [1.0, 2.0, 3.0, 4.0])
    assert text.startswith("v: 2 of 4 values are wrong; the first, at 2, is 4.5")
    assert text.endswith("and not 3")
    grid = np.zeros((2, 3))
    grid[1, 2] = 1.0  # the last of six: a table is counted row by row
    text = said(same, "v", grid, np.zeros((2, 3)))
    assert "1 of 6 values are wrong; the first, at 5, is 1" in text


@pytest.mark.parametrize(
    ("got", "why"),
    [
        ([1.0, 2.0], "an array is expected, not list"),
        (1.0, "an array is expected, not float"),
        (None, "an array is expected, not NoneType"),
        (np.array([True, False]), "an array is expected, not ndarray"),
        (np.array(["1", "2"]), "an array is expected, not ndarray"),
        (np.ones(3), r"the shape is (3,); (2,) is expected"),
        (np.ones((2, 1)), r"the shape is (2, 1); (2,) is expected"),
        (np.array([1.0, np.nan]), "it holds values that are not finite"),
        (np.array([np.inf, 2.0]), "it holds values that are not finite"),
    ],
)
def test_same_says_what_is_not_like_it(got, why):
    assert said(same, "v", got, [1.0, 2.0]).startswith(f"v: {why}")
