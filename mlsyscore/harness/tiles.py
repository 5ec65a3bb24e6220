"""A chip whose memory counts what is loaded, and whose fast memory holds little.

Its matrices and tiles stay here: who computes with them says what to do with which.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
STEPS = 200_000  # of one chip


class Full(MemoryError):
    """The fast memory has no room for another tile."""


class Tile:
    """A block of numbers in the fast memory, which only its chip can read."""

    def __init__(self, chip: "Chip", numbers: Matrix) -> None:
        self._chip, self._numbers = chip, numbers
        self._here = True

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self._numbers.shape
        return rows, columns


class Chip:
    """Matrices in a large memory, and a fast memory with room for so many numbers.

    Every result is a new tile, until it is freed.  Shapes (r, c), (r, 1) and numbers
    go together.
    """

    def __init__(self, matrices: Mapping[str, Matrix], room: int) -> None:
        self._matrices = {k: np.array(v, float) for k, v in matrices.items()}
        self._room, self._held, self._peak, self._steps = room, 0, 0, 0
        self._loaded = self._stored = 0
        self._times = {k: np.zeros(v.shape, int) for k, v in self._matrices.items()}
        self._loads = {k: np.zeros(v.shape, int) for k, v in self._matrices.items()}

    @property
    def room(self) -> int:
        """How many numbers the fast memory can hold."""
        return self._room

    @property
    def held(self) -> int:
        """How many it holds now."""
        return self._held

    @property
    def peak(self) -> int:
        """The most that it has held."""
        return self._peak

    @property
    def loaded(self) -> int:
        """How many numbers were loaded from the large memory."""
        return self._loaded

    @property
    def stored(self) -> int:
        """How many were stored there."""
        return self._stored

    def load(
        self, name: str, start: int, stop: int, left: int = 0, right: int | None = None
    ) -> Tile:
        """Bring rows start to stop - 1 of a matrix, or some columns of them."""
        part = self._part(name, start, stop, left, right)
        tile = self._new(part.copy())
        self._loaded += part.size
        self._part(name, start, stop, left, right, self._loads)[:] += 1
        return tile

    def store(self, name: str, start: int, tile: Tile, left: int = 0) -> None:
        """Write a tile to rows of a matrix, from row `start` and column `left` on."""
        numbers = self._read(tile)
        rows, columns = numbers.shape
        self._part(name, start, start + rows, left, left + columns)[:] = numbers
        self._times[name][start : start + rows, left : left + columns] += 1
        self._stored += numbers.size

    def fill(self, rows: int, columns: int, value: float) -> Tile:
        """Make a tile of one value, which may be infinite."""
        if not (0 < int(rows) * int(columns) <= self._room):
            raise Full(f"a tile of {rows} x {columns}, and room for {self._room}")
        return self._new(np.full((int(rows), int(columns)), float(value)))

    def free(self, *tiles: Tile) -> None:
        """Give the room of tiles back; they cannot be used any more."""
        for tile in tiles:
            self._held -= self._read(tile).size
            tile._here, tile._numbers = False, np.empty((0, 0))

    def dot(self, a: Tile, b: Tile, transpose: bool = False) -> Tile:
        """Multiply matrices, a times b; a times the transpose of b, if asked for."""
        x, y = self._read(a), self._read(b)
        y = y.T if transpose else y
        if x.shape[1] != y.shape[0]:
            raise ValueError(f"a product of {x.shape} and {y.shape}")
        with np.errstate(all="ignore"):  # infinities are the student's own to find
            return self._new(x @ y)

    def add(self, a: Tile | float, b: Tile | float) -> Tile:
        """Add, value by value."""
        return self._both(np.add, a, b)

    def sub(self, a: Tile | float, b: Tile | float) -> Tile:
        """Subtract b from a."""
        return self._both(np.subtract, a, b)

    def mul(self, a: Tile | float, b: Tile | float) -> Tile:
        """Multiply value by value."""
        return self._both(np.multiply, a, b)

    def div(self, a: Tile | float, b: Tile | float) -> Tile:
        """Divide a by b, value by value."""
        return self._both(np.divide, a, b)

    def maximum(self, a: Tile | float, b: Tile | float) -> Tile:
        """Take the larger of two, value by value."""
        return self._both(np.maximum, a, b)

    def exp(self, a: Tile) -> Tile:
        """Take the exponential of each value."""
        with np.errstate(all="ignore"):
            return self._new(np.exp(self._read(a)))

    def max(self, a: Tile) -> Tile:
        """Take the largest of each row, as a column."""
        return self._new(self._read(a).max(axis=1, keepdims=True))

    def sum(self, a: Tile) -> Tile:
        """Add up each row, as a column."""
        return self._new(self._read(a).sum(axis=1, keepdims=True))

    def _both(self, f: Callable[..., Any], a: Tile | float, b: Tile | float) -> Tile:
        x, y = (self._read(t) if isinstance(t, Tile) else float(t) for t in (a, b))
        with np.errstate(all="ignore"):
            return self._new(np.atleast_2d(f(x, y)))

    def _new(self, numbers: Matrix) -> Tile:
        self._steps += 1
        if self._steps > STEPS:
            raise RuntimeError(f"more than {STEPS} steps on one chip")
        if self._held + numbers.size > self._room:
            raise Full(
                f"a tile of {numbers.shape[0]} x {numbers.shape[1]} does not fit: "
                f"{self._held} of {self._room} numbers are held; free tiles, or load "
                "smaller ones"
            )
        self._held += numbers.size
        self._peak = max(self._peak, self._held)
        return Tile(self, numbers)

    def _read(self, tile: Any) -> Matrix:
        if not isinstance(tile, Tile) or tile._chip is not self:
            raise TypeError(f"a tile of this chip is expected, not {tile!r:.40}")
        if not tile._here:
            raise ValueError("this tile has been freed")
        return tile._numbers

    def _part(
        self,
        name: str,
        start: int,
        stop: int,
        left: int,
        right: int | None,
        of: Mapping[str, Any] | None = None,
    ) -> Any:
        if name not in self._matrices:
            raise KeyError(f"no matrix {name!r:.20}; there are {list(self._matrices)}")
        matrix = self._matrices[name]
        rows, columns = matrix.shape
        right = columns if right is None else right
        inside = 0 <= start < stop <= rows and 0 <= left < right <= columns
        if not inside:
            raise IndexError(
                f"{name} is {rows} x {columns}: no rows {start} to {stop}, columns "
                f"{left} to {right}"
            )
        return (of or self._matrices)[name][start:stop, left:right]
