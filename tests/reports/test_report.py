"""What instructor and students read: the table, the feedback pages, nothing hidden."""

import copy
import csv
import datetime
import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import classroom
import nbformat
import pytest
from classroom import CHECKS, LAB, MAXIMUM, hand_in
from nbformat.v4 import new_code_cell, new_notebook, new_output

from autograder import report
from autograder.__main__ import main
from autograder.reports import grades, items

GOOD = {"double": "def double(x):\n    return 2 * x", "why": "Because it pays."}
SLIP = "double(7) is 14, yours gives <script>alert(1)</script>\n8: bits for bytes"
BROWSER = next(filter(shutil.which, ["chromium", "chromium-browser", "chrome"]), None)


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    return classroom.release(tmp_path_factory.mktemp("released"))


@pytest.fixture
def course(released, tmp_path):
    """A course where ada is done, bob has an open essay and a slip, zoe is absent."""
    shutil.copytree(released, tmp_path / "course")
    course = tmp_path / "course"
    (course / "roster.csv").write_text("id,name\nada,Ada\nbob,Bob\nzoe,Zoe\n")
    hand_in(course, "ada", answers=GOOD, essay=1.5)
    hand_in(course, "bob", {"double-any": SLIP}, GOOD)
    return course


def rows(course):
    found = report.table(LAB, course, report.everyone(LAB, course))
    return {row["student"]: row for row in found}


def page(course, student):
    return course / "feedback" / student / LAB / f"{LAB}.html"


def text(html):
    bare = re.sub(r"<style.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", bare)


def test_each_check_each_exercise_and_the_sum_have_a_column(course):
    found = rows(course)
    assert found["bob"] == {
        "student": "bob",
        "state": "essay to grade",
        "late seconds": "",
        "double-three": "1",
        "double-any": "0",
        "double": "1",
        "halve-four": "2",
        "halve": "2",
        "why": "0",
        "points": "3",
        "max points": str(MAXIMUM),
    }
    assert (found["ada"]["state"], found["ada"]["points"]) == ("graded", "7.5")
    assert found["zoe"]["state"] == "nothing gradable"
    assert found["zoe"]["points"] == found["zoe"]["double"] == ""


def test_late_seconds_stand_where_both_dates_are_known(course):
    due = datetime.datetime(2026, 11, 2, 12)
    with grades.book(course) as book:
        book.find_assignment(LAB).duedate = due
        for student, hours in (("ada", 1.5), ("bob", -1)):
            when = due + datetime.timedelta(hours=hours)
            book.find_submission(LAB, student).timestamp = when
        book.db.commit()
    found = rows(course)
    assert [found[s]["late seconds"] for s in ("ada", "bob", "zoe")] == [
        "5400",
        "0",
        "",
    ]


def test_a_late_penalty_is_in_the_sum(course):
    with grades.book(course) as book:
        book.find_submission_notebook(LAB, LAB, "ada").late_submission_penalty = 2
        book.find_submission_notebook(LAB, LAB, "bob").late_submission_penalty = 5
        book.db.commit()
    assert [rows(course)[s]["points"] for s in ("ada", "bob")] == ["5.5", "0"]
    report.feedback(LAB, course, "ada")
    assert "2 points were taken off" in text(page(course, "ada").read_text())


def test_a_notebook_that_was_not_graded_has_a_state_and_no_points(course):
    nb = classroom.read(course, "release")
    for student in ("cat", "dan", "eve"):
        classroom.put(nb, course, "submitted", student)
    classroom.score(course, "dan", {})  # grading broke off before it wrote its notebook
    classroom.put(nb, course, "autograded", "eve")
    classroom.score(course, "eve", {})
    with grades.book(course) as book:  # or before it wrote this grade
        book.find_grade("halve-four", LAB, LAB, "eve").auto_score = None
        book.db.commit()
    found = rows(course)
    for student in ("cat", "dan", "eve"):
        assert (found[student]["state"], found[student]["points"]) == ("not graded", "")


def test_an_old_grade_does_not_stand_for_what_was_handed_in_since(course):
    nb = classroom.read(course, "submitted", "ada")
    for cell in nb.cells:
        cell.source = cell.source.replace("return 2 * x", "return x + x")
    classroom.put(nb, course, "submitted", "ada")
    found = rows(course)
    assert (found["ada"]["state"], found["ada"]["points"]) == ("handed in again", "")
    assert found["bob"]["points"] == "3"


