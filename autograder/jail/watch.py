"""What the processes of a jail hold and have computed, as the host sees it."""

import contextlib
import functools
import os
import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import psutil

OWN = re.compile(r"^(RssAnon|RssShmem|VmSwap|VmPTE|Threads):\s+(\d+)", re.MULTILINE)
SHARE = re.compile(r"^(Pss_Anon|Pss_Shmem|SwapPss):\s+(\d+)", re.MULTILINE)
SOCKETS = re.compile(r"^sockets: used (\d+)", re.MULTILINE)
OPEN = re.compile(r"^TCP6?: inuse (\d+)", re.MULTILINE)  # before its end is gone
QUEUES = re.compile(r" [0-9A-F]{2} ([0-9A-F]{8}):([0-9A-F]{8}) ")  # of /proc/net/tcp
GONE = (FileNotFoundError, ProcessLookupError, NotADirectoryError)
INODE = 1 << 10  # bytes of kernel memory that a file takes, be it empty
TICK = os.sysconf("SC_CLK_TCK")


def family(roots: Iterable[psutil.Process], whole: bool = False) -> list[int]:
    """Return the descendants of some processes; whole: and these."""
    todo = [root.pid for root in roots]
    found = todo * whole
    while todo:
        if (below := _children(todo.pop())) is None:
            every = [c.pid for r in roots for c in _slowly(r)]
            return [*(r.pid for r in roots if whole), *every]
        todo += below
        found += below
    return found


def _children(pid: int) -> list[int] | None:
    """Return a process's children; None where the kernel does not list them."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(*GONE):
                found += map(int, _text(f"/proc/{pid}/task/{thread}/children").split())
    except GONE:
        pass
    return found if found or _lists() else None


@functools.cache
def _lists() -> bool:
    return os.path.exists("/proc/thread-self/children")


def _slowly(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _text(path: str) -> str:
    with open(path) as file:
        return file.read()


class Held(NamedTuple):
    """Bytes that processes hold, by kind; threads: how many they have."""

    own: int = 0
    shared: int = 0  # of it all, what lies in files of memory
    threads: int = 0


def upper(pids: Iterable[int]) -> Held:
    """Count what forks share once for each: quick to read."""
    own = shared = threads = 0
    for pid in pids:
        with contextlib.suppress(*GONE):
            by = {k: int(n) for k, n in OWN.findall(_text(f"/proc/{pid}/status"))}
            own += by.get("RssAnon", 0) + by.get("VmSwap", 0) + by.get("VmPTE", 0)
            shared += by.get("RssShmem", 0)
            threads += by.get("Threads", 0)
    return Held(own << 10, shared << 10, threads)


def exact(pids: Iterable[int]) -> Held:
    """Count each process's part of what forks share: slow to read."""
    own = shared = 0
    for pid in pids:
        try:
            said = SHARE.findall(_text(f"/proc/{pid}/smaps_rollup"))
        except GONE:
            continue
        except PermissionError:
            by = upper([pid])
            own, shared = own + by.own, shared + by.shared
            continue
        by_kind = {k: int(n) << 10 for k, n in said}
        own += by_kind.get("Pss_Anon", 0) + by_kind.get("SwapPss", 0)
        shared += by_kind.get("Pss_Shmem", 0)
    return Held(own, shared)


def files(pids: Iterable[int], places: Iterable[str]) -> tuple[int, int]:
    """Return bytes and number of the files on a jail's disks, seen by a process there.

    Counted are all: open, deleted, mapped or none of it.
    """
    for pid in pids:
        try:
            disks = [os.statvfs(f"/proc/{pid}/root{place}") for place in places]
        except (*GONE, PermissionError):  # it has ended, or hides; another has not
            continue
        size = sum((disk.f_blocks - disk.f_bfree) * disk.f_frsize for disk in disks)
        return size, sum(disk.f_files - disk.f_ffree for disk in disks)
    raise PermissionError("no process shows its files")


