"""A real folder with a disk's operations, and processes that are killed in a save."""

import contextlib
import itertools
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIZE = 8_000_000  # bytes of a state


class Folder:
    """The operations of a disk, on real files."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def write(self, name: str, data: bytes) -> None:
        """Empty or make a file, then fill it."""
        (self._path / name).write_bytes(data)

    def fsync(self, name: str) -> None:
        """Put a file's bytes on disk."""
        fd = os.open(self._path / name, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)

    def replace(self, old: str, new: str) -> None:
        """Rename."""
        os.replace(self._path / old, self._path / new)

    def remove(self, name: str) -> None:
        """Remove a name."""
        (self._path / name).unlink()

    def fsync_folder(self) -> None:
        """Put all names on disk."""
        self.fsync(".")

    def read(self, name: str) -> bytes:
        """Return a file's bytes."""
        return (self._path / name).read_bytes()

    def listdir(self) -> list[str]:
        """Return the names in the folder."""
        return os.listdir(self._path)


def plain_save(fs: Folder, name: str, state: bytes) -> None:
    """Write in place."""
    fs.write(name, state)


def plain_load(fs: Folder, name: str) -> bytes:
    """Read whatever is there."""
    return fs.read(name)


def _for_ever(save: Callable[..., Any], path: str, begun: Any) -> None:
    states = [bytes([i]) * SIZE for i in range(4)]
    begun.set()
    for state in itertools.cycle(states):
        save(Folder(path), "model.ckpt", state)


def loaded_whole(
    save: Callable[..., Any], load: Callable[..., Any], kills: int = 12, seed: int = 7
) -> int:
    """Kill a process that saves again and again; return how often load gives a state.

    SIGKILL, at a random moment.  The kernel lives on, so what was written reaches the
    disk: torn files are seen, lost ones are not.  Linux or macOS only.
    """
    rng, fork = np.random.default_rng(seed), multiprocessing.get_context("fork")
    whole = 0
    for _ in range(kills):
        with tempfile.TemporaryDirectory() as path:
            save(Folder(path), "model.ckpt", bytes(SIZE))
            begun = fork.Event()
            child = fork.Process(target=_for_ever, args=(save, path, begun))
            child.start()
            begun.wait(60)
            time.sleep(float(rng.uniform(0, 0.05)))
            child.kill()
            child.join()
            with contextlib.suppress(ValueError):
                found = bytes(load(Folder(path), "model.ckpt"))
                whole += found == found[:1] * SIZE
    return whole
