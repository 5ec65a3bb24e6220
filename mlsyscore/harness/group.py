"""Ranks that call collectives together, each the same ones in the same order."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .network import Network, Port, Waiting
from .payload import Change, Replay, copied


class Mismatch(ValueError):
    """Ranks called different collectives at the same place; says which."""


class Group(Network):
    """A network whose ranks have collectives too."""

    def __init__(self, N: int, change: Change | Replay | None = None) -> None:
        """Connect ranks 0 to N - 1; what one of them gives may be changed."""
        super().__init__(N, change)
        self._meetings: list[Meeting] = []

    def port(self, rank: int) -> "Member":
        """Return a rank's way into the group."""
        return Member(self, rank)


class Meeting:
    """One collective: what each rank calls, gives, and gets."""

    def __init__(self, N: int) -> None:
        """Wait for N ranks."""
        self._N, self._error = N, ""
        self._calls: dict[int, str] = {}
        self._gives: dict[int, Any] = {}
        self._waiting: list[Turn] = []

    def _missing(self) -> int:
        """Return the first rank that has not come."""
        return next(r for r in range(self._N) if r not in self._calls)


class Turn(Waiting):
    """One rank's part in a collective."""

    def __init__(self, network: Network, rank: int, name: str, at: Meeting) -> None:
        """Wait in a collective of this name."""
        super().__init__(network, rank)
        self._name, self._at = name, at

    def _on(self) -> int:
        return self._at._missing()

    def _says(self) -> str:
        return f"waits in {self._name} for rank {self._on()}"


class Member(Port):
    """One rank's way into a group: collectives, and messages."""

    _network: Group

    def __init__(self, network: Group, rank: int) -> None:
        """Belong to a rank that has called nothing yet."""
        super().__init__(network, rank)
        self._called = 0

    def all_gather(self, t: Any) -> list[Any]:
        """Return what every rank gives, in the order of ranks, to every rank."""
        gives = self._meet("all_gather", t, "")
        return [copied(gives[r])[0] for r in range(self._network._N)]

    def all_reduce(self, t: Any) -> Any:
        """Return the sum of what every rank gives, to every rank.

        It is summed in chunks, as a ring does; each chunk begins at another rank.
        """
        gives = self._meet("all_reduce", t, sort(t))
        return ring_sum([gives[r] for r in range(self._network._N)])

    def broadcast(self, t: Any, source: int) -> Any:
        """Return what rank `source` gives, to every rank; others may give None."""
        if source != self._rank:
            source, t = self._another(source), 0
        return copied(self._meet("broadcast", t, f"from rank {source}")[source])[0]

    def _meet(self, name: str, t: Any, how: str) -> dict[int, Any]:
        """Return what all ranks gave, when all have come."""
        network, rank, (box, n) = self._network, self._rank, copied(t)
        with network._turn:
            network._enter(n)
            if self._called == len(network._meetings):
                network._meetings.append(Meeting(network._N))
            meeting = network._meetings[self._called]
            self._called += 1
            meeting._calls[rank] = f"{name} {how}".strip()
            meeting._gives[rank] = network._take(box, n, rank, rank)
            turn = Turn(network, rank, name, meeting)
            meeting._waiting.append(turn)
            self._compare(meeting)
            network._wait(turn)
            if meeting._error:
                raise Mismatch(meeting._error)
            return meeting._gives

    def _compare(self, meeting: Meeting) -> None:
        """Let all go on when the last has come, or when two call different things."""
        calls, place = meeting._calls, self._called
        first = min(calls)
        for r, call in calls.items():
            if call != calls[first] and not meeting._error:
                meeting._error = (
                    f"collective {place} of each rank: rank {first} calls "
                    f"{calls[first]}, and rank {r} {call}"
                )
        if meeting._error or len(calls) == meeting._N:
            for turn in meeting._waiting:
                turn._done = True
            self._network._turn.notify_all()


def sort(t: Any) -> str:
    """Say what all_reduce needs to be the same on every rank."""
    t = t.item() if isinstance(t, np.generic) else t  # as it is sent
    kind = f"{type(t).__module__.split('.')[0]}.{type(t).__name__}"
    if not hasattr(t, "shape"):
        return f"of {kind}"
    return f"of {kind} {t.dtype}, shape {tuple(t.shape)}"


def ring_sum(gives: list[Any]) -> Any:
    """Return the sum as a ring makes it: chunk i begins with rank i."""
    N, total = len(gives), copied(gives[0])[0]
    if not hasattr(total, "reshape"):
        return sum(gives)
    flat: Callable[[Any], Any] = lambda x: x.reshape(-1)  # noqa: E731
    n = flat(total).shape[0]
    edges = [int(e) for e in np.linspace(0, n, N + 1)]
    for i in range(N):
        part = slice(edges[i], edges[i + 1])
        chunk = flat(gives[i])[part]
        for step in range(1, N):
            chunk = chunk + flat(gives[(i + step) % N])[part]
        flat(total)[part] = chunk
    return total