def test_the_same_answers_handed_in_again_keep_their_grade(course):
    nb = classroom.read(course, "submitted", "ada")
    nb.cells.append(new_code_cell("print('mine')"))
    for cell in nb.cells:
        cell.metadata = {}  # as it was before collect rebuilt what an LMS stripped
    classroom.put(nb, course, "submitted", "ada")
    assert rows(course)["ada"]["points"] == "7.5"


@pytest.mark.filterwarnings("ignore")  # nbformat's, of the damage
@pytest.mark.parametrize("step", ["autograded", "submitted"])
@pytest.mark.parametrize("damage", ['{"cells": [', "[]", "", "\0\0"])
def test_one_students_broken_file_costs_only_that_student(course, step, damage):
    (course / step / "ada" / LAB / f"{LAB}.ipynb").write_text(damage)
    said, troubles = report.report(LAB, course)
    found = rows(course)
    assert (found["ada"]["state"], found["ada"]["points"]) == ("cannot be read", "")
    assert found["bob"]["points"] == "3"
    assert [t.partition(":")[0] for t in troubles] == ["ada"]
    assert "\n" not in troubles[0]
    assert page(course, "bob").exists()
    assert "ada" not in (course / f"{LAB}-canvas.csv").read_text()
    assert said


def test_a_check_with_the_name_of_a_column_takes_nothing_from_it(tmp_path):
    script = classroom.SCRIPT.replace('"double', '"points')
    course = classroom.release(tmp_path, script)
    hand_in(course, "ada", {"points-any": "no"})
    (row,) = report.table(LAB, course, ["ada"])
    assert (row["points"], row["points (cell)"], row["points-any"]) == ("3", "1", "0")


def test_checks_belong_to_the_answer_whose_name_they_start_with():
    def cell(name, **marks):
        marks = {"grade": False, "solution": False, "points": 1} | marks
        return new_code_cell(metadata={"nbgrader": {"grade_id": name, **marks}})

    answers = [cell(n, solution=True) for n in ("ring", "ring-two", "last")]
    named = ["ring-two-a", "ring-a", "other", "ring-twofold"]
    checks = [cell(n, grade=True) for n in named]
    essay = cell("why", grade=True, solution=True)
    nb = new_notebook(cells=[*answers, essay, *checks])
    assert grades.exercises(nb) == {
        "ring": ["ring-a", "ring-twofold"],
        "ring-two": ["ring-two-a"],
        "last": ["other"],
        "why": ["why"],
    }


def test_feedback_says_each_verdict_and_its_message_first(course):
    said = text(report.feedback(LAB, course, "bob").read_text())
    table, notebook = said.split("Your notebook")
    assert "3 of 8 points so far" in table
    assert "1 answer is still to be graded" in table
    assert "double 1 of 4" in table
    assert "double-three ✓ passed 1 of 1" in table
    slip = "double(7) is 14, yours gives &lt;script&gt;alert(1)&lt;/script&gt; 8: bits"
    assert f"double-any ✗ failed 0 of 3 {slip}" in table
    assert "why to be graded – of 2" in table
    assert "return 2 * x" in notebook.replace("  ", " ")
    assert "Because it pays." in notebook
    assert "Doubling" in notebook
    assert "182" not in notebook  # the mark of a link to a heading, which leads nowhere


def test_feedback_holds_nothing_of_hidden_checks_and_solutions(course):
    graded = (course / f"autograded/bob/{LAB}/{LAB}.ipynb").read_text()
    assert "SECRET_CHECK" in graded  # it is there to be leaked
    for student in ("ada", "bob"):
        html = report.feedback(LAB, course, student).read_text()
        assert "SECRET" not in html
        assert "HIDDEN" not in html


def test_an_essay_graded_later_is_on_the_next_page(course):
    report.feedback(LAB, course, "bob")
    with grades.book(course) as book:
        essay = book.find_grade("why", LAB, LAB, "bob")
        essay.manual_score, essay.needs_manual_grade = 2, False
        comment = book.find_comment("why", LAB, LAB, "bob")
        comment.manual_comment = "Well *argued* <img src=x onerror=alert(1)>."
        book.db.commit()
    html = report.feedback(LAB, course, "bob").read_text()
    said = text(html)
    assert "5 of 8 points Check" in said
    assert "why graded 2 of 2 Well *argued*" in said
    assert "<em>argued</em>" in html
    assert re.findall("<[^>]*onerror", html) == []
    assert rows(course)["bob"]["state"] == "graded"


def test_plain_nbgrader_makes_the_same_page(course):
    ours = report.feedback(LAB, course, "bob").read_text()
    path = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
    words = ["nbgrader", "generate_feedback", LAB, "--force"]
    env = os.environ | {"PATH": path}
    subprocess.run(words, cwd=course, env=env, check=True, capture_output=True)
    assert page(course, "bob").read_text() == ours
    assert page(course, "ada").exists()


