"""Gradebook files for Canvas and Moodle: who is matched, and what is never touched."""

import csv
import io

import pytest
from nbformat.v4 import new_notebook

from autograder.reports import gradebooks
from autograder.reports.grades import Lab, Work

LAB = Lab(
    "07_doubling",
    {"double": ["double-a"]},
    {"double-a": 8},
    frozenset(),
    new_notebook(),
)
ROSTER = """id,name,email,number
ada,Ada Lovelace,ada@uni.edu,1001
bob,Bob O'Neil,bob.oneil@uni.edu,1002
cat,Cat Ng,cat@uni.edu,1003
dan,Dan Ng,dan@uni.edu,1004
eve,Ève Müller,eve@uni.edu,1005
"""
WORKS = [
    Work("ada", "graded", {"double-a": 8}, 8.0),
    Work("bob", "essay to grade", {"double-a": 2.5}, 2.5),
    Work("cat", "not graded"),
    Work("dan", "nothing gradable"),
    Work("eve", "graded", {"double-a": 0}, 0.0),
]
CANVAS = """\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,"Lab 6, rings (70)",07 Doubling (71),Current Score
,,,,,,Manual Posting,
    Points Possible,,,,,10,8,(read only)
"Lovelace, Ada",501,1001,ada,"A, B",9,,50
"O'Neil, Bob",502,1002,bob.oneil@uni.edu,A,8,1,
"Ng, Cat",503,1003,cat,A,7,4,
"Ng, Dan",504,1004,dan,A,,,
"Müller, Ève",505,1005,eve,A,,EX,
"Stranger, Sam",506,1999,sam,A,3,6,
"Student, Test",507,,x1,A,,,
"""  # noqa: E501
MOODLE = """Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,Last modified (submission),Last modified (grade),Feedback comments
Participant 11,Ada Lovelace,ada@uni.edu,Submitted for grading,,8.00,Yes,"Monday, 2 November 2026, 10:00 AM",-,
Participant 12,Bob O'Neil,bob.oneil@uni.edu,Submitted for grading,,8.00,Yes,-,-,"- see ""me"", soon"
Participant 13,Cat Ng,cat@uni.edu,Submitted for grading,4.00,8.00,Yes,-,-,
Participant 19,Sam Stranger,sam@uni.edu,No submission,3.00,8.00,Yes,-,-,
"""  # noqa: E501


@pytest.fixture
def course(tmp_path):
    (tmp_path / "roster.csv").write_text(ROSTER, encoding="utf-8")
    return tmp_path


def made(kind, course, said, works=WORKS, lab=LAB, encoding="utf-8"):
    """Fill an export; return the rows of the result, and the notes."""
    file = course / "export.csv"
    file.write_text(said, encoding=encoding)
    notes = []
    text = kind(lab, works, course, file, notes)
    return list(csv.reader(io.StringIO(text, newline=""))), "\n".join(notes)


def column(rows, name, key=0):
    at = rows[0].index(name)
    return {r[key]: r[at] for r in rows[1:]}


def test_canvas_gets_its_own_columns_and_the_labs_alone(course):
    rows, _ = made(gradebooks.canvas, course, CANVAS)
    who = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert rows[0] == [*who, "07 Doubling (71)"]
    read = list(csv.reader(io.StringIO(CANVAS.lstrip("\ufeff"), newline="")))
    assert [r[:5] for r in rows] == [r[:5] for r in read]
    assert rows[1][5] == "Manual Posting"
    assert rows[2] == ["    Points Possible", "", "", "", "", "8"]


def test_canvas_points_go_to_the_graded_and_to_nobody_else(course):
    rows, notes = made(gradebooks.canvas, course, CANVAS)
    points = {r[1]: r[5] for r in rows[3:]}
    assert points == {
        "501": "8",
        "502": "2.5",
        "503": "4",
        "504": "",
        "505": "EX",
        "506": "6",
        "507": "",
    }
    assert "cat: not graded; left as it was (4)" in notes
    assert "dan: nothing gradable; left as it was (empty)" in notes
    assert "eve: EX in the export; left as it was" in notes
    assert "Stranger, Sam / 506 / 1999 / sam: not on roster" in notes
    assert "Student, Test" in notes
    assert "essays of 1 are not graded yet" in notes
    assert "DIFFERS" not in notes


