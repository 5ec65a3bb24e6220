import json

import nbformat
import pytest

from autograder.make.build import instructor

LAB = '''# %% [markdown]
# # A lab

# %%
import math

# %% answer="area"
def area(r):
    """Area of a disc."""
    ### BEGIN SOLUTION
    return math.pi * r**2
    ### END SOLUTION

# %% check="area-unit" points=2
assert area(1) > 3

# %% explore
print(area(2))

# %% [markdown] essay="why" points=1
# Because.
'''


def build(tmp_path, text):
    script = tmp_path / "01_lab.py"
    script.write_text(text)
    return instructor(script)


def test_one_word_becomes_nbgraders_metadata(tmp_path):
    nb = build(tmp_path, LAB)
    flags = {c.id: c.metadata.get("nbgrader") for c in nb.cells}
    cells = ["text-0", "explore-1", "text-2", "area", "area-unit", "explore-5", "why"]
    assert list(flags) == cells
    assert (flags["area"].solution, flags["area"].grade) == (True, False)
    assert (flags["area-unit"].locked, flags["area-unit"].points) == (True, 2)
    assert (flags["why"].solution, flags["why"].grade) == (True, True)
    assert flags["explore-5"] is None


def test_nbgrader_accepts_what_we_build(tmp_path):
    from nbgrader.nbgraderformat import write
    from nbgrader.preprocessors import CheckCellMetadata, ClearSolutions

    nb = build(tmp_path, LAB)
    write(nb, str(tmp_path / "lab.ipynb"))  # validates schema_version 3
    CheckCellMetadata().preprocess(nb, {})
    student, _ = ClearSolutions().preprocess(nb, {})
    assert "math.pi" not in student.cells[3].source
    assert "NotImplementedError" in student.cells[3].source


def test_a_second_build_is_the_same_byte_for_byte(tmp_path):
    first, second = (nbformat.writes(build(tmp_path, LAB)) for _ in range(2))
    assert first == second
    assert json.loads(first)["nbformat_minor"] == 5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('check="area-unit"', 'check="area"', "two cells are called 'area'"),
        (" points=2", "", "'area-unit': a graded cell needs points"),
        ('answer="area"', 'answer="Area!"', "'Area!' is no name"),
    ],
)
def test_a_mangled_lab_is_refused_by_name(tmp_path, old, new, message):
    with pytest.raises(ValueError, match=message):
        build(tmp_path, LAB.replace(old, new))


HIDING = "### BEGIN HIDDEN TESTS\nassert area(2) > 12\n### END HIDDEN TESTS"


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("assert area(1) > 3", "area-unit: passes"),
        (f"assert area(1) > 3\n{HIDING}", "area-unit: passes here; more is checked"),
        (HIDING, "area-unit: checked when graded"),
        (f"# Any disc.\n{HIDING}", "area-unit: checked when graded"),
    ],
)
def test_a_check_that_passes_says_so_in_a_word(tmp_path, check, said, capsys):
    nb = build(tmp_path, LAB.replace("assert area(1) > 3", check))
    (cell,) = (c for c in nb.cells if c.id == "area-unit")
    exec(cell.source, {"area": lambda r: 3.2 * r**2})
    assert capsys.readouterr().out.startswith(said)
    with pytest.raises(AssertionError):
        exec(cell.source, {"area": lambda r: 0})
    assert capsys.readouterr().out == ""
