import hashlib
import zlib

import pytest

from mlsyscore.harness.checkpoints import (
    FOLDERS,
    OTHERS,
    changed,
    crash_history,
    crashes,
    damaged,
    finds_damage,
    leaves_nothing,
    loads_back,
    outcome,
    saved,
    survives,
    survives_crashes,
    tells_apart,
    tidy,
    told,
)
from mlsyscore.harness.disk import Disk, contents

STATES = [b"step 1", b"step 2, longer", b""]


def save(disk, name, state):
    disk.write(name + ".new", zlib.crc32(state).to_bytes(4, "big") + state)
    disk.fsync(name + ".new")
    disk.replace(name + ".new", name)
    disk.fsync_folder()


def load(disk, name):
    data = disk.read(name)
    if zlib.crc32(data[4:]).to_bytes(4, "big") != data[:4]:
        raise ValueError("damaged")
    return data[4:]


def in_place(disk, name, state):
    disk.write(name, zlib.crc32(state).to_bytes(4, "big") + state)
    disk.fsync(name)
    disk.fsync_folder()


def play(save, states=STATES):
    found = list(crashes(save, "model", states))
    for crash in found:
        survives(crash, outcome(load, crash.left, "model"))
    return found


def test_a_save_that_is_right_survives_every_crash():
    found = play(save)
    assert len(found) > 30
    assert {c.save for c in found if c.returned} == {1, 2, 3}
    assert {c.done.count(",") for c in found if c.save == 2} == {0, 1, 2, 3}


def test_a_save_in_place_does_not():
    with pytest.raises(AssertionError, match="were its bytes on disk before the name"):
        play(in_place)


def test_a_load_that_remembers_does_not():
    """It gives what it loaded before where the file tells nothing any more."""
    last = {}

    def remembers(disk, name):
        try:
            last[name] = load(disk, name)
        except ValueError:
            if name not in last:
                raise FileNotFoundError(name) from None
        return last[name]

    found = list(crashes(in_place, "model", STATES))
    new = [c.good[-1] for c in found if c.save < 3]  # the third is empty
    assert len(set(new)) == len(new)
    with pytest.raises(AssertionError, match="which no save was given"):
        any(survives(c, outcome(remembers, c.left, "model")) for c in found)


def test_a_save_that_does_nothing_does_not():
    with pytest.raises(AssertionError, match="save 1 returned"):
        play(lambda *args: None)


def test_a_crash_after_a_crash():
    """A save that ends the one before, whole or not, loses what was there."""

    def ends(disk, name, state):
        if name + ".new" in disk.listdir():
            disk.replace(name + ".new", name)
        save(disk, name, state)

    for what, fails in ((save, False), (ends, True)):
        lost = 0
        for crash in crashes(what, "model", STATES[:2]):
            old = outcome(load, crash.left, "model")
            old = [old] if isinstance(old, bytes) else []
            for c in crashes(what, "model", [b"3"], contents(crash.left), old):
                try:
                    survives(c, outcome(load, c.left, "model"))
                except AssertionError:
                    lost += 1
        assert (lost > 0) == fails


def test_power_that_fails_is_no_error_of_the_answer():
    """It may be caught, or raised as another; other errors come through."""

    def quiet(disk, name, state):
        try:
            save(disk, name, state)
        except Exception as e:
            raise RuntimeError from e

    play(quiet)
    with pytest.raises(ZeroDivisionError):
        play(lambda *args: 1 / 0)


def test_a_save_without_end_is_refused():
    def busy(disk, name, state):
        while True:
            disk.fsync_folder()

    with pytest.raises(AssertionError, match="more than 20 changes"):
        list(crashes(busy, "model", STATES))


def test_an_outcome_is_bytes_or_an_error_that_was_raised():
    disk = Disk({"model": b"short"})
    assert isinstance(outcome(load, disk, "other"), FileNotFoundError)
    assert isinstance(outcome(load, disk, "model"), ValueError)
    for lie in ("ValueError", ValueError("damaged"), None):
        with pytest.raises(AssertionError, match="bytes are expected"):
            outcome(lambda disk, name, lie=lie: lie, disk, "model")
    assert outcome(lambda disk, name: memoryview(b"x"), disk, "model") == b"x"
    assert told(b"x") == "b'x'"
    assert told(bytes(50)) == "50 bytes"