def test_a_zero_is_a_grade(course):
    rows, _ = made(gradebooks.canvas, course, CANVAS.replace(",EX,", ",5,"))
    assert {r[1]: r[5] for r in rows}["505"] == "0"


def test_another_maximum_is_said_and_nothing_is_rescaled(course):
    rows, notes = made(gradebooks.canvas, course, CANVAS.replace(",10,8,", ",10,100,"))
    assert "MAXIMUM DIFFERS: Canvas has 100 points at most, the lab 8" in notes
    assert rows[2][5] == "100"
    assert {r[1]: r[5] for r in rows}["501"] == "8"


def test_canvas_without_the_assignment_gets_a_new_column(course):
    rows, notes = made(gradebooks.canvas, course, CANVAS.replace("07 Doubling", "Quiz"))
    assert rows[0][-1] == "07_doubling"
    assert {r[1]: r[5] for r in rows[3:]}["501"] == "8"
    assert {r[1]: r[5] for r in rows[3:]}["506"] == ""
    assert rows[2][5] == "8"
    assert "no column called '07_doubling'" in notes


@pytest.mark.parametrize("title", ["07_doubling", "Lab 7: Doubling (71)", "7 doubling"])
def test_the_assignment_is_known_by_its_words(course, title):
    rows, _ = made(gradebooks.canvas, course, CANVAS.replace("07 Doubling (71)", title))
    assert rows[0][-1] == title


def test_two_columns_for_the_lab_are_not_guessed(course):
    two = CANVAS.replace("Current Score", "07 Doubling (72)")
    with pytest.raises(ValueError, match=r"several columns .*\(71\).*\(72\)"):
        made(gradebooks.canvas, course, two)


def test_a_semicolon_file_in_windows_letters_is_read(course):
    said = CANVAS.lstrip("\ufeff").replace('"Lab 6, rings (70)"', "Lab 6 (70)")
    rows = list(csv.reader(io.StringIO(said, newline="")))
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=";").writerows(rows)
    file = course / "export.csv"
    file.write_text(out.getvalue(), encoding="cp1252", newline="")
    text = gradebooks.canvas(LAB, WORKS, course, file, [])
    found = list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))
    assert {r[1]: (r[0], r[5]) for r in found}["505"] == ("Müller, Ève", "EX")
    assert {r[1]: r[5] for r in found}["501"] == "8"


@pytest.mark.parametrize(
    ("row", "points"),
    [
        ('"Lovelace, Ada",501,,,A,,,', "8"),  # her name alone
        ('"Nobody",501,,ADA,A,,,', "8"),  # her log-in, in capitals
        ('"Nobody",501,,ada@other.edu,A,,,', "8"),  # the name in her address
        ('"Nobody",501,1001,,A,,,', "8"),  # a value of another column
        ('"Ng, Cat",501,1001,ada,A,,,', ""),  # her number, another's name
        ('"Nobody",501,1001,bob,A,,,', "2.5"),  # the roster's id is surer
        ('"Ng",501,,,A,,,', ""),  # a name that two share
        ('"Nobody",501,,,A,,,', ""),
    ],
)
def test_who_a_row_is(course, row, points):
    head, sure = CANVAS.splitlines()[:3], '"Müller, Ève",505,1005,eve,A,,,'
    rows, notes = made(gradebooks.canvas, course, "\n".join([*head, row, sure]))
    assert {r[1]: r[5] for r in rows}["501"] == points
    assert ("501" in notes) == (not points)


def test_of_two_rows_for_one_student_neither_or_the_surer_is_filled(course):
    head = CANVAS.splitlines()[:3]
    by_name = '"Lovelace, Ada",601,77,other,A,,,'
    by_login = '"Lovelace, Ada",602,78,ada,A,,,'
    rows, notes = made(gradebooks.canvas, course, "\n".join([*head, by_name, by_login]))
    assert [r[5] for r in rows[3:]] == ["", "8"]
    twice = [*head, by_login, by_login.replace("602", "603"), *CANVAS.splitlines()[4:]]
    rows, notes = made(gradebooks.canvas, course, "\n".join(twice))
    assert [r[5] for r in rows[3:5]] == ["", ""]
    assert notes.count("also matches ada") == 2
    assert "ada: 8 points, but not in the export" in notes


