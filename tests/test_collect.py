"""Mangled submissions come back to the lab's shape, and no file stops the others."""

import copy
import json
import zipfile

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder import collect
from autograder.build import instructor
from autograder.evidence import name
from autograder.restore import restore

LAB = """# %% [markdown]
# # A lab

# %% answer="double"
def double(x):
    raise NotImplementedError()

# %% check="double-three" points=1
assert double(3) == 6

# %% explore
print(double(4))

# %% [markdown] essay="why" points=2
# YOUR ANSWER HERE
"""
ANSWER = "# [answer: double]\ndef double(x):\n    return x + x"


@pytest.fixture
def lab(tmp_path):
    script = tmp_path / "01_lab.py"
    script.write_text(LAB)
    return instructor(script)


@pytest.fixture
def done(lab):
    nb = copy.deepcopy(lab)
    by = {c.id: c for c in nb.cells}
    by["double"].source, by["why"].source = ANSWER, "Because."
    return nb


def stripped(nb):
    for c in nb.cells:
        c.metadata.clear()
        c.pop("id")


def duplicated(nb):
    i = [c.id for c in nb.cells].index("double")
    untouched = copy.deepcopy(nb.cells[i])
    untouched.source = (
        "# [answer: double]\ndef double(x):\n    raise NotImplementedError()\n"
    )
    nb.cells += [untouched, copy.deepcopy(nb.cells[i + 1])]


def check_deleted(nb):
    nb.cells = [c for c in nb.cells if c.id != "double-three"]


def check_tampered(nb):
    (check,) = (c for c in nb.cells if c.id == "double-three")
    check.source, check.metadata.nbgrader.points = "pass", 100


def extra_cells(nb):
    nb.cells.insert(3, new_code_cell("help_me = 1"))


@pytest.mark.parametrize(
    "mangle", [stripped, duplicated, check_deleted, check_tampered, extra_cells]
)
def test_a_mangled_notebook_keeps_every_answer_and_every_check(lab, done, mangle):
    mangle(done)
    nb, what = restore(done, lab)
    by = {name(c): c for c in nb.cells}
    assert by["double"].source == ANSWER
    assert by["double-three"] == {name(c): c for c in lab.cells}["double-three"]
    assert [name(c) for c in nb.cells].count("double") == 1
    assert ("help_me = 1" in [c.source for c in nb.cells]) == (mangle is extra_cells)
    assert what or mangle is extra_cells
    assert by["why"].source == "Because."
    again, _ = restore(nb, lab)
    assert [c.source for c in again.cells] == [c.source for c in nb.cells]


def test_text_after_the_essay_is_not_taken_for_it(lab, done):
    done.cells.append(new_markdown_cell("A remark."))
    stripped(done)
    nb, _ = restore(done, lab)
    assert {name(c): c for c in nb.cells}["why"].source == "Because."
    assert nb.cells[-1].source == "A remark."


@pytest.fixture
def course(tmp_path, lab):
    release = tmp_path / "course/release/01_lab"
    release.mkdir(parents=True)
    nbformat.write(lab, release / "01_lab.ipynb")
    (tmp_path / "roster.csv").write_text("id,name\nada,lovelace\nbob,\n")
    return tmp_path / "course"


def taken(tmp_path, course, files):
    archive = tmp_path / "download.zip"
    with zipfile.ZipFile(archive, "w") as z:
        for file, data in files.items():
            z.writestr(file, data)
    lines = collect.collect(archive, "01_lab", course, tmp_path / "roster.csv")
    return {line.file: (line.student, line.taken, line.what) for line in lines}


def test_no_file_stops_the_others(tmp_path, course, done):
    good = nbformat.writes(done)
    old = json.loads(good) | {"nbformat_minor": 0}
    lines = taken(
        tmp_path,
        course,
        {
            "lovelace_01.ipynb": json.dumps(old),
            "bob_01.ipynb": good[: len(good) // 2],
            "eve_01.ipynb": good,
            "ada_bob.ipynb": good,
            "../../ada_up.ipynb": good,
        },
    )
    assert lines["lovelace_01.ipynb"][:2] == ("ada", True)
    assert lines["bob_01.ipynb"] == ("bob", False, "not a notebook: NotJSONError")
    assert lines["eve_01.ipynb"][:2] == ("?", False)
    assert lines["ada_bob.ipynb"][:2] == ("?", False)
    kept = course / "submitted/ada/01_lab/01_lab.ipynb"
    assert ANSWER in [c.source for c in nbformat.read(kept, 4).cells]
    assert not list(tmp_path.glob("ada_up*"))
    assert not (course / "submitted/bob").exists()


@pytest.mark.parametrize("data", ["", "[]", "{}", '{"cells": 3, "nbformat": 4}', "\0"])
def test_what_is_not_a_notebook_is_said_to_be_none(tmp_path, course, data):
    lines = taken(tmp_path, course, {"bob.ipynb": data})
    assert lines["bob.ipynb"][1] is False


def test_a_zip_bomb_is_cut_short(tmp_path, course, monkeypatch):
    monkeypatch.setattr(collect, "LARGEST", 1 << 20)
    lines = taken(tmp_path, course, {"bob.ipynb": b"0" * (1 << 21)})
    assert lines["bob.ipynb"][1:] == (False, "over 1 MiB")


def test_a_link_out_of_the_download_is_not_followed(tmp_path, course):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/bob.ipynb").symlink_to("/etc/passwd")
    lines = collect.collect(tmp_path / "in", "01_lab", course, tmp_path / "roster.csv")
    assert lines[0].what == "a link, not a file"


@pytest.mark.parametrize(
    ("text", "message"), [("name\nada\n", "no column 'id'"), ("id\n../x\n", "not")]
)
def test_a_roster_that_cannot_be_used_is_refused(tmp_path, text, message):
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        collect.roster(tmp_path / "r.csv")
