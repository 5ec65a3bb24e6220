"""Launch a Jupyter kernel in the jail.

A kernelspec whose metadata names this provisioner, ``mlsys-jail``, is launched there by
any jupyter_client; ``autograder.jail.kernel`` makes one in memory; none is installed.
"""

import asyncio
import contextlib
import functools
import json
import logging
import os
import pickle
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Bool

from . import cgroup, enter, sandbox, warm, watch
from .relay import Relay

SOCKETS = "/tmp/.kernel"  # on the jail's own small disk, not on the machine's
HOLD = "echo; exec >/dev/null; exec sleep 1000000000"
CHANNELS = ("shell", "iopub", "stdin", "hb", "control")
READ = {"shell", "iopub"}  # to its end, by whoever runs a cell
OFTEN = 0.1  # seconds between two looks at a jail
log = logging.getLogger(__name__)


class Fork(NamedTuple):
    """A kernel forked into a jail.  wire: it ends with the process that forked it."""

    jail: subprocess.Popen[bytes]
    parent: psutil.Process
    holder: int  # a process in the jail
    wire: socket.socket


def forked(folder: Path, group: Path | None = None, twin: bool = False) -> Fork:
    """Let a warm process, or its twin, fork a kernel into a new jail.

    The jail's own command says when it runs, and then only keeps the jail open.
    Raises OSError, EOFError, RuntimeError or psutil.Error where that cannot be had.
    """
    wire = warm.connect(warm.twin() if twin else warm.address())
    with contextlib.ExitStack() as undo, wire.makefile("rwb") as stream:
        undo.callback(wire.close)
        pickle.dump(("kernel",), stream)
        stream.flush()
        parent = psutil.Process(pickle.load(stream))
        jail, holder = _held(folder, group)
        undo.callback(jail.wait)
        undo.callback(jail.kill)
        pickle.dump((holder, group), stream)
        stream.flush()
        if stream.readline() != b"entered\n":
            raise RuntimeError("no way into a jail")
        undo.pop_all()
    return Fork(jail, parent, holder, wire)


def _held(folder: Path, group: Path | None) -> tuple[subprocess.Popen[bytes], int]:
    """Open a jail with nothing in it; return it, and a process inside."""
    told, tell = os.pipe()
    with open(told) as info:
        words = sandbox.command(["sh", "-c", HOLD], folder, tell)
        with sandbox.packed(words) as (short, fds):
            jail = subprocess.Popen(
                short,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=[tell, *fds],
                env=sandbox.jailed(),
                start_new_session=True,
                preexec_fn=functools.partial(enter.cold, group),
            )
        os.close(tell)
        with jail.stdout as said:
            if said.readline():
                return jail, int(json.load(info)["child-pid"])
    jail.kill()
    raise RuntimeError(f"a jail did not open; status {jail.wait()}")


