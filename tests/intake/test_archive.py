"""What a stranger's zip or file may do to the others: nothing."""

import errno
import io
import json
import zipfile
from contextlib import ExitStack
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import v3

from autograder import collect
from autograder.intake import archive, cells
from autograder.make.build import instructor

LAB = """# %% answer="double"
def double(x):
    raise NotImplementedError()

# %% check="double-three" points=1
assert double(3) == 6
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    script = tmp_path_factory.mktemp("lab") / "01_lab.py"
    script.write_text(LAB)
    return instructor(script)


@pytest.fixture
def course(tmp_path, lab):
    release = tmp_path / "course/release/01_lab"
    release.mkdir(parents=True)
    nbformat.write(lab, release / "01_lab.ipynb")
    (tmp_path / "roster.csv").write_text("id,name\nada,lovelace\nbob,\n")
    return tmp_path / "course"


def packed(files):
    """Return the bytes of a zip; a name or a ZipInfo -> what it holds."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for file, data in files:
            z.writestr(file, data)
    return out.getvalue()


def take(course, files):
    there = course.parent / "download.zip"
    there.write_bytes(packed(files))
    lines = collect.collect(there, "01_lab", course, course.parent / "roster.csv")
    return {line.file: line for line in lines}


def handed_in(course, student):
    return (course / f"submitted/{student}/01_lab/as-handed-in").read_bytes()


@pytest.fixture
def good(lab):
    return nbformat.writes(lab).encode()


def link():
    info = zipfile.ZipInfo("bob_link.ipynb")
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("../../bob.ipynb", "leads out"),
        ("/bob.ipynb", "leads out"),
        ("C:\\bob.ipynb", "leads out"),
        ("x\\..\\..\\bob.ipynb", "leads out"),
        (link(), "a link"),
    ],
)
def test_a_member_that_no_lms_writes_is_refused(course, good, file, why):
    lines = take(course, [(file, good), ("ada.ipynb", good)])
    (bad,) = (line for line in lines.values() if line.student == "bob")
    assert not bad.taken
    assert why in bad.what
    assert lines["ada.ipynb"].taken


def test_a_students_own_zip_is_opened_one_level(course, good):
    inner = [("__MACOSX/._a.ipynb", b"\0"), ("work/a.ipynb", good), ("data.csv", b"1")]
    lines = take(
        course, [("ada_hw.zip", packed(inner)), ("bob.zip", packed([("b.zip", good)]))]
    )
    assert handed_in(course, "ada") == good
    assert (
        "work/a.ipynb of the zip; left in the zip: data.csv" in lines["ada_hw.zip"].what
    )
    assert "no notebook of 01_lab in it: b.zip" in lines["bob.zip"].what


def other():
    return nbformat.writes(nbformat.v4.new_notebook()).encode()


def test_of_several_notebooks_in_a_zip_the_one_of_the_lab_is_taken(course, good):
    two = [("scratch.ipynb", other()), ("any.ipynb", good)]
    both = [("b.ipynb", good), ("c.ipynb", good + b" ")]
    lines = take(course, [("ada.zip", packed(two)), ("bob.zip", packed(both))])
    assert handed_in(course, "ada") == good
    assert "2 notebooks of 01_lab in it, keep one: b.ipynb, c.ipynb" in (
        lines["bob.zip"].what
    )


def test_a_notebook_of_another_lab_is_not_taken(course, good):
    lines = take(course, [("ada_a.ipynb", good), ("ada_b.ipynb", other())])
    assert handed_in(course, "ada") == good
    assert lines["ada_b.ipynb"].fine
    assert not take(course, [("bob.ipynb", other())])["bob.ipynb"].fine


def test_the_lms_own_zip_may_lie_in_a_folder(course, good):
    there = course.parent / "in"
    there.mkdir()
    inner = packed([("a.ipynb", good)])
    (there / "submissions.zip").write_bytes(packed([("ada_1.zip", inner)]))
    (there / "bad.zip").write_bytes(b"PK")
    lines = collect.collect(there, "01_lab", course, course.parent / "roster.csv")
    assert handed_in(course, "ada") == good
    assert "File is not a zip file" in {x.file: x for x in lines}["bad.zip"].what


