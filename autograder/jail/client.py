"""What reads an untrusted kernel's messages: so many of them, and no forged one."""

import contextlib
import os
import queue
import time
from typing import Any

import nbclient
from jupyter_client import AsyncKernelClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

OUTPUT = 1 << 20  # characters of output that a cell may leave behind
FORGED = 1_000  # unreadable messages of a cell, after which nobody listens
PATIENCE = float(os.environ.get("AUTOGRADER_PATIENCE", 4))  # what waits may take longer


class Channels(AsyncKernelClient):
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


class Client(nbclient.NotebookClient):
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
