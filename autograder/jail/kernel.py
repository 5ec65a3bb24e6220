"""One student's kernel, started again with its good cells when a bad one kills it."""

import contextlib
import os
import queue
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbclient
import zmq
from jupyter_client import AsyncKernelClient, AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from . import sandbox
from .decode import decode
from .wire import Gate, Wire

LAUNCH = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
LAUNCH += sandbox.QUIET
OUTPUT = 1 << 20  # characters of output that a cell may leave behind
FRAME = 8 << 20  # bytes of one part of a message: outputs; answers have their own wire
FORGED = 1_000  # unreadable messages of a cell, after which nobody listens
PATIENCE = float(os.environ.get("AUTOGRADER_PATIENCE", 4))  # what waits may take longer
IDLE = 0.01  # the share of its time that a busy machine leaves to what computes
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
SERVE = "__import__('_inside').serve(globals())"


class Lost(TimeoutError):
    """A cell outlived its time or took its kernel with it."""


class _Channels(AsyncKernelClient):
    """Waits no longer than until both channels answer.

    Nothing need be flushed: what was said before has another parent.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Raise RuntimeError where a kernel does not answer."""
        end = time.monotonic() + (timeout or PATIENCE * 60)
        while time.monotonic() < end and await self._async_is_alive():
            self.kernel_info()
            with contextlib.suppress(queue.Empty):
                reply = await self.shell_channel.get_msg(timeout=1)
                await self.iopub_channel.get_msg(timeout=0.2)
                self._handle_kernel_info_reply(reply)
                return
        raise RuntimeError("the kernel does not answer")


class _Client(nbclient.NotebookClient):
    """Reads what an untrusted kernel sends: so much of it, and no forged message."""

    written = 0

    async def _async_poll_output_msg(self, *cell: Any) -> None:
        for _ in range(FORGED):
            try:
                return await super()._async_poll_output_msg(*cell)
            except Exception as e:  # a forged message may raise whatever it likes
                self.log.info("left out a message that no kernel sends: %r", e)

    async def _async_check_alive(self) -> None:
        if self.kc is None:  # closed meanwhile; nbclient would trip over itself
            raise DeadKernelError("Kernel closed")
        await super()._async_check_alive()

    def process_message(self, msg: Any, cell: NotebookNode, cell_index: int) -> Any:
        """Read a message that the cell may still send; widgets have no page here."""
        if msg["msg_type"] in ("status", "execute_input"):  # nothing stays of these
            return super().process_message(msg, cell, cell_index)
        self.written += len(str(msg["content"]))
        if self.written <= OUTPUT and not msg["msg_type"].startswith("comm"):
            return super().process_message(msg, cell, cell_index)
        return None


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
        km.client_factory = _Channels
        km._kernel_spec = KernelSpec(
            argv=LAUNCH,
            metadata={
                "kernel_provisioner": {
                    "provisioner_name": "mlsys-jail",
                    "config": {"twin": self.twin},
                }
            },
        )
        self.client = _Client(
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
        place = getattr(self.launched, "inside", self.launched.folder) / "world"
        try:
            self._execute(START.format(parts=PARTS, place=str(place)))
        except Lost as e:
            self.close()
            raise RuntimeError(f"a jailed kernel does not start: {e}") from None

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

    def run(self, source: str, again: bool = True) -> list[NotebookNode]:
        """Run one cell and return its outputs; again: repeat it after a restart."""
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
        if again:
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
        """Let what follows compute so many seconds, and send so many bytes."""
        if hasattr(self.launched, "allow"):
            self.launched.allow(self.seconds if seconds is None else seconds)
        if hasattr(self.launched, "renew"):
            self.launched.renew()

    def tell(self, *message: Any, inside: bool = False) -> Any:
        """Send the kernel a message of ours; return what it answers.

        inside: it waits for this, since it has asked us something itself.
        """
        if not inside:
            self._ready()
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
        except (EOFError, queue.Empty):
            lost = Lost(self._why())
        except (ValueError, RecursionError, MemoryError) as e:
            lost = Lost(f"this broke its kernel: {type(e).__name__}")
        self._again()
        raise lost

    def _patient(self, wire: Wire) -> None:
        """Wait for an answer, for as long as the kernel computes at all.

        Raises TimeoutError where it has only waited, for as long as a cell may compute.
        """
        since, before = time.monotonic(), self._computed()
        while not wire.waiting(1.0):
            now, computed = time.monotonic(), self._computed()
            if computed > before + IDLE * self.seconds:
                since, before = now, computed
            if now > min(self.until, self.end, since + self.seconds):
                raise TimeoutError

    def _computed(self) -> float:
        return float(getattr(self.launched, "computed", 0.0))

    def _wire(self) -> Wire:
        """Let the kernel do what we ask, and nothing else, until we say so."""

        async def begin() -> None:
            self.client.kc.execute(SERVE, silent=True, store_history=False)

        run_sync(begin)()
        self.control = self.control or self.gate.kernels.get(timeout=10)
        self.wire = self.control
        return self.wire

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

    def close(self) -> None:
        """Kill the kernel and everything it started."""
        self.spent += self._computed()
        if self.control is not None:
            self.control.close()
        self.wire = self.control = None
        self.gate.close()
        self.kernel.__exit__(None, None, None)
