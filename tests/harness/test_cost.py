import math

import numpy as np
import pytest
import torch

from mlsyscore.harness.cost import MOST, Cost, curve
from mlsyscore.harness.laws import bent, crossed, dipped, line, tilted


def test_a_cost_counts_its_calls():
    cost = Cost({3: 0.5}.__getitem__)
    assert cost(3) == 0.5
    with pytest.raises(KeyError):
        cost(4)
    assert cost.calls == 2
    for _ in range(MOST - 2):
        cost(3)
    with pytest.raises(RuntimeError, match="calls of one cost"):
        cost(3)


def test_a_curve_takes_one_number_at_a_time():
    law = curve(line(1.0, 2.0))
    for x in (4, 4.0, np.float32(4), np.array(4), torch.tensor(4)):
        assert law(x) == 3.0
    for x in ("4", np.ones(2), [4], None):
        with pytest.raises(TypeError):
            law(x)


@pytest.mark.parametrize("at", [3e2, 7e9])
def test_laws_cross_where_they_are_told(at):
    f = bent(2e-6, 3e9)
    g = tilted(f, at)
    assert g(at) == pytest.approx(f(at), rel=1e-12)
    assert g(at / 1.01) < f(at / 1.01)
    assert g(at * 1.01) > f(at * 1.01)
    middle = (f(1.0) + f(at)) / 2  # what a line would have there
    assert abs(f((1 + at) / 2) / middle - 1) > 0.01
    h = dipped(f, at)
    faster = [h(at * math.exp(u)) < f(at * math.exp(u)) for u in (-9, -0.9, 0, 0.9, 9)]
    assert faster == [False, True, True, True, False]


def test_a_crossing_is_looked_at_and_its_calls_are_counted():
    f, g = line(2.0, 1.0), line(0.0, 0.5)

    def many(one, other, low, high):
        for _ in range(501):
            one(low)
        return 2.0

    crossed("it", lambda one, other, low, high: one(low) - 1.0, f, g, (1.0, 9.0), 2.0)
    with pytest.raises(AssertionError, match=r"you have 4 B; 2 B .* 2: twice\?"):
        crossed("it", lambda *a: 4.0, f, g, (1.0, 9.0), 2.0, {2: "twice"})
    with pytest.raises(AssertionError, match="501 calls; bisection needs fewer than"):
        crossed("it", many, f, g, (1.0, 9.0), 2.0)
