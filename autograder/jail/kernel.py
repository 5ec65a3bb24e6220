"""One student's kernel, started again with its good cells when a bad one kills it."""

import time
from pathlib import Path
from typing import Any

import nbclient
import zmq
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from . import sandbox
from .inside import KEY

LAUNCH = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
LAUNCH += sandbox.QUIET
OUTPUT = 1 << 20  # characters of output that a cell may leave behind
ANSWER = 128 << 20  # and of answers to us; a full one of inside.LARGE bytes fits
FORGED = 1_000  # unreadable messages of a cell, after which nobody listens
INSIDE = (Path(__file__).parent / "inside.py").read_text()
START = f"""
import sys, types
sys.modules["_inside"] = _inside = types.ModuleType("_inside")
exec({INSIDE!r}, _inside.__dict__)
del sys, types, _inside
get_ipython().ask_exit = lambda: None  # or exit() would end the kernel, one cell later
"""


class Lost(Exception):
    """A cell outlived its time or took its kernel with it."""


class _Client(nbclient.NotebookClient):
    """Reads what an untrusted kernel sends: so much of it, and no forged message."""

    written = answered = 0

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
        size = len(str(msg["content"]))
        if KEY in msg["content"].get("data", ()):
            self.answered += size
        else:
            self.written += size
        small = self.written <= OUTPUT and self.answered <= ANSWER
        if small and not msg["msg_type"].startswith("comm"):
            return super().process_message(msg, cell, cell_index)
        return None


class Jail:
    """A jailed kernel.  Raises Lost for a cell that it did not survive.

    seconds: of one cell; together: of all its cells and questions.
    """

    def __init__(self, seconds: float, together: float) -> None:
        self.seconds, self.together = seconds, together
        self.end = time.monotonic() + together
        self.good: list[str] = []
        self.within(together)
        self._start()

    def _start(self) -> None:
        """Start a kernel and repeat the good cells, less those that fail by now."""
        self._launch()
        place = 0
        while place < len(self.good) and time.monotonic() < self.end:
            try:
                self._execute(self.good[place])
                place += 1
            except Lost:
                del self.good[place]
                self.close()
                self._launch()
                place = 0

    def _launch(self) -> None:
        km = AsyncKernelManager()
        km.context.setsockopt(zmq.MAXMSGSIZE, ANSWER)  # bytes
        km.context.setsockopt(zmq.RECONNECT_IVL, -1)  # to what may lie there by then
        km._kernel_spec = KernelSpec(
            argv=LAUNCH,
            metadata={"kernel_provisioner": {"provisioner_name": "mlsys-jail"}},
        )
        self.client = _Client(
            new_notebook(cells=[new_code_cell()]),
            km=km,
            timeout=max(1, int(self.seconds)),
            iopub_timeout=10,
            allow_errors=True,
            record_timing=False,
            store_widget_state=False,
            shutdown_kernel="immediate",
        )
        self.kernel = self.client.setup_kernel(cleanup_kc=True)
        self.kernel.__enter__()
        self.launched = km.provisioner
        try:
            self._execute(START)
        except Lost as e:
            self.close()
            raise RuntimeError(f"a jailed kernel does not start: {e}") from None

    def _execute(self, source: str) -> list[NotebookNode]:
        cell = new_code_cell(source)
        self.client.nb.cells = [cell]
        self.client.reset_execution_trackers()
        self.client.written = self.client.answered = 0
        try:
            self.client.execute_cell(cell, 0, store_history=False)
        except CellTimeoutError:
            raise Lost(f"this ran longer than {self.seconds:g} s") from None
        except DeadKernelError:
            why = f": {self.launched.why}" if self.launched.why else ""
            raise Lost(f"this killed its kernel{why}") from None
        except Exception as e:  # what is no reply, or no code that can be sent
            raise Lost(f"this broke its kernel: {type(e).__name__}") from None
        return list(cell.outputs)

    def run(self, source: str, again: bool = True) -> list[NotebookNode]:
        """Run one cell and return its outputs; again: repeat it after a restart."""
        now = time.monotonic()
        if now > self.end:
            raise Lost(f"the notebook ran longer than {self.together:g} s")
        if now > self.until:
            raise Lost("this ran longer than one check may")
        try:
            outputs = self._execute(source)
        except Lost:
            self.close()
            self._start()
            raise
        if again:
            self.good.append(source)
        return outputs

    def within(self, seconds: float) -> None:
        """Let what follows take so many seconds together."""
        self.until = time.monotonic() + seconds

    def ask(self, code: str) -> Any:
        """Run code that shows JSON and return that, or None if it showed none."""
        data = [o.get("data") for o in self.run(code, again=False)]
        shown = [d[KEY] for d in data if isinstance(d, dict) and KEY in d]
        return shown[-1] if shown else None

    def close(self) -> None:
        """Kill the kernel and everything it started."""
        self.kernel.__exit__(None, None, None)
