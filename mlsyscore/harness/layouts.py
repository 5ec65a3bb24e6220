"""Layouts whose costs are a table's, and what makes one allowed."""

from collections.abc import Mapping
from typing import Any

from ..compute import Transformer
from ..training import Layout
from .cost import Cost

Price = tuple[float, float]  # seconds, and bytes on a device


def priced(table: Mapping[Layout, Price]) -> Cost:
    """Return a cost that knows a table; a layout that is not there costs nothing."""

    def price(layout: Any) -> Price:
        if not isinstance(layout, Layout):
            raise TypeError(f"the cost of a Layout is known, not of {layout!r:.40}")
        return table.get(layout, (0.0, 0.0))

    return Cost(price)


def must_be_allowed(
    name: str, x: Any, model: Transformer, N: int, B: int, node: int
) -> tuple[str, Layout]:
    """Return x, and words for it; AssertionError unless it may be used.

    On N devices, node of them in a node, with B sequences a step.
    """
    assert isinstance(x, Layout), f"{name}: a Layout is expected, not {x!r:.60}"
    at = f"{name}: t = {x.t}, p = {x.p}, d = {x.d}, m = {x.m}"
    assert x.V == 1, f"{at}: V is 1 here, not {x.V}"
    assert x.N <= N, f"{at} takes {x.N} devices; degrees multiply, and there are {N}"
    assert x.t <= node, f"{at}: tensor exchanges would leave the node of {node}"
    assert model.a % x.t == 0, f"{at}: t does not divide the {model.a} heads"
    assert model.L % x.p == 0, f"{at}: p does not divide the {model.L} layers"
    assert x.d * x.m == B, f"{at} trains on {x.d * x.m} sequences a step, not on {B}"
    return at, x
