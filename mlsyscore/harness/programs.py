"""Programs of operators on tensors: a decoder layer, and others drawn at random.

An operator is (kind, inputs, output); each tensor has a name, and is written once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..checks import close, number
from ..units import MB
from .answers import values, whole

EACH = {"norm": 7, "softmax": 5, "activation": 10, "scale": 1, "add": 1, "multiply": 1}
Operator = tuple[str, tuple[str, ...], str]
Program = list[Operator]
Shapes = dict[str, tuple[int, ...]]


def decoder(n: int, h: int, a: int, g: int, f: int) -> tuple[Program, Shapes]:
    """Return a decoder layer for n tokens of width h.

    a heads, of which groups share g heads of keys and values; a gated MLP, f wide.
    """
    d, r = h // a, a // g
    shapes: Shapes = {"x": (n, h), "Wq": (h, h), "Wk": (h, g * d), "Wv": (h, g * d)}
    shapes |= {"Wo": (h, h), "Wgate": (h, f), "Wup": (h, f), "Wdown": (f, h)}
    shapes |= {"x1": (n, h), "q": (g, r, n, d), "k": (g, 1, d, n), "v": (g, 1, n, d)}
    shapes |= {"s": (g, r, n, n), "s1": (g, r, n, n), "p": (g, r, n, n)}
    shapes |= {"o": (n, h), "o1": (n, h), "y": (n, h), "y1": (n, h)}
    shapes |= {"gate": (n, f), "gate1": (n, f), "up": (n, f), "mid": (n, f)}
    shapes |= {"down": (n, h), "z": (n, h)}
    program: Program = [
        ("norm", ("x",), "x1"),
        ("product", ("x1", "Wq"), "q"),
        ("product", ("x1", "Wk"), "k"),
        ("product", ("x1", "Wv"), "v"),
        ("product", ("q", "k"), "s"),
        ("scale", ("s",), "s1"),
        ("softmax", ("s1",), "p"),
        ("product", ("p", "v"), "o"),
        ("product", ("o", "Wo"), "o1"),
        ("add", ("x", "o1"), "y"),
        ("norm", ("y",), "y1"),
        ("product", ("y1", "Wgate"), "gate"),
        ("activation", ("gate",), "gate1"),
        ("product", ("y1", "Wup"), "up"),
        ("multiply", ("gate1", "up"), "mid"),
        ("product", ("mid", "Wdown"), "down"),
        ("add", ("y", "down"), "z"),
    ]
    return program, shapes


def drawn(seed: int, length: int) -> tuple[Program, Shapes, list[str]]:
    """Return a random program of elementwise operators, and the tensors it is for.

    Tensors differ in size; some are read twice, some by several operators.
    """
    rng = np.random.default_rng(seed)
    shapes: Shapes = {f"t{i}": (int(rng.integers(1, 40)), 8) for i in range(3)}
    names, program = list(shapes), []
    for i in range(3, 3 + length):
        last = [names[-1]] if rng.random() < 0.7 else []
        others = [names[int(j)] for j in rng.integers(0, len(names), 2)]
        inputs = tuple((last + others)[: int(rng.integers(1, 4))])
        kind = ("add", "multiply", "norm")[int(rng.integers(3))]
        shapes[f"t{i}"] = (int(rng.integers(1, 40)), 8)
        program.append((kind, inputs, f"t{i}"))
        names.append(f"t{i}")
    results = [names[-1], names[int(rng.integers(3, len(names)))]]
    return program, shapes, sorted(set(results))


def moved(
    program: Sequence[tuple[set[str], set[str]]], sizes: Mapping[str, int]
) -> int:
    """Return the numbers that operators move: what each one reads, and writes."""
    return sum(sizes[t] for reads, writes in program for t in (*reads, *writes))


def accounts(name: str, answer: Any, n: int) -> list[tuple[float, float]]:
    """Return (FLOP, bytes) of n operators; AssertionError if the answer is no such."""
    rows = [values(f"{name}, an operator", row, 2) for row in values(name, answer, n)]
    return [
        (number(f"{name}, operations", O), number(f"{name}, bytes", D)) for O, D in rows
    ]


def fused_at(
    name: str,
    answer: Any,
    first: int,
    saved: float,
    slips: Mapping[float, str] = {},
    *,
    show: bool = True,
) -> None:
    """AssertionError unless an answer is (first, saved): which pair, how many bytes."""
    i, got = values(f"{name}: (i, saved)", answer, 2)
    (place,) = whole(f"{name}: i", [i])
    text = f"{name}: you fuse operators {place} and {place + 1}"
    text += f"; {first} and {first + 1} save more, or come first" if show else ""
    assert place == first, text
    close(f"{name}: bytes saved", got, saved, "B", slips, show=show)


def draw_traffic(program: Program, rows: Sequence[tuple[float, float]]) -> None:
    """Draw the bytes of each operator, from the first, above, to the last."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(6, 4.5))
    labels = [f"{kind} → {output}" for kind, _, output in program]
    colors = ["C0" if kind == "product" else "C1" for kind, *_ in program]
    ax.barh(range(len(rows)), [D / MB for _, D in rows], color=colors)
    ax.set_yticks(range(len(rows)), labels, fontsize=8)
    ax.invert_yaxis()
    ax.set_xlabel("bytes moved (MB); blue: products")
