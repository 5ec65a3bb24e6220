"""A link's timings with bad ones among them, and what an answer found there."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import number
from ..network import Link
from ..units import MB
from .answers import positions, values


def timings(
    rng: np.random.Generator,
    link: Link,
    repeats: int = 25,
    slow: int = 1,
    short: int = 1,
    *,
    sizes: int = 12,
    noise: float = 0.03,
) -> tuple[NDArray[Any], NDArray[Any], list[int]]:
    """Return bytes, seconds and the positions of wrong times, in random order.

    repeats: timings of each of so many sizes from 256 B to 64 MB, of which slow ones
    take ten times and short ones a tenth; noise: standard deviation of log(time)
    """
    n = np.repeat(np.geomspace(256, 64 * MB, sizes).round(), repeats)
    factor = np.ones((sizes, repeats))
    factor[:, :slow], factor[:, repeats - short :] = 10, 0.1
    order = rng.permutation(n.size)
    n, factor = n[order], factor.ravel()[order]
    good: Any = link.time(n)  # type: ignore[arg-type]
    T = good * np.exp(noise * rng.normal(size=n.size)) * factor
    return n, T, [int(i) for i in np.flatnonzero(factor != 1)]


def fitted(name: str, answer: Any, count: int) -> tuple[Link, list[int]]:
    """Return the link and the suspects in an answer; AssertionError for no such pair.

    count: how many timings there were
    """
    link, suspects = values(f"{name}: (link, suspects)", answer, 2)
    assert isinstance(link, Link), f"{name}: a Link is expected, not {link!r:.60}"
    return link, positions(f"{name}: the suspects", suspects, count)


HINTS = {
    "alpha": "Do large messages alone decide it, or a few bad timings?",
    "beta": "Do a few bad timings pull it, slow ones or short ones?",
}


def recovered(name: str, link: Link, true: Link, within: float = 0.04) -> None:
    """AssertionError unless alpha and beta are the true ones, to within a share."""
    for what, hint in HINTS.items():
        off = number(what, getattr(link, what)) / getattr(true, what)
        assert abs(off - 1) < within, (
            f"{name}, {what}: {off:.3g} times the true one; {1 - within:g} to "
            f"{1 + within:g} is expected. {hint}"
        )


def named(name: str, suspects: Collection[int], bad: Collection[int], T: Any) -> None:
    """AssertionError unless the suspects are the bad timings, and all of them."""
    missed, wronged = set(bad) - set(suspects), set(suspects) - set(bad)
    assert not missed, (
        f"{name}: {len(missed)} bad timings are missed, one of {_us(T, missed)} µs"
    )
    assert not wronged, (
        f"{name}: {len(wronged)} good timings are called suspects, one of "
        f"{_us(T, wronged)} µs"
    )


def _us(T: Any, positions: Collection[int]) -> str:
    return f"{float(T[min(positions)]) * 1e6:.4g}"


def drawn(n: Any, T: Any, link: Link, suspects: Collection[int]) -> None:
    """Draw timings, the suspects among them, and a fitted link with its n*."""
    import matplotlib.pyplot as plt

    plt.style.use("mlsyscore.figures")
    n, T, at = np.asarray(n), np.asarray(T) * 1e6, list(suspects)
    line = np.geomspace(n.min(), n.max())
    _, ax = plt.subplots()
    ax.loglog(n, T, ".", color="0.6", label="timings")
    ax.loglog(n[at], T[at], "x", color="C3", label="your suspects")
    fit: Any = link.time(line)  # type: ignore[arg-type]
    ax.loglog(line, fit * 1e6, "C1-", label="your fit")
    ax.axvline(link.half, color="C0", ls=":", label=f"n* = {link.half / 1e3:.0f} KB")
    ax.set(xlabel="message size (B)", ylabel="time (µs)")
    ax.legend()
    plt.show()