class JailProvisioner(LocalProvisioner):
    """Launch a kernel inside bubblewrap; its sockets stay there.

    folder: what the kernel can read of ours; inside: its name for that.
    warm: it was forked, and not started from nothing.  why: it was killed, if it was.
    """

    twin = Bool(False, help="hash strings by another seed than other kernels").tag(
        config=True
    )
    warm, why, ready = False, "", False
    relay: Relay | None = None
    clock: watch.Clock | None = None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Write the kernel's connection file into a fresh folder; wrap its command."""
        jailed, km = not sandbox.unjailed(), self.parent
        near = Path(warm.address()).parent if jailed else None  # and gone with it
        self.place = Path(tempfile.mkdtemp(prefix="jail-", dir=near))
        self.folder, self.outside = self.place / "in", self.place / "out"
        for folder in (self.folder, self.outside):
            folder.mkdir(mode=0o700)
        self.inside = sandbox.KERNEL if jailed else self.folder
        self.group = cgroup.made(sandbox.MEMORY, sandbox.THREADS)
        km.transport, km.cache_ports = "ipc", False
        km.connection_file = str(self.folder / "inside.json")
        km.ip = SOCKETS if jailed else str(self.folder / "kernel")
        launch = await super().pre_launch(**kwargs)
        if not jailed and os.getuid() == 0:  # the kernel runs as nobody
            self.place.chmod(0o711)
            for path in (self.folder, self.folder / "inside.json"):
                shutil.chown(path, sandbox.NOBODY, sandbox.NOBODY)
        named, known = km.connection_file, str(self.inside / "inside.json")
        words = [word.replace(named, known) for word in launch["cmd"]]
        km.connection_file = str(self.outside / "outside.json")
        launch["env"] = sandbox.environment() if not jailed else sandbox.jailed()
        launch["cmd"] = sandbox.command(words, self.folder)
        launch["preexec_fn"] = functools.partial(enter.cold, self.group)
        launch["stdout"] = launch["stderr"] = subprocess.DEVNULL
        return launch

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the jail, with a kernel that is warm if it can be, and a watcher."""
        self.fork: Fork | None = None
        try:
            if sandbox.unjailed():
                raise RuntimeError("no jail is wanted")
            self.fork = forked(self.folder, self.group, self.twin)
            self.process = self.fork.jail
            self.pid = self.pgid = self.process.pid
        except (OSError, EOFError, RuntimeError, psutil.Error) as e:
            log.info("a kernel starts from nothing: %s", e)
            with sandbox.packed(cmd) as (short, fds):
                await super().launch_kernel(short, pass_fds=fds, **kwargs)
        self.warm = self.fork is not None
        self.roots = [psutil.Process(self.process.pid)]
        self.roots += [self.fork.parent] if self.fork else []
        self.clock = watch.Clock(self.roots, sandbox.unjailed())
        threading.Thread(target=self._watch, daemon=True).start()
        self._connect(await self._sockets())
        self.ready = True
        self.connection_info["ip"] = self.parent.ip
        return self.connection_info

    async def _sockets(self) -> str:
        """Wait until the kernel listens; return where, seen from outside the jail."""
        while self.process.poll() is None:
            pids = [self.fork.holder] if self.fork else watch.family(self.roots)
            heres = [f"/proc/{pid}/root{SOCKETS}" for pid in pids]
            if sandbox.unjailed():
                heres = [self.parent.ip]
            for here in heres:
                if all(os.path.exists(f"{here}-{i}") for i in range(1, 6)):
                    return here
            await asyncio.sleep(0.01)
        why = self.why or f"status {self.process.poll()}"
        raise RuntimeError(f"a jail did not open: {why}")

    def _connect(self, kernel: str) -> None:
        """Let our client connect to a relay, in place of the kernel's own sockets."""
        ports = {k: self.connection_info[f"{k}_port"] for k in CHANNELS}
        channels = {f"kernel-{port}": f"{kernel}-{port}" for port in ports.values()}
        read = {f"kernel-{ports[k]}" for k in READ}
        self.relay = Relay(self.outside, channels, read, self._kill)
        self.parent.ip = str(self.outside / "kernel")

    def allow(self, seconds: float) -> None:
        """Let what follows compute for so many seconds, and send what a cell may."""
        if self.clock and self.relay:
            self.clock.allow(seconds)
            self.relay.renew()

    @property
    def computed(self) -> float:
        """Seconds of processor time that all in the jail have taken."""
        return self.clock.total if self.clock else 0.0

    def _watch(self) -> None:
        """Kill the jail when it outgrows its limits together, or its kernel has ended.

        That of a warm process is no child of the jail's, which would not notice.
        """
        wires, jail = [self.fork.wire] if self.fork else [], self.roots[0]
        with contextlib.suppress(psutil.NoSuchProcess), contextlib.ExitStack() as stack:
            for wire in wires:
                stack.enter_context(wire)
            while jail.is_running() and jail.status() != psutil.STATUS_ZOMBIE:
                why = ""
                try:
                    if (
                        self.ready
                    ):  # before, nothing of a student's runs, or can be seen
                        why = sandbox.excess(self.roots) or self.clock.over()
                except Exception as e:  # what nobody can watch does not run
                    why = f"its limits cannot be watched: {e}"
                if why or select.select(wires, [], [], OFTEN)[0]:
                    self._kill(why)
                    break
        if not self.why and cgroup.full(self.group):
            most = sandbox.MEMORY >> 20
            self.why = f"its processes took more than {most} MiB together"

    def _kill(self, why: str) -> None:
        """Kill all that is in the jail, and say why."""
        self.why = self.why or why
        inside = watch.family(self.roots)
        with contextlib.suppress(psutil.NoSuchProcess):
            self.roots[0].kill()
        for pid in inside:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def wait(self) -> int | None:
        """Wait for the jail's end; the class above looks ten times a second only."""
        while self.process and self.process.poll() is None:
            await asyncio.sleep(0.005)
        return await super().wait()

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the sockets with the kernel."""
        await super().cleanup(restart)
        if self.relay:
            self.relay.close()
        cgroup.remove(self.group)
        subprocess.run(["rm", "-rf", self.place], check=False)  # however deep
