"""The jail: a Jupyter kernel without a network, that sees only files given to it.

Bubblewrap makes it; a watcher and limits bound its memory, processes and files, and
whoever runs its cells bounds their time.  A kernelspec whose metadata names the
provisioner below, ``mlsys-jail``, is launched in the jail by any jupyter_client;
``autograder.jail`` makes one in memory, and none is installed.
"""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.provisioning import LocalProvisioner

MEMORY, FILES, PROCESSES = 8 << 30, 256 << 20, 200  # bytes, bytes, processes
SOCKETS = {"kernel.json", *(f"kernel-{i}" for i in range(1, 6))}
INSTALL = "apt-get install bubblewrap"


def command(inside: list[str], folder: Path) -> list[str]:
    """Wrap a command in bubblewrap; folder is the only one it may write to.

    Raises RuntimeError where bubblewrap is missing.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise RuntimeError(f"grading needs a jail; install bubblewrap: {INSTALL}")
    seen = ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives"]
    seen += [sys.prefix, sys.base_prefix, str(Path(__file__).parents[1] / "mlsyscore")]
    return [
        bwrap,
        *["--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534"],
        *["--cap-drop", "ALL", "--disable-userns", "--die-with-parent"],
        *["--new-session", "--clearenv", "--proc", "/proc", "--dev", "/dev"],
        *["--size", str(FILES), "--tmpfs", "/tmp"],
        *["--size", str(FILES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"],
        *[word for path in seen for word in ("--ro-bind-try", path, path)],
        *["--bind", str(folder), str(folder), "--remount-ro", "/", "--chdir", "/tmp"],
        *["--setenv", "HOME", "/tmp", "--setenv", "PATH", os.defpath],
        *["--setenv", "PYTHONPATH", str(Path(__file__).parents[1])],
        *["--setenv", "GLOO_SOCKET_IFNAME", "lo"],
        *inside,
    ]


def limits() -> None:
    """Bound what the kernel and each process it starts may take."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILES, FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def watch(jail: psutil.Process, folder: Path) -> None:
    """Kill a jail whose processes together outgrow its limits, or that litters.

    A limit on each process does not bound their number, and root has none at all.
    The folder of the sockets is the machine's own disk: nothing else may lie there.
    """
    with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
        while jail.is_running() and jail.status() != psutil.STATUS_ZOMBIE:
            inside = jail.children(recursive=True)
            litter = not set(os.listdir(folder)) <= SOCKETS
            if litter or len(inside) > PROCESSES or sum(map(_memory, inside)) > MEMORY:
                jail.kill()
            time.sleep(0.2)


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss - process.memory_info().shared)
    except psutil.NoSuchProcess:
        return 0


class JailProvisioner(LocalProvisioner):
    """Launch a kernel inside bubblewrap, with its sockets in one shared folder."""

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Move the kernel's sockets into a fresh folder and wrap its command."""
        self.folder = Path(tempfile.mkdtemp(prefix="jail-"))
        km = self.parent
        km.transport, km.cache_ports = "ipc", False
        km.connection_file = str(self.folder / "kernel.json")
        km.ip = str(self.folder / "kernel")
        launch = await super().pre_launch(**kwargs)
        launch["cmd"] = command(launch["cmd"], self.folder)
        launch["preexec_fn"] = limits
        launch["stdout"] = launch["stderr"] = subprocess.DEVNULL
        return launch

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the jail, and someone who watches it."""
        connection = await super().launch_kernel(cmd, **kwargs)
        jail = psutil.Process(self.process.pid)
        threading.Thread(target=watch, args=[jail, self.folder], daemon=True).start()
        return connection

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the sockets with the kernel."""
        await super().cleanup(restart)
        subprocess.run(["rm", "-rf", self.folder], check=False)  # however deep