def test_others_files_are_left_alone():
    crash = next(crashes(save, "model", STATES))
    save(crash.left, "model", b"x")
    tidy(crash, crash.left, "model")
    crash.left.write("notes.txt", b"mine now")
    crash.left.fsync("notes.txt")
    with pytest.raises(AssertionError, match=r"changed notes\.txt"):
        tidy(crash, crash.left, "model")
    crash.left.remove("notes.txt")
    with pytest.raises(AssertionError, match="the folder holds"):
        tidy(crash, crash.left, "model")
    assert set(contents(crash.left)) == {*OTHERS, "model"} - {"notes.txt"}


def test_a_file_of_its_own_name_and_no_longer_than_it_must():
    assert saved(save, "model", b"x") == zlib.crc32(b"x").to_bytes(4, "big") + b"x"
    with pytest.raises(AssertionError, match="no model"):
        saved(lambda disk, name, state: disk.write("x", b""), "model", b"")
    with pytest.raises(AssertionError, match="over 4 KiB"):
        saved(lambda disk, name, state: disk.write(name, bytes(5000)), "model", b"")


@pytest.mark.parametrize("n", [1, 20, 300])
def test_damage_is_never_the_file_itself(n):
    file, other = bytes(i % 251 for i in range(n)), bytes(n)
    cases = list(damaged(file, other, 1))
    assert all(data not in (file, other) for _, data in cases)
    kinds = {what.split()[0] for what, _ in cases}
    assert {"byte", "cut", "longer"} <= kinds
    assert len(cases) < 6 * n + 6


def test_a_long_file_is_changed_in_its_middle():
    file = bytes(i % 251 for i in range(66_000))
    cases = list(damaged(file, b"", 1))
    assert 20 < len(cases) < 60
    assert any(d[:5000] == file[:5000] and d[-5000:] == file[-5000:] for _, d in cases)


def test_a_load_that_asserts_is_told_what_is_expected():
    def asserts(disk, name):
        raise AssertionError

    with pytest.raises(AssertionError, match="ValueError is for damage"):
        outcome(asserts, Disk({"model": b""}), "model")


def test_files_are_changed_and_left_whole_in_turn():
    cases = list(changed(save, "model", b"step 1", b"step 2", 1))
    whole = [(data, want) for _, data, want in cases if want is not None]
    assert len(whole) >= len(cases) / 8 - 1
    assert len({want for _, want in whole}) == len(whole)
    for _, data, want in cases:
        got = outcome(load, Disk({"model": data}), "model")
        assert got == want if want is not None else isinstance(got, ValueError)


def test_few_of_many_folders_are_tried_and_no_two_are_one():
    def careless(disk, name, state):
        for i in range(2):
            disk.write(f"{name}.{i}", state)
        save(disk, name, state)

    by = {}
    for crash in crashes(careless, "model", [b"step 1"]):
        by.setdefault(crash.done, []).append(crash.left)
    assert max(map(len, by.values())) == FOLDERS
    names = [tuple(contents(left)) for left in by["write model.0"]]
    assert len(set(names)) > 1


def litters(disk, name, state):
    disk.write(f"{name}.{zlib.crc32(state)}", state)
    disk.fsync(f"{name}.{zlib.crc32(state)}")
    save(disk, name, state)
    disk.remove(f"{name}.{zlib.crc32(state)}")
    disk.fsync_folder()


def blind(disk, name):
    return disk.read(name)[4:]


