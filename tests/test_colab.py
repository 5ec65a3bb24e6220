"""The first cell and the labs under Colab's versions.

The chapters run there by nbval, after this, as the first cell has left it: tools/check.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograder.make import address
from autograder.make.address import ROOT
from autograder.make.build import LACKING, setup
from tools import student

PYTHON = ROOT / ".venv-colab/bin/python"
OPEN = """
import contextlib, io, sys, nbformat
for file in sys.argv[1:]:
    names = {"__name__": "__main__"}
    for cell in nbformat.read(file, as_version=4).cells:
        marks = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and marks.get("grade") is False:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(cell.source, names)
    print(file.rpartition("/")[2])
"""

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="no Colab environment: tools/bootstrap.py colab"
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The student tree's archive, as a tag of its repository will give it."""
    folder = tmp_path_factory.mktemp("archive")
    student.write(folder / "companion-0.1.0")
    words = [sys.executable, "-m", "pip", "wheel", "-q", "-w", folder]
    words += ["-c", ROOT / "constraints/ci.txt", "hatchling", *LACKING]
    subprocess.run(words, check=True)  # what an index would give
    return shutil.make_archive(folder / "v0.1.0", "zip", folder, "companion-0.1.0")


@pytest.fixture(scope="module")
def colab(archive):
    """Colab's versions, after a student has run the first cell of a notebook."""
    gone = [PYTHON, "-m", "pip", "uninstall", "-q", "-y", "mlsyscore", *LACKING]
    subprocess.run(gone, check=True)
    before = installed()
    said = first_cell(archive)
    return before, said


def installed():
    words = [PYTHON, "-m", "pip", "list", "--format=freeze"]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def first_cell(archive, **more):
    """Run the set-up cell as it is once an owner is set; return what it prints."""
    known = address.companion() | {"owner": "who", "archive": Path(archive).as_uri()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(address, "companion", lambda: known)
        cell = setup(new_notebook(cells=[new_code_cell("import simpy")]))
    env = os.environ | {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    env |= {"PIP_FIND_LINKS": str(Path(archive).parent)} | more
    words = [PYTHON, "-c", cell]
    there = Path(archive).parent  # where no mlsyscore lies beside the notebook
    return subprocess.run(
        words, check=True, env=env, cwd=there, capture_output=True, text=True
    )


def test_the_first_cell_adds_what_is_missing_and_replaces_nothing(colab):
    before, said = colab
    assert "mlsyscore 0.1.0" in said.stdout
    assert "numpy 2.1.3" in said.stdout
    assert said.stdout.startswith("python 3.")
    added = {line.partition("==")[0] for line in installed() - before}
    assert {"mlsyscore", *LACKING} == {name.partition(" ")[0] for name in added}
    assert before <= installed()


def test_the_first_cell_says_what_to_do_without_a_network(colab, archive):
    elsewhere = {"PYTHONPATH": "", "PIP_FIND_LINKS": "", "HOME": "/"}
    gone = [PYTHON, "-m", "pip", "uninstall", "-q", "-y", *LACKING]
    subprocess.run(gone, check=True)
    said = first_cell(archive, **elsewhere)
    assert "simpy could not be installed: without a network" in said.stdout
    assert "Traceback" not in said.stderr
    assert LACKING[0] not in first_cell(archive).stderr  # and later it is there


def test_while_nobody_owns_the_name_the_first_cell_fetches_nothing():
    assert address.companion()["owner"] == ""  # set it, and this test goes
    for notebook in ROOT.glob("notebooks/*/*.ipynb"):
        cells = nbformat.read(notebook, as_version=4).cells
        first = next(c.source for c in cells if c.cell_type == "code")
        assert 'pip"' not in first
        assert "this copy of the course has no public" in first
        assert "colab.research" not in cells[0].source


def test_the_student_lab_opens_and_only_its_stubs_fail(colab):
    """Set-up and stubs of each lab run; its checks are the stubs' business."""
    labs = [str(p) for p in sorted(ROOT.glob("notebooks/labs/*.ipynb"))]
    done = subprocess.run([PYTHON, "-c", OPEN, *labs], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [Path(lab).name for lab in labs]
