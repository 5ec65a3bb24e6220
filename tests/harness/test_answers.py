import itertools

import numpy as np
import pytest

from mlsyscore.harness import answers


@pytest.mark.parametrize(
    "answer", [[2, 0], (2, 0), {0, 2}, range(0, 4, 2), np.array([2, 0]), iter([2.0, 0])]
)
def test_whole_numbers_come_in_many_kinds(answer):
    assert sorted(answers.whole("n", answer)) == [0, 2]
    assert answers.positions("n", np.array([2, 0]), 3) == [0, 2]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "a list is expected, not NoneType"),
        ("01", "a list is expected, not str"),
        ({0: 1}, "a list is expected, not dict"),
        (np.array(3), "a list is expected, not ndarray"),
        (7, "a list is expected, not int"),
        ([0.5], "whole numbers are expected"),
        ([float("nan")], "a finite number is expected"),
        ([True], "one number is expected, not bool"),
        (["0"], "one number is expected, not str"),
        ([[0]], "one number is expected, not list"),
        ([0, 3], r"begin with 0; you have \[3\]"),
        ([-1], r"begin with 0; you have \[-1\]"),
        ([1, 0, 1], r"position \[1\] is there twice"),
        (itertools.count(), "values or more"),
    ],
)
def test_junk_is_said(answer, said):
    with pytest.raises(AssertionError, match=said):
        answers.positions("n", answer, 3)


def test_a_list_that_lies_is_read_once():
    class Lies(list):
        def __eq__(self, other):
            return True

        def __len__(self):
            return 5

        __hash__ = None

    with pytest.raises(AssertionError, match="5 values are expected, not 1"):
        answers.values("n", Lies([0]), 5)
    with pytest.raises(AssertionError, match=r"you have \[0\]; \[1\] is expected"):
        answers.listed("n", answers.whole("n", Lies([0])), [1], {})


def test_an_error_is_raised_and_not_returned():
    class Own(ValueError, LookupError):
        pass

    def f(x):
        if isinstance(x, type):
            raise x("no")
        return x

    for kind in (ValueError, Own, UnicodeError):
        answers.must_raise("f", ValueError, f, kind)
    for got in (None, "ValueError", ValueError("no")):
        with pytest.raises(AssertionError, match="ValueError is to be raised"):
            answers.must_raise("f", ValueError, f, got)
    with pytest.raises(TypeError):
        answers.must_raise("f", ValueError, f, TypeError)


def test_a_dict_has_its_fields():
    assert answers.fields("n", {"a": 1, "b": 2}, ["a"]) == {"a": 1, "b": 2}
    with pytest.raises(AssertionError, match=r"the dict has no \['b'\]"):
        answers.fields("n", {"a": 1}, "ab")
    with pytest.raises(AssertionError, match="a dict is expected, not list"):
        answers.fields("n", ["a"], "a")


def test_an_error_where_there_is_an_answer_names_the_case():
    assert answers.returned("it", int, "3") == 3
    with pytest.raises(AssertionError, match="it: there is an answer, but you raise V"):
        answers.returned("it", int, "three")