def test_moodles_worksheet_keeps_all_but_the_grade(course):
    rows, notes = made(gradebooks.moodle, course, MOODLE)
    before = list(csv.reader(io.StringIO(MOODLE, newline="")))
    assert [r[:4] + r[5:] for r in rows] == [r[:4] + r[5:] for r in before]
    grades = column(rows, "Grade")
    assert grades == {
        "Participant 11": "8",
        "Participant 12": "2.5",
        "Participant 13": "4.00",
        "Participant 19": "3.00",
    }
    assert "cat: not graded; left as it was (4.00)" in notes
    assert "Sam Stranger / Participant 19" in notes
    assert "eve: 0 points, but not in the export" in notes
    assert "DIFFERS" not in notes


def test_moodles_other_maximum_is_said(course):
    _, notes = made(gradebooks.moodle, course, MOODLE.replace("8.00", "5.00"))
    assert "MAXIMUM DIFFERS: Moodle has 5.00 points at most, the lab 8" in notes
    assert notes.count("DIFFERS") == 1


def test_moodles_gradebook_export_is_filled_too(course):
    said = """First name,Last name,ID number,Email address,Assignment: 07 Doubling (Real),Course total (Real),Last downloaded from this course
Ada,Lovelace,1001,ada@uni.edu,-,-,1700000000
Cat,Ng,1003,cat@uni.edu,4.00,4.00,1700000000
"""  # noqa: E501
    rows, _ = made(gradebooks.moodle, course, said)
    assert rows[0][-1] == "Assignment: 07 Doubling (Real)"
    assert [r[-1] for r in rows[1:]] == ["8", "4.00"]
    assert len(rows[0]) == 5


@pytest.mark.parametrize(
    ("kind", "said", "why"),
    [
        (gradebooks.canvas, "", "has no column ID"),
        (gradebooks.canvas, MOODLE, "has no column ID"),
        (gradebooks.canvas, "PK\x03\x04\x00binary", "has no column ID"),
        (gradebooks.canvas, "Student,ID,ID\nx,1,2", "two columns are called 'ID'"),
        (gradebooks.canvas, 'Student,ID\n"Z, Z",9\n', "nobody in it is on the roster"),
        (gradebooks.moodle, "Identifier,Full name,Scale\nx,y,z", "column for points"),
        (gradebooks.moodle, "Identifikator,Bewertung\nx,y", "starts 'Identifikator"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_its_reason(course, kind, said, why):
    with pytest.raises(ValueError, match=why):
        made(kind, course, said)


def test_without_an_export_the_roster_names_the_students(course):
    notes = []
    text = gradebooks.canvas(LAB, WORKS, course, None, notes)
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0][3:] == ["SIS Login ID", "Section", "07_doubling"]
    assert [r[3] for r in rows[2:]] == ["ada", "bob", "eve"]
    assert [r[5] for r in rows[1:]] == ["8", "8", "2.5", "0"]
    assert [r[1] for r in rows[1:]] == ["", "", "", ""]  # Canvas's own number
    text = gradebooks.moodle(LAB, WORKS, course, None, notes)
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[1] == ["ada", "", "ada@uni.edu", "8"]
    assert [r[0] for r in rows[1:]] == ["ada", "bob", "eve"]


def test_a_name_is_no_formula_and_a_comment_stays_as_it_was(course):
    evil = MOODLE.replace("Bob O'Neil", '"=HYPERLINK(""x"")"')
    rows, _ = made(gradebooks.moodle, course, evil)
    assert rows[2][1] == '\'=HYPERLINK("x")'
    assert rows[2][-1] == '- see "me", soon'
    (course / "roster.csv").write_text('id,name\nada,"@SUM(1)"\n')
    text = gradebooks.canvas(LAB, WORKS[:1], course, None, [])
    assert "'@SUM(1),," in text


def test_a_course_without_a_roster_can_still_export(course):
    (course / "roster.csv").unlink()
    assert "ada,,,8" in gradebooks.moodle(LAB, WORKS, course, None, [])
    with pytest.raises(ValueError, match="nobody in it is on the roster"):
        made(gradebooks.canvas, course, CANVAS)
