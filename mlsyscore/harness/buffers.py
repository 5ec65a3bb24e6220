"""Sends that read their tensor until they have left, as those of a real network do."""

from collections import deque
from typing import Any

import numpy as np

from .payload import copied

MOST = 8  # sends that are looked after at a time


class Overwritten(RuntimeError):
    """A tensor that was being sent was changed before its send had left."""


class LivePort:
    """A port whose user must leave a posted tensor alone until wait() has returned.

    It lives beside the answer, for only there a later change can be seen: ``made`` it.
    """

    def __init__(self, port: Any) -> None:
        """Send through a port of a network."""
        self._port, self._posted = port, deque[LiveSend](maxlen=MOST)

    def isend(self, t: Any, to: int) -> "LiveSend":
        """Post t to rank `to`; return a request to wait for."""
        self._look()
        send = LiveSend(self, self._port.isend(t, to), t, to)
        self._posted.append(send)
        return send

    def irecv(self, source: int) -> Any:
        """Ask for the next message from rank `source`; return a request to wait for."""
        self._look()
        return self._port.irecv(source)

    def _look(self) -> None:
        for send in self._posted:
            send._look()

    def _left(self) -> None:
        self._port._left()


class LiveSend:
    """A send under way, and its tensor as it was when it was posted."""

    def __init__(self, port: LivePort, request: Any, t: Any, to: int) -> None:
        """Keep the tensor itself, and a copy."""
        self._port, self._request, self._t, self._to = port, request, t, to
        self._was = _array(copied(t)[0])

    def wait(self) -> None:
        """Return when it has left; Overwritten if its tensor was changed."""
        self._look()
        self._request.wait()
        if self in self._port._posted:
            self._port._posted.remove(self)

    def _look(self) -> None:
        if not np.array_equal(_array(self._t), self._was, equal_nan=True):
            raise Overwritten(
                f"what was posted to rank {self._to} was changed before wait() had "
                "returned; until then the network reads it"
            )


def _array(x: Any) -> Any:
    return np.asarray(x.detach() if hasattr(x, "detach") else x)
