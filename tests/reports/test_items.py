"""Item analysis: the statistics by another route, and classes of every size."""

import random
import re
import warnings

import numpy as np
import pytest
from nbformat.v4 import new_notebook
from scipy import stats

from autograder.reports import items
from autograder.reports.grades import Lab, Work

LAB = Lab(
    "07_doubling",
    {"double": ["double-a", "double-b"], "halve": ["halve-a"], "why": ["why"]},
    {"double-a": 1, "double-b": 3, "halve-a": 2, "why": 2},
    frozenset({"why"}),
    new_notebook(),
)


def student(name, a, b, h, why=None, said=None, attempted=("double",)):
    scores = {"double-a": a, "double-b": b, "halve-a": h}
    scores |= {} if why is None else {"why": why}
    total, said = float(sum(scores.values())), said or {}
    return Work(name, "graded", scores, total, "", said, frozenset(attempted))


def klass(n):
    draw = random.Random(5)
    some = [[draw.randint(0, 1) for _ in range(3)] for _ in range(n)]
    return [student(f"s{i}", a, 3 * b, 2 * h) for i, (a, b, h) in enumerate(some)]


def texts(page):
    return re.sub(
        r"\s+", " ", re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.S)
    )


def test_point_biserial_is_scipys_of_the_check_and_the_other_checks():
    works = klass(40)
    for name in ("double-a", "double-b", "halve-a"):
        passed = [w.scores[name] > 0 for w in works]
        rest = [w.points - w.scores[name] for w in works]
        other = stats.pointbiserialr(passed, rest).statistic
        assert items.item(LAB, works, name).r == pytest.approx(other, rel=1e-12)


def test_point_biserial_is_the_difference_of_means_in_its_definition():
    works = klass(40)
    passed = np.array([w.scores["double-b"] > 0 for w in works])
    rest = np.array([w.points - w.scores["double-b"] for w in works])
    p = passed.mean()
    gap = rest[passed].mean() - rest[~passed].mean()
    by_hand = gap * np.sqrt(p * (1 - p)) / rest.std()
    assert items.item(LAB, works, "double-b").r == pytest.approx(by_hand, rel=1e-12)


def test_an_essay_does_not_count_in_the_rest_but_is_compared_with_it():
    some = [(0, 0, 0, 0), (1, 0, 2, 1), (1, 3, 2, 2), (0, 3, 2, 2), (1, 3, 0, None)]
    works = [student(f"s{i}", *s) for i, s in enumerate(some)]
    essay = items.item(LAB, works, "why")
    rest = [w.points - w.scores["why"] for w in works[:4]]
    assert essay.count == 4
    assert essay.r == pytest.approx(np.corrcoef([0, 1, 2, 2], rest)[0, 1])


def test_what_is_the_same_for_all_is_said_and_is_no_nan():
    works = [student(f"s{i}", 1, 3 * (i % 2), 0) for i in range(6)]
    page = items.page(LAB, works)
    assert items.item(LAB, works, "double-a").r is None
    assert items.item(LAB, works, "double-b").r is None  # all others are constant
    assert page.count("all the same") == 3
    assert "nan" not in page.lower()


@pytest.mark.parametrize("size", [0, 1, 2, 3, 400])
def test_a_class_of_any_size_has_a_page(size):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page = items.page(LAB, klass(size))
    assert "nan" not in page.lower()
    assert f"of the {size} graded" in texts(page)
    assert ("Nobody has been graded yet" in page) == (size == 0)
    assert page.count('<svg role="img"') == (2 if size else 0)
    assert page.count("<title>") == page.count("<svg ") + 1


def test_a_class_that_earned_nothing_has_a_page():
    page = items.page(LAB, [student(f"s{i}", 0, 0, 0) for i in range(9)])
    assert "0 of 9 have full marks (0 %); mean 0.0 of 4 points" in texts(page)


def test_ungraded_essays_and_students_without_a_grade_are_left_out():
    works = [*klass(10), Work("zoe", "not graded"), Work("yan", "nothing gradable")]
    said = texts(items.page(LAB, works))
    assert "10 graded, 1 not graded, 1 nothing gradable" in said
    assert "why none graded yet; 2 points" in said


def test_attempts_are_answers_that_are_not_the_stub():
    works = [student("a", 1, 3, 2, attempted=["double", "halve"])]
    works += [student("b", 0, 0, 0, attempted=[]), student("c", 1, 0, 0)]
    assert items.exercise(LAB, works, "double")["attempts"] == 2
    assert items.exercise(LAB, works, "halve")["attempts"] == 1


def test_equal_mistakes_are_counted_together_whatever_their_numbers():
    said = "ring({}, 8) took {} s: bits for bytes"
    works = [
        student(
            f"s{i}", 0, 3, 0, said={"double-a": said.format(i + 0.5, f"1.{i}e-0{i}")}
        )
        for i in range(1, 7)
    ]
    works += [student("x", 0, 0, 0, said={"double-a": "<script>alert(1)</script>"})]
    works += [student("y", 1, 0, 0)]
    found = items.item(LAB, works, "double-a").mistakes
    assert found[0] == ("ring(#, ...) took # s: bits for bytes", 6)
    page = items.page(LAB, works)
    assert "<script" not in page
    assert "6 (86 %): ring(#, ...) took # s: bits for bytes" in texts(page)
    assert "1 (14 %): &lt;script&gt;alert(#)&lt;/script&gt;" in texts(page)


@pytest.mark.parametrize(
    ("said", "same"),
    [
        ("-3.5e-7 s, 1,024 bytes, .5", "# s, # bytes, #"),
        ("[1.0, 2.0, 3.0] is not [1, 2]", "[#, ...] is not [#, ...]"),
        ("int64 and x2 and two-level", "int64 and x2 and two-level"),
        ("  a \n b ", "a b"),
        ("", ""),
    ],
)
def test_a_pattern_keeps_the_words(said, same):
    assert items.pattern(said) == same


def test_many_different_mistakes_stay_a_short_list():
    words = [chr(97 + i) * 3 for i in range(20)]
    works = [student(w, 0, 3, 0, said={"double-a": w * 400}) for w in words]
    found = items.item(LAB, works, "double-a")
    assert len(found.mistakes) == items.MOST
    assert found.others == 20 - items.MOST
    assert max(len(said) for said, _ in found.mistakes) <= items.LONG + 4


def test_a_weak_check_is_flagged_and_a_good_one_is_not():
    draw = random.Random(3)
    works = [
        student(f"s{i}", draw.randint(0, 1), 3 * (i % 2), 2 * (i % 2))
        for i in range(60)
    ]
    page = items.page(LAB, works)
    weak, good = (items.item(LAB, works, n).r for n in ("double-a", "halve-a"))
    assert weak < items.WEAK < good
    assert f"{weak:.2f} look" in texts(page)
    assert f"{good:.2f} look" not in texts(page)


def test_the_page_asks_nobody_for_anything():
    page = items.page(LAB, klass(30))
    asks = r'(?:src|href|action)="(?!#|data:)|url\((?!#)|@import|<script|<link'
    assert re.findall(asks, page) == []
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert items.page(LAB, klass(30)) == page  # no date, no chance
