"""Phones that may or may not take part, and the words that refuse them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..units import GB, Mbps, Wh
from .answers import values

WORDS = ("memory", "battery", "heat", "deadline")
PHONE = {
    "memory": 1 * GB,
    "battery": 12 * Wh,
    "reserve": 6 * Wh,
    "temperature": 25.0,
    "ambient": 25.0,
    "limit": 43.0,
    "R": 7.0,
    "C": 150.0,
    "down": 40 * Mbps,
    "up": 10 * Mbps,
}


def phone_like(**changes: float) -> dict[str, float]:
    """Return a phone that differs from a common one in these numbers."""
    unknown = set(changes) - set(PHONE)
    if unknown:
        raise ValueError(f"{sorted(unknown)}: a phone has {sorted(PHONE)}, 10 numbers")
    return PHONE | changes


def must_refuse(
    name: str,
    refusals: Callable[..., Any],
    phone: Mapping[str, float],
    task: Mapping[str, float],
    want: Sequence[str],
    *,
    show: bool = True,
) -> None:
    """AssertionError unless these words, in any order, refuse the phone."""
    found = values(f"{name}: words", refusals(dict(phone), dict(task)))
    bad = [x for x in found if x not in WORDS]
    assert not bad, f"{name}: the words are {WORDS}; you have {bad[0]!r:.60}"
    got = sorted(set(found), key=WORDS.index)
    text = f"{name}: you have {got}"
    assert set(got) == set(want), text + (f"; {list(want)} is expected" if show else "")
