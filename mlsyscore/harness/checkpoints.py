"""Saves on a disk whose power fails, and files that were changed.

Who loads has never seen a state before: it could remember what it loaded, and give it
for a file that tells nothing any more.
"""

import itertools
import secrets
import string
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .disk import Disk, after_crash, contents, done, is_on

Save = Callable[[Disk, str, bytes], Any]
Load = Callable[[Disk, str], Any]
MOST = 20  # changes that one save may make
FOLDERS = 12  # that are tried of all which one crash may leave
SECOND = 4  # of them meet a second crash
TOGETHER = 7  # changed files that are made of one state
ALIKE = 90  # states of a checksum's test: of 256 values two are the same, surely
OTHERS = {"notes.txt": b"not yours", "model.ckpt.txt": b"not yours either"}
OTHERS |= {"draft.tmp": b"somebody's temporary file"}


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

    Yields the folders that may be left; of many, FOLDERS.  The folder begins with some
    files, other people's at least; before: what load gives there, where it gives
    something.  Each is left by saves of its own, of states of these lengths, but of
    other bytes.
    """
    for i in range(len(states)):
        for power in range(MOST + 1):
            for k in range(FOLDERS):
                own = [anew(state) for state in states[: i + 1]]
                disk = _crashed(save, name, own, files, power)
                left = after_crash(disk)
                if k >= len(left):
                    break
                at = k * max(FOLDERS, len(left)) // FOLDERS
                returned = is_on(disk)
                good = own[-1:] if returned else [*(own[-2:-1] or before), own[-1]]
                first = i == 0 and not before and not returned
                yield Found(i + 1, done(disk), returned, left[at], good, first, own)
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
    except AssertionError as e:
        text = f"load raises AssertionError {str(e)[:60]}; ValueError is for damage"
        raise AssertionError(text) from None
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
    """AssertionError unless a folder holds what others left, and one file more.

    It does now, and after a power failure that follows.
    """
    where = f"save {found.save} crashed after {found.done}; another save returned"
    for folder in (disk, *after_crash(disk)):
        files = contents(folder)
        later = ", then power failed" * (folder is not disk)
        assert set(files) == {*OTHERS, name}, (
            f"{where}{later}, and the folder holds {', '.join(files)}; "
            f"{name} and {', '.join(OTHERS)} are expected"
        )
        for other, data in OTHERS.items():
            assert files[other] == data, f"{where}, and changed {other}"


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

    A long file is changed in its first 24 bytes, its last 8, and at every 7th; one of
    more than 6,000 bytes at a few places of its middle.
    """
    n = len(file)
    places = [i for i in range(n) if i < 24 or i >= n - 8 or i % 7 == 0]
    if n > 6_000:
        places = list(range(n // 14, n, n // 7))
    for i in places:
        flipped = bytes([file[i] ^ bit])
        cases = {f"byte {i} of {n} flipped": file[:i] + flipped + file[i + 1 :]}
        cases[f"cut to {i} of {n} bytes"] = file[:i]
        for far in (1, 8):
            a, b = file[i : i + 1], file[i + far : i + far + 1]
            swapped = file[:i] + b + file[i + 1 : i + far] + a + file[i + far + 1 :]
            cases[f"bytes {i} and {i + far} swapped"] = swapped if b else file
        if i % 7 == 0:
            cases["head of one, tail of another"] = file[:i] + other[i:]
        yield from ((what, c) for what, c in cases.items() if c not in (file, other))
    for more in (b"\0", b"x", file, bytes(32)):
        yield f"longer by {len(more)} bytes", file + more
    if bytes(n) not in (file, other):
        yield "as long as it was, all zeros", bytes(n)


def tells_apart(save: Save, name: str, state: bytes) -> None:
    """AssertionError if a checksum is the same for two of ALIKE states.

    They differ in two neighbouring bytes, and so would their files.
    """
    own, at = anew(state), len(state) // 2
    pairs = (bytes([k, 7 * k % 256]) for k in range(ALIKE))
    files = [saved(save, name, own[:at] + pair + own[at + 2 :]) for pair in pairs]
    for one, other in itertools.combinations(files, 2):
        apart = sum(a != b for a, b in zip(one, other, strict=False))
        assert len(one) != len(other) or apart > 2, (
            f"two states of {len(state)} bytes make files of {len(one)} bytes, which "
            f"differ in {apart}: these can be changed, and load sees no damage.  Does "
            "the checksum cover all of the state, and has it more than 256 values?"
        )


def loads_back(save: Save, load: Load, name: str, states: Sequence[bytes]) -> None:
    """AssertionError unless each of some states is loaded after its save, and no other.

    The folder holds other people's files, and after each save one file more.
    """
    disk = Disk(OTHERS)
    got = outcome(load, disk, name)
    none = isinstance(got, FileNotFoundError)
    assert none, f"nothing saved: FileNotFoundError is expected, not {told(got)}"
    for state in states:
        save(disk, name, state)
        got = outcome(load, disk, name)
        assert got == state, f"{told(state)} saved: load gives {told(got)}"
        unexpected = sorted(set(contents(disk)) ^ {*OTHERS, name})
        assert not unexpected, f"a save returned; unexpected or gone: {unexpected}"


def survives_crashes(
    save: Save, load: Load, name: str, states: Sequence[bytes]
) -> None:
    """AssertionError if a crash, or a crash in the save after it, loses a state."""
    found = list(crashes(save, name, states))
    assert len(found) > 3 * len(states), "save changes too little to be safe"
    for crash in found:
        survives(crash, outcome(load, crash.left, name))
    second = [crash.left for crash in found if crash.save == 2]
    for left in second[:: -(-len(second) // SECOND)]:
        got = outcome(load, left, name)  # it crashed, and the next save crashes
        before = [got] if isinstance(got, bytes) else []
        for crash in crashes(save, name, [b"next"], contents(left), before):
            survives(crash, outcome(load, crash.left, name))


def leaves_nothing(
    save: Save, again: Save, load: Load, name: str, states: Sequence[bytes]
) -> None:
    """AssertionError unless another save after a crash works, and cleans up.

    Every other one saves what is there already, which is no reason to leave litter.
    """
    for i, crash in enumerate(crashes(save, name, states)):
        there = outcome(load, crash.left, name) if i % 2 else None
        state = there if isinstance(there, bytes) else b"the next, %d" % i
        again(crash.left, name, state)
        tidy(crash, crash.left, name)
        got = outcome(load, crash.left, name)
        assert got == state, (
            f"save {crash.save} crashed after {crash.done}; after another save load "
            f"gives {told(got)}"
        )


def finds_damage(
    save: Save, load: Load, name: str, state: bytes, other: bytes, bit: int
) -> None:
    """AssertionError unless each changed file is refused, and each whole one loaded."""
    if 2 <= len(state) <= 4096:
        tells_apart(save, name, state)
    for what, data, want in changed(save, name, state, other, bit):
        got = outcome(load, Disk({name: data}), name)
        assert want is None or got == want, f"{what}: load gives {told(got)}"
        assert want is not None or isinstance(got, ValueError), (
            f"{what}: ValueError is expected; load gives {told(got)}.  Does the "
            "checksum cover all that load reads, its own header too?"
        )
    for crash in crashes(save, name, [state, other]):
        files = contents(crash.left)
        if files.get(name):
            files[name] = files[name][:-1] + bytes([files[name][-1] ^ bit])
            got = outcome(load, Disk(files), name)
            assert isinstance(got, ValueError), (
                f"save {crash.save} crashed after {crash.done}, then the last byte of "
                f"{name} flipped: ValueError is expected; load gives {told(got)}"
            )


def crash_history(
    save: Save, load: Load, name: str = "model.ckpt"
) -> list[tuple[str, dict[str, int]]]:
    """Return each change of a second save, and what load gives if power fails then.

    What it gives: how many of the folders that may be left give the state before, the
    new one, none, an error, or something else.
    """
    rows: dict[str, Counter[str]] = {}
    for crash in crashes(save, name, [b"the state before", b"the new one"]):
        if crash.save == 2:
            got = outcome(load, crash.left, name)
            what = {crash.states[0]: "before", crash.states[1]: "new"}
            said = what.get(got, "else") if isinstance(got, bytes) else "damaged"
            said = "none" if isinstance(got, FileNotFoundError) else said
            last = crash.done.rpartition(", ")[2]
            rows.setdefault(last, Counter())[said] += 1
    return [(last, dict(counts)) for last, counts in rows.items()]