def sockets(pids: Iterable[int]) -> int:
    """Return the most bytes that the sockets of a jail hold, open or on their way.

    A buffer may be passed by one message as large as itself.  TCP's grow with their
    use, so what waits in them is added, twice: the kernel keeps more than it carries.
    """
    for pid in pids:
        try:
            said = _text(f"/proc/{pid}/net/sockstat")
            tcp = _tcp(pid, "") if any(map(int, OPEN.findall(said))) else ""
            with contextlib.suppress(FileNotFoundError):  # a machine without IPv6
                six = _text(f"/proc/{pid}/net/sockstat6")
                tcp += _tcp(pid, "6") if any(map(int, OPEN.findall(six))) else ""
        except (*GONE, OSError):
            continue
        size = 2 * sum(map(int, SOCKETS.findall(said))) * _buffer()
        queues = QUEUES.findall(tcp)
        return size + 2 * sum(int(n, 16) for pair in queues for n in pair)
    return 0


def _tcp(pid: int, version: str) -> str:
    """Return the table of a jail's connections: milliseconds, on a large machine."""
    return _text(f"/proc/{pid}/net/tcp{version}")


@functools.cache
def _buffer() -> int:
    """Return the bytes that a socket may have sent and nobody read."""
    try:
        return int(_text("/proc/sys/net/core/wmem_default"))
    except OSError:
        return 212_992


class Clock:
    """Seconds of processor time that a jail's processes have taken since it was set.

    A thread may take as many as it is allowed, all together twice that on each core.
    whole: the roots compute for it too.  total: what they had taken when last seen.
    """

    def __init__(self, roots: list[psutil.Process], whole: bool = False) -> None:
        self.family = functools.partial(family, roots, whole)
        self.lock = threading.Lock()
        self.seconds: float | None = None
        self.seen: dict[tuple[int, str], float] = {}  # all processes there ever were
        self.before: dict[tuple[int, str], float] = {}
        self.threads: dict[tuple[int, str], float] = {}
        self.start = self.total = 0.0

    def allow(self, seconds: float) -> None:
        """Let what follows take so many seconds."""
        with self.lock:
            pids = self.family()
            self.start = self._together(pids)
            self.before = dict(self.seen)
            self.threads = dict(_threads(pids))
            self.seconds = seconds

    def over(self) -> str:
        """Say that it took too much, if it did."""
        with self.lock:
            if self.seconds is None:
                return ""
            pids = self.family()
            together = self._together(pids) - self.start
            most = 2 * len(os.sched_getaffinity(0)) * self.seconds
            long = [
                key[0]
                for key, time in self.seen.items()
                if time - self.before.get(key, 0) > self.seconds
            ]
            alone = (t - self.threads.get(key, 0) for key, t in _threads(long))
            if together > most or max(alone, default=0) > self.seconds:
                return f"it computed for over {self.seconds:g} s"
            return ""

    def _together(self, pids: Iterable[int]) -> float:
        """Return the time of all, ended ones too: as seen, or as their parents know."""
        known = 0.0
        for pid in pids:
            with contextlib.suppress(*GONE):
                start, own, ended = _times(f"/proc/{pid}/stat")
                self.seen[pid, start] = own
                known += own + ended
        self.total = max(known, sum(self.seen.values()))
        return self.total


def _threads(pids: Iterable[int]) -> Iterable[tuple[tuple[int, str], float]]:
    """Yield each thread, known by number and start, and its time."""
    for pid in pids:
        with contextlib.suppress(*GONE):
            for thread in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(*GONE):
                    start, own, _ = _times(f"/proc/{pid}/task/{thread}/stat")
                    yield (int(thread), start), own


def _times(path: str) -> tuple[str, float, float]:
    """Return when a process started, its seconds, and those of its ended children."""
    words = Path(path).read_text().rpartition(")")[2].split()  # its name may hold any
    user, system, *ended = (int(x) / TICK for x in words[11:15])
    return words[19], user + system, sum(ended)
