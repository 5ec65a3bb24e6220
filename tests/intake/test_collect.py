"""Mangled submissions come back to the lab's shape, and no file stops the others."""

import copy
import json
import os
import zipfile

import nbformat
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder import collect
from autograder.intake import archive, cells, students
from autograder.intake.restore import restore
from autograder.make.build import instructor
from autograder.make.roles import name

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


def cell(nb, key):
    return next(c for c in nb.cells if c.id == key)


def code(nb):
    return [c.source for c in nb.cells if c.cell_type == "code"]


OTHER = "# [answer: double]\ndef double(x):\n    return 2 * x"


def test_of_two_edited_copies_the_last_stays_and_the_other_beside_it(lab, done):
    done.cells.append(copy.deepcopy(cell(done, "double")))
    done.cells[-1].source = OTHER
    done.cells.append(copy.deepcopy(cell(lab, "double")))
    nb, what = restore(done, lab)
    assert cell(nb, "double").source == OTHER
    before = code(nb)[: code(nb).index(OTHER)]
    assert ANSWER.partition("\n")[2] in before
    assert code(nb).index(OTHER) < code(nb).index(cell(nb, "double-three").source)
    assert any("the last edited kept, the others beside it: double" in w for w in what)
    assert restore(nb, lab)[0] == nb


def test_an_emptied_copy_is_no_edited_one(lab, done):
    done.cells.append(copy.deepcopy(cell(done, "double")))
    done.cells[-1].source = "# [answer: double]\n\n"
    assert cell(restore(done, lab)[0], "double").source == ANSWER


def test_an_answer_split_in_two_is_kept_whole(lab, done):
    at = done.cells.index(cell(done, "double"))
    second = copy.deepcopy(done.cells[at])  # JupyterLab copies the metadata
    done.cells[at].source, second.source = "# [answer: double]\ny = 2", "double = 3"
    done.cells.insert(at + 1, second)
    nb, _ = restore(done, lab)
    assert code(nb).index("y = 2") + 1 == code(nb).index("double = 3")


@pytest.mark.parametrize("lost", [False, True])
def test_cells_that_a_student_merged_are_taken_apart(lab, done, lost):
    explore = next(c for c in done.cells if c.id.startswith("explore"))
    first, second = cell(done, "double"), cell(done, "double-three")
    first.source = f"x = 1\n{first.source}\n\n{second.source}\n{explore.source}"
    done.cells.remove(second)
    if lost:
        stripped(done)
    nb, what = restore(done, lab)
    assert cell(nb, "double").source == f"x = 1\n{ANSWER}\n"[:-1]
    assert cell(nb, "double-three") == cell(lab, "double-three")
    assert "merged cells taken apart: double-three" in what


def test_code_that_stands_above_a_locked_cell_stays(lab, done):
    check = cell(done, "double-three")
    check.source = f"mine = 1\n{check.source}"
    nb, _ = restore(done, lab)
    assert code(nb).index("mine = 1") + 1 == code(nb).index(
        cell(lab, "double-three").source
    )


def test_an_answer_written_into_a_locked_cell_still_runs(lab, done):
    cell(done, "double").source = cell(lab, "double").source
    cell(done, "double-three").source = ANSWER.partition("\n")[2]
    nb, what = restore(done, lab)
    assert ANSWER.partition("\n")[2] in code(nb)
    assert cell(nb, "double-three") == cell(lab, "double-three")
    assert "locked cell restored: double-three" in what


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_a_cell_of_another_type_is_turned_back(lab, done, kind):
    nb = json.loads(nbformat.writes(done))
    for c in nb["cells"]:
        if c["id"] == "double":
            c["cell_type"] = kind
        if c["id"] == "why":
            c["cell_type"] = "code"
    mended, what = restore(nbformat.from_dict(nb), lab)
    assert cell(mended, "double").source == ANSWER
    assert cell(mended, "double").cell_type == "code"
    assert cell(mended, "why").source == "Because."
    assert {"cell type restored: double", "cell type restored: why"} <= set(what)


