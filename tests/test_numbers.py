"""The package reproduces the book's worked numbers, without code of its own."""

import importlib
import pkgutil

import numpy as np
import pytest
import worked

SECTIONS = [
    importlib.import_module(f"{worked.__name__}.{found.name}")
    for found in pkgutil.iter_modules(worked.__path__)
]
ROWS = [row for section in SECTIONS for row in section.ROWS]
WRONG = [pair for section in SECTIONS for pair in section.WRONG]
LEFT = {name: why for section in SECTIONS for name, why in section.LEFT.items()}


def label(row):
    return f"{row.name} {row.output}".strip()


@pytest.mark.parametrize("row", [pytest.param(r, id=label(r)) for r in ROWS])
def test_we_print_what_the_book_prints(row):
    assert row.ours() == pytest.approx(row.book, rel=row.rel)


@pytest.mark.parametrize(
    ("row", "why"), [pytest.param(r, why, id=label(r)) for r, why in WRONG]
)
def test_where_the_book_is_off_we_differ_and_say_why(row, why):
    assert row.ours() != pytest.approx(row.book, rel=row.rel)
    assert np.isfinite(row.ours())
    assert why


def test_every_calculation_is_stated_or_left_with_a_reason():
    stated = {row.name for row in ROWS} | {row.name for row, _ in WRONG}
    assert not stated & set(LEFT)
    assert all(LEFT.values())
    assert len(stated | set(LEFT)) == 178
