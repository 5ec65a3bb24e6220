"""Copy bytes between a client of ours and a kernel in a jail, so many and no more.

ZeroMQ keeps whatever arrives, read or not, until memory ends.  So no socket of the
jail's is connected to one of ours: all goes through here, is counted, and waits in the
jail while nobody takes it.
"""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable
from pathlib import Path

MOST = 64 << 20  # bytes from a kernel, until the budget is renewed
UNREAD = 16 << 20  # and ever, over the channels that nobody reads to their end
FRAME = 128  # bytes that a part of a message takes here, be it empty
PIECE = 1 << 18  # bytes copied at a time
GREETING = 64  # bytes before the first part; https://rfc.zeromq.org/spec/23/
LONG = 2  # the flag of a part whose size takes eight bytes


class _Parts:
    """Finds in a stream of ZeroMQ's where the parts of messages begin, to count."""

    def __init__(self) -> None:
        self.skip, self.head, self.greeting = 0, b"", b""

    def count(self, data: bytes) -> int:
        """Return how many parts begin in what has come now.

        Raises ConnectionError for another version of ZeroMQ, whose parts are others.
        """
        found, at = 0, GREETING - len(self.greeting)
        self.greeting += data[:at]
        if len(self.greeting) > 10 and self.greeting[::10][:2] != b"\xff\x03":
            raise ConnectionError
        while at < len(data):
            if self.skip:
                step = min(self.skip, len(data) - at)
                self.skip -= step
                at += step
                continue
            want = 9 if (self.head or data[at : at + 1])[0] & LONG else 2
            part = data[at : at + want - len(self.head)]
            self.head += part
            at += len(part)
            if len(self.head) == want:
                self.skip, self.head = int.from_bytes(self.head[1:], "big"), b""
                found += 1
        return found


class _Way:
    """One direction of a connection.  parts: of what comes from a kernel."""

    def __init__(
        self, source: socket.socket, sink: socket.socket, parts: _Parts | None
    ) -> None:
        self.source, self.sink, self.parts, self.data = source, sink, parts, b""


class Relay:
    """Listens in a folder for a client, and connects each to a kernel's socket.

    channels: where the kernel listens, by the name of our socket; renewed: those
    whose budget is renewed, being read; full: called, once, when it has run out.
    """

    def __init__(
        self,
        folder: Path,
        channels: dict[str, str],
        renewed: set[str],
        full: Callable[[str], None],
    ) -> None:
        self.channels, self.renewed, self.full = channels, renewed, full
        self.left = {True: MOST, False: UNREAD}
        self.lock = threading.Lock()
        self.ready = selectors.DefaultSelector()
        self.listening = []
        for name in channels:
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(str(folder / name))
            listening.listen()
            listening.setblocking(False)
            self.ready.register(listening, selectors.EVENT_READ, name)
            self.listening.append(listening)
        self.ended, self.end = socket.socketpair()
        self.ready.register(self.ended, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def renew(self) -> None:
        """Let the kernel send as much again."""
        with self.lock:
            self.left[True] = MOST

    def close(self) -> None:
        """Close every connection."""
        with contextlib.suppress(OSError):
            self.end.close()
        self.thread.join()

    def _run(self) -> None:
        self.ways: dict[socket.socket, tuple[_Way, _Way, bool]] = {}
        try:
            while True:
                for key, events in self.ready.select():
                    if key.fileobj is self.ended:
                        return
                    if key.data is not None:
                        self._meet(key.fileobj, key.data)
                    elif key.fileobj in self.ways:
                        self._copy(key.fileobj, events)
        except _Full as e:
            self.full(str(e))
        finally:
            self._end()

    def _end(self) -> None:
        for place in [*self.ways, *self.listening, self.ended]:
            place.close()
        self.ready.close()

    def _meet(self, listening: socket.socket, name: str) -> None:
        """Connect a client to the kernel's socket of that name."""
        near, _ = listening.accept()
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(self.channels[name])
        except OSError:  # whose kernel has ended
            near.close()
            far.close()
            return
        there, back = _Way(near, far, None), _Way(far, near, _Parts())
        for place, out, into in ((near, there, back), (far, back, there)):
            place.setblocking(False)
            self.ways[place] = out, into, name in self.renewed
            self.ready.register(place, selectors.EVENT_READ)

    def _copy(self, place: socket.socket, events: int) -> None:
        """Read what a socket has, or write what waits for it."""
        out, into, renewed = self.ways[place]
        try:
            if events & selectors.EVENT_READ and not out.data:
                out.data = place.recv(PIECE)
                if not out.data:
                    raise ConnectionError
                if out.parts:
                    self._take(
                        len(out.data) + FRAME * out.parts.count(out.data), renewed
                    )
                self._send(out)
            elif events & selectors.EVENT_WRITE:
                self._send(into)
        except BlockingIOError:
            pass
        except OSError:
            self._part(out)
            return
        for way in (out, into):  # whoever waits for a slow reader reads no more
            self._listen(way.source)

    def _part(self, way: _Way) -> None:
        """Close both ends of a connection."""
        for end in (way.source, way.sink):
            del self.ways[end]
            if end in self.ready.get_map():
                self.ready.unregister(end)
            end.close()

    def _send(self, way: _Way) -> None:
        with contextlib.suppress(BlockingIOError):
            way.data = way.data[way.sink.send(way.data) :]

    def _listen(self, place: socket.socket) -> None:
        """Wait for what this socket can do next."""
        out, into, _ = self.ways[place]
        events = selectors.EVENT_READ * (not out.data)
        events |= selectors.EVENT_WRITE * bool(into.data)
        if place in self.ready.get_map():
            if not events:
                self.ready.unregister(place)
            elif self.ready.get_key(place).events != events:
                self.ready.modify(place, events)
        elif events:
            self.ready.register(place, events)

    def _take(self, size: int, renewed: bool) -> None:
        """Count what came from the kernel."""
        with self.lock:
            self.left[renewed] -= size
            if self.left[renewed] < 0:
                most = MOST if renewed else UNREAD
                raise _Full(f"it sent more than {most >> 20} MiB")


class _Full(Exception):
    """A kernel has sent more than it may."""