def test_a_zip_of_somebody_unknown_hands_in_for_no_one(course, good):
    forged = packed([("ada_lab.ipynb", good)])
    lines = take(course, [("evemallory_777_2000_x.zip", forged), ("eve.zip", forged)])
    assert not (course / "submitted").exists()
    there = course.parent / "in"
    there.mkdir()
    (there / "eve.zip").write_bytes(forged)
    (there / "bob.ipynb").write_bytes(good)
    collect.collect(there, "01_lab", course, course.parent / "roster.csv")
    assert [p.name for p in course.glob("submitted/*")] == ["bob"]
    assert lines["eve.zip"].trouble


def test_a_zip_in_a_zip_in_a_zip_is_not_followed_for_ever(course, monkeypatch):
    there = course.parent / "in"
    there.mkdir()
    (there / "a.zip").write_bytes(packed([("b.zip", packed([("c.zip", b"")]))]))
    lines = collect.collect(there, "01_lab", course, course.parent / "roster.csv")
    assert [x.file for x in lines if x.trouble] == ["b.zip"]


def test_a_bomb_costs_its_student_and_no_other(course, good, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST", 1 << 20)
    monkeypatch.setattr(archive, "OWN_TOTAL", 3 << 20)
    monkeypatch.setattr(archive, "OWN_MOST", 5)
    bomb = [(f"{i}.ipynb", b" " * (1 << 20)) for i in range(9)]
    lines = take(course, [("ada.zip", packed(bomb)), ("bob.ipynb", good)])
    assert "no notebook of 01_lab" in lines["ada.zip"].what
    assert lines["bob.ipynb"].taken
    with ExitStack() as stack:
        entry = archive.Entry("z", ("z",), lambda: packed(bomb))
        whys = []
        for member in archive.inside(entry, stack):
            try:
                whys.append(str(len(member.bytes())))
            except ValueError as e:
                whys.append(str(e))
    assert whys[:3] == [str(1 << 20)] * 3
    assert "too much in one download" in whys[3]
    assert "over 5 files" in whys[-1]


def test_the_bytes_of_a_whole_download_are_bounded(course, good, monkeypatch):
    monkeypatch.setattr(archive, "TOTAL", len(good) + 1)
    lines = take(course, [("ada.ipynb", good), ("bob.ipynb", good)])
    assert lines["ada.ipynb"].taken
    assert "too much in one download" in lines["bob.ipynb"].what


def test_of_two_members_of_one_name_the_last_is_taken(course, good):
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = packed([("ada.ipynb", good), ("ada.ipynb", good + b" ")])
    (course.parent / "d.zip").write_bytes(data)
    names = course.parent / "roster.csv"
    lines = collect.collect(course.parent / "d.zip", "01_lab", course, names)
    assert [line.taken for line in lines if line.student == "ada"] == [True, False]
    assert handed_in(course, "ada") == good + b" "


@pytest.mark.parametrize("written", ["utf-8", "cp1252", "cp850"])
def test_a_name_without_the_utf8_flag_still_finds_its_student(course, good, written):
    (course.parent / "roster.csv").write_text("id,name\nm,M\u00fcller\n", "utf-8")
    data = packed([("XXXXXXXX.ipynb", good)])
    raw = "M\u00fcller".encode(written).ljust(8, b"_")
    (course.parent / "d.zip").write_bytes(data.replace(b"XXXXXXXX", raw))
    lines = collect.collect(
        course.parent / "d.zip", "01_lab", course, course.parent / "roster.csv"
    )
    assert [(line.student, line.taken) for line in lines] == [("m", True)]


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8-sig", ""),
        ("utf-16", "read as utf-16"),
        ("utf-16-be", "read as utf-16-be"),
        ("utf-32", "read as utf-32"),
        ("cp1252", "2 bytes are not UTF-8, read as Windows-1252"),
    ],
)
def test_a_notebook_in_any_encoding_is_kept(course, lab, encoding, said):
    nb = nbformat.from_dict(json.loads(json.dumps(lab)))
    nb.cells[-2].source += "\n# \u00e9t\u00e9"
    text = json.dumps(nb, ensure_ascii=False)
    lines = take(course, [("ada.ipynb", text.encode(encoding))])
    assert lines["ada.ipynb"].taken
    assert said in lines["ada.ipynb"].what
    kept = nbformat.read(course / "submitted/ada/01_lab/01_lab.ipynb", 4)
    assert "\u00e9t\u00e9" in json.dumps(kept, ensure_ascii=False)