def test_a_retyped_answer_is_known_by_what_it_defines(lab, done):
    bare = [new_code_cell(ANSWER.partition("\n")[2]), new_code_cell("y = 1")]
    done.cells = bare
    nb, what = restore(done, lab)
    assert "return x + x" in cell(nb, "double").source
    assert "known by what it defines: double" in what
    assert [c.source for c in nb.cells].count(bare[0].source) == 1


def test_a_check_moved_before_its_answer_is_put_behind_it(lab, done):
    check = cell(done, "double-three")
    done.cells.remove(check)
    done.cells.insert(0, check)
    nb, what = restore(done, lab)
    keys = [c.id for c in nb.cells]
    assert keys.index("double") + 1 == keys.index("double-three")
    assert "check put behind its answer: double-three" in what


def test_reordered_and_extra_cells_stay_in_the_students_order(lab, done):
    done.cells.insert(2, new_code_cell("a = 1"))
    done.cells.append(new_markdown_cell("b"))
    done.cells.append(done.cells.pop(0))
    wanted = [c.source for c in done.cells]
    assert [c.source for c in restore(done, lab)[0].cells] == wanted


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
    assert lines["bob_01.ipynb"] == ("bob", False, "not a notebook: JSONDecodeError")
    assert lines["eve_01.ipynb"][:2] == ("?", False)
    assert lines["ada_bob.ipynb"] == ("?", False, "names ada and bob; rename it")
    kept = course / "submitted/ada/01_lab/01_lab.ipynb"
    assert ANSWER in [c.source for c in nbformat.read(kept, 4).cells]
    assert not list(tmp_path.glob("ada_up*"))
    assert not (course / "submitted/bob").exists()


@pytest.mark.parametrize("data", ["", "[]", "{}", '{"cells": 3, "nbformat": 4}', "\0"])
def test_what_is_not_a_notebook_is_said_to_be_none(tmp_path, course, data):
    lines = taken(tmp_path, course, {"bob.ipynb": data})
    assert lines["bob.ipynb"][1] is False


