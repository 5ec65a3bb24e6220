"""Launch a Jupyter kernel in the jail.

A kernelspec whose metadata names this provisioner, ``mlsys-jail``, is launched there by
any jupyter_client; ``autograder.jail.kernel`` makes one in memory; none is installed.
"""

import asyncio
import contextlib
import json
import logging
import os
import pickle
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.provisioning import LocalProvisioner

from . import enter, sandbox, warm

SOCKETS = "/tmp/.kernel"  # on the jail's own small disk, not on the machine's
HOLD = "echo; read entered && echo $entered; exec cat"
log = logging.getLogger(__name__)


def forked(folder: Path) -> tuple[subprocess.Popen[bytes], int, int]:
    """Let a warm process fork a kernel into a new jail.

    Returns the jail, the process that forked the kernel, and one inside the jail.
    The jail's own command says when it runs, and when the fork has entered; then it
    waits until the fork ends, which closes the wire, its input.
    Raises OSError, EOFError or RuntimeError where that cannot be had.
    """
    with warm.connect(warm.address()) as wire, wire.makefile("rwb") as stream:
        pickle.dump(("kernel",), stream)
        stream.flush()
        fork = pickle.load(stream)
        told, tell = os.pipe()
        with open(told) as info:
            jail = subprocess.Popen(
                sandbox.command(["sh", "-c", HOLD], folder, tell),
                stdin=wire,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=[tell],
                env=sandbox.environment(),  # its own can be read inside
                start_new_session=True,
            )
            os.close(tell)
            with jail.stdout as said:
                holder = said.readline() and json.load(info)["child-pid"]
                if holder:
                    pickle.dump((holder, folder), stream)
                    stream.flush()
                entered = said.readline().strip()
        if not entered:
            jail.kill()
            raise RuntimeError(f"no way into a jail; status {jail.wait()}")
    return jail, fork, holder


class JailProvisioner(LocalProvisioner):
    """Launch a kernel inside bubblewrap; its sockets stay there.

    warm: it was forked, and not started from nothing.  why: it was killed, if it was.
    """

    warm, why = False, ""

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Write the kernel's connection file into a fresh folder; wrap its command."""
        jailed, km = not sandbox.unjailed(), self.parent
        near = Path(warm.address()).parent if jailed else None  # and gone with it
        self.folder = Path(tempfile.mkdtemp(prefix="jail-", dir=near))
        km.transport, km.cache_ports = "ipc", False
        km.connection_file = str(self.folder / "inside.json")
        km.ip = SOCKETS if jailed else str(self.folder / "kernel")
        launch = await super().pre_launch(**kwargs)
        if not jailed and os.getuid() == 0:  # the kernel runs as nobody
            for path in (self.folder, self.folder / "inside.json"):
                shutil.chown(path, sandbox.NOBODY, sandbox.NOBODY)
        km.connection_file = str(self.folder / "outside.json")
        launch["env"] = sandbox.environment()
        launch["cmd"] = sandbox.command(launch["cmd"], self.folder)
        launch["preexec_fn"] = enter.cold
        launch["stdout"] = launch["stderr"] = subprocess.DEVNULL
        return launch

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the jail, with a kernel that is warm if it can be, and a watcher."""
        roots, holder = [], 0
        try:
            if sandbox.unjailed():
                raise RuntimeError("no jail is wanted")
            self.process, fork, holder = forked(self.folder)
            self.pid = self.pgid = self.process.pid
            roots = [psutil.Process(fork)]
        except (OSError, EOFError, RuntimeError, psutil.NoSuchProcess) as e:
            log.info("a kernel starts from nothing: %s", e)
            await super().launch_kernel(cmd, **kwargs)
        self.warm = bool(roots)
        roots.insert(0, psutil.Process(self.process.pid))
        threading.Thread(target=self._watch, args=[roots], daemon=True).start()
        if not sandbox.unjailed():
            self.parent.ip = await self._sockets(roots[0], holder)
            self.connection_info["ip"] = self.parent.ip
        return self.connection_info

    async def _sockets(self, jail: psutil.Process, holder: int) -> str:
        """Wait until the kernel listens; return where, seen from outside the jail."""
        while self.process.poll() is None:
            for pid in [holder] if holder else [p.pid for p in jail.children()]:
                here = f"/proc/{pid}/root{SOCKETS}"
                if all(os.path.exists(f"{here}-{i}") for i in range(1, 6)):
                    return here
            await asyncio.sleep(0.01)
        raise RuntimeError(f"a jail did not open; status {self.process.poll()}")

    def _watch(self, roots: list[psutil.Process]) -> None:
        """Kill the jail when it outgrows its limits together."""
        jail = roots[0]
        with contextlib.suppress(psutil.NoSuchProcess):
            while jail.is_running() and jail.status() != psutil.STATUS_ZOMBIE:
                try:
                    self.why = sandbox.excess(roots) or ""
                except Exception as e:  # what nobody can watch does not run
                    self.why = f"its limits cannot be watched: {e}"
                if self.why:
                    for process in [jail, *jail.children(recursive=True)]:
                        process.kill()
                    return
                time.sleep(0.2)

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the sockets with the kernel."""
        await super().cleanup(restart)
        subprocess.run(["rm", "-rf", self.folder], check=False)  # however deep
