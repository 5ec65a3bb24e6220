"""Try what the jail must refuse, on this machine, and say what held."""

import platform
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from .jail import cures, enter, relay, sandbox
from .jail.kernel import Jail, Lost
from .judge import evidence

PATIENCE = 60.0  # seconds for a jail to start
COLAB = (3, 13)  # the Python of those who answer there
GIVEN_UP = """NO JAIL.  A student's code can now read this machine's files, other
students' notebooks and hidden checks among them, use its network, and write what you
can write.  Checks still run outside its kernel; time and memory are still bounded."""
PROBE = """
import ctypes, mmap, os, resource, socket, struct
C = ctypes.CDLL(None)
def refused(f, *given):
    try:
        f(*given)
    except OSError:
        return True
    return False
def denied(*call):
    return C.syscall(*call) == -1
def fill(path, size):
    os.posix_fallocate(os.open(path, os.O_RDWR | os.O_CREAT), 0, size)
def larger():
    with socket.socket(socket.AF_UNIX) as s:
        before = s.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * before)
        return s.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) > before
capabilities = ctypes.create_string_buffer(24)
C.capget(struct.pack("=Ii", 0x20080522, 0), capabilities)
ids = [name for name in os.listdir("/proc") if name.isdigit()]
told = " ".join([*os.environ, *os.environ.values()])
ANSWER = {
    "network": refused(socket.create_connection, ("127.0.0.1", PORT), 2),
    "files": refused(open, SECRET) and refused(open, "/usr/x", "w"),
    "settings": refused(open, "/proc/sys/kernel/core_pattern", "w"),
    "processes": not ids and refused(os.listdir, "/proc/self/fd"),
    "names": not os.path.exists("/proc/self/mountinfo")
    and not os.path.exists(FOLDER) and HERE not in told.replace(PREFIX, ""),
    "privileges": not any(capabilities.raw) and C.prctl(39, 0, 0, 0, 0) == 1,
    "namespaces": C.unshare(0x10000000) == -1 and C.unshare(0x00020000) == -1,
    "tracing": denied(TRACE, 0, 0, 0, 0) and denied(READ, os.getppid(), 0, 0, 0, 0, 0)
    and denied(438, 3, 0, 0) and denied(425, 8, 0),
    "hidden memory": refused(os.memfd_create, "x") and refused(mmap.mmap, -1, 4096)
    and refused(lambda: mmap.mmap(os.open("/dev/zero", os.O_RDWR), 4096)),
    "sockets": refused(socket.socket, socket.AF_PACKET)
    and refused(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, 4) and not larger(),
    "disk": refused(fill, "/tmp/full", SIZE) and refused(fill, "/dev/shm/full", SIZE),
    "memory": resource.getrlimit(resource.RLIMIT_AS) == (MEMORY, MEMORY),
}
"""
CALLS = {"x86_64": (101, 310), "aarch64": (117, 270)}  # ptrace, process_vm_readv
MEANS = {
    "network": "none but its own loopback",
    "files": "a read-only Python and a small /tmp; nothing of yours",
    "settings": "none of the machine's",
    "processes": "its own; it sees and signals no other",
    "names": "no path of yours but that of Python and what is installed there",
    "privileges": "none, and none to be had by setuid",
    "namespaces": "it can make none",
    "tracing": "none, not of its own processes, nor of the jail's",
    "hidden memory": "none that no count sees",
    "sockets": "unix, TCP and UDP, with buffers of one size",
    "disk": f"{sandbox.FILES >> 20} MiB in /tmp and in /dev/shm",
    "memory": f"{sandbox.MEMORY >> 20} MiB, at most {sandbox.PROCESSES} processes",
}
# What is killed: how to do it, why it then ends, and what that means.
KILLED = {
    "endless work": ("while True: pass", "computed for over 1 s", "it is stopped"),
    "many files": (
        "for i in range(10**6): open(f'/tmp/{i}', 'w').close()",
        f"more than {sandbox.INODES} files",
        f"{sandbox.INODES} in /tmp and /dev/shm together",
    ),
    "messages": (
        "k = get_ipython().kernel\n"
        "while True: k.session.send(k.iopub_socket, 'x', buffers=[bytes(1 << 22)])",
        f"it sent more than {relay.MOST >> 20} MiB",
        f"{relay.MOST >> 20} MiB a cell",
    ),
}


def quick() -> None:
    """Raise RuntimeError, saying what cures it, where no jail opens."""
    with tempfile.TemporaryDirectory() as folder:
        words = sandbox.command(["true"], Path(folder))
        with sandbox.packed(words) as (short, fds):
            why = cures.trouble(
                short, pass_fds=fds, preexec_fn=enter.cold, timeout=PATIENCE
            )
    if why:
        raise RuntimeError(why)


def examine() -> list[str]:
    """Return a line for each bound that held; raise RuntimeError if one did not."""
    quick()
    with tempfile.NamedTemporaryFile() as secret, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        jail = Jail(30.0, PATIENCE)
        try:
            found = jail.ask(_given(listening, secret.name, jail) + PROBE) or {}
            warm, group = jail.launched.warm, jail.launched.group
        finally:
            jail.close()
    broken = [f"{k} ({means})" for k, means in MEANS.items() if not found.get(k)]
    broken += _survived()
    if broken:
        raise RuntimeError(f"the jail does not hold: {', '.join(broken)}")
    start = "forked, ready to run" if warm else "from nothing, some seconds each"
    return [
        f"jail: {shutil.which('bwrap')}, tried from inside",
        *(f"{k}: {means}" for k, means in MEANS.items()),
        *(f"{k}: {means}" for k, (_, _, means) in KILLED.items()),
        f"counted by: {'the kernel, in a cgroup' if group else 'a watcher'}",
        f"time: {evidence.CELL:g} s a cell, {evidence.NOTEBOOK:g} s a notebook",
        f"kernels: {start}",
        python(),
    ]


def python(version: tuple[int, ...] = sys.version_info[:2]) -> str:
    """Say which Python grades, and what comes of it where Colab's is newer."""
    ours, theirs = (".".join(map(str, v)) for v in (version, COLAB))
    if version >= COLAB:
        return f"Python: {ours}; Colab has {theirs}"
    return (
        f"Python: {ours}, older than Colab's {theirs}: what only the newer reads, such "
        f'as f"{{d["key"]}}", is a SyntaxError here; grade with {theirs}'
    )


def _given(listening: socket.socket, secret: str, jail: Jail) -> str:
    """Write down what the probe must know."""
    trace, read = CALLS.get(platform.machine(), (0, 0))
    known = {"PORT": listening.getsockname()[1], "SECRET": secret}
    known |= {"SIZE": sandbox.FILES + 1, "MEMORY": sandbox.MEMORY}
    known |= {"FOLDER": str(jail.launched.folder), "HERE": str(sandbox.HERE)}
    known |= {"PREFIX": sys.prefix, "TRACE": trace, "READ": read}
    return "".join(f"{name} = {value!r}\n" for name, value in known.items())


def _survived() -> list[str]:
    """Do what must be killed; return what was not, or for another reason."""
    jail, left = Jail(1.0, PATIENCE), []
    try:
        for name, (code, why, _) in KILLED.items():
            try:
                jail.run(code)
                left.append(name)
            except Lost as e:
                left += [name] * (why not in str(e))
    finally:
        jail.close()
    return left