def test_the_whole_checks_pass_what_is_right_and_no_more():
    loads_back(save, load, "model", STATES)
    survives_crashes(save, load, "model", STATES)
    leaves_nothing(save, save, load, "model", STATES)
    finds_damage(save, load, "model", b"step 1", b"step 2", 1)
    with pytest.raises(AssertionError, match="load gives"):
        loads_back(save, lambda disk, name: disk.read(name), "model", STATES)
    with pytest.raises(AssertionError, match="power fails"):
        survives_crashes(in_place, load, "model", STATES)
    with pytest.raises(AssertionError, match="too little"):
        survives_crashes(lambda *args: None, load, "model", [])
    with pytest.raises(AssertionError, match="the folder holds"):
        leaves_nothing(litters, litters, load, "model", STATES)
    with pytest.raises(AssertionError, match="ValueError is expected"):
        finds_damage(save, blind, "model", b"step 1", b"step 2", 1)


def test_a_folder_that_keeps_a_second_file_is_told():
    def both(disk, name, state):
        save(disk, name + ".old", state)
        save(disk, name, state)

    with pytest.raises(AssertionError, match="unexpected or gone"):
        loads_back(both, load, "model", STATES)


def test_a_save_has_a_history():
    rows = crash_history(save, load, "model")
    changes = [change.split()[0] for change, _ in rows]
    assert changes == ["nothing", "write", "fsync", "replace", "fsync_folder"]
    assert rows[0][1] == {"before": 1}
    assert set(rows[3][1]) == {"before", "new"}
    assert rows[4][1] == {"new": 1}
    assert "damaged" in dict(crash_history(in_place, load, "model"))["write model"]


def test_a_checksum_of_one_byte_is_too_short():
    def short(disk, name, state):
        disk.write(name, hashlib.sha256(state).digest()[:1] + state)

    for n in (2, 14, 90):
        with pytest.raises(AssertionError, match=r"which differ in [12]: these can"):
            tells_apart(short, "model", bytes(n))


@pytest.mark.parametrize("checksum", [zlib.adler32, zlib.crc32])
def test_short_checksums_that_see_every_pair_pass(checksum):
    def packed(disk, name, state):
        disk.write(name, state + checksum(state).to_bytes(4, "big"))

    for n in (2, 15, 90):
        tells_apart(packed, "model", b"x" * n)


def test_a_checksum_that_leaves_the_end_out_tells_nothing_apart():
    def head(disk, name, state):
        disk.write(name, zlib.crc32(state[:40]).to_bytes(4, "big") + state)

    with pytest.raises(AssertionError, match="cover all of the state"):
        tells_apart(head, "model", bytes(90))


def test_litter_whose_removal_is_not_synced_comes_back():
    def late(disk, name, state):
        old = [n for n in disk.listdir() if n.startswith(name + ".new")]
        disk.write(
            f"{name}.new{len(old)}", zlib.crc32(state).to_bytes(4, "big") + state
        )
        disk.fsync(f"{name}.new{len(old)}")
        disk.replace(f"{name}.new{len(old)}", name)
        disk.fsync_folder()
        for n in old:
            disk.remove(n)

    with pytest.raises(AssertionError, match="then power failed, and the folder holds"):
        leaves_nothing(late, late, load, "model", STATES)


def test_a_temporary_file_of_others_is_left():
    def sweeps(disk, name, state):
        for n in disk.listdir():
            if n.endswith(".tmp"):
                disk.remove(n)
        save(disk, name, state)

    with pytest.raises(AssertionError, match=r"unexpected or gone: \['draft\.tmp'\]"):
        loads_back(sweeps, load, "model", STATES)


def test_a_save_of_what_is_there_cleans_up_too():
    def lazy(disk, name, state):
        if name in disk.listdir() and load(disk, name) == state:
            return
        save(disk, name, state)

    with pytest.raises(AssertionError, match=r"the folder holds .*model\.new"):
        leaves_nothing(lazy, lazy, load, "model", STATES)


def test_a_file_that_was_changed_is_refused_beside_a_temporary_one():
    def falls_back(disk, name):
        try:
            return load(disk, name)
        except ValueError:
            if name + ".new" not in disk.listdir():
                raise
            return load(disk, name + ".new")

    survives_crashes(save, falls_back, "model", STATES)
    with pytest.raises(AssertionError, match="then the last byte of model flipped"):
        finds_damage(save, falls_back, "model", b"step 1", b"step 2", 1)
