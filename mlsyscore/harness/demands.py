"""Demand for answers: how many are asked at a price, and families of such curves."""

import math
import threading
from collections.abc import Callable
from typing import Any

from ..checks import number

MOST = 20_000  # answers of one demand
CURVES = 2_000  # demands of one family
TOP = 50.0  # the largest elasticity that a family knows
Shape = Callable[
    [float, float], float
]  # price over today's, elasticity -> over today's


def constant(u: float, elasticity: float) -> float:
    """Every fall of the price by a percent adds the same percentage."""
    return math.pow(u, -elasticity)


def straight(u: float, elasticity: float) -> float:
    """Every dollar off adds the same number; none are asked at a high price."""
    return max(1.0 + elasticity * (1.0 - u), 0.0)


def exponential(u: float, elasticity: float) -> float:
    """Every dollar off adds the same percentage."""
    return math.exp(elasticity * (1.0 - u))


def filling(share: float) -> Shape:
    """Return the shape of a market in which a share of all people ask today."""
    rest = (1.0 - share) / share

    def shape(u: float, elasticity: float) -> float:
        steep = elasticity / (1.0 - share)
        return (1.0 + rest) / (1.0 + rest * math.pow(u, steep))

    return shape


class Demand:
    """A function of the price.  What it computes with stays its own."""

    def __init__(self, f: Callable[[float], float]) -> None:
        """Give what f gives of a price."""
        self._f, self._calls, self._turn = f, 0, threading.Lock()

    @property
    def calls(self) -> int:
        """Return how often it was asked."""
        return self._calls

    def __call__(self, price: Any) -> float:
        """Return the answers a day at a price; ValueError where it is not above 0."""
        with self._turn:
            self._calls += 1
            if self._calls > MOST:
                raise RuntimeError(f"more than {MOST} calls of one demand")
        try:
            x = number("the price", price)
        except AssertionError as e:
            raise ValueError(str(e)) from None
        if x <= 0:
            raise ValueError(f"a price is above 0, not {x}")
        return self._f(x)


class Family:
    """For each elasticity a demand that has it at today's price."""

    def __init__(self, shape: Shape, today: float, asked: float = 1e9) -> None:
        """Give demands of one shape; so many are asked a day at the price of today."""
        self._shape, self._today, self._asked, self._given = shape, today, asked, 0

    def __call__(self, elasticity: Any) -> Demand:
        """Return the demand with an elasticity of 0 to 50 at today's price."""
        self._given += 1
        if self._given > CURVES:
            raise RuntimeError(f"more than {CURVES} demands of one family")
        try:
            e = number("the elasticity", elasticity)
        except AssertionError as error:
            raise ValueError(str(error)) from None
        if not 0 <= e <= TOP:
            raise ValueError(f"an elasticity of 0 to {TOP:g} is known, not {e}")
        return Demand(lambda price: self._asked * self._shape(price / self._today, e))
