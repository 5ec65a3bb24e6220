"""The committed notebooks are their sources, executed, and nothing more."""

import ast
import json
import re

import nbformat
import played
import pytest

from autograder import new
from autograder.make.address import ROOT
from autograder.make.build import read
from autograder.make.chapter import KEPT, VARIES, chapter
from autograder.release import release
from tools import notebooks

CHAPTERS = sorted(p.stem for p in ROOT.glob("chapters/[0-9]*.py"))
LABS = sorted(p.stem for p in ROOT.glob("labs/[0-9]*.py"))


def committed(kind, stem):
    return nbformat.read(ROOT / f"notebooks/{kind}/{stem}.ipynb", as_version=4)


@pytest.mark.parametrize("stem", CHAPTERS)
def test_the_committed_chapter_is_its_source(stem):
    made = chapter(ROOT / f"chapters/{stem}.py")
    there = committed("chapters", stem)
    keep = ("id", "cell_type", "metadata", "source")
    assert [{k: c[k] for k in keep} for c in there.cells] == [
        {k: c[k] for k in keep} for c in made.cells
    ]


@pytest.mark.parametrize("stem", LABS)
def test_the_committed_lab_is_its_source(stem, tmp_path):
    out = tmp_path / "lab.ipynb"
    notebooks.make_lab(ROOT / f"labs/{stem}.py", out)
    there = ROOT / f"notebooks/labs/{stem}.ipynb"
    assert json.loads(out.read_text()) == json.loads(there.read_text())


@pytest.mark.parametrize("stem", CHAPTERS)
def test_nbval_would_compare_every_cell(stem):
    """Nbval passes over a cell without a count: a reference that never ran is green."""
    code = [c for c in committed("chapters", stem).cells if c.cell_type == "code"]
    assert all(c.execution_count for c in code)
    compared = [c for c in code if VARIES not in c.metadata.get("tags", [])]
    assert sum(bool(c.outputs) for c in compared) >= 8
    said = [c for c in code if "print(" in c.source]
    assert all(c.outputs for c in said)


@pytest.mark.parametrize("stem", CHAPTERS)
def test_a_reference_holds_text_only(stem):
    for cell in committed("chapters", stem).cells:
        for output in cell.get("outputs", []):
            assert output.output_type in ("stream", "display_data", "execute_result")
            assert output.get("name") != "stderr"
            assert set(output.get("data", {})) <= set(KEPT)


def cells(stem):
    nb = read(ROOT / f"chapters/{stem}.py")
    code = [c.source for c in nb.cells if c.cell_type == "code"]
    return code, [c.source for c in nb.cells if c.cell_type == "markdown"]


def words(text):
    """What there is to read: no formula, no code, no address."""
    for left_out in (
        r"(?ms)^ *```.*?```$",
        r"(?s)\$\$.*?\$\$",
        r"\$[^$]*\$",
        r"\]\(\S*",
    ):
        text = re.sub(left_out, " ", text)
    return re.findall(r"[A-Za-z]{2,}", text)


@pytest.mark.parametrize("stem", CHAPTERS)
def test_a_chapter_stays_below_its_ceilings(stem):
    """Ceilings and no floors: a chapter that is short and clear is done."""
    code, prose = cells(stem)
    for cell in code:
        lines = [x for x in cell.splitlines() if x.strip() and x[:2] != "#|"]
        assert len(lines) <= 20, cell
    assert len(code) <= 35
    text = "\n".join(prose)
    assert len(words(text)) <= 2800
    assert len(re.findall(r"(?m)^## ", text)) <= 10
    assert sum("#| label: fig-" in cell for cell in code) <= 6


@pytest.mark.parametrize("stem", CHAPTERS)
def test_a_chapter_has_what_readers_and_pages_look_for(stem):
    code, prose = cells(stem)
    for cell in code:
        assert ("plt.show()" in cell) <= ("# @title " in cell or "\ndef " in cell), cell
        assert ("#| label: fig-" in cell) == ("#| fig-alt: " in cell), cell
    assert sum("#| tags: [guess]" in cell for cell in code) == 1
    assert sum("interact(" in cell for cell in code) >= 1
    headings = re.findall(r"(?m)^## (.*)$", "\n".join(prose))
    assert headings[-1] == "Try it"
    assert prose[-1].count("> **Chapter connection.**") == 1


@pytest.mark.parametrize("stem", CHAPTERS)
def test_laws_are_displayed_and_a_code_has_no_chains(stem):
    code, prose = cells(stem)
    assert "$$" in "\n".join(prose)
    assert not [c for c in code if re.search(r"end=[\"'] [\"']", c)]


@pytest.mark.parametrize("file", sorted(ROOT.glob("chapters/*.py")))
def test_a_chapter_is_plain_python_without_magics(file):
    text = file.read_text()
    ast.parse(text)
    assert not re.search(r"(?m)^# %% .*(tags|echo|nbgrader)", text)
    assert text.startswith("# %% [markdown]\n# ---\n")


def test_a_release_that_leaks_is_refused(tmp_path):
    script = tmp_path / "01_leak.py"
    script.write_text("# %% [markdown]\n# # A\n\n# %%\n# ### BEGIN HIDDEN\n")
    with pytest.raises(RuntimeError, match=r"holds \['### BEGIN HIDDEN'\]"):
        release(script, tmp_path / "course")


def test_a_new_chapter_has_the_form(tmp_path, monkeypatch):
    stem = "99_a_new_chapter"
    (tmp_path / "labs").mkdir()
    made = [str(f.relative_to(tmp_path)) for f in new.start(stem, tmp_path)]
    assert {f"chapters/{stem}.py", "tests/chapters/test_99.py"} <= set(made)
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    monkeypatch.setattr(played, "ROOT", tmp_path)
    test_a_chapter_stays_below_its_ceilings(stem)
    test_a_chapter_has_what_readers_and_pages_look_for(stem)
    test_laws_are_displayed_and_a_code_has_no_chains(stem)
    notebook = tmp_path / f"notebooks/chapters/{stem}.ipynb"
    notebook.parent.mkdir(parents=True)
    notebooks.make_chapter(tmp_path / f"chapters/{stem}.py", notebook)
    played.answers_run(stem)
    says = tmp_path / f"chapters/{stem}.py"
    says.write_text(says.read_text().replace("    0.16 s", "    0.17 s"))
    with pytest.raises(AssertionError):
        played.answers_run(stem)
    other = nbformat.read(notebook, as_version=4)
    *_, output = (o for c in other.cells for o in c.get("outputs", []) if "text" in o)
    output.text += "and more\n"
    nbformat.write(other, notebook)
    with pytest.raises(AssertionError, match="99_a_new_chapter prints this"):
        played.played.__wrapped__(stem)  # to clear the cache would drop chapters in use
