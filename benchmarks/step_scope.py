"""What a fit may be asked: a range of times, and which inputs no fitted row had.

A range is made of errors on rows not fitted.  Each fit predicts the new row, and is
scaled by each measured/predicted of the rows that it had not seen; the middle SHARE of
these times is the range (Barber et al., Predictive inference with the jackknife+,
Annals of Statistics 49 (2021), with two folds).  Where the new row is like those, it
holds about SHARE of the truths, and 2 SHARE - 1 at the least.

Inside a data set the fits are to its halves, each tested on the other.  Outside, in
sizes alone, they are to whole data sets, each tested on the others: how far off a fit
was on another cluster.  A row of another *kind* than all that were fitted (chip, what
is kept, fused, compiled, hidden) gets no such range: from the least that its operations
take, all at their peak and all else free, to infinity.

Found: from half of a data set, 83 to 92 % of the other half's rows lay in ranges with
high/low of 1.2 to 1.4; from other data sets 71 to 100 %, 1.6 to 1.9, for clusters are
few and unlike.  A kind may be new without a new input: see ``step_model``.
"""

from typing import NamedTuple

import numpy as np
from published import groups, halves, inputs, take
from step_model import Rows, fit, step

SHARE = 0.9
GRID = np.linspace(0.01, 0.99, 50)  # so that data sets count alike, however long
FREE = np.array([1, 0, 0, 0, 0, 0, np.inf])  # theta of the least time
ROUNDING = 1e-9
KIND = {"peak", "linear", "memory", "nvlink", "whole", "split", "recompute", "rescore"}
KIND |= {"flash", "compiled", "zero3", "hidden"}


class Known(NamedTuple):
    """A data set, and the fit to all of it."""

    rows: Rows
    theta: np.ndarray


class Witness(NamedTuple):
    """A fit, and measured/predicted of rows that it had not seen."""

    theta: np.ndarray
    ratio: np.ndarray


class Forecast(NamedTuple):
    """Seconds of each row, low to high; its inputs outside, and those of a new kind."""

    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray
    outside: list[list[str]]
    new: list[list[str]]


def beyond(fitted: Rows, r: Rows) -> list[list[str]]:
    """Name each row's inputs that are below or above all of those fitted."""
    out: list[list[str]] = [[] for _ in r["T"]]
    for letter in inputs(r):
        low, high = fitted[letter].min(), fitted[letter].max()
        slack = ROUNDING * high
        for i in np.flatnonzero((r[letter] < low - slack) | (r[letter] > high + slack)):
            out[i].append(letter)
    return out


def know(r: Rows) -> Known:
    """Fit a data set."""
    return Known(r, fit(r))


def within(r: Rows) -> list[Witness]:
    """Fit each half of a data set, and test it on the other."""
    a, b = (take(r, half) for half in halves(groups(r)))
    fits = [(fit(x), y) for x, y in ((a, b), (b, a))]
    return [Witness(theta, y["T"] / step(theta, y)) for theta, y in fits]


def among(sets: list[Known]) -> list[Witness]:
    """Test the fit to each data set on each of the others."""
    pairs = [(x.theta, y.rows) for x in sets for y in sets if x is not y]
    return [Witness(theta, r["T"] / step(theta, r)) for theta, r in pairs]


def spread(heard: list[Witness], r: Rows, share: float = SHARE) -> np.ndarray:
    """Low, middle and high of what the witnesses say of each row."""
    said = [step(x.theta, r) * np.quantile(x.ratio, GRID)[:, None] for x in heard]
    ends = (1 - share) / 2, 0.5, (1 + share) / 2
    return np.quantile(np.concatenate(said), ends, axis=0)


def forecast(sets: list[Known], r: Rows, share: float = SHARE) -> Forecast:
    """Range of seconds for each row, as the module says.

    ``outside`` names what lies outside of the data set that has most of a row's inputs,
    and is empty for a row inside; ``new`` the inputs of a kind that none has, and for
    such a row high is infinite.  A row outside needs two data sets or more, or
    ValueError: one cannot say what another would do.
    """
    found = [beyond(x.rows, r) for x in sets]
    nearest = np.argmin([[len(x) for x in rows] for rows in found], axis=0)
    outside = [found[j][i] for i, j in enumerate(nearest)]
    new = [sorted(KIND.intersection(*x)) for x in zip(*found, strict=True)]
    told = np.empty((3, len(outside)))
    for j, one in enumerate(sets):
        here = [i for i, x in enumerate(outside) if nearest[i] == j and not x]
        if here:
            told[:, here] = spread(within(one.rows), take(r, here), share)
    rest = [i for i, x in enumerate(outside) if x]
    if rest and len(sets) < 2:
        raise ValueError(f"outside of the rows fitted: {', '.join(outside[rest[0]])}")
    if rest:
        told[:, rest] = spread(among(sets), take(r, rest), share)
    open_end = [i for i, x in enumerate(new) if x]
    if open_end:
        some = take(r, open_end)
        told[0, open_end] = step(FREE, some | {"flash": np.ceil(some["flash"])})
        told[2, open_end] = np.inf
    return Forecast(*told, outside, new)
