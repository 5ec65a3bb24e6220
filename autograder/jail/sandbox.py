"""The jail: no network, no files but those given to it, and bounds on what it takes.

Bubblewrap makes it; limits, a filter, a watcher and, where there is one, a cgroup
bound its memory, processes, files and time.
"""

import contextlib
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from . import cures, refused, watch

MEMORY = int(os.environ.get("AUTOGRADER_MEMORY_MB", 8192)) << 20  # of all together
FILES, INODES = 256 << 20, 50_000  # bytes of a disk; files on all disks
PROCESSES, CROWD, THREADS = 128, 24, 2_000  # CROWD: which share one core
DESCRIPTORS = 1024  # of a process
INSTALL = cures.INSTALL
OPEN = "AUTOGRADER_UNJAILED"  # set by whoever gives the jail up
NOBODY = 65534
QUIET = ["--HistoryManager.enabled=False"]
HERE = Path(__file__).parents[2]
HOSTS = Path(__file__).with_name("hosts")
# What lies where, seen from inside: the connection's folder, our package, the disks.
KERNEL, COURSE = Path("/run/kernel"), Path("/opt/course")
DISKS = ("/tmp", "/dev/shm")
FACTS = ["cpuinfo", "meminfo", "stat", "loadavg", "uptime", "version"]  # all of /proc
SEEN = ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives"]


def environment() -> dict[str, str]:
    """Return all that a process of ours, which jails and judges, needs of its own."""
    said = {k: v for k, v in os.environ.items() if k.startswith("AUTOGRADER_")}
    return said | jailed() | {"PYTHONPATH": str(HERE)}


def jailed() -> dict[str, str]:
    """Return all that a jailed process finds in its environment."""
    path = f"{sys.prefix}/bin{os.pathsep}{os.defpath}"
    said = {"HOME": "/tmp", "PATH": path, "PYTHONPATH": str(COURSE)}
    said |= {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}  # a warning that helps nobody
    return said | {"GLOO_SOCKET_IFNAME": "lo"}


def unjailed() -> bool:
    """Say whether somebody gave the jail up."""
    return os.environ.get(OPEN) == "1"


def command(inside: list[str], folder: Path, tell: int | None = None) -> list[str]:
    """Wrap a command in bubblewrap, where folder can be read as ``KERNEL``.

    tell: a file to which bubblewrap writes what it has started.
    Raises RuntimeError where bubblewrap is missing.  Where the jail was given up, by
    root, the command runs as nobody; by others, as it is.
    """
    if unjailed():
        drop = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        drop += ["--no-new-privs", "--bounding-set=-all"]
        return [*(["setpriv", *drop] if os.getuid() == 0 else []), *inside]
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise RuntimeError(cures.missing())
    seen = [(path, path) for path in (*SEEN, sys.prefix, sys.base_prefix)]
    seen += [(str(HERE / "mlsyscore"), str(COURSE / "mlsyscore"))]
    facts = [(f"/proc/{name}",) * 2 for name in FACTS]
    return [
        *[bwrap, *(["--info-fd", str(tell)] if tell else [])],
        *["--unshare-all", "--unshare-user"],
        *["--uid", str(NOBODY), "--gid", str(NOBODY)],
        *["--cap-drop", "ALL", *(["--disable-userns"] if _settable() else [])],
        *["--die-with-parent", "--new-session", "--clearenv", "--dev", "/dev"],
        # Mapped, /dev/zero is memory that nobody counts; the other reads as zeros too.
        *["--dev-bind", "/dev/full", "/dev/zero"],
        # No procfs: it names the host's paths, and opens one process to another.
        *["--tmpfs", "/proc", *_bound(facts)],
        *["--symlink", os.path.realpath(sys.executable), "/proc/self/exe"],
        *["--remount-ro", "/proc"],
        *["--size", str(FILES), "--tmpfs", "/tmp"],
        *["--size", str(FILES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"],
        *[*_bound(seen), "--ro-bind", str(HOSTS), "/etc/hosts"],
        *["--ro-bind", str(folder), str(KERNEL)],
        *["--remount-ro", "/", "--chdir", "/tmp"],
        *[w for name, x in jailed().items() for w in ("--setenv", name, x)],
        *["--", *inside],
    ]


def _bound(pairs: list[tuple[str, ...]]) -> list[str]:
    return [word for pair in pairs for word in ("--ro-bind-try", *pair)]


def _settable() -> bool:
    """Say whether bubblewrap can set the limit that forbids user namespaces.

    In a container it often cannot; there the filter alone forbids them.
    """
    return not os.statvfs("/proc/sys").f_flag & os.ST_RDONLY


@contextlib.contextmanager
def packed(words: list[str]) -> Iterator[tuple[list[str], list[int]]]:
    """Give a command as no process can read it, and the files that it then needs.

    The jail's first process shows its arguments to all in it, if they can look.  The
    filter that bubblewrap puts on that process and all after it goes along.
    """
    if "--" not in words or unjailed():
        yield words, []
        return
    cut = words.index("--")
    with contextlib.ExitStack() as stack:

        def file(data: bytes) -> int:
            kept = stack.enter_context(tempfile.TemporaryFile())
            kept.write(data)
            kept.seek(0)
            return kept.fileno()

        fds = [file(code)] if (code := refused.program(inside=True)) else []
        told = [*words[1:cut], *(["--seccomp", str(fds[0])] if fds else [])]
        fds.append(file(b"".join(word.encode() + b"\0" for word in told)))
        yield [words[0], "--args", str(fds[-1]), *words[cut:]], fds


def bound(kind: int, value: int) -> None:
    """Lower a limit of this process to a value, unless it is lower already."""
    most = resource.getrlimit(kind)[1]
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(kind, (value, value))


def limits() -> None:
    """Bound what a process may take, and each that it starts."""
    os.nice(5)  # before a student's loop comes whoever has to stop it
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    bound(resource.RLIMIT_AS, MEMORY)
    bound(resource.RLIMIT_FSIZE, FILES)
    bound(resource.RLIMIT_CORE, 0)
    bound(resource.RLIMIT_NOFILE, DESCRIPTORS)
    bound(resource.RLIMIT_MEMLOCK, 0)


def excess(roots: list[psutil.Process]) -> str | None:
    """Say which limit the processes of a jail outgrow together, if one.

    roots: the jail's own process, and others whose children are in the jail.
    A limit on each process does not bound their number, and root has none at all.
    """
    inside = watch.family(roots, whole=unjailed())
    if len(inside) > CROWD:
        _pin(inside, roots[0].pid)
    if len(inside) > PROCESSES:
        return f"it had more than {PROCESSES} processes"
    held = watch.upper(inside)
    if held.threads > THREADS:
        return f"it had more than {THREADS} threads"
    files = number = buffers = 0
    if inside and not unjailed():  # or it shares the machine's
        try:
            files, number = watch.files(inside, DISKS)
        except PermissionError:
            if watch.family(roots):  # it has not just ended
                raise
        buffers = watch.sockets(inside)
    if number > INODES:
        return f"it had more than {INODES} files"

    def together(held: watch.Held) -> int:
        kept = watch.INODE * number + buffers
        return held.own + max(held.shared, files) + kept

    if together(held) > MEMORY and together(watch.exact(inside)) > MEMORY:
        return f"its processes took more than {MEMORY >> 20} MiB together"
    return None


def _pin(crowd: list[int], place: int) -> None:
    """Keep a crowd on one core, so that it starves no other jail."""
    cores = sorted(os.sched_getaffinity(0))
    for pid in crowd:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(pid, {cores[place % len(cores)]})
