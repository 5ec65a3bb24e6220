"""The system calls that nothing in a jail may make, as a filter of the kernel's.

Numbers of arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h;
the filter's language is that of linux/filter.h.
"""

import ctypes
import errno
import functools
import platform
import struct
from collections.abc import Iterable
from typing import NamedTuple

SAME = (425, 426, 427, 438, 440, 447)  # io_uring, pidfd_getfd, process_madvise, secret
MOUNTS = (428, 429, 430, 431, 432, 433, 442)  # the newer ways to mount
CLONE3 = 435  # whose flags lie in memory, where no filter reads
SPACES = 0x7E020000  # CLONE_NEW*: namespaces
UNIX, INET, INET6, NETLINK = 1, 2, 10, 16  # families
PROTOCOLS = (0, 6, 17)  # of the internet: the usual one, TCP, UDP
SNDBUF, RCVBUF, ZEROCOPY = 7, 8, 60  # SO_*
SHARED = 0x21  # MAP_SHARED | MAP_ANONYMOUS
NO_NEW_PRIVS, SECCOMP = 38, 22  # prctl(2)
LOAD, EQUAL, ANY, LEAST, AND, RETURN = 0x20, 0x15, 0x45, 0x35, 0x54, 0x06
libc = ctypes.CDLL(None, use_errno=True)


class Machine(NamedTuple):
    """What a processor's kernel calls things."""

    audit: int
    socket: int
    socketpair: int
    setsockopt: int
    mmap: int
    clone: int
    hidden: tuple[int, ...]  # memory that no count sees, and others' memory
    escapes: tuple[int, ...]  # namespaces and mounts, which only bubblewrap makes


# hidden: ptrace, process_vm_readv, _writev, kcmp; vmsplice, io_setup; shared memory,
# semaphores and queues of System V, queues of POSIX; add_key, request_key, keyctl;
# perf_event_open, memfd_create, bpf, userfaultfd.
# escapes: pivot_root, mount, umount2, unshare, setns.
MACHINES = {
    "x86_64": Machine(
        audit=0xC000003E,
        socket=41,
        socketpair=53,
        setsockopt=54,
        mmap=9,
        clone=56,
        hidden=(
            *(101, 310, 311, 312, 278, 206, 29, 64, 68, 240),
            *(248, 249, 250, 298, 319, 321, 323),
        ),
        escapes=(155, 165, 166, 272, 308),
    ),
    "aarch64": Machine(
        audit=0xC00000B7,
        socket=198,
        socketpair=199,
        setsockopt=208,
        mmap=222,
        clone=220,
        hidden=(
            *(117, 270, 271, 272, 75, 0, 194, 190, 186, 180),
            *(217, 218, 219, 241, 279, 280, 282),
        ),
        escapes=(41, 40, 39, 97, 268),
    ),
}


def _step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)


def _when(value: int, steps: list[bytes]) -> list[bytes]:
    """Do some steps, whose last returns, if what was loaded is a value."""
    return [_step(EQUAL, value, 0, len(steps)), *steps]


def _argument(number: int) -> bytes:
    return _step(LOAD, 16 + 8 * number)


def _error(number: int) -> bytes:
    return _step(RETURN, 0x50000 | number)


@functools.cache
def program(inside: bool) -> bytes:
    """Return the filter of a jail, or nothing for a processor that has none here.

    inside: bubblewrap has done its work, and no namespace may be made any more.
    """
    if platform.machine() not in MACHINES:
        return b""
    machine = MACHINES[platform.machine()]
    no, yes = _error(errno.EPERM), _step(RETURN, 0x7FFF0000)
    steps = [_step(LOAD, 4), _step(EQUAL, machine.audit, 1), no, _step(LOAD, 0)]
    steps += [_step(LEAST, 0x40000000, 0, 1), no]  # x32 has numbers of its own
    for number in (*machine.hidden, *SAME):
        steps += _when(number, [no])
    family = [_argument(0), *_when(UNIX, [yes])]
    for kind, known in ((NETLINK, (0,)), (INET, PROTOCOLS), (INET6, PROTOCOLS)):
        family += _when(kind, [_argument(2), *_each(known, yes), no])
    for number in (machine.socket, machine.socketpair):
        steps += _when(number, [*family, no])
    # A larger buffer is a wish, which is heard and not granted: what a socket can hold
    # then follows from their number.
    wish = [_argument(2), *_each((SNDBUF, RCVBUF), _error(0)), *_when(ZEROCOPY, [no])]
    wish = [_argument(1), *_when(1, [*wish, yes]), yes]  # SOL_SOCKET
    steps += _when(machine.setsockopt, wish)
    # Shared memory without a file can be cut down to a page and keep all its bytes.
    shared = [_argument(3), _step(AND, SHARED), *_when(SHARED, [no]), yes]
    steps += _when(machine.mmap, shared)
    if inside:
        for number in (*machine.escapes, *MOUNTS):
            steps += _when(number, [no])
        steps += _when(CLONE3, [_error(errno.ENOSYS)])
        clone = [_argument(0), _step(ANY, SPACES, 0, 1), no, yes]
        steps += _when(machine.clone, clone)
    return b"".join([*steps, yes])


def _each(values: Iterable[int], answer: bytes) -> list[bytes]:
    return [step for value in values for step in _when(value, [answer])]


def apply(inside: bool) -> None:
    """Put this process, and all that it starts, under the filter."""
    code = program(inside)
    must(libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0))
    if code:
        kept = ctypes.create_string_buffer(code, len(code))
        filled = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(kept))
        must(libc.prctl(SECCOMP, 2, filled, 0, 0))


def must(code: int) -> None:
    """Raise OSError where a call of C failed."""
    if code:
        number = ctypes.get_errno()
        raise OSError(number, f"error {number}")
