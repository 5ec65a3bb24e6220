"""One student's kernel, started again with its good cells when a bad one kills it."""

from pathlib import Path
from typing import Any

import nbclient
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

from .inside import KEY

LAUNCH = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
LAUNCH += ["--HistoryManager.enabled=False"]
OUTPUT = 1 << 20  # characters of output that a cell may leave behind
INSIDE = (Path(__file__).parent / "inside.py").read_text()
START = f"""
import sys, types
sys.modules["_inside"] = _inside = types.ModuleType("_inside")
exec({INSIDE!r}, _inside.__dict__)
del sys, types
"""


class Lost(Exception):
    """A cell outlived its time or took its kernel with it."""


class _Client(nbclient.NotebookClient):
    written = 0

    def output(self, outs: Any, msg: Any, display_id: Any, cell_index: int) -> Any:
        size = len(str(msg["content"])) if KEY not in str(msg["content"]) else 0
        self.written += size
        if self.written <= OUTPUT:
            return super().output(outs, msg, display_id, cell_index)
        return None


class Jail:
    """A jailed kernel.  Raises Lost for a cell that it did not survive."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.good: list[str] = []
        self._start()

    def _start(self) -> None:
        km = AsyncKernelManager()
        km._kernel_spec = KernelSpec(
            argv=LAUNCH,
            metadata={"kernel_provisioner": {"provisioner_name": "mlsys-jail"}},
        )
        self.client = _Client(
            new_notebook(cells=[new_code_cell()]),
            km=km,
            timeout=int(self.seconds),
            allow_errors=True,
            record_timing=False,
        )
        self.kernel = self.client.setup_kernel(cleanup_kc=True)
        self.kernel.__enter__()
        self._execute(START)
        for source in self.good:
            self._execute(source)

    def _execute(self, source: str) -> list[NotebookNode]:
        cell = new_code_cell(source)
        self.client.written = 0
        self.client.execute_cell(cell, 0, store_history=False)
        return list(cell.outputs)

    def run(self, source: str, again: bool = True) -> list[NotebookNode]:
        """Run one cell and return its outputs; again: repeat it after a restart."""
        try:
            outputs = self._execute(source)
        except (CellTimeoutError, DeadKernelError) as e:
            slow = isinstance(e, CellTimeoutError)
            self.close()
            self._start()
            why = f"ran longer than {self.seconds:g} s" if slow else "killed its kernel"
            raise Lost(f"this {why}") from None
        if again:
            self.good.append(source)
        return outputs

    def ask(self, code: str) -> Any:
        """Run code that shows JSON and return that, or None if it showed none."""
        outputs = self.run(code, again=False)
        shown = [o.data[KEY] for o in outputs if KEY in o.get("data", {})]
        return shown[-1] if shown else None

    def close(self) -> None:
        """Kill the kernel and everything it started."""
        self.kernel.__exit__(None, None, None)


def error(name: str, text: str) -> NotebookNode:
    """Make the output of a cell that failed, without the source that failed."""
    return new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])
