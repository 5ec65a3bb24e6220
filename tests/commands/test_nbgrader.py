"""Plain nbgrader, with the shipped configuration, grades as our own command does."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from autograder import collect, grade, release, report
from autograder.make.address import ROOT
from tools import demo

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no jail here: apt-get install bubblewrap"
)
LAB = demo.LAB
ABSENT = ["hal", "cat", "eve", "gus"]  # who loops, and three kinds there already


def nbgrader(course, *words):
    """Run nbgrader's own command in a course folder."""
    binaries = str(Path(sys.executable).parent)
    env = os.environ | {"PATH": os.pathsep.join([binaries, os.environ["PATH"]])}
    subprocess.run(["nbgrader", *words], cwd=course, env=env, check=True)


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """The demonstration class, collected and then graded by us; before it, a copy."""
    course = tmp_path_factory.mktemp("ours") / "course"
    released = release.release(ROOT / "labs" / f"{LAB}.py", course)
    demo.write(released, course / "download")
    for student in ABSENT:
        (course / f"download/{student}_{LAB}.ipynb").unlink()
    collect.collect(course / "download", LAB, course, course / "roster.csv")
    shutil.copytree(course, course.parent / "plain")
    assert grade.grade(LAB, course) == []
    assert report.pages(LAB, course, report.table(LAB, course, students(course))) == []
    return course


@pytest.fixture(scope="module")
def plain(ours):
    """The same class, graded by nbgrader's own commands."""
    course = ours.parent / "plain"
    nbgrader(course, "autograde", LAB)
    nbgrader(course, "generate_feedback", LAB)
    return course


def students(course):
    return sorted(p.name for p in (course / "submitted").iterdir())


def page(course, student):
    """Return a feedback page without the values that a check has drawn at random."""
    text = (course / f"feedback/{student}/{LAB}/{LAB}.html").read_text()
    return re.sub(r", is -?\d+\.\d+(e-\d+)?", ", is DRAWN", text)


def test_plain_nbgrader_gives_the_same_grade(ours, plain):
    names = students(ours)
    assert len(names) == 5  # solved, blank, one mistake, without metadata, hostile
    assert report.table(LAB, plain, names) == report.table(LAB, ours, names)


def test_plain_nbgrader_gives_the_same_feedback(ours, plain):
    for student in students(ours):
        assert page(plain, student) == page(ours, student), student


def test_a_hand_grade_survives_plain_nbgraders_second_run(plain):
    where = ("slows-down", LAB, LAB, "ada")
    file = f"sqlite:///{plain}/gradebook.db"
    with Gradebook(file, "mlsys") as book:
        book.find_grade(*where).manual_score = 1.5
        book.find_comment(*where).manual_comment = "Say it with a number."
        book.db.commit()
    before = report.table(LAB, plain, ["ada"])
    nbgrader(plain, "autograde", LAB, "--student", "ada", "--force")
    with Gradebook(file, "mlsys") as book:
        assert book.find_grade(*where).manual_score == 1.5
        assert book.find_comment(*where).manual_comment == "Say it with a number."
    assert report.table(LAB, plain, ["ada"]) == before
