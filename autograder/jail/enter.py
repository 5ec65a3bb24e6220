"""Enter a jail that bubblewrap holds open, and become a Jupyter kernel there.

What nsenter(1) does and then bubblewrap's own last steps, for a process that cannot
start anew because it has torch in memory: join the namespaces, drop every capability.
"""

import fcntl
import importlib
import os
import pickle
import struct
import sys
from pathlib import Path
from typing import Any

from . import cgroup, refused, sandbox
from .refused import libc, must

SPACES = ("mnt", "net", "ipc", "uts", "cgroup", "pid")
NS_GET_USERNS = 0xB701  # ioctl_ns(2)
DEATHSIG, DUMPABLE, DROP = 1, 4, 24  # prctl(2)
VERSION_3 = 0x20080522  # capset(2)
OURS = ("autograder", "mlsyscore")


def die_with_parent() -> None:
    """Be killed when the process that forked this one ends."""
    must(libc.prctl(DEATHSIG, 9, 0, 0, 0))


def join(holder: int) -> None:
    """Join the namespaces of a process in a jail; what this one forks lives there.

    They belong to the user namespace around the jail's own, which is joined last:
    inside it nobody may join any.
    """
    spaces = [os.open(f"/proc/{holder}/ns/{kind}", os.O_RDONLY) for kind in SPACES]
    last = os.open(f"/proc/{holder}/ns/user", os.O_RDONLY)
    owner = fcntl.ioctl(spaces[0], NS_GET_USERNS)
    for fd in (owner, *spaces):
        must(libc.setns(fd, 0))
    if not os.path.sameopenfile(owner, last):
        must(libc.setns(last, 0))


def forswear(capabilities: int) -> None:
    """Give up every capability of so many, for good."""
    for capability in range(capabilities):
        must(libc.prctl(DROP, capability, 0, 0, 0))
    must(libc.capset(struct.pack("=Ii", VERSION_3, 0), bytes(24)))


def cold(group: Path | None = None) -> None:
    """Bound a process that will be bubblewrap, and so all that it starts."""
    cgroup.enter(group)
    sandbox.limits()
    refused.apply(inside=sandbox.unjailed())


def kernel(stream: Any) -> None:
    """Say who this is, hear which jail to enter, stay until its kernel has ended."""
    pickle.dump(os.getpid(), stream)
    stream.flush()
    holder, group = pickle.load(stream)
    capabilities = int(Path("/proc/sys/kernel/cap_last_cap").read_text()) + 1
    cgroup.enter(group)
    sandbox.limits()
    join(holder)
    die_with_parent()  # which joining has undone
    stream.write(b"entered\n")
    stream.flush()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    else:
        _become(sandbox.KERNEL / "inside.json", capabilities)


def _become(file: Path, capabilities: int) -> None:
    """Be the kernel of a connection file; return when it has ended."""
    from ipykernel.kernelapp import IPKernelApp

    die_with_parent()
    os.setsid()
    forswear(capabilities)
    refused.apply(inside=True)
    must(libc.prctl(DUMPABLE, 1, 0, 0, 0))  # as after a start: the watcher may look
    os.chdir("/tmp")
    null = os.open("/dev/null", os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    _forget()
    sys.argv = sys.orig_argv[:] = ["ipykernel_launcher", "-f", str(file)]
    IPKernelApp.launch_instance([*sys.argv[1:], *sandbox.QUIET])


def _forget() -> None:
    """Know our package where the jail has it, and nothing of the grader's."""
    os.environ.clear()
    os.environ.update(sandbox.jailed())
    here, course = str(sandbox.HERE), str(sandbox.COURSE)
    sys.path[:] = dict.fromkeys(course if path == here else path for path in sys.path)
    for name in [n for n in sys.modules if n.split(".")[0] in OURS]:
        del sys.modules[name]
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()
