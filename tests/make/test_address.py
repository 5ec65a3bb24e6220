"""Links in notebooks, folded cells, and comments that look like magics."""

import pytest

from autograder.make import address, build
from autograder.make.chapter import chapter

LIKE_MAGICS = ["# mv the input", "# ls over ranks", "# %d", "# !"]


@pytest.fixture
def public(monkeypatch):
    known = address.companion() | {"owner": "who"}
    monkeypatch.setattr(address, "companion", lambda: known)


def test_a_paper_is_linked_and_a_chapter_where_it_is_public(public):
    said = address.linked("Chapter 3's (arXiv 2402.15627, table 2); chapter 99.", "06")
    three = "notebooks/chapters/03_network_fabrics.ipynb"
    assert f"[Chapter 3]({address.colab(three)})'s" in said
    assert "([arXiv 2402.15627](https://arxiv.org/abs/2402.15627), table 2)" in said
    assert "chapter 99." in said
    assert address.linked("Chapter 3 itself", "03") == "Chapter 3 itself"
    linked = "see [arXiv 2402.15627](x)"
    assert address.linked(linked, "01") == linked


def test_while_there_is_no_owner_nothing_is_linked_to(monkeypatch):
    known = address.companion() | {"owner": ""}
    monkeypatch.setattr(address, "companion", lambda: known)
    assert address.linked("chapter 3", "06") == "chapter 3"
    assert address.colab("x") == address.archive() == ""
    assert address.opened("x") == address.NOWHERE


@pytest.mark.parametrize("comment", LIKE_MAGICS)
def test_a_comment_that_looks_like_a_magic_stays_one(tmp_path, comment):
    script = tmp_path / "01_x.py"
    body = f"{comment}\nx = 1\n"
    script.write_text(f"# %% [markdown]\n# # A\n\n# %%\n{body}")
    assert build.read(script).cells[1].source == body.strip()


def test_a_titled_cell_is_folded_and_no_other(tmp_path):
    script = tmp_path / "01_x.py"
    front = '# %% [markdown]\n# ---\n# title: "T"\n# ---\n'
    cells = "#| label: fig-a\n# @title Its picture\nx = 1", "y = 2  # @title no"
    script.write_text(front + "".join(f"\n# %%\n{c}\n" for c in cells))
    folded, plain = chapter(script).cells[2:]
    assert folded.source.startswith("# @title Its picture")
    assert folded.metadata.cellView == "form"
    assert folded.metadata.jupyter.source_hidden
    assert "cellView" not in plain.metadata
