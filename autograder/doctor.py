"""Try what the jail must refuse, on this machine, and say what held."""

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from .jail import sandbox
from .jail.kernel import Jail
from .judge import evidence

PATIENCE = 60.0  # seconds for a jail to start
GIVEN_UP = """NO JAIL.  A student's code can now read this machine's files, other
students' notebooks and hidden checks among them, use its network, and write what you
can write.  Checks still run outside its kernel; time and memory are still bounded."""
PROBE = """
import ctypes, os, pathlib, resource, socket
def refused(f, *given):
    try:
        f(*given)
    except OSError:
        return True
    return False
def call(number):
    return ctypes.CDLL(None).unshare(number) == -1
def fill(path, size):
    os.posix_fallocate(os.open(path, os.O_RDWR | os.O_CREAT), 0, size)
said = pathlib.Path("/proc/self/status").read_text()
found = {
    "network": refused(socket.create_connection, ("127.0.0.1", PORT), 2),
    "files": refused(open, SECRET) and refused(open, "/usr/x", "w"),
    "settings": refused(open, "/proc/sys/kernel/core_pattern", "w"),
    "processes": sum(p.isdigit() for p in os.listdir("/proc")) < 10,
    "privileges": "CapEff:\\t0000000000000000" in said and "NoNewPrivs:\\t1" in said,
    "namespaces": call(0x10000000) and call(0x00020000),
    "disk": refused(fill, "/tmp/full", SIZE) and refused(fill, "/dev/shm/full", SIZE),
    "memory": resource.getrlimit(resource.RLIMIT_AS) == (MEMORY, MEMORY),
}
ANSWER = found
"""
MEANS = {
    "network": "none but its own loopback",
    "files": "a read-only Python and a small /tmp; nothing of yours",
    "settings": "none of the machine's",
    "processes": "its own; it sees and signals no other",
    "privileges": "none, and none to be had by setuid",
    "namespaces": "it can make none",
    "disk": f"{sandbox.FILES >> 20} MiB in /tmp and in /dev/shm",
    "memory": f"{sandbox.MEMORY >> 20} MiB, at most {sandbox.PROCESSES} processes",
}


def quick() -> None:
    """Raise RuntimeError, saying what to install, where no jail opens."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(
                sandbox.command(["true"], Path(folder)),
                check=True,
                capture_output=True,
                timeout=PATIENCE,
            )
        except subprocess.CalledProcessError as e:
            said = e.stderr.decode(errors="replace").strip()
            raise RuntimeError(f"bubblewrap does not run here: {said}") from None
        except subprocess.TimeoutExpired:
            slow = f"took over {PATIENCE:g} s; is the machine busy?"
            raise RuntimeError(f"bubblewrap {slow}") from None


def examine() -> list[str]:
    """Return a line for each bound that held; raise RuntimeError if one did not."""
    quick()
    with tempfile.NamedTemporaryFile() as secret, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        known = {"PORT": listening.getsockname()[1], "SECRET": secret.name}
        known |= {"SIZE": sandbox.FILES + 1, "MEMORY": sandbox.MEMORY}
        jail = Jail(30.0, PATIENCE)
        try:
            given = "".join(f"{name} = {value!r}\n" for name, value in known.items())
            found = jail.ask(given + PROBE) or {}
            warm = jail.launched.warm
        finally:
            jail.close()
    broken = [f"{k} ({means})" for k, means in MEANS.items() if not found.get(k)]
    if broken:
        raise RuntimeError(f"the jail does not hold: {', '.join(broken)}")
    start = "forked, with torch loaded" if warm else "from nothing, some seconds each"
    return [
        f"jail: {shutil.which('bwrap')}, tried from inside",
        *(f"{k}: {means}" for k, means in MEANS.items()),
        f"time: {evidence.CELL:g} s a cell, {evidence.NOTEBOOK:g} s a notebook",
        f"kernels: {start}",
    ]
