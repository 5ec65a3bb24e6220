"""The student tree: what may be public, and nothing that earns a point."""

import re

import nbformat
import pytest

from autograder.make.address import ROOT
from tools import student


def test_the_tree_holds_what_students_need_and_nothing_of_a_grader(tmp_path):
    made = {str(f) for f in student.write(tmp_path / "tree")}
    tops = {name.partition("/")[0] for name in made}
    assert tops == {*student.PUBLIC, "README.md", "pyproject.toml"}
    assert not [name for name in made if re.search("mistakes|autograder|tests/", name)]
    for kind in ("chapters", "labs"):
        scripts = [p.stem for p in ROOT.glob(f"{kind}/[0-9]*.py")]
        assert {f"notebooks/{kind}/{stem}.ipynb" for stem in scripts} <= made
    project = (tmp_path / "tree/pyproject.toml").read_text()
    assert "autograder" not in project
    assert 'packages = ["mlsyscore"]' in project


@pytest.mark.parametrize("kind", ["SOLUTION", "HIDDEN TESTS"])
def test_a_tree_with_a_line_of_a_solution_is_not_written(tmp_path, monkeypatch, kind):
    (tmp_path / "labs").mkdir()
    (tmp_path / "notebooks").mkdir()
    own = "share = n / 4 * rounds"
    text = f"# %%\n    ### BEGIN {kind}\n    {own}\n    ### END {kind}\n"
    (tmp_path / "labs/01_a.py").write_text(text)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    cell = nbformat.v4.new_code_cell(f"def f():\n    {own}")
    page = nbformat.writes(nbformat.v4.new_notebook(cells=[cell]))
    (tmp_path / "notebooks/a.ipynb").write_text(page)
    monkeypatch.setattr(student, "ROOT", tmp_path)
    monkeypatch.setattr(student, "files", lambda: [student.Path("notebooks/a.ipynb")])
    with pytest.raises(RuntimeError, match=r"a\.ipynb holds lines .*share = n"):
        student.write(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("")
    with pytest.raises(ValueError, match="is not empty"):
        student.write(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
