"""A trainer whose parts can be read and put back, and that counts its steps."""

import copy
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROWS, COLUMNS, HIDDEN, BATCH = 2000, 32, 16, 100
_LOCK = threading.RLock()  # one for all, so that a trainer can be pickled


class Arrays:
    """Named arrays, such as weights.  What is read is a copy, and so is what is put."""

    def __init__(self, arrays: dict[str, Array]) -> None:
        self._arrays = arrays

    def state_dict(self) -> dict[str, Any]:
        """Return name and array of each."""
        return copy.deepcopy(self._arrays)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over all arrays; ValueError unless names and shapes are the same."""
        found = {name: np.shape(a) for name, a in dict(state).items()}
        shapes = {name: a.shape for name, a in self._arrays.items()}
        if found != shapes:
            raise ValueError(f"{shapes} are expected, not {found!s:.200}")
        for name, a in self._arrays.items():
            a[:] = state[name]


class Schedule:
    """The learning rate: it grows in ten steps, and then falls by 1 % a step."""

    def __init__(self) -> None:
        self._t = 0

    def state_dict(self) -> dict[str, int]:
        """Return the step that it has reached."""
        return {"t": self._t}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a step."""
        if not 0 <= state["t"] <= 10**9:
            raise ValueError(f"no step {state['t']!r:.60}")
        self._t = int(state["t"])

    def _next(self) -> float:
        self._t += 1
        return 0.05 * min(1.0, self._t / 10) * 0.99 ** (self._t - 1)


class Noise:
    """A generator of random numbers."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def get_state(self) -> dict[str, Any]:
        """Return where it is, a dict of names and whole numbers."""
        return copy.deepcopy(dict(self._rng.bit_generator.state))

    def set_state(self, state: dict[str, Any]) -> None:
        """Go where another one was."""
        self._rng.bit_generator.state = dict(state)


class Trainer:
    """A model with dropout, trained with momentum, warm-up, and shuffled epochs."""

    def __init__(self, seed: int) -> None:
        seeds = np.random.SeedSequence(seed).generate_state(4, np.uint64).tolist()
        self.shuffle, self.dropout = Noise(seeds[0]), Noise(seeds[1])
        rng = np.random.default_rng(seeds[2])  # no part of it says what the data are
        self._x = rng.normal(size=(ROWS, COLUMNS))
        self._y = np.sin(self._x[:, :4].sum(axis=1))
        rng = np.random.default_rng(seeds[3])
        self._w = {"W": rng.normal(size=(COLUMNS, HIDDEN)) / COLUMNS**0.5}
        self._w |= {"b": np.zeros(HIDDEN), "v": rng.normal(size=HIDDEN) / HIDDEN**0.5}
        self._w["c"] = np.zeros(1)
        self._m = {name: np.zeros_like(a) for name, a in self._w.items()}
        self.model, self.optimizer = Arrays(self._w), Arrays(self._m)
        self.schedule = Schedule()
        self._order, self._place, self._steps = np.arange(0), 0, 0

    @property
    def order(self) -> NDArray[np.int64]:
        """The rows of the data in this epoch's order; none before the first step."""
        return self._order.copy()

    @property
    def place(self) -> int:
        """How many rows of this epoch are done."""
        return self._place

    def seek(self, order: Any, place: int) -> None:
        """Go to a place in an epoch of this order."""
        rows = np.array(order, dtype=np.int64)
        if rows.size and not np.array_equal(np.sort(rows), np.arange(ROWS)):
            raise ValueError(f"the order holds no row, or each of {ROWS}")
        if not 0 <= place <= rows.size:
            raise ValueError(f"no place {place!r:.60} in an epoch of {rows.size} rows")
        with _LOCK:
            self._order, self._place = rows, int(place)

    def step(self) -> float:
        """Train on the next batch of 100 rows; return its loss."""
        with _LOCK:
            self._steps += 1
            if self._place >= len(self._order):
                self._order = self.shuffle._rng.permutation(ROWS)
                self._place = 0
            rows = self._order[self._place : self._place + BATCH]
            self._place += BATCH
            return self._train(self._x[rows], self._y[rows])

    def _train(self, x: Array, y: Array) -> float:
        w = self._w
        hidden = x @ w["W"] + w["b"]
        kept = (hidden > 0) * (self.dropout._rng.random(hidden.shape) >= 0.2) / 0.8
        error = (hidden * kept) @ w["v"] + w["c"] - y
        slope = 2 * error / len(y)
        back = slope[:, None] * w["v"] * kept
        grad = {"W": x.T @ back, "b": back.sum(axis=0)}
        grad |= {"v": slope @ (hidden * kept), "c": slope.sum(keepdims=True)}
        lr = self.schedule._next()
        for name, g in grad.items():
            self._m[name] *= 0.9
            self._m[name] += g
            w[name] -= lr * self._m[name]
        return float(np.mean(error**2))


def train(trainer: Trainer, steps: int) -> list[float]:
    """Return the losses of some steps."""
    return [trainer.step() for _ in range(steps)]


def steps_taken(trainer: Trainer) -> int:
    """Return how many steps a trainer has taken, whatever was put back."""
    return trainer._steps
