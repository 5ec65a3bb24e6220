"""Saves on a disk whose power fails, and files that were changed.

Who loads has never seen a state before: it could remember what it loaded, and give it
for a file that tells nothing any more.
"""

import itertools
import secrets
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .disk import STATES, Disk, after_crash, contents, done, is_on

Save = Callable[[Disk, str, bytes], Any]
Load = Callable[[Disk, str], Any]
MOST = 20  # changes that one save may make
TOGETHER = 7  # changed files that are made of one state
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
    states: Sequence[bytes]  # what was saved until then


def anew(state: bytes) -> bytes:
    """Return another state of the same length: letters for text, else any bytes."""
    if state.isascii() and state.decode().isprintable():
        letters = string.ascii_letters + string.digits
        return "".join(secrets.choice(letters) for _ in state).encode()
    return secrets.token_bytes(len(state))


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
    Each is left by saves of its own: of states of these lengths, but of other bytes.
    """
    for i in range(len(states)):
        for power in range(MOST + 1):
            for k in range(STATES):
                own = [anew(state) for state in states[: i + 1]]
                disk = _crashed(save, name, own, files, power)
                left = after_crash(disk)
                if k >= len(left):
                    break
                returned = is_on(disk)
                good = own[-1:] if returned else [*(own[-2:-1] or before), own[-1]]
                first = i == 0 and not before and not returned
                yield Found(i + 1, done(disk), returned, left[k], good, first, own)
            if returned:
                break
        else:
            raise AssertionError(f"save {i + 1} makes more than {MOST} changes")


def _crashed(
    save: Save, name: str, states: Sequence[bytes], files: Mapping[str, bytes], at: int
) -> Disk:
    """Save states; power fails before change number `at` of the last one."""
    for state in states[:-1]:
        disk = Disk(files)
        save(disk, name, state)
        files = contents(disk)
    disk = Disk(files, at)
    try:
        save(disk, name, states[-1])
    except Exception:
        if is_on(disk):
            raise
    return disk


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


def survives(found: Found, got: Any) -> None:
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
    elif found.returned and (got in found.states or isinstance(got, FileNotFoundError)):
        text += ": are the names on disk when save returns?"
    elif isinstance(got, FileNotFoundError):
        text += ": was there a moment without any file of that name?"
    elif got not in found.states:
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


def changed(
    save: Save, name: str, state: bytes, other: bytes, bit: int
) -> Iterator[tuple[str, bytes, bytes | None]]:
    """Yield what was done to a file, the file, and what load must give: None, an error.

    The files are made of states of these two lengths, a few of each state, and a whole
    one in between.
    """
    for k in itertools.count():
        if k % TOGETHER == 0:
            file, another = (saved(save, name, anew(s)) for s in (state, other))
            whole = anew(state)
            yield "a file as it was saved", saved(save, name, whole), whole
        case = next(itertools.islice(damaged(file, another, bit), k, None), None)
        if case is None:
            return
        yield *case, None


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
