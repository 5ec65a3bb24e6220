"""Daily batches of a data pipeline, healthy ones and some that broke without an error.

Days differ more than rows do: volume, prices and latencies have good and bad days.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Batch = dict[str, NDArray[Any]]  # a column of floats each, all of one length
COLUMNS = ("price", "latency", "age", "clicks")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What a pipeline's healthy batches have in common."""

    rows: int = 400
    price: float = 3.0  # logarithm of the median
    wait: float = 20.0  # milliseconds: a quarter of the mean latency
    lost: float = 0.03  # share of the ages that are missing
    clicks: float = 1.2  # logarithm of the median rate


USUAL = Pipeline()


def healthy(rng: np.random.Generator, pipeline: Pipeline = USUAL) -> Batch:
    """Return a day's batch: so many rows, more or less; some ages are missing (NaN)."""
    weekend = rng.random() < 2 / 7
    volume = pipeline.rows * (0.9 if weekend else 1.0)
    rows = round(volume * np.exp(0.05 * rng.normal()))
    taste = rng.normal(size=rows)  # who pays more clicks less
    price = np.exp(pipeline.price + 0.08 * rng.normal() + 0.6 * taste)
    age = np.round(rng.normal(40, 11, rows).clip(18, 90))
    age[rng.random(rows) < pipeline.lost] = np.nan
    latency = rng.gamma(4, pipeline.wait * np.exp(0.08 * rng.normal()), rows)
    level = pipeline.clicks + 0.04 * rng.normal()
    clicks = rng.poisson(np.exp(level - 0.5 * taste))
    columns = (price.round(2), latency.round(1), age, clicks.astype(float))
    return dict(zip(COLUMNS, columns, strict=True))


def history_of(seed: int, days: int = 60, pipeline: Pipeline = USUAL) -> list[Batch]:
    """Return the healthy batches of so many days."""
    rng = np.random.default_rng(seed)
    return [healthy(rng, pipeline) for _ in range(days)]


def _column(rng: np.random.Generator) -> str:
    return str(rng.choice(COLUMNS))


def filled(batch: Batch, history: Sequence[Batch], rng: np.random.Generator) -> Batch:
    """A source fails: 30 % of a column's values are 0."""
    name = _column(rng)
    lost = rng.random(len(batch[name])) < 0.3
    return batch | {name: np.where(lost, 0.0, batch[name])}


def missing(batch: Batch, history: Sequence[Batch], rng: np.random.Generator) -> Batch:
    """A source fails: 20 % of a column's values are missing."""
    name = _column(rng)
    lost = rng.random(len(batch[name])) < 0.2
    return batch | {name: np.where(lost, np.nan, batch[name])}


def unit(batch: Batch, history: Sequence[Batch], rng: np.random.Generator) -> Batch:
    """A column comes in another unit: 1,000 times or a thousandth."""
    name = _column(rng)
    return batch | {name: batch[name] * (1000.0 if rng.random() < 0.5 else 0.001)}


def cut(batch: Batch, history: Sequence[Batch], rng: np.random.Generator) -> Batch:
    """The transfer breaks off: only the first half of the rows is there."""
    return {name: column[: len(column) // 2] for name, column in batch.items()}


def twice(batch: Batch, history: Sequence[Batch], rng: np.random.Generator) -> Batch:
    """A retry: the last 30 % of the rows are replaced by the first 30 %, once more."""
    n = len(batch["price"])
    rows = np.concatenate([np.arange(n - 3 * n // 10), np.arange(3 * n // 10)])
    return {name: column[rows] for name, column in batch.items()}


def stale(batch: Batch, history: Sequence[Batch], rng: np.random.Generator) -> Batch:
    """A job did not run: a batch of the last seven days of the history comes again."""
    return dict(history[-int(rng.integers(1, 8))])


def joined(batch: Batch, history: Sequence[Batch], rng: np.random.Generator) -> Batch:
    """A join goes wrong: the clicks stand beside other rows' prices."""
    return batch | {"clicks": rng.permutation(batch["clicks"])}


Failure = Callable[[Batch, Sequence[Batch], np.random.Generator], Batch]
FAILURES: dict[str, Failure] = {
    f.__name__: f for f in (filled, missing, unit, cut, twice, stale, joined)
}


def _says(checker: Any, batch: Batch) -> bool:
    answer = checker({name: column.copy() for name, column in batch.items()})
    fine = isinstance(answer, bool | np.bool_)
    text = f"the check: True or False is expected, not {type(answer).__name__}"
    assert fine, f"{text} {answer!r:.40}"
    return bool(answer)


def alarms(
    checker: Any,
    history: Sequence[Batch],
    kind: str,
    count: int,
    seed: int,
    pipeline: Pipeline = USUAL,
) -> int:
    """Return how many of so many new batches a check calls broken.

    kind: the failure that each of them has, or "healthy"; pipeline: the history's
    """
    rng, found = np.random.default_rng([seed, 12]), 0  # no history has these
    for _ in range(count):
        batch = healthy(rng, pipeline)
        if kind != "healthy":
            batch = FAILURES[kind](batch, history, rng)
        found += _says(checker, batch)
    return found
