"""Enter a jail that bubblewrap holds open, and become a Jupyter kernel there.

What nsenter(1) does and then bubblewrap's own last steps, for a process that cannot
start anew because it has torch in memory: join the namespaces, drop every capability.
"""

import ctypes
import errno
import fcntl
import os
import pickle
import platform
import struct
import sys
from pathlib import Path
from typing import Any

from . import sandbox

SPACES = ("mnt", "net", "ipc", "uts", "cgroup", "pid")
NS_GET_USERNS = 0xB701  # ioctl_ns(2)
DEATHSIG, DUMPABLE, DROP, NO_NEW_PRIVS = 1, 4, 24, 38  # prctl(2)
SECCOMP = 22  # prctl(2)
FAMILIES = (1, 2, 10, 16)  # of sockets: unix, both inets, netlink
DENIED = {  # audit architecture, number of socket(2), and what is refused
    "x86_64": (0xC000003E, 41, (29, 248, 249, 250, 298, 319, 321, 323, 425, 447)),
    "aarch64": (0xC00000B7, 198, (194, 217, 218, 219, 241, 279, 280, 282, 425, 447)),
}
VERSION_3 = 0x20080522  # capset(2)
libc = ctypes.CDLL(None, use_errno=True)


def _must(code: int) -> None:
    if code:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def die_with_parent() -> None:
    """Be killed when the process that forked this one ends."""
    _must(libc.prctl(DEATHSIG, 9, 0, 0, 0))


def join(holder: int) -> None:
    """Join the namespaces of a process in a jail; what this one forks lives there.

    They belong to the user namespace around the jail's own, which is joined last:
    inside it nobody may join any.
    """
    spaces = [os.open(f"/proc/{holder}/ns/{kind}", os.O_RDONLY) for kind in SPACES]
    last = os.open(f"/proc/{holder}/ns/user", os.O_RDONLY)
    owner = fcntl.ioctl(spaces[0], NS_GET_USERNS)
    for fd in (owner, *spaces, last):
        _must(libc.setns(fd, 0))


def forswear() -> None:
    """Give up every capability, for good."""
    number = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(number + 1):
        _must(libc.prctl(DROP, capability, 0, 0, 0))
    _must(libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0))
    _must(libc.capset(struct.pack("=Ii", VERSION_3, 0), bytes(24)))


def refuse() -> None:
    """Refuse what hides memory from every count, or a family no namespace bounds.

    Memory files, System V memory, keys, io_uring, bpf, perf, userfaultfd: numbers of
    arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
    """
    if platform.machine() not in DENIED:
        return
    arch, socket, denied = DENIED[platform.machine()]
    no, yes = _step(0x06, 0x50000 | errno.EPERM), _step(0x06, 0x7FFF0000)
    steps = [_step(0x20, 4), _step(0x15, arch, 1), no, _step(0x20, 0)]
    steps += [_step(0x35, 0x40000000, 0, 1), no]  # x32 has numbers of its own
    for number in denied:
        steps += [_step(0x15, number, 0, 1), no]
    steps += [_step(0x15, socket, 1), yes, _step(0x20, 16)]
    for family in FAMILIES:
        steps += [_step(0x15, family, 0, 1), yes]
    code = b"".join([*steps, no])
    kept = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(kept))
    _must(libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0))
    _must(libc.prctl(SECCOMP, 2, program, 0, 0))


def _step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    """Write one instruction of a filter, as in linux/filter.h."""
    return struct.pack("=HBBI", code, then, otherwise, value)


def cold() -> None:
    """Bound a process that will be bubblewrap and then a kernel."""
    sandbox.limits()
    refuse()


def kernel(stream: Any) -> None:
    """Say who this is, hear which jail to enter, stay until its kernel has ended."""
    pickle.dump(os.getpid(), stream)
    stream.flush()
    holder, folder = pickle.load(stream)
    sandbox.limits()
    join(holder)
    die_with_parent()  # which joining has undone
    stream.write(b"entered\n")
    stream.flush()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    else:
        _become(folder / "inside.json")


def _become(file: Path) -> None:
    """Be the kernel of a connection file; return when it has ended."""
    from ipykernel.kernelapp import IPKernelApp

    die_with_parent()
    os.setsid()
    forswear()
    refuse()
    _must(libc.prctl(DUMPABLE, 1, 0, 0, 0))  # as after a start, /proc/self is ours
    os.chdir("/tmp")
    null = os.open("/dev/null", os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    sys.argv = ["ipykernel_launcher", "-f", str(file), *sandbox.QUIET]
    IPKernelApp.launch_instance(sys.argv[1:])
