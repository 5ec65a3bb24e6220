import hashlib
import sys

import pytest

from mlsyscore.harness import folder
from mlsyscore.harness.folder import Folder, loaded_whole


def save(fs, name, state):
    fs.write(name + ".new", hashlib.sha256(state).digest() + state)
    fs.fsync(name + ".new")
    fs.replace(name + ".new", name)
    fs.fsync_folder()


def load(fs, name):
    data = fs.read(name)
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        raise ValueError("damaged")
    return data[32:]


def test_its_operations_are_those_of_real_files(tmp_path):
    fs = Folder(str(tmp_path))
    save(fs, "a", b"x")
    assert load(fs, "a") == b"x"
    assert fs.listdir() == ["a"]
    fs.remove("a")
    assert fs.listdir() == []
    with pytest.raises(FileNotFoundError):
        fs.read("a")


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_save_that_is_killed_loses_nothing(monkeypatch):
    monkeypatch.setattr(folder, "SIZE", 100_000)
    assert loaded_whole(save, load, kills=2) == 2
    assert loaded_whole(save, lambda fs, name: b"xy", kills=1) == 0
