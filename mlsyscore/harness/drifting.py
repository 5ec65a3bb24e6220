"""A model that serves a drifting world day by day, and can be trained again.

The world keeps the bill: who operates it sees each day's loss, and pays for training.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS, WIDTH = 100, 5  # requests a day, weights of a model
_LOCK = threading.Lock()


class Stream:
    """Days of requests, of which each costs a model its squared error in dollars.

    price: dollars of a training; days: how many there are.  The model that is there
    at first was trained on the eve of the first day.
    """

    def __init__(self, days: int, price: float, drift: float, seed: int) -> None:
        self.days, self.price = days, price
        self._losses = _played(days, drift, np.random.default_rng(seed))
        self._today, self._born = 0, 0
        self._trained: list[int] = []  # days before which there was a training

    def train(self) -> None:
        """Train the model on yesterday's requests, before today's are served."""
        with _LOCK:
            if self._today >= self.days:
                raise RuntimeError(f"all {self.days} days are over")
            if self._today in self._trained[-1:]:
                raise RuntimeError("the model was trained this morning")
            self._trained.append(self._today)
            self._born = self._today

    def serve(self) -> float:
        """Serve today's requests; return today's loss in dollars."""
        with _LOCK:
            if self._today >= self.days:
                raise RuntimeError(f"all {self.days} days are over")
            loss = self._losses[self._born, self._today]
            self._today += 1
            return float(loss)


def _played(days: int, drift: float, rng: np.random.Generator) -> NDArray[Any]:
    """Return the loss of a model trained before day b on day t, at [b, t]."""
    steps = rng.normal(0, drift / np.sqrt(WIDTH), (days + 1, WIDTH))
    true = steps.cumsum(axis=0)
    X = rng.normal(size=(days + 1, ROWS, WIDTH))
    y = np.einsum("trd,td->tr", X, true) + rng.normal(size=(days + 1, ROWS))
    pairs = zip(X[:-1], y[:-1], strict=True)
    models = np.array([np.linalg.lstsq(a, b, rcond=None)[0] for a, b in pairs]).T
    errors = [y[t + 1][:, None] - X[t + 1] @ models for t in range(days)]
    return np.array([np.square(e).mean(axis=0) for e in errors]).T


def days_served(stream: Stream) -> int:
    """Return how many days were served."""
    return stream._today


def trainings(stream: Stream) -> list[int]:
    """Return the days before which the model was trained."""
    return list(stream._trained)


def bill(stream: Stream, mornings: list[int]) -> float:
    """Return the dollars of a stream trained on these mornings, beyond a floor.

    The floor is the loss of a model that is trained every morning for nothing.
    """
    born = np.zeros(stream.days, int)
    born[mornings] = mornings
    born = np.maximum.accumulate(born)
    t = np.arange(stream.days)
    extra = stream._losses[born, t] - stream._losses[t, t]
    return float(extra.sum()) + stream.price * len(mornings)


def best_fixed(stream: Stream) -> tuple[int, float]:
    """Return the fixed interval of the least bill, found in hindsight, and the bill."""
    days = stream.days
    bills = [bill(stream, list(range(T, days, T))) for T in range(1, days + 1)]
    k = int(np.argmin(bills))
    return k + 1, bills[k]


def operated(label: str, operate: Callable[[Any], Any], stream: Stream) -> float:
    """Let an answer operate a stream; return its bill over the best fixed interval's.

    AssertionError unless all days are served.
    """
    operate(stream)
    served = days_served(stream)
    assert served == stream.days, (
        f"{label}: {served} of {stream.days} days are served; serve() goes on by one"
    )
    return bill(stream, trainings(stream)) / best_fixed(stream)[1]
