"""No law gives a number that it should not, whatever it is asked."""

import csv
import itertools
import random
import re
from pathlib import Path

import edges
import numpy as np
import pytest

from mlsyscore import ranges

LAWS = [pytest.param(*row, id=row[0]) for row in edges.laws()]
DOMAINS = Path(__file__).with_name("domains.csv")


def fits(result, hint):
    """Is a result what its annotation promises: kind, range, nothing of numpy's?"""
    within = ranges.span(hint)
    if within is None:
        return True
    if np.ndim(result) == 0:
        kind = ranges.kind(hint) if ranges.kind(hint) in (int, float) else float
        return type(result) is kind and within.low <= result <= within.high
    kind = "i" if ranges.kind(hint) is int else "f"
    inside = (result >= within.low) & (result <= within.high)
    return result.dtype.kind == kind and bool(np.all(inside))


@pytest.mark.parametrize(("name", "law", "hints"), LAWS)
def test_a_result_is_in_its_range_or_a_value_error_names_the_number(name, law, hints):
    asked = [h for k, h in hints.items() if k != "return"]
    for args in edges.cases(name, asked, 60):
        try:
            result = law(*args)
        except ValueError as error:
            said = re.search(r"\d|nan|inf|None| x|\[\]", str(error))
        else:
            said = fits(result, hints["return"])
        assert said, args


@pytest.mark.parametrize(("name", "law", "hints"), LAWS)
def test_arrays_agree_with_a_loop_over_their_numbers(name, law, hints):
    rng = random.Random(name)
    asked = [h for k, h in hints.items() if k != "return"]
    plain = [i for i, h in enumerate(asked) if ranges.kind(h) in (int, float)]
    alone = {i for i in plain if ranges.ALONE in getattr(asked[i], "__metadata__", ())}
    for i in alone:
        args = [edges.draw(h, rng) for h in asked]
        args[i] = np.array([args[i], args[i]])
        with pytest.raises(ValueError, match="one number"):
            law(*args)
    wide = [i for i in plain if i not in alone]
    for two in itertools.combinations_with_replacement(wide, 2):
        args = [edges.draw(h, rng) for h in asked]
        grid = accepted(law, args, asked, two, rng)
        each = np.array(
            [[law(*put(args, two, (a, b))) for b in grid[1]] for a in grid[0]]
        )
        columns = (np.array(grid[0])[:, None], np.array(grid[1])[None, :])
        both = law(*put(args, two, columns if two[0] != two[1] else (None, columns[0])))
        if two[0] == two[1]:
            each = each[0][:, None]
        assert np.shape(both) == each.shape, two
        np.testing.assert_allclose(
            both, each, rtol=1e-9, atol=1e-12 * np.abs(each).max()
        )


def put(args, where, values):
    args = list(args)
    for i, value in zip(where, values, strict=True):
        args[i] = value
    return args


def accepted(law, args, asked, two, rng):
    """Two or three values for each of two arguments; the law takes all pairs."""
    for n, shrink in [(3, 1)] * 30 + [(2, 1), (2, 10)] * 300:
        grid = [[edges.draw(asked[i], rng, shrink) for _ in range(n)] for i in two]
        fresh = [edges.draw(h, rng, shrink) for h in asked]
        if two[0] == two[1]:
            grid[0] = grid[1]
        try:
            for a, b in itertools.product(*grid):
                law(*put(fresh, two, (a, b)))
        except ValueError:
            continue
        args[:] = fresh
        return grid
    raise AssertionError(f"no arrays that {law.__name__} takes: {two}")


DOMAIN_OF = {}
with DOMAINS.open(newline="") as file:
    for row in csv.reader(file):
        DOMAIN_OF.setdefault(row[0], []).append(row)


@pytest.mark.parametrize("name", edges.callables())
def test_what_each_argument_may_be(name):
    """domains.csv was read by a person; ``python tests/edges.py`` writes it anew."""
    assert list(edges.rows(name)) == DOMAIN_OF.get(name, [])


def test_the_table_of_domains_has_no_other_laws():
    assert set(DOMAIN_OF) <= set(edges.callables())
