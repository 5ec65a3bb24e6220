"""Layouts whose costs are a table's, what makes one allowed, and how they look."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

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


def must_meet(
    name: str,
    choose: Callable[..., Any],
    table: Mapping[Layout, Price],
    model: Transformer,
    limits: tuple[int, int, float, float],
    node: int = 8,
) -> None:
    """AssertionError unless what choose returns may be used, fits, and is in time.

    limits: devices, sequences a step, bytes on a device, seconds; a layout of the table
    meets them.
    """
    N, B, memory, target = limits
    try:
        x = choose(priced(table), model, *limits)
    except ValueError as e:
        good = f"{name}: you raise {e!r:.60}; a layout meets both limits"
        raise AssertionError(good) from None
    at, layout = must_be_allowed(name, x, model, N, B, node)
    seconds, held = table[layout]
    assert held <= memory, f"{at} needs {held:g} bytes; {memory:g} are there"
    assert seconds <= target, f"{at} takes {seconds:g} s; at most {target:g} is asked"


def draw_offers(found: Sequence[tuple[float, float, Layout]]) -> None:
    """Draw steps over seconds of sending; name the fastest, and the one sending least.

    found: seconds of a step, seconds of sending, layout.
    """
    import matplotlib.pyplot as plt

    _, ax = plt.subplots()
    ax.plot([sent for _, sent, _ in found], [step for step, _, _ in found], "C0o")
    fastest = min(found, key=lambda f: f[0])
    least = min(found, key=lambda f: f[1])
    for word, (step, sent, x) in (("fastest", fastest), ("sends least", least)):
        text = f"{word}: t {x.t}, p {x.p}, d {x.d}"
        side = "left" if sent < np.mean([f[1] for f in found]) else "right"
        at = (0, 6) if side == "left" else (0, -14)
        ax.annotate(text, (sent, step), at, textcoords="offset points", ha=side)
        print(f"{word}: {x}, step {step:.2f} s, sends for {sent:.2f} s")
    ax.margins(0.25)
    ax.set(xlabel="sending of a device (s)", ylabel="step (s)")
