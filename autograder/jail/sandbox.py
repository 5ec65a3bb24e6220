"""The jail: no network, no files but those given to it, and bounds on what it takes.

Bubblewrap makes it; a watcher and limits bound its memory, processes and files, and
whoever runs its cells bounds their time.
"""

import contextlib
import os
import re
import resource
import shutil
import sys
from pathlib import Path

import psutil

MEMORY = int(os.environ.get("AUTOGRADER_MEMORY_MB", 8192)) << 20  # of all together
FILES, PROCESSES = 256 << 20, 200  # bytes, processes
CROWD, THREADS = 24, 2_000  # processes that share one core; threads of all together
INSTALL = "apt-get install bubblewrap"
OPEN = "AUTOGRADER_UNJAILED"  # set by whoever gives the jail up
NOBODY = 65534
OWN = re.compile(r"^Rss(?:Anon|Shmem):\s+(\d+)", re.MULTILINE)  # KiB
QUIET = ["--HistoryManager.enabled=False"]
HERE = Path(__file__).parents[2]
HOSTS = Path(__file__).with_name("hosts")


def environment() -> dict[str, str]:
    """Return all that a jailed process finds in its environment."""
    said = {k: v for k, v in os.environ.items() if k.startswith("AUTOGRADER_")}
    path = f"{sys.prefix}/bin{os.pathsep}{os.defpath}"
    said |= {"HOME": "/tmp", "PATH": path, "PYTHONPATH": str(HERE)}
    said |= {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}  # a warning that helps nobody
    return said | {"GLOO_SOCKET_IFNAME": "lo"}


def skip_grammar() -> None:
    """Keep jsonschema from building a grammar of web addresses, for 0.7 s.

    It checks an optional format, which no notebook has, and does without.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def unjailed() -> bool:
    """Say whether somebody gave the jail up."""
    return os.environ.get(OPEN) == "1"


def command(inside: list[str], folder: Path, tell: int | None = None) -> list[str]:
    """Wrap a command in bubblewrap, where folder can be read.

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
        raise RuntimeError(f"grading needs a jail; install bubblewrap: {INSTALL}")
    seen = ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives"]
    seen += [sys.prefix, sys.base_prefix, str(HERE / "mlsyscore")]
    return [
        *[bwrap, *(["--info-fd", str(tell)] if tell else [])],
        *["--unshare-all", "--unshare-user"],
        *["--uid", str(NOBODY), "--gid", str(NOBODY)],
        *["--cap-drop", "ALL", "--disable-userns", "--die-with-parent"],
        *["--new-session", "--clearenv", "--dev", "/dev"],
        *["--proc", "/proc", "--remount-ro", "/proc"],  # root could change the machine
        *["--size", str(FILES), "--tmpfs", "/tmp"],
        *["--size", str(FILES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"],
        *[word for path in seen for word in ("--ro-bind-try", path, path)],
        *["--ro-bind", str(HOSTS), "/etc/hosts"],
        *[
            "--ro-bind",
            str(folder),
            str(folder),
            "--remount-ro",
            "/",
            "--chdir",
            "/tmp",
        ],
        *[w for name, x in environment().items() for w in ("--setenv", name, x)],
        *inside,
    ]


def bound(kind: int, value: int) -> None:
    """Lower a limit of this process to a value, unless it is lower already."""
    most = resource.getrlimit(kind)[1]
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(kind, (value, value))


def limits() -> None:
    """Bound what the kernel and each process it starts may take."""
    os.nice(5)  # before a student's loop comes whoever has to stop it
    Path("/proc/self/oom_score_adj").write_text("1000")
    bound(resource.RLIMIT_AS, MEMORY)
    bound(resource.RLIMIT_FSIZE, FILES)
    bound(resource.RLIMIT_CORE, 0)
    bound(resource.RLIMIT_NOFILE, 4096)  # the buffers of sockets are nobody's memory


def excess(roots: list[psutil.Process]) -> str | None:
    """Say which limit the processes of a jail outgrow together, if one.

    roots: the jail's own process, and others whose children are in the jail.
    A limit on each process does not bound their number, and root has none at all.
    """
    inside = [p for root in roots for p in _children(root)]
    if len(inside) > CROWD:
        _pin(inside, roots[0].pid)
    if len(inside) > PROCESSES:
        return f"it had more than {PROCESSES} processes"
    if sum(map(_threads, inside)) > THREADS:
        return f"it had more than {THREADS} threads"
    if all(sum(map(size, inside)) > MEMORY for size in (_upper, _exact)):
        return f"its processes took more than {MEMORY >> 20} MiB together"
    return None


def _pin(crowd: list[psutil.Process], place: int) -> None:
    """Keep a crowd on one core, so that it starves no other jail."""
    cores = sorted(os.sched_getaffinity(0))
    for process in crowd:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(process.pid, {cores[place % len(cores)]})


def _threads(process: psutil.Process) -> int:
    try:
        return int(process.num_threads())
    except psutil.NoSuchProcess:
        return 0


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _upper(process: psutil.Process) -> int:
    """Bytes that a process holds, counting what forks share once for each."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(size) << 10 for size in OWN.findall(status))


def _exact(process: psutil.Process) -> int:
    """Bytes that a process holds, its part of what forks share; slow to read."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.AccessDenied:
        return _upper(process)
    except psutil.NoSuchProcess:
        return 0
