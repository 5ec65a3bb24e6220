"""Minutes of a service: requests, errors, incidents, and the pages of an alert."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .answers import values, whole

Spans = list[tuple[int, int]]  # first minute, first minute after
FAST = (60, 5, 14.4)  # minutes of the long and the short window, burn rate
SLOW = (360, 30, 6.0)


def minutes_of(seed: int, days: int = 7) -> tuple[list[int], list[int], Spans]:
    """Return requests and errors of each minute, and the incidents.

    Traffic has a day and a night.  In a few minutes a day many requests fail (a blip);
    an incident is longer: an outage of an hour or two, or a slow leak of half a day.
    """
    rng = np.random.default_rng(seed)
    total = days * 1440
    t = np.arange(total)
    mean = 2000 * (1 + 0.8 * np.sin(2 * np.pi * (t / 1440 + rng.random())))
    requests = rng.poisson(mean)
    share = np.full(total, 2e-4)
    for start in rng.integers(0, total, 3 * days):
        share[start : start + int(rng.integers(1, 3))] = rng.uniform(0.05, 0.3)
    incidents: Spans = []
    for day in range(1, days):
        start = 1440 * day + int(rng.integers(0, 400))
        if rng.random() < 0.5:
            length, level = int(rng.integers(60, 120)), rng.uniform(0.03, 0.2)
        else:
            length, level = int(rng.integers(500, 700)), rng.uniform(0.009, 0.012)
        share[start : start + length] = level
        incidents.append((start, start + length))
    errors = rng.binomial(requests, share)
    return requests.tolist(), errors.tolist(), incidents


def spans(name: str, answer: Any, most: int) -> Spans:
    """Return the pairs of minutes in an answer; AssertionError if they are no spans."""
    pairs = [whole(name, pair, 2) for pair in values(name, answer)]
    for start, end in pairs:
        fine = 0 <= start < end <= most
        assert fine, f"{name}: ({start}, {end}) is no span of minutes 0 to {most}"
    return [(start, end) for start, end in pairs]


def must_page(
    pages: Callable[..., Any],
    label: str,
    counts: tuple[Sequence[int], Sequence[int]],
    slo: float,
    rules: Sequence[tuple[int, int, float]],
    want: Spans,
) -> None:
    """AssertionError unless the alert is on in just these minutes."""
    requests, errors = counts
    got = spans(
        label, pages(list(requests), list(errors), slo, list(rules)), len(errors)
    )
    text = f"{label}: pages of minutes {got[:4]}; {want[:4]} is expected"
    if len(got) > 4 or len(want) > 4:
        text += f" (the first four of {len(got)} and {len(want)})"
    assert got == want, text


def draw_week(
    requests: Sequence[int], errors: Sequence[int], pages: Any, incidents: Spans
) -> None:
    """Draw the share of errors with the pages of an alert and the incidents."""
    import matplotlib.pyplot as plt

    n, bad = np.maximum(requests, 1), np.asarray(errors)
    _, ax = plt.subplots(figsize=(7, 3))
    ax.semilogy(
        np.arange(len(n)) / 1440, np.maximum(bad / n, 1e-5), lw=0.5, color="0.6"
    )
    spots = ((incidents, 2.0, "C3", "incidents"), (pages, 3.5, "C0", "your pages"))
    for found, height, color, name in spots:
        for k, (start, end) in enumerate(found):
            ends = [start / 1440, end / 1440]
            label = name if k == 0 else None
            ax.plot(ends, [height, height], color=color, ls="-", lw=6, label=label)
    ax.set(xlabel="day", ylabel="share of errors", ylim=(1e-4, 30))
    ax.legend(loc="upper left", ncols=2)
