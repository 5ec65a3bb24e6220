"""Messages between ranks: who sent what to whom, and who waits for whom."""

import threading
from collections import defaultdict, deque
from operator import index
from typing import Any

from ..units import MB, Bytes
from .payload import Change, Replay, Seen, copied

MOST, HELD = 20_000, 256 * MB  # operations, and bytes sent, on one network


class Deadlock(RuntimeError):
    """A rank waits for what can no longer come; says who waits for whom."""

    consequence = True  # where another rank failed, that is the cause


class Network:
    """N ranks that send each other tensors, arrays or numbers.

    A send leaves when its receiver asks for it, not before.  A rank is one thread:
    where it waits it does nothing else, so what can never come is found at once.
    """

    def __init__(self, N: int, change: Change | Replay | Seen | None = None) -> None:
        """Connect ranks 0 to N - 1; what one of them sends may be changed."""
        self._N, self._change = N, change
        self._turn = threading.Condition()
        self._waits: dict[int, Waiting] = {}
        self._vain: dict[int, str] = {}  # who waits in vain, and why
        self._ended: set[int] = set()
        self._posted: dict[Any, deque[Request]] = defaultdict(deque)
        self._sent: list[list[tuple[int, int]]] = [[] for _ in range(N)]
        self._operations = self._bytes = 0

    def port(self, rank: int) -> "Port":
        """Return a rank's way into the network."""
        return Port(self, rank)

    def sent(self, rank: int) -> Bytes:
        """Return how many bytes a rank has sent."""
        return sum(n for _, n in self._sent[rank])

    def messages(self, rank: int) -> int:
        """Return how many messages a rank has sent."""
        return len(self._sent[rank])

    def peers(self, rank: int) -> list[int]:
        """Return the ranks to which a rank has sent."""
        return sorted({to for to, _ in self._sent[rank]})

    def _take(self, x: Any, n: int, rank: int, to: int) -> Any:
        """Note a message of n bytes, and return what arrives of it."""
        self._sent[rank].append((to, n))
        if self._change is None:
            return x
        return self._change.made(x, rank, len(self._sent[rank]) - 1)

    def _enter(self, n: int = 0) -> None:
        """Count an operation on n bytes; RuntimeError where there are too many."""
        self._operations, self._bytes = self._operations + 1, self._bytes + n
        if self._operations > MOST or self._bytes > HELD:
            limit = f"{MOST} operations or {HELD / MB:.0f} MB"
            raise RuntimeError(f"more than {limit} on one network")

    def _match(self, mine: "Request", theirs: Any) -> "Request":
        """Pair a request with the oldest of the other side, or keep it until then."""
        if not self._posted[theirs]:
            self._posted[mine._key].append(mine)
            return mine
        other = self._posted[theirs].popleft()
        send, receive = (mine, other) if mine._key[0] == "send" else (other, mine)
        receive._box, send._box = send._box, None
        send._done = receive._done = True
        self._turn.notify_all()
        return mine

    def _wait(self, what: "Waiting") -> None:
        """Return when what is done; Deadlock if it never will be."""
        rank = what._rank
        if rank in self._waits:
            raise RuntimeError(f"rank {rank} waits in two threads at once")
        self._waits[rank] = what
        try:
            while not what._done:
                self._look()
                if rank in self._vain:
                    raise Deadlock(self._vain[rank])
                self._turn.wait()
        finally:
            del self._waits[rank]
            self._vain.pop(rank, None)

    def _look(self) -> None:
        """Tell every rank that waits in vain."""
        for rank in self._waits:
            why = self._chain(rank)
            if why and rank not in self._vain:
                self._vain[rank] = why
                self._turn.notify_all()

    def _chain(self, at: int) -> str:
        """Say whom a rank waits for in vain, and whom that one; else nothing."""
        text, seen = f"rank {at}", set[int]()
        while at in self._waits and at not in seen:
            what = self._waits[at]
            if what._done:
                return ""
            text += f"{', which' * bool(seen)} {what._says()}"
            seen.add(at)
            at = what._on()
        if at in seen:
            return text
        return f"{text}, which has ended" if at in self._ended else ""

    def _leave(self, rank: int) -> None:
        """Hear that a rank has ended."""
        with self._turn:
            self._ended.add(rank)
            self._look()


class Waiting:
    """What a rank may wait for."""

    def __init__(self, network: Network, rank: int) -> None:
        """Belong to a rank."""
        self._network, self._rank, self._done = network, rank, False

    def _on(self) -> int:
        """Return a rank that has to come first."""
        raise NotImplementedError

    def _says(self) -> str:
        """Say what is waited for."""
        raise NotImplementedError


class Request(Waiting):
    """A message under way."""

    def __init__(self, network: Network, key: tuple[str, int, int], box: Any) -> None:
        """Send or receive: key says which, the sender and the receiver."""
        super().__init__(network, key[1] if key[0] == "send" else key[2])
        self._key, self._box = key, box

    def wait(self) -> Any:
        """Return what has come; of a send, None, when it has left."""
        with self._network._turn:
            if not self._done:
                self._network._wait(self)
            return self._box

    def _on(self) -> int:
        return self._key[2] if self._key[0] == "send" else self._key[1]

    def _says(self) -> str:
        verb = "waits to send to" if self._key[0] == "send" else "waits for"
        return f"{verb} rank {self._on()}"


class Port:
    """One rank's way into a network."""

    def __init__(self, network: Network, rank: int) -> None:
        """Belong to a rank."""
        self._network, self._rank = network, rank

    def isend(self, t: Any, to: int) -> Request:
        """Post t, as it is now, to rank `to`; return a request to wait for."""
        network, rank, to = self._network, self._rank, self._another(to)
        box, n = copied(t)
        with network._turn:
            network._enter(n)
            box = network._take(box, n, rank, to)
            request = Request(network, ("send", rank, to), box)
            return network._match(request, ("receive", rank, to))

    def irecv(self, source: int) -> Request:
        """Ask for the next message from rank `source`; return a request to wait for."""
        network, rank, source = self._network, self._rank, self._another(source)
        with network._turn:
            network._enter()
            request = Request(network, ("receive", source, rank), None)
            return network._match(request, ("send", source, rank))

    def _another(self, other: int) -> int:
        """Return other as an int; ValueError unless it is the rank of another."""
        other, N = index(other), self._network._N
        if other not in range(N) or other == self._rank:
            raise ValueError(f"rank {self._rank} of {N} cannot reach rank {other}")
        return other

    def _left(self) -> None:
        self._network._leave(self._rank)
