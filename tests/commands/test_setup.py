"""The course's set-up where not all of it can be had."""

import os
import shutil

import pytest

from autograder.jail import cures
from tools import course, demo


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine whose bubblewrap fails, and which has no Quarto."""
    bwrap = tmp_path / "bwrap"
    bwrap.write_text(
        "#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1"
    )
    bwrap.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.defpath}")
    monkeypatch.setattr(cures, "_contained", lambda: False)
    monkeypatch.setattr(course.notebooks, "main", lambda: None)
    monkeypatch.setattr(course, "COURSE", tmp_path / "course")
    return tmp_path / "course"


@pytest.mark.skipif(shutil.which("quarto", path=os.defpath), reason="Quarto is here")
def test_the_course_does_what_it_can_and_says_last_what_not(bare, capsys):
    assert course.main() == 0
    said = capsys.readouterr().out
    done, _, left = said.partition("Not done here")
    assert "Notebooks:" in done
    assert len(list((bare / "submitted").glob(f"*/{demo.LAB}"))) >= 8
    assert "uid map: Permission denied" in left
    assert left.index("bwrap-userns-restrict") < left.index("sysctl")
    assert "quarto.org" in left
