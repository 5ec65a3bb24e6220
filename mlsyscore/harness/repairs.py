"""What a flip of a bit does to floats of 32 bits, and what a guard makes of it."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import values, whole
from .victims import read_right

Weights = NDArray[np.float32]


def flipped_at(w: Weights, where: tuple[int, int]) -> Weights:
    """Return a copy of an array, of whose value where[0] the bit where[1] is other."""
    words = np.array(w, np.float32, order="C").view(np.uint32)
    words.flat[where[0]] ^= np.uint32(1 << where[1])
    return words.view(np.float32)


def risks(case: tuple[float, float]) -> list[int]:
    """Return the bits whose flip takes a value beyond a limit, or to no number."""
    w, limit = np.full((1,), case[0], np.float32), case[1]
    return [k for k in range(32) if not abs(float(flipped_at(w, (0, k))[0])) <= limit]


def _floats(name: str, got: Any, shape: tuple[int, ...]) -> Weights:
    """Return an answer as an array of floats of 32 bits, with the bits it has."""
    assert hasattr(got, "shape"), f"{name}: an array is expected, not {got!r:.60}"
    found = np.asarray(got)
    text = f"{name}: the type is {found.dtype}; float32 is expected"
    assert found.dtype == np.float32, text
    text = f"{name}: the shape is {found.shape}; {shape} is expected"
    assert found.shape == shape, text
    return found


def must_flip(
    name: str,
    flip: Callable[..., Any],
    w: Weights,
    place: int,
    bit: int,
    want: float | None = None,
) -> None:
    """AssertionError unless flip(w, place, bit) changes that bit, and a copy.

    want: its new value, to be said
    """
    given = w.copy(order="K")
    got = _floats(name, flip(given, place, bit), w.shape)
    assert np.array_equal(given, w), (
        f"{name}: the array that you were given has changed"
    )
    new = flipped_at(w, (place, bit))
    differ = np.flatnonzero(got.view(np.uint32) != new.view(np.uint32))
    if not differ.size:
        return
    text = f"{name}: value {differ[0]} is {got.flat[differ[0]]:.9g}"
    if differ[0] == place and want is not None:
        text += f"; {want:.9g} is expected.  Bit 0 is the lowest"
    raise AssertionError(text)


def mended(
    name: str,
    repair: Callable[..., Any],
    layers: Sequence[Weights],
    bad: Sequence[tuple[int, int]],
    healthy: Sequence[Weights],
    show: bool = True,
) -> None:
    """AssertionError unless repair(layers) finds the bad values and mends no others."""
    given = [w.copy() for w in layers]
    new, found = values(name, repair(given), 2)
    pairs_of = zip(given, layers, strict=True)
    same = all(np.array_equal(a, b, equal_nan=True) for a, b in pairs_of)
    assert same, f"{name}: the layers that you were given have changed"
    pairs = sorted((i, k) for i, k in (whole(name, p, 2) for p in values(name, found)))
    text = f"{name}: you find {pairs[:5]}"
    text += f"; {sorted(bad)[:5]} is expected, as (layer, place)" if show else ""
    assert pairs == sorted(bad), text
    got = values(name, new, len(layers))
    for i, (w, was) in enumerate(zip(layers, healthy, strict=True)):
        now, want = _floats(f"{name}, layer {i}", got[i], w.shape), w.copy()
        for place in (k for j, k in bad if j == i):
            want.flat[place] = middle = np.float32(np.median(was))
            off = abs(float(now.flat[place]) - float(middle))
            text = f"{name}: (layer, place) {(i, place)} is {now.flat[place]:.6g}"
            text += f"; the healthy layer's median is {middle:.6g}"
            assert off <= 1e-5 * max(1.0, abs(float(middle))), text
            want.flat[place] = now.flat[place]
        text = f"{name}, layer {i}: a value that was not bad has changed"
        assert np.array_equal(now, want), text


def harm(
    guard: Callable[..., Any], layers: list[Weights], flips: int, seed: int
) -> list[float]:
    """Return what each of so many flips costs in accuracy, behind a guard.

    The top two bits are flipped more often than others: half of the time.
    """
    rng, base = np.random.default_rng(seed), read_right(layers, 200)
    repair = guard([w.copy() for w in layers])
    sizes = np.array([w.size for w in layers])
    lost = []
    for _ in range(flips):
        i = int(rng.choice(len(layers), p=sizes / sizes.sum()))
        bit = int(rng.choice([30, 31])) if rng.random() < 0.5 else int(rng.integers(30))
        broken, place = list(layers), int(rng.integers(layers[i].size))
        broken[i] = flipped_at(layers[i], (place, bit))
        new, _ = values("repair", repair(broken), 2)
        lost.append(base - read_right(values("layers", new, len(layers)), 200))
    assert math.isfinite(sum(lost))
    return lost
