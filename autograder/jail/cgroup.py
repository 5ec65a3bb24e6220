"""A memory cgroup for a jail, where this machine lets us make one.

The kernel then counts what no process calls its own: buffers, inodes, page tables.
That takes version 2, with memory and pids handed down to where we are: as root, or as
an ordinary user in a session of systemd's.  https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

import contextlib
import os
import re
import tempfile
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
NAME = "mlsys-jail-"
WANTED = {"memory", "pids"}


def made(memory: int, tasks: int, root: Path = ROOT, own: str = "") -> Path | None:
    """Make a group with these bounds; return its folder, or None where none may be.

    own: where this process is, as /proc/self/cgroup says it.
    """
    own = own or _own()
    if not own:
        return None
    here = root / own.lstrip("/")
    for above in (here, *here.parents):
        if not above.is_relative_to(root):
            return None
        try:
            given = (above / "cgroup.subtree_control").read_text().split()
            if WANTED.issubset(given):
                return _bounded(above, memory, tasks)
        except OSError:  # not ours to make one in; above it may be
            continue
    return None


def _own() -> str:
    try:
        said = Path("/proc/self/cgroup").read_text()
    except OSError:
        return ""
    return "".join(re.findall(r"^0::(.*)$", said, re.MULTILINE)[:1])


def _bounded(above: Path, memory: int, tasks: int) -> Path:
    for old in above.glob(f"{NAME}*"):  # of a judge that was killed
        with contextlib.suppress(OSError):
            old.rmdir()  # which fails while anything lives there
    group = Path(tempfile.mkdtemp(prefix=NAME, dir=above))
    try:
        (group / "memory.max").write_text(str(memory))
        (group / "pids.max").write_text(str(tasks))
        if not os.access(above / "cgroup.procs", os.W_OK):
            raise PermissionError("nobody may be moved there")
        for name, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
            with contextlib.suppress(FileNotFoundError):  # a kernel without swap
                (group / name).write_text(value)
    except OSError:
        group.rmdir()
        raise
    return group


def enter(group: Path | None) -> None:
    """Move this process, and all that it starts, into a group."""
    if group:
        with contextlib.suppress(OSError):  # limits and the watcher are there still
            (group / "cgroup.procs").write_text("0")


def full(group: Path | None) -> bool:
    """Say whether something in a group was killed for memory."""
    try:
        said = (group / "memory.events").read_text() if group else ""
    except OSError:
        return False
    return any(int(n) for n in re.findall(r"^oom_kill (\d+)", said, re.MULTILINE))


def remove(group: Path | None) -> None:
    """Remove a group whose processes have ended."""
    if group:
        with contextlib.suppress(OSError):
            group.rmdir()
