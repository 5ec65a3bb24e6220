"""A process that has imported what takes long, and forks: judges, kernels for jails.

It knows no notebook and no secret, only what a lab's set-up imports.  A judge, forked
from it, is trusted, has a memory of its own and ends with its submission.  A kernel,
forked from it too, enters a jail that bubblewrap made (``autograder.jail.enter``)
before it runs a line of a student's.
"""

import atexit
import contextlib
import faulthandler
import fcntl
import functools
import gc
import inspect
import os
import pickle
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import enter, sandbox

HEAVY = ["numpy", "debugpy", "ipykernel.debugger"]
HEAVY += ["ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell"]
INLINE = "module://matplotlib_inline.backend_inline"  # as every kernel has it
ALSO: set[str] = set()  # modules that whoever is to be forked for wants loaded too
LAZY = "torch"  # functions of ours import it, and no module does
FORKED = {"autograder", "mlsyscore", "numpy", "scipy", "pandas", "sklearn"}
FORKED |= {"matplotlib", "networkx", "simpy", "torch"}  # others may not bear it
_starting = threading.Lock()
_forked_from, _alive = "", 0  # of the warm process, in one that it forked
START = [sys.executable, "-P", "-m", "autograder.jail.warm"]


class Died(RuntimeError):
    """A judge was killed, or outlived its time."""


class Server:
    """A warm process that ends with this one, or when it is closed."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="warm-")
        self.address = f"{self.folder.name}/socket"
        theirs, ours = os.pipe()
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self.address)
            listening.listen(128)
            self.process = _start(listening, theirs, environment, *sorted(ALSO))
        os.close(theirs)
        self.alive = os.fdopen(ours, "wb")

    def call(self, seconds: float, f: Callable[..., Any], *args: Any) -> Any:
        """Return f(*args), computed in a fork of the warm process.

        f: a function of a module.  Raises what f raises, and Died.
        """
        with connect(self.address) as wire, wire.makefile("rwb") as stream:
            pickle.dump(("call", seconds, f, args), stream)
            stream.flush()
            try:
                value, error = pickle.load(stream)
            except (EOFError, ConnectionError):
                raise Died(
                    f"its judge was killed, or took over {seconds:g} s"
                ) from None
        if error:
            raise error
        return value

    def close(self) -> None:
        """End the warm process and all that it forked."""
        self.alive.close()
        self.process.wait()
        self.folder.cleanup()


def _start(
    listening: socket.socket, alive: int, environment: dict[str, str], *also: str
) -> subprocess.Popen[bytes]:
    """Start a warm process, which ends when the other end of alive is closed."""
    return subprocess.Popen(
        [*START, str(alive), *also],
        stdin=listening,
        stdout=subprocess.DEVNULL,
        env=environment,
        pass_fds=[alive],
    )


def connect(address: str) -> socket.socket:
    """Open a connection to a warm process; it forks for whoever connects."""
    wire = socket.socket(socket.AF_UNIX)
    wire.connect(address)
    return wire


def own() -> Server:
    """Return the warm process of this one, started when it is first asked for."""
    with _starting:
        return _of(tuple(sandbox.environment().items()))


@functools.cache
def _of(environment: tuple[tuple[str, str], ...]) -> Server:
    server = Server(dict(environment))
    atexit.register(server.close)
    return server


def address() -> str:
    """Return where the nearest warm process listens."""
    return _forked_from or own().address


def twin() -> str:
    """Return where a second warm process listens, started when it is first asked for.

    Python's hashes of strings have another seed there: what a fresh kernel must not
    share with the first.
    """
    if not _forked_from:
        with _starting:
            return _of(
                (*sandbox.environment().items(), ("AUTOGRADER_TWIN", "1"))
            ).address
    place = Path(_forked_from).with_name("twin")
    with (
        place.with_suffix(".lock").open("w") as lock,
        socket.socket(socket.AF_UNIX) as s,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            s.bind(str(place))
            s.listen(128)
            _start(s, _alive, dict(os.environ))
    return str(place)


def main(alive: int, *also: str) -> None:
    """Import what takes long, then fork for whoever connects, until alive closes."""
    global _forked_from, _alive
    listening = socket.socket(fileno=os.dup(0))
    _forked_from, _alive = listening.getsockname(), alive
    os.environ["MPLBACKEND"] = INLINE  # matplotlib reads it once
    _load(*HEAVY, *(name for name in also if name.partition(".")[0] in FORKED))
    ours = [m for k, m in sys.modules.items() if k.startswith("mlsyscore.")]
    if any(f"import {LAZY}" in inspect.getsource(m) for m in ours):
        _load(LAZY)
    from nbformat.v4 import new_code_cell

    new_code_cell()  # compiles the schema that each judge will ask
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    while listening in (ready := select.select([listening, alive], [], [])[0]):
        wire, _ = listening.accept()
        with contextlib.suppress(BlockingIOError, MemoryError):  # try again later
            if os.fork() == 0:
                listening.close()
                _answer(wire)
        wire.close()
        if alive in ready:
            break
    shutil.rmtree(Path(_forked_from).parent, ignore_errors=True)  # its owner may be


def _load(*names: str) -> None:
    for name in names:
        with contextlib.suppress(ImportError):  # a course need not have torch
            __import__(name)


def _answer(wire: socket.socket) -> None:
    """Be what the other end of the wire asks for; do not return."""
    status = 1
    try:
        enter.die_with_parent()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        stream = wire.makefile("rwb")
        what, *more = pickle.load(stream)
        (_called if what == "call" else enter.kernel)(stream, *more)
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def _called(stream: Any, seconds: float, f: Callable[..., Any], args: Any) -> None:
    """Send back what a function returns or raises; die when it takes too long.

    It may take as much memory as a jail, whose answers it reads, beside what it has.
    """
    faulthandler.dump_traceback_later(seconds, exit=True)
    sandbox.bound(resource.RLIMIT_DATA, _taken() + sandbox.MEMORY)
    try:
        answer = pickle.dumps((f(*args), None))
    except Exception as e:
        answer = pickle.dumps((None, RuntimeError(f"{type(e).__name__}: {e}")))
    stream.write(answer)
    stream.flush()


def _taken() -> int:
    """Return the bytes of data of this process; addresses alone are no memory."""
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()


if __name__ == "__main__":
    sys.modules["autograder.jail.warm"] = sys.modules["__main__"]
    main(int(sys.argv[1]), *sys.argv[2:])