def test_a_zip_bomb_is_cut_short(tmp_path, course, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST", 1 << 20)
    lines = taken(tmp_path, course, {"bob.ipynb": b"0" * (1 << 21)})
    assert lines["bob.ipynb"][1:] == (False, "over 1 MiB")


def test_a_link_out_of_the_download_is_not_followed(tmp_path, course):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/bob.ipynb").symlink_to("/etc/passwd")
    (tmp_path / "in/bob_more").symlink_to(tmp_path)
    (tmp_path / "in/bob_round.ipynb").symlink_to("bob_round.ipynb")
    os.mkfifo(tmp_path / "in/bob_pipe.ipynb")
    lines = collect.collect(tmp_path / "in", "01_lab", course, tmp_path / "roster.csv")
    assert {line.what for line in lines if line.student == "bob"} == {
        "cannot be read: a link or a device, not a file"
    }
    assert len(lines) == 5  # and ada, who is absent


@pytest.mark.parametrize(
    ("text", "message"), [("name\nada\n", "no column 'id'"), ("id\n../x\n", "not")]
)
def test_a_roster_that_cannot_be_used_is_refused(tmp_path, text, message):
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        students.roster(tmp_path / "r.csv")


def members(tmp_path, course, damage):
    """Collect a zip of three files, the middle one damaged; return lines by file."""
    archive = tmp_path / "download.zip"
    nb = (course / "release/01_lab/01_lab.ipynb").read_bytes()
    with zipfile.ZipFile(archive, "w") as z:
        for file in ("ada.ipynb", "bob.ipynb", "eve.ipynb"):
            z.writestr(file, nb)
    data = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as z:
        middle = z.getinfo("bob.ipynb")
        entry = data.index(b"PK\x01\x02", z.start_dir + 1)
    damage(data, middle.header_offset, entry)
    archive.write_bytes(data)
    (tmp_path / "roster.csv").write_text("id\nada\nbob\neve\n")
    lines = collect.collect(archive, "01_lab", course, tmp_path / "roster.csv")
    return {line.student: line for line in lines}


def encrypted(data, local, entry):
    data[local + 6] |= 1
    data[entry + 8] |= 1


def unknown_method(data, local, entry):
    data[local + 8] = data[entry + 10] = 99


def lzma_of_nonsense(data, local, entry):
    data[local + 8] = data[entry + 10] = 14


def deflate_of_nonsense(data, local, entry):
    data[local + 8] = data[entry + 10] = 8


def bit_flipped(data, local, entry):
    data[local + 60] ^= 1


def header_lost(data, local, entry):
    data[local] = 0


@pytest.mark.parametrize(
    "damage",
    [
        encrypted,
        unknown_method,
        lzma_of_nonsense,
        deflate_of_nonsense,
        bit_flipped,
        header_lost,
    ],
)
def test_a_damaged_member_is_one_line_of_the_report(tmp_path, course, damage):
    lines = members(tmp_path, course, damage)
    assert lines["bob"].what.startswith("cannot be read: ")
    assert lines["ada"].taken
    assert lines["eve"].taken


def test_what_is_no_zip_is_a_line_too(tmp_path, course):
    (tmp_path / "all.zip").write_text("not a zip")
    line, *absent = collect.collect(
        tmp_path / "all.zip", "01_lab", course, tmp_path / "roster.csv"
    )
    assert [a.what for a in absent] == ["nothing handed in"] * 2
    assert (line.file, line.taken) == ("all.zip", False)
    assert "not a zip" in line.what


def test_files_beyond_the_most_are_named(tmp_path, course, done, monkeypatch):
    monkeypatch.setattr(archive, "MOST", 1)
    good = nbformat.writes(done)
    lines = taken(tmp_path, course, {"ada.ipynb": good, "bob.ipynb": good})
    assert lines["ada.ipynb"][1]
    assert lines["bob.ipynb"][1:] == (
        False,
        "over 1 files in one download; take it by itself",
    )


def test_a_file_name_forges_no_line_of_the_report(tmp_path, course):
    lines = taken(tmp_path, course, {"bob\nada: a: taken\x1b[2K.ipynb": ""})
    assert [f for f in lines if f] == ["bob?ada: a: taken?[2K.ipynb"]
    (tmp_path / "in").mkdir()
    (tmp_path / "in/bob\udcff.ipynb").write_text("")
    lines = collect.collect(tmp_path / "in", "01_lab", course, tmp_path / "roster.csv")
    assert "bobÿ.ipynb" in [line.file for line in lines]


def listed(tmp_path, text):
    (tmp_path / "r.csv").write_text(text, encoding="utf-8")
    return students.roster(tmp_path / "r.csv")


CLASS = """id,first,last,email
a_love,Ada,Lovelace,ada@x.edu
bob-b,Bob,Van der Berg,bob@x.edu
cat,Jos\u00e9,Bob,
d_1,Ada,Byron
e1,Eve
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a_love_01.ipynb", ["a_love"]),
        ("A Love/01.ipynb", ["a_love"]),
        ("Lovelace, Ada_123_01.ipynb", ["a_love"]),
        ("van_der_berg_01.ipynb", ["bob-b"]),
        ("bob-b-01.ipynb", ["bob-b"]),
        ("Jose\u0301.ipynb", ["cat"]),
        ("d 1.ipynb", ["d_1"]),
        ("Ada.ipynb", []),
        ("lovelaceada.ipynb", []),
        ("der_van_berg.ipynb", []),
        ("cat_byron.ipynb", ["cat", "d_1"]),
        ("", []),
        ("_" * 60_000, []),
    ],
)
def test_a_path_names_a_student_by_whole_words_in_their_order(tmp_path, path, found):
    assert students.whose(path, listed(tmp_path, CLASS)) == found


def test_a_roster_with_short_long_and_empty_rows_is_read(tmp_path):
    text = "first,id\nAda,ada,more,and more\n,\n\nBob,bob\n,-\n"
    assert list(listed(tmp_path, text)) == ["ada", "bob", "-"]
    assert students.whose("and-more.ipynb", listed(tmp_path, text)) == ["ada"]
    with pytest.raises(ValueError, match="line 2: ids may hold"):
        listed(tmp_path, "first,id\nAda\n")


def test_the_roster_stays_with_the_course(tmp_path, course, done):
    taken(tmp_path, course, {"ada.ipynb": nbformat.writes(done)})
    assert (course / "roster.csv").read_text() == "id,name\nada,lovelace\nbob,\n"
    collect.collect(tmp_path / "download.zip", "01_lab", course, course / "roster.csv")


STRANGE = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "nbgrader", "grade_id", "x"]), inner)
    ),
    max_leaves=5,
)


def places(x, here=()):
    """Every place in a JSON value, as the keys that lead to it."""
    yield here
    if isinstance(x, dict | list):
        for key in x if isinstance(x, dict) else range(len(x)):
            yield from places(x[key], (*here, key))


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_mangled_notebook_is_cleaned_or_refused(data, lab):
    nb = json.loads(nbformat.writes(lab))
    for _ in range(data.draw(st.integers(1, 4))):
        *path, last = data.draw(st.sampled_from(list(places(nb))[1:]))
        inside = nb
        for key in path:
            inside = inside[key]
        inside[last] = data.draw(STRANGE)
    try:
        clean, _ = restore(cells.parse(json.dumps(nb).encode()), lab)
    except ValueError:
        return
    nbformat.validate(clean)
    nbformat.writes(clean).encode("utf-8")
    names = [name(c) or c.id for c in clean.cells]
    assert all(names.count(name(c) or c.id) == 1 for c in lab.cells)
    assert restore(clean, lab)[0] == clean


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["copy", "edit", "move", "drop", "strip", "merge", "turn"]),
        st.integers(0, 20),
        st.integers(0, 20),
    ),
    max_size=6,
)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(moves=MOVES)
@example(moves=[("copy", 3, 3), ("merge", 3, 0), ("edit", 3, 0)])
def test_whatever_a_student_does_no_answer_is_lost(moves, lab):
    nb, wrote = copy.deepcopy(lab), set()
    for number, (what, i, j) in enumerate(moves):
        i, j = i % len(nb.cells), j % len(nb.cells)
        c = nb.cells[i]
        match what:
            case "copy":
                nb.cells.insert(j, copy.deepcopy(c))
            case "move":
                nb.cells.insert(j, nb.cells.pop(i))
            case "edit":
                c.source += f"\ndef mine_{number}(): return 7"
                wrote.add(f"def mine_{number}(): return 7")
            case "drop" if "mine_" not in c.source and len(nb.cells) > 1:
                nb.cells.pop(i)
            case "strip":
                c.metadata.clear()
                c.pop("id", None)
            case "turn":
                c.cell_type = {"code": "raw", "raw": "markdown"}.get(
                    c.cell_type, "code"
                )
            case "merge" if i + 1 < len(nb.cells):
                c.source += "\n" + nb.cells.pop(i + 1).source
    clean, _ = restore(nb, lab)
    names = [name(c) or c.id for c in clean.cells]
    assert all(names.count(name(c) or c.id) == 1 for c in lab.cells)
    text = "\n".join(c.source for c in clean.cells)
    assert all(w in text for w in wrote)
    assert restore(clean, lab)[0] == clean


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10**5,
        '{"nbformat": 4, "cells": [' + "{}," * 3000 + "{}]}",
        '{"nbformat": 3, "worksheets": []}',
        "1" * 5000,
    ],
)
def test_what_is_too_deep_too_long_or_too_old_is_refused(text):
    with pytest.raises(ValueError, match=r"cells|notebook"):
        cells.parse(text.encode())
