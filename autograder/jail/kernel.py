"""One student's kernel, started again with its good cells when a bad one kills it."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import zmq
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from . import sandbox
from .client import PATIENCE, Channels, Client
from .decode import decode
from .wire import Gate, Wire

LAUNCH = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
LAUNCH += sandbox.QUIET
FRAME = 8 << 20  # bytes of one part of a message: outputs; answers have their own wire
IDLE = 0.01  # the share of its time that a busy machine leaves to what computes
COMES = 10.0  # seconds in which a kernel comes that was told to serve
SETTLE = 0.1  # seconds in which a kernel dies that was told to
HERE = Path(__file__).parent
START = """
import sys, types
if "" not in sys.path:
    sys.path.insert(0, "")  # for a module that is written beside the notebook
for name, source in {parts!r}:
    module = sys.modules[name] = types.ModuleType(name)
    exec(source, module.__dict__)
module.PLACE = {place!r}
del sys, types, name, source, module
get_ipython().ask_exit = lambda: None  # or exit() would end the kernel, one cell later
"""
PARTS = [(f"_{p}", (HERE / f"{p}.py").read_text()) for p in ("encode", "inside")]
NOTHING = "this kernel runs nothing that it is told to"
SERVE = "__import__('_inside').serve(globals())"


class Lost(TimeoutError):
    """A cell outlived its time or took its kernel with it."""


@contextlib.contextmanager
def uncut() -> Iterator[None]:
    """Put an alarm off that would leave a kernel half started, or half ended."""
    if threading.current_thread() is not threading.main_thread():  # none comes here
        yield
        return
    rung: list[int] = []
    alarm = signal.signal(signal.SIGPROF, lambda number, _: rung.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGPROF, alarm)
        if rung and callable(alarm):
            alarm(rung[0], None)


class Deaf(Exception):
    """A kernel has ended the cell that serves before it was told to."""


class Jail:
    """A jailed kernel.  Raises Lost for a cell that it did not survive.

    seconds: that one cell may compute; together: all its cells and questions.  What
    waits may take PATIENCE times as long.
    twin: it shares nothing with other kernels, not the seed of Python's hashes.
    serve(wire, hello): what answers its threads and ranks.
    """

    def __init__(self, seconds: float, together: float, twin: bool = False) -> None:
        self.seconds, self.together, self.twin = seconds, together, twin
        self.serve: Callable[[Wire, Any], None] = lambda wire, hello: None
        self.good: list[str] = []
        self.asked = False  # since the kernel started: a call may have left much behind
        self.deaf = 0  # kernels of which no cell of ours has run
        self.owing = False  # one side an answer: who was interrupted is out of step
        self.spent = 0.0  # seconds that kernels before this one have computed
        self.end = time.monotonic() + PATIENCE * together
        self.until = self.end
        self.wire: Wire | None = None  # while the kernel does what we ask
        self._launch()

    def _launch(self) -> None:
        km = AsyncKernelManager()
        km.context.setsockopt(zmq.MAXMSGSIZE, FRAME)
        km.context.setsockopt(zmq.RECONNECT_IVL, -1)  # to what may lie there by then
        km.client_factory = Channels
        km._kernel_spec = KernelSpec(
            argv=LAUNCH,
            metadata={
                "kernel_provisioner": {
                    "provisioner_name": "mlsys-jail",
                    "config": {"twin": self.twin},
                }
            },
        )
        self.client = Client(
            new_notebook(cells=[new_code_cell()]),
            km=km,
            timeout=max(1, round(PATIENCE * self.seconds)),
            iopub_timeout=10,
            allow_errors=True,
            record_timing=False,
            store_widget_state=False,
            shutdown_kernel="immediate",
        )
        self.kernel = self.client.setup_kernel(cleanup_kc=True)
        self.kernel.__enter__()
        self.launched: Any = km.provisioner
        self.control: Wire | None = None
        self.gate = Gate(
            self.launched.folder / "world", lambda wire, hello: self.serve(wire, hello)
        )
        place = self.launched.inside / "world"
        try:
            self._execute(START.format(parts=PARTS, place=str(place)))
        except Lost as e:
            self.close()
            raise RuntimeError(f"a jailed kernel does not start: {e}") from None

    @uncut()
    def _again(self) -> bool:
        """Start a kernel anew and repeat the good cells, less those that end it.

        Say whether there was one: then who died last may be innocent.
        """
        place, patience, guilty = 0, 0.0, False
        self.asked = self.owing = False
        self.close()
        self._launch()
        while place < len(self.good) and time.monotonic() < self.end:
            try:
                self.allow()
                self._execute(self.good[place])
                if patience or place + 1 == len(self.good):
                    time.sleep(SETTLE)
                    self._execute("None")
                place += 1
            except Lost:
                if patience:  # so it was this one, and not one before
                    del self.good[place]
                    guilty = True
                place, patience = 0, SETTLE
                self.close()
                self._launch()
        return guilty

    def _execute(self, source: str) -> list[NotebookNode]:
        cell = new_code_cell(source)
        self.client.nb.cells = [cell]
        self.client.reset_execution_trackers()
        self.client.written = 0
        try:
            self.client.execute_cell(cell, 0, store_history=False)
        except CellTimeoutError:
            said = f"this ran longer than {PATIENCE * self.seconds:g} s"
            raise Lost(said) from None
        except DeadKernelError:
            raise Lost(self._why()) from None
        except Exception as e:  # what is no reply, or no code that can be sent
            raise Lost(f"this broke its kernel: {type(e).__name__}") from None
        return list(cell.outputs)

    def _why(self) -> str:
        """Say why the kernel is gone."""
        with contextlib.suppress(Exception):
            end = time.monotonic() + 1.0  # the watcher may be about to say it
            while not self.launched.why and time.monotonic() < end:
                time.sleep(0.05)
        why = self.launched.why
        if why.startswith("it computed"):
            return f"this{why[2:]}"
        return f"this killed its kernel{why and ': '}{why}"

    def _ready(self) -> None:
        """Raise Lost where no time is left; start anew after a kill that came late."""
        if self.launched.why or self.launched.process is None or self.owing:
            self._again()
        now = time.monotonic()
        spent = self.spent + self._computed()
        if now > self.end or spent > self.together:
            raise Lost(f"the notebook ran longer than {self.together:g} s")
        if now > self.until:
            raise Lost("this ran longer than one check may")

    def run(self, source: str) -> list[NotebookNode]:
        """Run one cell and return its outputs; it is repeated after a restart."""
        self._hush()
        self._ready()
        self.allow()
        while True:
            try:
                outputs = self._execute(source)
                break
            except Lost:
                asked = self.asked
                if not self._again() and not asked:
                    raise  # else another cell may be to blame, or what a call began
        self.good.append(source)
        return outputs

    def several(self, sources: list[str]) -> None:
        """Run cells of which nobody wants to see what they show."""
        if sources:
            self.tell("cells", sources)
            self.good += sources

    def within(self, seconds: float) -> None:
        """Let what follows compute so many seconds together."""
        self.until = time.monotonic() + PATIENCE * seconds
        self.allow(seconds)

    def allow(self, seconds: float | None = None) -> None:
        """Let what follows compute so many seconds, and send what a cell may."""
        self.launched.allow(self.seconds if seconds is None else seconds)

    def tell(self, *message: Any, inside: bool = False) -> Any:
        """Send the kernel a message of ours; return what it answers.

        inside: it waits for this, since it has asked us something itself.
        """
        if not inside:
            self._ready()
        if self.deaf > 1:  # started again it was no better
            raise Lost(NOTHING)
        try:
            wire = self.wire or self._wire()
            self.asked = self.owing = True
            wire.send(*message)
            self._patient(wire)
            answer = wire.read(min(self.until, self.end))
            self.owing = isinstance(answer, dict) and "ask" in answer
            return answer
        except TimeoutError:
            late = Lost("this ran or waited longer than one check may")
            lost = Lost(self._why()) if self.launched.why else late
        except EOFError:
            lost = Lost(self._why())
        except Deaf:
            self.deaf += 1
            lost = Lost(NOTHING)
        except (ValueError, RecursionError, MemoryError) as e:
            lost = Lost(f"this broke its kernel: {type(e).__name__}")
        self._again()
        raise lost

    def _patient(self, wire: Wire) -> None:
        """Wait for an answer, for as long as the kernel computes at all.

        Raises TimeoutError where it has only waited, for as long as a cell may compute,
        and Deaf where nobody reads what it is told.
        """
        since, before = time.monotonic(), self._computed()
        while not wire.waiting(1.0):
            if self._ended():
                raise Deaf
            now, computed = time.monotonic(), self._computed()
            if computed > before + IDLE * self.seconds:
                since, before = now, computed
            if now > min(self.until, self.end, since + self.seconds):
                raise TimeoutError

    def _computed(self) -> float:
        return float(self.launched.computed)

    def _wire(self) -> Wire:
        """Let the kernel do what we ask, and nothing else, until we say so."""

        async def begin() -> None:
            client = self.client.kc
            self.serving = client.execute(SERVE, silent=True, store_history=False)

        run_sync(begin)()
        end = time.monotonic() + COMES
        while self.control is None and self.gate.kernels.empty():
            if time.monotonic() > end:
                raise TimeoutError
            if self._ended():
                raise Deaf
        self.wire = self.control = self.control or self.gate.kernels.get()
        self.deaf = 0
        return self.wire

    def _ended(self) -> bool:
        """Say whether the cell that serves has ended, which lasts until it is told."""

        async def reply() -> Any:
            return await self.client.kc.shell_channel.get_msg(timeout=0.01)

        with contextlib.suppress(Exception):  # there is none, or a forged one
            return bool(run_sync(reply)()["parent_header"]["msg_id"] == self.serving)
        return False

    def _hush(self) -> None:
        """End what _wire began, so that cells can run."""
        if self.wire is not None:
            with contextlib.suppress(EOFError):
                self.wire.send("end")
            self.wire = None

    def ask(self, code: str) -> Any:
        """Run code of ours in the kernel; return what it calls ANSWER."""
        answer = self.tell("look", code)
        return decode(answer["value"]) if "value" in answer else answer

    @uncut()
    def close(self) -> None:
        """Kill the kernel and everything it started."""
        self.spent += self._computed()
        if self.control is not None:
            self.control.close()
        self.wire = self.control = None
        self.gate.close()
        self.kernel.__exit__(None, None, None)
