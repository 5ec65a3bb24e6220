"""A folder on a disk that loses power, and every folder that may be found afterwards.

The disk keeps its own record: who saves has its operations, and no other way to it.
"""

import itertools
import math
import threading
from collections.abc import Iterator, Mapping

STATES = 500  # folders that one crash may leave
CHANGES, LOOKS = 1000, 10_000  # operations of one disk
BYTES = 10**7  # written to one disk
_LOCK = threading.RLock()  # one for all disks, so that a disk can be pickled

File = list[bytes]  # all contents of a file since it was synced, the present one last


class Crash(Exception):
    """Power fails."""


class Disk:
    """A folder of files, whose power fails before change number `power`, from 0."""

    def __init__(
        self, files: Mapping[str, bytes] = {}, power: float = math.inf
    ) -> None:
        self._files: dict[str, File] = {name: [data] for name, data in files.items()}
        self._safe = dict(self._files)  # the names on disk
        self._renamed: list[tuple[str | None, str | None, File]] = []  # since then
        self._log: list[str] = []
        self._power, self._looks, self._bytes, self._on = power, 0, 0, True

    def write(self, name: str, data: bytes) -> None:
        """Empty or make a file, then fill it."""
        _named(name)
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"bytes are expected, not {type(data).__name__}")
        with _LOCK:
            self._bytes += memoryview(data).nbytes
            if self._bytes > BYTES:
                raise OSError(f"more than {BYTES} bytes on one disk")
            self._change(f"write {name}")
            if name not in self._files:
                self._files[name] = [b""]
                self._renamed.append((None, name, self._files[name]))
            self._files[name].append(bytes(data))

    def fsync(self, name: str) -> None:
        """Put a file's bytes on disk; its name may still be lost."""
        with _LOCK:
            file = self._file(name)
            self._change(f"fsync {name}")
            file[:] = file[-1:]

    def replace(self, old: str, new: str) -> None:
        """Rename, over whatever had the new name."""
        _named(new)
        with _LOCK:
            file = self._file(old)
            self._change(f"replace {old} {new}")
            del self._files[old]
            self._files[new] = file
            self._renamed.append((old, new, file))

    def remove(self, name: str) -> None:
        """Remove a name."""
        with _LOCK:
            file = self._file(name)
            self._change(f"remove {name}")
            del self._files[name]
            self._renamed.append((name, None, file))

    def fsync_folder(self) -> None:
        """Put all names on disk."""
        with _LOCK:
            self._change("fsync_folder")
            self._safe, self._renamed = dict(self._files), []

    def read(self, name: str) -> bytes:
        """Return a file's bytes; FileNotFoundError where there is none."""
        self._look()
        return self._file(name)[-1]

    def listdir(self) -> list[str]:
        """Return the names in the folder."""
        self._look()
        return sorted(self._files)

    def _file(self, name: str) -> File:
        if not self._on:
            raise Crash("the machine is off")
        if not isinstance(name, str) or name not in self._files:
            raise FileNotFoundError(f"{name!r:.60}")
        return self._files[name]

    def _look(self) -> None:
        if not self._on:
            raise Crash("the machine is off")
        self._looks += 1
        if self._looks > LOOKS:
            raise OSError(f"more than {LOOKS} reads of one disk")

    def _change(self, what: str) -> None:
        self._on = self._on and len(self._log) < self._power
        if not self._on:
            raise Crash(what)
        if len(self._log) == CHANGES:
            raise OSError(f"more than {CHANGES} changes of one disk")
        self._log.append(what)


def is_on(disk: Disk) -> bool:
    """Say whether there is still power."""
    return disk._on


def done(disk: Disk) -> str:
    """Say what changes were made."""
    return ", ".join(disk._log) or "nothing"


def contents(disk: Disk) -> dict[str, bytes]:
    """Return all files as they are read, power or not."""
    return {name: file[-1] for name, file in disk._files.items()}


def after_crash(disk: Disk) -> list[Disk]:
    """Return a disk for each folder that a crash may leave now.

    Any of the renames since the last `fsync_folder` may be lost; a file may hold what
    it held at any time since its `fsync`, or part of that, or zeros.
    Raises AssertionError where there are more than STATES.
    """
    found: dict[frozenset[tuple[str, bytes]], Disk] = {}
    for tried, folder in enumerate(_folders(disk)):
        found.setdefault(frozenset(folder.items()), Disk(folder))
        many = len(found) > STATES or tried >= 10 * STATES
        assert not many, (
            f"power fails after {done(disk)}: that may leave more than {STATES} "
            "folders.  Sync what was changed before you change more"
        )
    return list(found.values())


def _named(name: str) -> None:
    if not isinstance(name, str) or not 0 < len(name) < 256 or "/" in name:
        raise ValueError(f"a name of 1 to 255 letters is expected, not {name!r:.60}")


def _folders(disk: Disk) -> Iterator[dict[str, bytes]]:
    for kept in itertools.product([True, False], repeat=len(disk._renamed)):
        names = dict(disk._safe)
        for keep, (old, new, file) in zip(kept, disk._renamed, strict=True):
            if keep and old is not None and names.get(old) is file:
                del names[old]
            if keep and new is not None:
                names[new] = file
        for data in itertools.product(*map(_left, names.values())):
            yield dict(zip(names, data, strict=True))


def _left(file: File) -> list[bytes]:
    """Return all that may be found in a file: old, new, none, some, zeros."""
    found = set(file)
    for old, new in itertools.pairwise(file):
        half = len(new) // 2
        found |= {b"", new[:half], bytes(len(new)), new[:half] + bytes(len(new) - half)}
        found |= {new[:half] + old[half:], old[:half] + new[half:]}
    return sorted(found)
