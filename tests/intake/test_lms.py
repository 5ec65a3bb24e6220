"""What Canvas and Moodle hand out goes to its student, with its time, and no other."""

import csv
import zipfile
from datetime import UTC, datetime, timedelta

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbgrader.api import Gradebook

from autograder import collect
from autograder.__main__ import main
from autograder.intake import lms, students, submitted
from autograder.intake.outcomes import tally
from autograder.make.build import instructor
from autograder.plugin import api

LAB = """# %% answer="double"
def double(x):
    raise NotImplementedError()

# %% check="double-three" points=1
assert double(3) == 6
"""
ROSTER = """id,first,last,canvas,email,number
ada,Ada,Lovelace,4711,ada@x.edu,900001
bob,Bob,Van der Berg,4712,bob@x.edu,900002
jose,Jos\u00e9,Garc\u00eda,4713,jg@x.edu,900003
ann,Ann,Lee,4714,ann@x.edu,900004
ann2,Ann,Lee,4715,ann.lee@x.edu,900005
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
    (tmp_path / "roster.csv").write_text(ROSTER, encoding="utf-8")
    return tmp_path / "course"


@pytest.fixture
def gradebook(course):
    with api(course).gradebook:  # makes the file, as a release does
        return course / "gradebook.db"


def test_the_gradebook_learns_the_rosters_names(course, tmp_path):
    (tmp_path / "in").mkdir()
    collect.collect(tmp_path / "in", "01_lab", course, tmp_path / "roster.csv")
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "mlsys") as book:
        known = {s.id: (s.first_name, s.last_name) for s in book.students}
    assert known["jose"] == ("Jos\u00e9", "Garc\u00eda")
    (course / "gradebook.db").write_text("no database")
    lines = collect.collect(tmp_path / "in", "01_lab", course, tmp_path / "roster.csv")
    assert [x.trouble for x in lines if "knows no new names" in x.what] == [True]


def answer(lab, body):
    nb = nbformat.from_dict(lab)
    (cell,) = (c for c in nb.cells if c.id == "double")
    kept, cell.source = cell.source, f"# [answer: double]\ndef double(x): {body}"
    text = nbformat.writes(nb)
    cell.source = kept
    return text


def take(course, files):
    """Collect a zip; return its lines by file, or by student where there is none."""
    there = course.parent
    with zipfile.ZipFile(there / "submissions.zip", "w") as z:
        for file, data in files.items():
            z.writestr(file, data)
    lines = collect.collect(
        there / "submissions.zip", "01_lab", course, there / "roster.csv"
    )
    return {line.file or line.student: line for line in lines}


def body(course, student):
    """Return the body of the answer that was taken of a student."""
    file = course / f"submitted/{student}/01_lab/01_lab.ipynb"
    (cell,) = (c for c in nbformat.read(file, 4).cells if c.id == "double")
    return cell.source.rpartition(": ")[2]


@pytest.mark.parametrize(
    ("path", "who", "number", "file", "late"),
    [
        ("lovelaceada_4711_88_lab.ipynb", "lovelaceada", "4711", "lab.ipynb", False),
        ("lovelaceada_LATE_1_2_a_b.ipynb", "lovelaceada", "1", "a_b.ipynb", True),
        ("lovelaceada_late_1_2_a.ipynb", "lovelaceada", "1", "a.ipynb", True),
        ("subs/leeann_1_22_l-2.ipynb", "leeann", "1", "l-2.ipynb", False),
        ("leeann_LATE_12_text.html", "leeann", "12", "text.html", True),
        (
            "Ann Lee_17_assignsubmission_file_/x/a.ipynb",
            "Ann Lee",
            "17",
            "x/a.ipynb",
            0,
        ),
        ("Ann Lee_17_assignsubmission_file/a.ipynb", "Ann Lee", "17", "a.ipynb", 0),
        ("Ann Lee_17_assignsubmission_file_a_b.ipynb", "Ann Lee", "17", "a_b.ipynb", 0),
        ("G_1_assignsubmission_onlinetext_/t.html", "G", "1", "t.html", 0),
        ("ada.ipynb", "", "", "ada.ipynb", False),
    ],
)
def test_a_path_is_read_as_its_lms_wrote_it(path, who, number, file, late):
    said = lms.said(path)
    assert (said.who, said.number, said.file) == (who, number, file)
    assert said.late == bool(late)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("lovelaceada_1_2000_lab.ipynb", ["ada"]),
        ("xxx_4711_2000_lab.ipynb", ["ada"]),
        ("vanderbergbob_LATE_1_2_lab.ipynb", ["bob"]),
        ("bergbobvander_1_2000_lab.ipynb", ["bob"]),
        ("garciajose_1_2000_lab.ipynb", ["jose"]),
        ("garc\u00edajos\u00e9_1_2000_lab.ipynb", ["jose"]),
        ("garcajos_1_2000_lab.ipynb", ["jose"]),
        ("leeann_4715_2000_lab.ipynb", ["ann2"]),
        ("leeann_1_2000_lab.ipynb", ["ann", "ann2"]),
        ("lovelaceada_4712_2000_lab.ipynb", ["ada", "bob"]),
        ("evemallory_777_2000_ada.ipynb", []),
        ("Ada Lovelace_7_assignsubmission_file_/lab.ipynb", ["ada"]),
        ("Group 1-Ada Lovelace_7_assignsubmission_file_lab.ipynb", ["ada"]),
        ("Bob Van der Berg_7_assignsubmission_file_/ada.ipynb", ["bob"]),
        ("900003_7_assignsubmission_file_/lab.ipynb", ["jose"]),
        ("Participant_900003_assignsubmission_file_/lab.ipynb", ["jose"]),
        ("Eve Mallory_7_assignsubmission_file_/ada/lab.ipynb", []),
        ("lab_06_1_bob.ipynb", ["bob"]),
    ],
)
def test_the_lms_names_the_student_and_the_students_own_words_do_not(
    tmp_path, path, found
):
    (tmp_path / "r.csv").write_text(ROSTER, encoding="utf-8")
    assert lms.Roll(students.rows(tmp_path / "r.csv")).whose(path, {}) == found


def test_of_several_attempts_the_latest_is_taken(course, lab):
    names = ["lab.ipynb", "lab-1.ipynb", "lab-2.ipynb", "lab-10.ipynb"]
    bodies = dict(zip(names, "abcd", strict=True))
    lines = take(
        course,
        {f"lovelaceada_4711_9{len(n)}_{n}": answer(lab, b) for n, b in bodies.items()},
    )
    assert body(course, "ada") == "d"
    passed = [line for line in lines.values() if line.file and not line.taken]
    assert len(passed) == 3
    assert all(
        line.fine and "lab-10.ipynb is the later" in line.what for line in passed
    )


def test_a_name_that_ends_in_a_number_is_no_attempt(course, lab):
    take(
        course,
        {
            "lovelaceada_4711_1001_hw-6.ipynb": answer(lab, "1"),
            "lovelaceada_4711_1000_hw-6-1.ipynb": answer(lab, "2"),
            "vanderbergbob_4712_2001_new.ipynb": answer(lab, "4"),
            "vanderbergbob_4712_2000_old-3.ipynb": answer(lab, "3"),
        },
    )
    assert (body(course, "ada"), body(course, "bob")) == ("2", "4")


def test_a_broken_last_attempt_is_told_and_the_one_before_is_taken(course, lab):
    lines = take(
        course,
        {
            "lovelaceada_4711_1000_lab.ipynb": answer(lab, "1"),
            "lovelaceada_4711_1001_lab-1.ipynb": answer(lab, "2")[:99],
            "lovelaceada_4711_1002_photo.png": b"\x89PNG",
        },
    )
    assert body(course, "ada") == "1"
    broken = lines["lovelaceada_4711_1001_lab-1.ipynb"]
    assert (broken.taken, broken.fine) == (False, False)
    assert lines["lovelaceada_4711_1002_photo.png"].fine


def test_late_without_a_time_is_marked_and_no_time_is_made_up(course, lab):
    lines = take(course, {"lovelaceada_LATE_4711_1000_lab.ipynb": answer(lab, "1")})
    here = course / "submitted/ada/01_lab"
    assert lines["lovelaceada_LATE_4711_1000_lab.ipynb"].late
    assert (here / "late").read_text() == "late, says Canvas\n"
    assert not (here / "timestamp.txt").exists()
    take(course, {"lovelaceada_4711_1001_lab-1.ipynb": answer(lab, "2")})
    assert not (here / "late").exists()
    assert (here / "as-handed-in.1").read_text() == answer(lab, "1")


def sheet(rows):
    head = "Identifier,Full name,Email address,Status,Grade,Last modified (submission)"
    return "\ufeff" + "\n".join([head, *(f"Participant {r}" for r in rows)]) + "\n"


def test_moodles_worksheet_tells_who_and_when(course, lab, gradebook):
    submitted.set_due("01_lab", datetime(2026, 6, 10, 12, tzinfo=UTC), course)
    when = datetime(2026, 6, 10, 14, 14, tzinfo=UTC).astimezone()
    said = f"{when:%A, %d %B %Y, %I:%M %p}".replace(" 0", " ")
    rows = [
        f'17,Ann Lee,ann.lee@x.edu,Submitted,,"{said}"',
        '18,Ada Lovelace,ada@x.edu,Submitted,,"Mittwoch, 10. Juni 2026, 14:14"',
        "19,Bob Van der Berg,bob@x.edu,No submission,,-",
    ]
    files = {
        "Ann Lee_17_assignsubmission_file_/lab.ipynb": answer(lab, "1"),
        "Ada Lovelace_18_assignsubmission_file_/lab.ipynb": answer(lab, "2"),
        "Bob Van der Berg_19_assignsubmission_file_/lab.ipynb": answer(lab, "3"),
    }
    lines = take(course, files | {"Grades-1.csv": sheet(rows)})
    ann = lines["Ann Lee_17_assignsubmission_file_/lab.ipynb"]
    assert (ann.student, ann.late) == ("ann2", True)
    here = course / "submitted"
    assert submitted.came(here / "ann2/01_lab") == when
    ada = lines["Ada Lovelace_18_assignsubmission_file_/lab.ipynb"]
    assert "'Mittwoch, 10. Juni 2026, 14:14' cannot be read" in ada.what
    assert not (here / "ada/01_lab/timestamp.txt").exists()
    assert not (here / "bob/01_lab/timestamp.txt").exists()
    (course.parent / "Grades-1.csv").write_text(sheet(rows), encoding="utf-8")
    before = (here / "ann2/01_lab/timestamp.txt").read_bytes()
    (here / "ann2/01_lab/timestamp.txt").unlink()
    take(course, files)  # the worksheet now lies beside the download
    assert (here / "ann2/01_lab/timestamp.txt").read_bytes() == before


@pytest.mark.parametrize(
    "place", ["Bob Van der Berg_19_assignsubmission_file_", "x/", "vanderbergbob_1_222"]
)
def test_a_worksheet_that_a_student_wrote_is_none(course, lab, place):
    forged = sheet(['18,Ada Lovelace,,,,"Wednesday, 10 June 2020, 2:14 PM"'])
    file = "Ada Lovelace_18_assignsubmission_file_/lab.ipynb"
    take(course, {file: answer(lab, "1"), f"{place}_grades.csv": forged})
    assert not (course / "submitted/ada/01_lab/timestamp.txt").exists()


def test_nbgrader_reads_our_time_and_our_due_date(course, lab, gradebook):
    due = submitted.moment("2026-12-01T23:59+01:00")
    submitted.set_due("01_lab", due, course)
    folder = course / "submitted/ada/01_lab"
    late = due + timedelta(hours=1, seconds=5)
    submitted.lay(lab, b"x", "01_lab", folder, late)
    with Gradebook(f"sqlite:///{gradebook}", "mlsys") as book:
        book.add_student("ada")
        found = book.update_or_create_submission(
            "01_lab", "ada", timestamp=(folder / "timestamp.txt").read_text().strip()
        )
        assert found.total_seconds_late == 3605


def test_an_older_download_does_not_replace_a_later_hand_in(tmp_path, lab):
    folder, now = tmp_path / "ada", datetime(2026, 6, 10, 12, tzinfo=UTC)
    submitted.lay(lab, b"new", "01_lab", folder, now)
    with pytest.raises(ValueError, match="older than the one taken before"):
        submitted.lay(lab, b"old", "01_lab", folder, now - timedelta(days=1))
    assert (folder / "as-handed-in").read_bytes() == b"new"
    submitted.lay(lab, b"new", "01_lab", folder, None)
    assert submitted.came(folder) == now
    submitted.lay(lab, b"newer", "01_lab", folder, None)
    assert submitted.came(folder) is None


@pytest.mark.parametrize(
    ("stood", "there"),
    [
        ("Wednesday, 10 June 2026, 2:14 PM", (2026, 6, 10, 14, 14)),
        ("Wednesday, 10 June 2026, 2:14\u202fPM", (2026, 6, 10, 14, 14)),
        ("Wednesday, September 23, 2020, 9:00 PM", (2020, 9, 23, 21, 0)),
        ("Monday, 5 June 2023, 14:05", (2023, 6, 5, 14, 5)),
        ("Monday, 5 June 2023, 12:05 AM", (2023, 6, 5, 0, 5)),
        ("-", None),
        ("10/06/2026", None),
        ("Wednesday, 31 June 2026, 2:14 PM", None),
    ],
)
def test_only_a_date_in_moodles_english_is_read(stood, there):
    found = lms.moodle_time(stood)
    assert found == (there and datetime(*there).astimezone(UTC))


@given(st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)))
def test_every_minute_that_moodle_can_write_is_read_back(when):
    when = when.replace(second=0, microsecond=0)
    found = lms.moodle_time(f"{when:%A, %d %B %Y, %I:%M %p}")
    assert found == when.astimezone(UTC)


@given(st.text(max_size=30) | st.from_regex(lms.CANVAS, fullmatch=True))
def test_any_path_is_read(path):
    said = lms.said(path)
    assert not said.who or said.who in path


def table(text, encoding, tmp_path):
    (tmp_path / "r.csv").write_bytes(text.encode(encoding))
    return students.roster(tmp_path / "r.csv")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_roster_is_read_as_any_spreadsheet_writes_it(tmp_path, encoding, mark):
    text = 'id,name,note\r\njose,Garc\u00eda,"two\r\nlines"\r\nann,Lee,\r\n'
    found = table(text.replace(",", mark), encoding, tmp_path)
    assert list(found) == ["jose", "ann"]
    assert {("garc\u00eda",), ("two", "lines")} <= found["jose"]


def test_an_id_that_stands_twice_is_one_student_and_is_told(course, lab):
    (course.parent / "roster.csv").write_text("id,name\nada,One\nbob,\nada,Two\n")
    lines = take(course, {"one.ipynb": answer(lab, "1"), "bob.ipynb": answer(lab, "2")})
    assert lines["one.ipynb"].student == "ada"
    assert "stands in 2 rows" in lines["ada"].what


def test_everyone_has_a_line_and_the_last_one_counts(course, lab, capsys):
    take(course, {})
    (course.parent / "submissions.zip").unlink()
    with zipfile.ZipFile(course.parent / "submissions.zip", "w") as z:
        z.writestr("lovelaceada_LATE_4711_1000_lab.ipynb", answer(lab, "1"))
        z.writestr("vanderbergbob_4712_1001_lab.ipynb", "damaged")
        z.writestr("nobody.ipynb", answer(lab, "1"))
    there = str(course.parent)
    words = ["--course", str(course), "collect", "01_lab", f"{there}/submissions.zip"]
    assert main([*words, "--roster", f"{there}/roster.csv"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == "1 taken, 2 not taken, 0 passed over, 3 absent, 1 late"
    assert {line.split(":")[0] for line in out[:-1]} == {
        *(row["id"] for row in csv.DictReader(ROSTER.splitlines())),
        "?",
    }
    assert "jose: nothing handed in" in out
    take(course, {"lovelaceada_LATE_4711_1000_lab.ipynb": answer(lab, "1")})
    assert main([*words, "--roster", f"{there}/roster.csv"]) == 0
    assert tally([]) == "0 taken, 0 not taken, 0 passed over, 0 absent, 0 late"


def test_a_release_sets_the_due_date_and_the_next_one_keeps_it(course, capsys):
    script = course.parent / "01_lab.py"
    script.write_text(
        LAB.replace(
            "    raise NotImplementedError()",
            "    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION",
        )
    )
    words = ["--course", str(course), "release", str(script)]
    assert main([*words, "--due", "2026-12-01T23:59+01:00"]) == 0
    assert submitted.due("01_lab", course) == datetime(2026, 12, 1, 22, 59, tzinfo=UTC)
    assert main(words) == 0
    assert submitted.due("01_lab", course) == datetime(2026, 12, 1, 22, 59, tzinfo=UTC)
    assert main([*words, "--due", "2026-12-01"]) == 1
    assert "has no time" in capsys.readouterr().err
    local = datetime(2026, 7, 1, 12).astimezone()
    assert submitted.moment("2026-07-01T12:00") == local
