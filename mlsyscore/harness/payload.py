"""What a network carries: a copy of what was sent, which it may change on the way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..units import MB

LARGEST = 16 * MB  # bytes of one message


@dataclass(frozen=True)
class Change:
    """What a network adds to the floats that one rank sends.

    To the first value of message number `message`, counted from 0; where that is None,
    to every value of every message.
    """

    rank: int
    by: float
    message: int | None = None

    def made(self, x: Any, rank: int, message: int) -> Any:
        """Return what arrives of x, a copy of a message of a rank."""
        if rank != self.rank or self.message not in (None, message):
            return x
        if isinstance(x, float):
            return x + self.by
        if floats(x):
            x.reshape(-1)[: None if self.message is None else 1] += self.by
        return x


class Replay:
    """What one rank sent in a first run: a second run's network brings it again."""

    def __init__(self, rank: int) -> None:
        """Keep what this rank sends, until `again` is set."""
        self._rank, self._sent, self.again = rank, list[Any](), False

    def made(self, x: Any, rank: int, message: int) -> Any:
        """Return what arrives of x: in the second run, what was sent in its place."""
        if rank == self._rank and not self.again:
            self._sent.append(copied(x)[0])
        elif rank == self._rank and message < len(self._sent):
            return copied(self._sent[message])[0]
        return x


class Seen:
    """Keeps what each rank sends, in order; nothing is changed."""

    def __init__(self, N: int) -> None:
        """Begin with nothing."""
        self.sent: list[list[Any]] = [[] for _ in range(N)]

    def made(self, x: Any, rank: int, message: int) -> Any:
        """Return x as it is, and remember a copy."""
        self.sent[rank].append(copied(x)[0])
        return x


def floats(x: Any) -> bool:
    """Say whether x is an array or a tensor of floats."""
    if isinstance(x, np.ndarray):
        return x.dtype.kind == "f"
    return bool(hasattr(x, "is_floating_point") and x.is_floating_point())


def copied(x: Any) -> tuple[Any, int]:
    """Return a copy of a tensor, an array or a number, and its bytes.

    TypeError for all else, and ValueError if it is too large.
    """
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, float) or (isinstance(x, int) and abs(x) < 2**63):
        return x, 8
    copy: Callable[[], Any]
    if isinstance(x, np.ndarray) and x.dtype.kind in "biuf":
        n, copy = x.nbytes, lambda: np.array(x, order="C")
    elif hasattr(x, "detach") and hasattr(x, "element_size"):
        n, copy = x.numel() * x.element_size(), lambda: x.detach().clone().contiguous()
    else:
        raise TypeError(f"a tensor, an array or a number is sent, not {x!r:.40}")
    if n > LARGEST:
        raise ValueError(f"a message of {n} bytes; {LARGEST:.0f} are the most")
    return copy(), n