def test_a_notebook_of_format_3_is_converted(course, lab):
    source = "# [answer: double]\ndef double(x): return x + x"
    sheet = v3.new_worksheet(cells=[v3.new_code_cell(input=source)])
    text = json.dumps(v3.new_notebook(worksheets=[sheet]))
    assert take(course, [("ada.ipynb", text)])["ada.ipynb"].taken
    kept = nbformat.read(course / "submitted/ada/01_lab/01_lab.ipynb", 4)
    assert source in [c.source for c in kept.cells]


JUNK = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(
        st.sampled_from(["cells", "cell_type", "input", "outputs", "metadata"]), x
    ),
    max_leaves=8,
)  # fmt: skip


@given(JUNK, JUNK)
def test_no_notebook_of_format_3_breaks_anything(sheets, meta):
    nb = {"nbformat": 3, "worksheets": sheets, "metadata": meta}
    try:
        found = cells.parse(json.dumps(nb).encode())
    except ValueError:
        return
    nbformat.validate(found)


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_no_notebook(data):
    said, _ = archive.text(data)
    assert isinstance(said, str)
    said.encode("utf-8", "surrogatepass")
    with pytest.raises(ValueError, match="notebook"):
        cells.parse(data)


def test_a_full_disk_costs_one_student_and_keeps_what_was_there(
    course, good, monkeypatch
):
    take(course, [("ada.ipynb", good), ("bob.ipynb", good)])
    before = {p: p.read_bytes() for p in course.glob("submitted/ada/01_lab/*")}
    written = Path.write_bytes

    def full(self, data):
        if "ada" in self.parts:
            written(self, data[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        return written(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    new = good.replace(b"NotImplementedError()", b"ValueError()")
    there = course.parent / "download.zip"
    with zipfile.ZipFile(there, "w") as z:
        z.writestr("ada.ipynb", new)
        z.writestr("bob.ipynb", new)
    lines = collect.collect(there, "01_lab", course, course.parent / "roster.csv")
    said = {line.student: line for line in lines}
    assert "No space left" in said["ada"].what
    assert said["bob"].taken
    assert {p: p.read_bytes() for p in course.glob("submitted/ada/01_lab/*")} == before


def test_a_file_that_vanishes_is_one_line(course, good, monkeypatch):
    there = course.parent / "in"
    there.mkdir()
    for file in ("ada.ipynb", "bob.ipynb"):
        (there / file).write_bytes(good)
    listed = archive.entries

    def gone(*args):
        found = listed(*args)
        (there / "ada.ipynb").unlink()
        return found

    monkeypatch.setattr(archive, "entries", gone)
    lines = collect.collect(there, "01_lab", course, course.parent / "roster.csv")
    assert [line.taken for line in lines] == [False, True]


def test_a_second_collection_changes_nothing_and_a_new_hand_in_keeps_the_old(
    course, good
):
    def state():
        return {
            p: (p.read_bytes(), p.stat().st_mtime_ns)
            for p in course.glob("submitted/ada/01_lab/*")
        }

    take(course, [("ada.ipynb", good)])
    before = state()
    take(course, [("ada.ipynb", good)])
    assert state() == before
    for body in (b"1", b"2", b"1"):
        take(course, [("ada.ipynb", good.replace(b"NotImplementedError()", body))])
    kept = {p.name: d for p, (d, _) in state().items() if p.name != "01_lab.ipynb"}
    assert {d for n, d in kept.items() if "." in n} | {kept["as-handed-in"]} == {
        good,
        good.replace(b"NotImplementedError()", b"1"),
        good.replace(b"NotImplementedError()", b"2"),
    }
