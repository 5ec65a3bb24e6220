"""Launch a Jupyter kernel in the jail.

A kernelspec whose metadata names this provisioner, ``mlsys-jail``, is launched there by
any jupyter_client; ``autograder.jail`` makes one in memory, and none is installed.
"""

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

from . import sandbox, warm

HOLD = "echo; read entered && echo $entered; exec cat"
log = logging.getLogger(__name__)


def forked(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Let a warm process fork a kernel into a new jail; return the jail and the fork.

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
                start_new_session=True,
            )
            os.close(tell)
            with jail.stdout as said:
                entered = said.readline() and _told(stream, info, folder, said)
            if not entered:
                jail.kill()
                raise RuntimeError(f"no way into a jail; status {jail.wait()}")
    return jail, fork


def _told(stream: Any, info: Any, folder: Path, said: Any) -> bool:
    """Tell the fork which jail to enter; say whether it is inside."""
    pickle.dump((json.load(info)["child-pid"], folder), stream)
    stream.flush()
    return bool(said.readline().strip())


class JailProvisioner(LocalProvisioner):
    """Launch a kernel inside bubblewrap, with its sockets in one shared folder.

    warm: it was forked, and not started from nothing.  why: it was killed, if it was.
    """

    warm, why = False, ""

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Move the kernel's sockets into a fresh folder and wrap its command."""
        self.folder = Path(tempfile.mkdtemp(prefix="jail-"))
        km = self.parent
        km.transport, km.cache_ports = "ipc", False
        km.connection_file = str(self.folder / "kernel.json")
        km.ip = str(self.folder / "kernel")
        launch = await super().pre_launch(**kwargs)
        if sandbox.unjailed() and os.getuid() == 0:  # the kernel runs as nobody
            for path in (self.folder, self.folder / "kernel.json"):
                shutil.chown(path, sandbox.NOBODY, sandbox.NOBODY)
            launch["env"] = sandbox.environment()
        launch["cmd"] = sandbox.command(launch["cmd"], self.folder)
        launch["preexec_fn"] = sandbox.limits
        launch["stdout"] = launch["stderr"] = subprocess.DEVNULL
        return launch

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the jail, with a kernel that is warm if it can be, and a watcher."""
        roots = []
        try:
            if sandbox.unjailed():
                raise RuntimeError("no jail is wanted")
            self.process, fork = forked(self.folder)
            self.pid = self.pgid = self.process.pid
            roots = [psutil.Process(fork)]
        except (OSError, EOFError, RuntimeError, psutil.NoSuchProcess) as e:
            log.info("a kernel starts from nothing: %s", e)
            await super().launch_kernel(cmd, **kwargs)
        self.warm = bool(roots)
        roots.insert(0, psutil.Process(self.process.pid))
        threading.Thread(target=self._watch, args=[roots], daemon=True).start()
        return self.connection_info

    def _watch(self, roots: list[psutil.Process]) -> None:
        """Kill the jail when it outgrows its limits together."""
        jail = roots[0]
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
            while jail.is_running() and jail.status() != psutil.STATUS_ZOMBIE:
                if why := sandbox.excess(roots, self.folder):
                    self.why = why
                    for process in [jail, *jail.children(recursive=True)]:
                        process.kill()
                time.sleep(0.2)

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the sockets with the kernel."""
        await super().cleanup(restart)
        subprocess.run(["rm", "-rf", self.folder], check=False)  # however deep