def test_a_student_may_write_about_hidden_tests(course):
    words = "### BEGIN HIDDEN TESTS\nis what I found nowhere"
    answers = {"double": f"{words}\ndef double(x):\n    return 2 * x", "why": words}
    hand_in(course, "cat", {"double-any": words}, answers)
    html = report.feedback(LAB, course, "cat").read_text()
    assert text(html).count("is what I found nowhere") == 4  # message twice
    assert "SECRET" not in html


EVIL = "<script>document.title='HACKED'</script><img src=http://evil.example/x>"


def test_outputs_are_shown_as_text_and_ask_nobody_for_anything(course):
    nb = classroom.read(course, "autograded", "bob")
    data = {"text/html": EVIL, "image/svg+xml": EVIL, "application/javascript": EVIL}
    nb.cells.insert(
        0,
        new_code_cell(
            EVIL,
            outputs=[
                new_output("display_data", data=data | {"text/plain": EVIL}),
                new_output("display_data", data={"image/png": f'"{EVIL}'}),
                new_output("stream", name="stdout", text=f"\x1b[31m{EVIL}\x1b[0m"),
                new_output("error", ename=EVIL, evalue=EVIL, traceback=[EVIL]),
                new_output("display_data", data={"image/png": "iVBORw0KGgo="}),
            ],
        ),
    )
    classroom.put(nb, course, "autograded", "bob")
    html = report.feedback(LAB, course, "bob").read_text()
    asks = r'(?:src|href|action)="(?!#|data:image/png;base64,)|url\(|@import|<link'
    assert re.findall(asks, html) == []
    assert re.findall(r"<script|<iframe|<svg", html) == []
    assert html.count("&lt;script&gt;document.title") == 3
    assert 'src="data:image/png;base64,iVBORw0KGgo="' in html


def test_what_only_the_instructor_hears_is_not_on_the_page(course):
    nb = classroom.read(course, "autograded", "bob")
    for place, word in [(0, "before"), (len(nb.cells), "after")]:
        shown = [new_output("stream", text=f"printed {word}")]
        nb.cells.insert(place, new_code_cell("print(seen)", outputs=shown))
    (check,) = (c for c in nb.cells if c.get("id") == "double-any")
    told = new_output("stream", name="stderr", text="for the instructor: it was 4711")
    check.outputs = [*check.outputs, told]
    classroom.put(nb, course, "autograded", "bob")
    html = report.feedback(LAB, course, "bob").read_text()
    assert "4711" not in html
    assert "printed before" in html
    assert "printed after" in html  # before any hidden part ran


def test_the_former_page_stays_where_nbgrader_fails(course):
    before = report.feedback(LAB, course, "bob").read_text()
    (course / f"autograded/bob/{LAB}/{LAB}.ipynb").write_text("{")
    with pytest.raises(RuntimeError, match="no feedback for bob"):
        report.feedback(LAB, course, "bob")
    assert page(course, "bob").read_text() == before
    assert list(course.glob(".feedback*")) == []


def test_a_students_folder_gets_the_page_and_nothing_else(course):
    (course / f"autograded/bob/{LAB}/as-handed-in").write_text("SECRET")
    report.feedback(LAB, course, "bob")
    assert [p.name for p in (course / "feedback/bob").rglob("*.*")] == [f"{LAB}.html"]


def test_a_full_disk_is_said_and_the_former_file_stays(course, monkeypatch, capsys):
    report.report(LAB, course)
    before = (course / f"{LAB}.csv").read_bytes()

    def full(self, data):
        open(self, "wb").close()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert main(["--course", str(course), "report", LAB]) == 1
    said = capsys.readouterr().err
    assert f"{LAB}.csv cannot be written: No space left on device" in said
    assert (course / f"{LAB}.csv").read_bytes() == before
    assert list(course.glob(".*draft")) == []


def test_what_one_file_lacks_costs_only_that_file(course, monkeypatch):
    def broken(lab, works):
        raise ValueError("no items today")

    monkeypatch.setattr(items, "page", broken)
    gone = course / "export.csv"
    said, troubles = report.report(LAB, course, canvas=gone)
    assert [t.split(":")[0] for t in troubles] == [
        f"no {LAB}-canvas.csv",
        f"no {LAB}-items.html",
    ]
    assert str(gone) in troubles[0]
    assert (course / f"{LAB}-moodle.csv").exists()
    assert page(course, "ada").exists()
    assert said[0] == str(course / f"{LAB}.csv")


