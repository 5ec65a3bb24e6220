import math
from fractions import Fraction

import numpy as np
import pytest

from mlsyscore.harness import demands
from mlsyscore.harness.demands import Demand, Family, constant, filling

SHAPES = [constant, demands.straight, demands.exponential, filling(0.02), filling(0.6)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("elasticity", [0.0, 0.7, 3.0])
def test_a_shape_has_its_elasticity_today(shape, elasticity):
    h = 1e-5
    slope = (shape(1 + h, elasticity) - shape(1 - h, elasticity)) / (2 * h)
    assert shape(1.0, elasticity) == pytest.approx(1)
    assert -slope == pytest.approx(elasticity, abs=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_lower_price_and_a_larger_elasticity_bring_more(shape):
    prices = [shape(u, 2.0) for u in (0.1, 0.5, 0.9, 1.0, 1.2, 3.0)]
    assert prices == sorted(prices, reverse=True)
    assert min(prices) >= 0
    more = [shape(0.4, e) for e in (0.0, 0.5, 1.0, 4.0, 20.0)]
    assert more == sorted(more)


def test_a_market_fills():
    assert filling(0.5)(1e-9, 3.0) == pytest.approx(2)
    assert filling(0.1)(1e-9, 3.0) == pytest.approx(10)


def test_a_family_gives_demands_of_any_kind_of_number_at_its_price():
    family = Family(constant, 0.06, 100)
    for e in (1, 1.0, np.float64(1), Fraction(1)):
        assert family(e)(0.03) == pytest.approx(200)
    for wrong in (-0.1, 51, math.nan, "1", [1.0], None):
        with pytest.raises(ValueError, match="elasticity"):
            family(wrong)


def test_a_demand_counts_and_is_bounded(monkeypatch):
    monkeypatch.setattr(demands, "MOST", 4)
    demand = Demand(lambda p: 1 / p)
    assert [demand(2), demand(np.float32(4))] == [0.5, 0.25]
    for wrong in (0, -1, math.inf, "2"):
        if demand.calls < 4:
            with pytest.raises(ValueError, match="price"):
                demand(wrong)
    with pytest.raises(RuntimeError, match="calls of one demand"):
        demand(2)


def test_a_family_is_bounded(monkeypatch):
    monkeypatch.setattr(demands, "CURVES", 3)
    family = Family(constant, 1.0)
    for _ in range(3):
        family(1.0)
    with pytest.raises(RuntimeError, match="demands of one family"):
        family(1.0)
