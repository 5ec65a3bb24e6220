"""The demonstration class: expected grades, after a kill too, and by plain nbgrader."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from autograder import collect, grade, report
from autograder.chapter import ROOT
from tools import demo
from tools.course import EXPECTED, graded

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no jail here: apt-get install bubblewrap"
)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return tmp_path_factory.mktemp("a course") / "course"


@pytest.fixture(scope="module")
def rows(course):
    return graded(course)


def expected():
    with EXPECTED.open(newline="") as file:
        return list(csv.DictReader(file))


def filled(rows):
    return [{k: r.get(k, "") for k in expected()[0]} for r in rows]


def test_the_class_gets_the_expected_grades(rows):
    assert filled(rows) == expected()


def test_a_second_run_grades_nobody_twice(course, rows, monkeypatch):
    monkeypatch.setattr(grade, "_judge", None)
    assert grade.grade(demo.LAB, course) == []


def test_feedback_teaches_and_hides_the_hidden_checks(course, rows):
    page = report.feedback(demo.LAB, course, "dan").read_text()
    assert "whole tensor goes across, not a shard" in page
    script = (ROOT / f"labs/{demo.LAB}.py").read_text()
    hidden = script.split("### BEGIN HIDDEN TESTS")[-1].split("### END")[0].split("\n")
    lines = [x.strip() for x in hidden if len(x.strip()) > 20]
    assert lines
    assert not [x for x in lines if x in page]


def test_plain_nbgrader_gives_the_same_grade(course, rows, tmp_path):
    lab = demo.LAB
    for folder in ("source", "release"):
        shutil.copytree(course / folder, tmp_path / folder)
    for file in ("nbgrader_config.py", "gradebook.db"):
        shutil.copy(course / file, tmp_path / file)
    shutil.copytree(course / "submitted/dan", tmp_path / "submitted/dee")
    env = os.environ | {
        "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
    }
    subprocess.run(["nbgrader", "autograde", lab], cwd=tmp_path, env=env, check=True)
    (dee,) = report.table(lab, tmp_path, ["dee"])
    (dan,) = report.table(lab, course, ["dan"])
    assert dee | {"student": "dan"} == dan


KILLED = """
import sys
from pathlib import Path
from autograder import grade
if __name__ == "__main__":
    print(grade.grade(sys.argv[2], Path(sys.argv[1])))
"""


def test_killed_and_started_again_it_ends_with_the_same_grades(course, rows, tmp_path):
    script, lab = tmp_path / "grade_it.py", demo.LAB
    script.write_text(KILLED)
    for folder in ("source", "release"):
        shutil.copytree(course / folder, tmp_path / folder)
    shutil.copy(course / "gradebook.db", tmp_path / "gradebook.db")
    names = ["one", "two", "three"]
    for new, old in zip(names, ("ada", "bob", "dan"), strict=True):
        shutil.copytree(course / "submitted" / old, tmp_path / "submitted" / new)
    words = [sys.executable, script, tmp_path, lab]
    for seconds in (6, 9):
        run = subprocess.Popen(words, start_new_session=True)
        time.sleep(seconds)
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    subprocess.run(words, check=True)
    again = report.table(lab, tmp_path, names)
    before = report.table(lab, course, ["ada", "bob", "dan"])
    assert [r["points"] for r in again] == [r["points"] for r in before]


def test_a_second_collection_changes_nothing(course, rows):
    def state():
        return {p: p.read_bytes() for p in sorted(course.glob("submitted/*/*/*.ipynb"))}

    before = state()
    collect.collect(course / "download", demo.LAB, course, course / "roster.csv")
    assert state() == before


def test_a_spreadsheet_gets_no_formula(tmp_path):
    report.write([{"student": "=cmd|' /C calc'!A0"}], tmp_path / "g.csv")
    assert "\n'=cmd" in (tmp_path / "g.csv").read_text()