def test_a_name_from_an_lms_cannot_write_on_the_terminal(course):
    export = course / "export.csv"
    export.write_text("Student,ID,SIS Login ID\n\x1b[2Jx,9,no\nAda,1,ada\n")
    said, _ = report.report(LAB, course, canvas=export)
    assert "  ?[2Jx / 9 / no: not on roster; left as it was" in said


def test_a_lab_that_is_not_there_is_said_with_those_that_are(course, capsys):
    assert main(["--course", str(course), "report", "08_lab"]) == 1
    assert f"no released lab '08_lab'; released: {LAB}" in capsys.readouterr().err
    assert not (course / "08_lab.csv").exists()


def test_a_damaged_gradebook_is_said(course, capsys):
    (course / "gradebook.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    assert main(["--course", str(course), "report", LAB]) == 1
    assert "gradebook.db cannot be read" in capsys.readouterr().err


def test_the_item_page_counts_attempts_and_mistakes_from_the_notebooks(course):
    hand_in(course, "cat", {k: f"yours gives {i}" for i, k in enumerate(CHECKS)})
    report.report(LAB, course)
    said = text((course / f"{LAB}-items.html").read_text())
    assert "2 of 3 attempted (67 %); 1 of 3 have full marks (33 %)" in said
    assert "1 (50 %): yours gives #" in said
    assert "alert(#)&lt;/script&gt; #: bits for bytes" in said
    assert "2 essay to grade, 1 graded, 1 nothing gradable" in said


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="no jail: install bubblewrap")
def test_from_release_to_report_by_the_command_line(tmp_path, capsys):
    hidden = 'SECRET_CHECK = double(5)\nassert SECRET_CHECK == 10, "double(5) is 10"'
    script = classroom.SCRIPT.replace("SECRET_SOLUTION", "2")
    script = script.replace(classroom.HIDDEN, hidden)
    (tmp_path / f"{LAB}.py").write_text(script)
    words = ["--course", str(tmp_path / "course")]
    assert main([*words, "release", str(tmp_path / f"{LAB}.py")]) == 0
    nb = classroom.read(tmp_path / "course", "release")
    (tmp_path / "download").mkdir()
    for student, body in (("ada", "return 2 * x"), ("bob", "return 6 if x else 0")):
        mine = copy.deepcopy(nb)
        mine.cells[2].source = f"# [answer: double]\ndef double(x):\n    {body}"
        (tmp_path / f"download/{student}.ipynb").write_text(nbformat.writes(mine))
    (tmp_path / "roster.csv").write_text("id\nada\nbob\nzoe\n")
    roster = ["--roster", str(tmp_path / "roster.csv")]
    main([*words, "collect", LAB, str(tmp_path / "download"), *roster])
    assert main([*words, "grade", LAB]) == 0
    assert main([*words, "report", LAB]) == 0
    course = tmp_path / "course"
    with (course / f"{LAB}.csv").open(newline="") as file:
        found = [(r["student"], r["points"]) for r in csv.DictReader(file)]
    assert found == [("ada", "4"), ("bob", "1"), ("zoe", "")]
    html = page(course, "bob").read_text()
    said = "double-any ✗ failed 0 of 3 a hidden case of this check fails"
    assert said in text(html)
    assert "double(5)" not in html
    assert "SECRET" not in html
    said = capsys.readouterr().out
    for name in (".csv", "-canvas.csv", "-moodle.csv", "-items.html"):
        assert str(course / f"{LAB}{name}") in said
        assert (course / f"{LAB}{name}").exists()


@pytest.mark.skipif(BROWSER is None, reason="no browser here: install chromium")
@pytest.mark.parametrize("kind", ["feedback", "items"])
def test_a_phone_shows_the_page_without_scrolling_sideways(course, tmp_path, kind):
    hand_in(course, "cat", {"double-any": "a_very_long_word" * 40}, GOOD)
    report.report(LAB, course)
    file = page(course, "cat") if kind == "feedback" else course / f"{LAB}-items.html"
    width = "document.title = document.body.scrollWidth"
    html = re.sub("<meta http-equiv[^>]*>", "", file.read_text())
    narrow = "<style>body { width: 390px; margin: 0; }</style>"
    copied = tmp_path / "copied.html"
    copied.write_text(f"{html}{narrow}<script>{width}</script>")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=500,900"]
    words = [BROWSER, *flags, "--dump-dom", copied.as_uri()]
    dom = subprocess.run(words, check=True, capture_output=True, timeout=120).stdout
    assert re.search("<title>(.*?)</title>", dom.decode())[1] == "390"
