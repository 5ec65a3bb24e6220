import itertools
import pickle

import pytest

from mlsyscore.harness import disk as module
from mlsyscore.harness.disk import Crash, Disk, after_crash, contents, done, is_on


def left(disk):
    return [contents(d) for d in after_crash(disk)]


def test_what_is_written_is_read_and_listed():
    disk = Disk({"a": b"1"})
    disk.write("b", bytearray(b"2"))
    disk.replace("b", "c")
    disk.remove("a")
    assert disk.listdir() == ["c"]
    assert disk.read("c") == b"2"
    assert done(disk) == "write b, replace b c, remove a"


def test_power_fails_at_a_change_and_stays_off():
    disk = Disk({"a": b"1"}, power=1)
    disk.write("b", b"2")
    with pytest.raises(Crash):
        disk.fsync("b")
    for operation in (lambda: disk.read("a"), disk.listdir, disk.fsync_folder):
        with pytest.raises(Crash):
            operation()
    assert not is_on(disk)
    assert contents(disk) == {"a": b"1", "b": b"2"}


def test_a_name_that_is_missing():
    disk = Disk()
    for operation in (disk.read, disk.fsync, disk.remove, lambda n: disk.replace(n, n)):
        with pytest.raises(FileNotFoundError):
            operation("a")
    assert done(disk) == "nothing"


def test_what_was_synced_is_all_that_is_left():
    disk = Disk()
    disk.write("a", b"1234")
    disk.fsync("a")
    disk.fsync_folder()
    assert left(disk) == [{"a": b"1234"}]


def test_bytes_that_were_not_synced_may_be_old_new_none_part_or_zeros():
    disk = Disk({"a": b"old!"})
    disk.write("a", b"new?")
    found = {folder["a"] for folder in left(disk)}
    assert {b"old!", b"new?", b"", b"ne", b"\0\0\0\0", b"ne\0\0"} < found
    assert {b"ned!", b"olw?"} < found


def test_any_of_the_renames_may_be_lost():
    """Against a play: each rename is kept or lost on its own."""
    disk = Disk({"a": b"1", "b": b"2"})
    disk.replace("a", "c")
    disk.replace("b", "d")
    want = []
    for first, second in itertools.product([True, False], repeat=2):
        want.append({"c" if first else "a": b"1", "d" if second else "b": b"2"})
    assert sorted(map(str, map(sorted, left(disk)))) == sorted(
        map(str, map(sorted, want))
    )


def test_a_later_rename_may_be_kept_and_an_earlier_one_lost():
    disk = Disk({"a": b"old"})
    disk.replace("a", "old")
    disk.write("a", b"new")
    disk.fsync("a")
    names = {tuple(sorted(folder)) for folder in left(disk)}
    assert {("a", "old"), ("a",), ("old",)} == names


def test_a_bomb_is_refused_not_played():
    disk = Disk()
    for i in range(100):
        disk.write(f"junk {i}", b"x" * i)
    with pytest.raises(AssertionError, match="more than 500 folders"):
        after_crash(disk)


def test_it_holds_a_bounded_amount():
    disk = Disk()
    for _ in range(10):
        disk.write("a", bytes(module.BYTES // 10))
    with pytest.raises(OSError, match="bytes on one disk"):
        disk.write("a", b"x")
    for _ in range(module.CHANGES - 10):
        disk.fsync_folder()
    with pytest.raises(OSError, match="changes of one disk"):
        disk.fsync_folder()
    for _ in range(module.LOOKS):
        disk.listdir()
    with pytest.raises(OSError, match="reads of one disk"):
        disk.listdir()


@pytest.mark.parametrize("name", ["", "a/b", "a" * 256, 3, None])
def test_names_are_short_words(name):
    with pytest.raises(ValueError, match="1 to 255 letters"):
        Disk().write(name, b"")
    with pytest.raises(TypeError, match="bytes are expected"):
        Disk().write("a", "text")


def test_it_crosses_to_another_process_whole():
    disk = Disk({"a": b"1"}, power=7)
    disk.write("b", b"2")
    disk.replace("b", "a")
    assert left(pickle.loads(pickle.dumps(disk))) == left(disk)
