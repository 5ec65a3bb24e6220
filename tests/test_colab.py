"""The committed notebooks, set-up cell included, under Colab's versions."""

import json
import os
import subprocess
import sys
import zipfile

import nbformat
import pytest

from autograder.make.build import LACKING
from autograder.make.chapter import ROOT, VARIES

PYTHON = ROOT / ".venv-colab/bin/python"
NOTEBOOKS = sorted(ROOT.glob("notebooks/chapters/*.ipynb"))
RUN = """
import sys, nbformat
from nbclient import NotebookClient
nb = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(nb, timeout=60, allow_errors=sys.argv[3] == "errors").execute()
nbformat.write(nb, sys.argv[2])
"""

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="no Colab environment: tools/bootstrap.py colab"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder]
    words += ["-c", ROOT / "constraints/ci.txt", ROOT, *LACKING]
    subprocess.run(words, check=True)
    gone = [PYTHON, "-m", "pip", "uninstall", "-q", "-y", "mlsyscore", *LACKING]
    subprocess.run(gone, check=True)
    return folder


def execute(notebook, wheel, out, errors="strict"):
    env = os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheel)}
    env |= {"PIP_CONFIG_FILE": os.devnull}
    env["PATH"] = f"{PYTHON.parent}:{env['PATH']}"
    subprocess.run(
        [PYTHON, "-c", RUN, notebook, out, errors], check=True, env=env, cwd=out.parent
    )
    return nbformat.read(out, as_version=4)


def text(cell):
    said = [
        o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.outputs
    ]
    return "".join(s for s in said if not s.startswith("<Figure"))


def test_notebooks_run_from_a_wheel_and_say_what_the_reference_says(wheel, tmp_path):
    for notebook in NOTEBOOKS:
        ran = execute(notebook, wheel, tmp_path / "out.ipynb")
        reference = nbformat.read(notebook, as_version=4)
        for ours, theirs in zip(reference.cells, ran.cells, strict=True):
            if ours.cell_type == "code" and VARIES not in ours.metadata.get("tags", []):
                assert text(theirs) == text(ours), ours.id
        set_up = next(c for c in ran.cells if c.cell_type == "code")
        assert "mlsyscore" in text(set_up)
        assert "numpy 2.1.3" in text(set_up)


def test_the_student_lab_opens_and_only_its_stubs_fail(wheel, tmp_path):
    for lab in sorted(ROOT.glob("notebooks/labs/*.ipynb")):
        ran = execute(lab, wheel, tmp_path / "out.ipynb", "errors")
        for cell in ran.cells:
            marks = cell.metadata.get("nbgrader")
            if cell.cell_type == "code" and marks and not marks.grade:
                bad = [o for o in cell.outputs if o.output_type == "error"]
                assert not bad, (cell.id, json.dumps(bad)[:500])


def test_the_wheel_needs_numpy_alone(wheel):
    (file,) = wheel.glob("mlsyscore-*.whl")
    with zipfile.ZipFile(file) as z:
        (metadata,) = (n for n in z.namelist() if n.endswith("METADATA"))
        lines = z.read(metadata).decode().splitlines()
    needs = [x for x in lines if x.startswith("Requires-Dist") and "extra" not in x]
    assert needs == ["Requires-Dist: numpy>=2.0"]
