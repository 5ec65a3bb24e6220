"""A small course for tests, its grades written through nbgrader's own gradebook."""

import copy
import warnings

import nbformat
from nbgrader.preprocessors import ClearOutput
from sqlalchemy.exc import SAWarning

from autograder.make.pages import error
from autograder.make.roles import name, role
from autograder.release import release as make_release
from autograder.reports import grades

LAB = "07_doubling"
SCRIPT = """# %% [markdown]
# # Doubling

# %% answer="double"
def double(x):
    ### BEGIN SOLUTION
    return SECRET_SOLUTION * x
    ### END SOLUTION

# %% check="double-three" points=1
assert double(3) == 6, "double(3) is 6"

# %% check="double-any" points=3
assert double(0) == 0
### BEGIN HIDDEN TESTS
SECRET_CHECK = [double(x) for x in range(99)]
### END HIDDEN TESTS

# %% answer="halve"
def halve(x):
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION

# %% check="halve-four" points=2
assert halve(4) == 2

# %% [markdown] essay="why" points=2
# YOUR ANSWER HERE
"""
HIDDEN = "SECRET_CHECK = [double(x) for x in range(99)]"
MAXIMUM = 8
CHECKS = ("double-three", "double-any", "halve-four")


def release(here, script=SCRIPT, lab=LAB):
    """Release a lab into a new course; return the course."""
    (here / f"{lab}.py").write_text(script)
    make_release(here / f"{lab}.py", here / "course")
    return here / "course"


def read(course, step, student="", lab=LAB):
    return nbformat.read(course / step / student / lab / f"{lab}.ipynb", as_version=4)


def put(nb, course, step, student, lab=LAB):
    file = course / step / student / lab / f"{lab}.ipynb"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(nbformat.writes(nb))


def hand_in(course, student, failed=None, answers=None, essay=None, lab=LAB):
    """Write what collect and autograde would leave; failed: check -> its message.

    A check that is not in failed earned its points; essay is a manual score.
    """
    failed, answers = failed or {}, answers or {}
    nb = read(course, "release", lab=lab)
    for cell in nb.cells:
        cell.source = answers.get(name(cell), cell.source)
    put(nb, course, "submitted", student, lab)
    nb, master = copy.deepcopy(nb), read(course, "source", lab=lab)
    hidden = {name(c): c.source for c in master.cells}
    ClearOutput().preprocess(nb, {})
    for cell in nb.cells:
        if role(cell) == "check":
            cell.source = hidden[name(cell)]
            if name(cell) in failed:
                cell.outputs = [error("AssertionError", failed[name(cell)])]
    put(nb, course, "autograded", student, lab)
    score(course, student, failed, essay, lab)


def score(course, student, failed, essay=None, lab=LAB):
    """Write one student's grades into the gradebook."""
    with warnings.catch_warnings(), grades.book(course) as book:
        warnings.simplefilter("ignore", SAWarning)  # of nbgrader's own statements
        book.update_or_create_student(student)
        book.update_or_create_submission(lab, student)
        for grade_ in book.find_submission_notebook(lab, lab, student).grades:
            if grade_.cell.cell_type == "code":
                grade_.auto_score = 0 if grade_.name in failed else grade_.max_score
                grade_.needs_manual_grade = False
            else:
                grade_.manual_score = essay
                grade_.needs_manual_grade = essay is None
        book.db.commit()
