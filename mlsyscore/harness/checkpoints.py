"""Saves on a disk whose power fails, and files that were changed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .disk import Disk, after_crash, contents, done, is_on

Save = Callable[[Disk, str, bytes], Any]
Load = Callable[[Disk, str], Any]
MOST = 20  # changes that one save may make
OTHERS = {"notes.txt": b"not yours", "model.ckpt.txt": b"not yours either"}


@dataclass(frozen=True)
class Found:
    """A folder that is found after a crash, and what was done before."""

    save: int  # the number of the save, from 1
    done: str  # its changes before the crash
    returned: bool  # whether it had returned
    left: Disk
    good: Sequence[bytes]  # what load may give
    first: bool  # whether there may be nothing


def crashes(
    save: Save,
    name: str,
    states: Sequence[bytes],
    files: Mapping[str, bytes] = OTHERS,
    before: Sequence[bytes] = (),
) -> Iterator[Found]:
    """Save states one after another; crash before each change of each, and after it.

    Yields every folder that may be left.  The folder begins with some files, other
    people's at least; before: what load gives there, where it gives something.
    """
    for i, state in enumerate(states):
        for power in range(MOST + 1):
            disk = Disk(files, power)
            try:
                save(disk, name, state)
            except Exception:
                if is_on(disk):
                    raise
            returned = is_on(disk)
            good = [state] if returned else [*(states[i - 1 : i] or before), state]
            for left in after_crash(disk):
                first = i == 0 and not before and not returned
                yield Found(i + 1, done(disk), returned, left, good, first)
            if returned:
                break
        else:
            raise AssertionError(f"save {i + 1} makes more than {MOST} changes")
        files = contents(disk)


def outcome(
    load: Load, disk: Disk, name: str
) -> bytes | FileNotFoundError | ValueError:
    """Return what load gives, or the error that it raises where that is one of two."""
    try:
        got = load(disk, name)
    except (FileNotFoundError, ValueError) as e:
        return e
    wrong = f"load gives {got!r:.60}; bytes are expected, or an error that is raised"
    assert isinstance(got, bytes | bytearray | memoryview), wrong
    return bytes(got)


def told(got: Any) -> str:
    """Say what load gave."""
    if isinstance(got, Exception):
        return type(got).__name__
    return f"{got!r}" if len(got) < 40 else f"{len(got)} bytes"


def survives(found: Found, got: Any, states: Sequence[bytes]) -> None:
    """AssertionError unless load gave the state before a crash, or the new one."""
    if got in found.good or (found.first and isinstance(got, FileNotFoundError)):
        return
    text = (
        f"save {found.save}, power fails.  load must give the state before or the new"
    )
    if found.returned:
        text = (
            f"save {found.save} returned, then power fails.  load must give its state"
        )
    files = {n: d for n, d in contents(found.left).items() if n not in OTHERS}
    left = ", ".join(f"{n} of {len(data)} B" for n, data in files.items()) or "none"
    text += f".  Done: {found.done}.  Found: {left}.  load gives {told(got)}"
    if isinstance(got, ValueError):
        text += ": were its bytes on disk before the name was?"
    elif found.returned and (got in states or isinstance(got, FileNotFoundError)):
        text += ": are the names on disk when save returns?"
    elif isinstance(got, FileNotFoundError):
        text += ": was there a moment without any file of that name?"
    elif got not in states:
        text += ", which no save was given"
    raise AssertionError(text)


def tidy(found: Found, disk: Disk, name: str) -> None:
    """AssertionError unless a folder holds what others left, and one file more."""
    files, where = contents(disk), f"save {found.save} crashed after {found.done}"
    unexpected = sorted(set(files) ^ {*OTHERS, name})
    assert not unexpected, (
        f"{where}; another save returned, and the folder holds {', '.join(files)}; "
        f"{name} and {', '.join(OTHERS)} are expected"
    )
    for other, data in OTHERS.items():
        assert files[other] == data, f"{where}; another save changed {other}"


def saved(save: Save, name: str, state: bytes) -> bytes:
    """Return the file that a save makes in an empty folder; 4 KiB more is too long."""
    disk = Disk()
    save(disk, name, state)
    files = contents(disk)
    assert name in files, f"the folder holds {', '.join(files)} and no {name}"
    long = len(files[name])
    wrong = f"a state of {len(state)} bytes makes a file of {long}, over 4 KiB more"
    assert long <= len(state) + 4096, wrong
    return files[name]


def damaged(file: bytes, other: bytes, bit: int) -> Iterator[tuple[str, bytes]]:
    """Yield what was done to a file, and what it is then: never the file, or the other.

    A long file is changed in its first and last 64 bytes, and at every 16th.
    """
    n = len(file)
    for i in (i for i in range(n) if i < 64 or i >= n - 64 or i % 16 == 0):
        flipped = bytes([file[i] ^ bit])
        cases = {f"byte {i} of {n} flipped": file[:i] + flipped + file[i + 1 :]}
        cases[f"cut to {i} of {n} bytes"] = file[:i]
        for far in (1, 8):
            a, b = file[i : i + 1], file[i + far : i + far + 1]
            swapped = file[:i] + b + file[i + 1 : i + far] + a + file[i + far + 1 :]
            cases[f"bytes {i} and {i + far} swapped"] = swapped if b else file
        cases["head of one, tail of another"] = file[:i] + other[i:]
        yield from ((what, c) for what, c in cases.items() if c not in (file, other))
    for more in (b"\0", b"x", file, bytes(32)):
        yield f"longer by {len(more)} bytes", file + more
    if bytes(n) not in (file, other):
        yield "as long as it was, all zeros", bytes(n)
