"""Outside the jail: a kernel's connections come in, bounded before they are kept."""

import contextlib
import ctypes
import json
import logging
import pickle
import queue
import select
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LARGE, SMALL = 96 << 20, 16 << 20  # bytes of a message: of the kernel, of its threads
MANY = {LARGE: 4_000_000, SMALL: 150_000}  # values in it: small ones take most memory
OPEN = 32  # connections of threads and ranks at once
PIECE = 1 << 20  # bytes read at a time
log = logging.getLogger(__name__)


class Wire:
    """A connection, pickles in, JSON out: EOFError, TimeoutError, ValueError."""

    def __init__(self, connection: socket.socket, most: int) -> None:
        self.connection, self.most = connection, most

    def send(self, *message: Any) -> None:
        """Send one message."""
        data = pickle.dumps(message)
        try:
            self.connection.sendall(len(data).to_bytes(8, "big") + data)
        except OSError:
            raise EOFError from None

    def waiting(self, seconds: float) -> bool:
        """Say whether something comes within so many seconds."""
        return bool(select.select([self.connection], [], [], seconds)[0])

    def read(self, until: float | None = None) -> Any:
        """Return the next message; until: when to give up, on the monotonic clock."""
        size = int.from_bytes(self._bytes(8, until), "big")
        if size > self.most:
            raise ValueError(f"a message of more than {self.most >> 20} MiB")
        data = self._bytes(size, until)
        if sum(map(data.count, b"[{,")) > MANY.get(self.most, self.most):
            raise ValueError("a message of too many values")
        return json.loads(data)

    def _bytes(self, size: int, until: float | None) -> bytes:
        data = bytearray()
        while len(data) < size:
            left = None if until is None else max(until - time.monotonic(), 1e-3)
            self.connection.settimeout(left)
            try:
                piece = self.connection.recv(min(size - len(data), PIECE))
            except TimeoutError:
                raise
            except OSError:
                raise EOFError from None
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

    def close(self) -> None:
        """Close it."""
        self.connection.close()


class Gate:
    """Listens for one kernel: for itself, for its threads and for its ranks.

    serve(wire, hello) is called in a thread of its own for each but the kernel itself.
    """

    def __init__(self, place: Path, serve: Callable[[Wire, Any], None]) -> None:
        self.serve, self.free = serve, threading.Semaphore(OPEN)
        self.kernels: queue.Queue[Wire] = queue.Queue()
        self.threads: dict[threading.Thread, socket.socket] = {}
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(place))
        place.chmod(0o666)  # the kernel may be nobody
        self.listening.listen(OPEN)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self.listening.accept()
                if not self.free.acquire(blocking=False):
                    connection.close()
                    continue
                thread = threading.Thread(
                    target=self._hear, args=[connection], daemon=True
                )
                self.threads[thread] = connection
                thread.start()

    def _hear(self, connection: socket.socket) -> None:
        """Greet; the end that ``close`` sends may come at any moment of it."""
        with contextlib.suppress(SystemExit):
            self._greet(connection)

    def _greet(self, connection: socket.socket) -> None:
        keep = False
        try:
            hello = Wire(connection, 1 << 10).read(time.monotonic() + 60)
            keep = hello == "kernel" and self.kernels.empty()
            if keep:
                self.kernels.put(Wire(connection, LARGE))
            else:
                self.serve(Wire(connection, SMALL), hello)
        except (Exception, SystemExit) as e:  # says nothing that can be read, or ends
            log.info("a connection of a kernel ends: %r", e)
        finally:
            if not keep:
                connection.close()
            self.free.release()
            self.threads.pop(threading.current_thread(), None)

    def close(self) -> None:
        """Hear nobody any more; stop what is still being done for somebody."""
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        while not self.kernels.empty():
            self.kernels.get().close()
        for thread, connection in list(self.threads.items()):
            stop, number = (
                ctypes.py_object(SystemExit),
                ctypes.c_ulong(thread.ident or 0),
            )
            ctypes.pythonapi.PyThreadState_SetAsyncExc(number, stop)
            connection.close()  # it may not have come to where it would
