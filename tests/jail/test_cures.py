"""Each place where no jail opens is recognised, and its cure said, narrowest first."""

import os
import subprocess
import sys

import pytest

from autograder import doctor
from autograder.__main__ import main
from autograder.jail import cures
from autograder.make.address import ROOT

SAID = {  # what bubblewrap printed in reports of each case
    "bwrap: setting up uid map: Permission denied": "AppArmor",
    "bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted": "AppArmor",
    "bwrap: No permissions to create new namespace, likely because the kernel does not "
    "allow non-privileged user namespaces.": "kernel lets ordinary users make no",
    "bwrap: Creating new namespace failed: Operation not permitted": "kernel lets",
    "bwrap: Unknown option --size": "older than 0.8",
}


@pytest.fixture
def bwrap(tmp_path, monkeypatch):
    """Let bubblewrap only print something, and fail."""

    def prints(said, status=1):
        file = tmp_path / "bwrap"
        file.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit {status}\n")
        file.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return prints


@pytest.mark.parametrize("said", SAID)
def test_a_case_is_recognised_with_two_cures(bwrap, monkeypatch, said):
    monkeypatch.setattr(cures, "_contained", lambda: False)
    bwrap(said)
    with pytest.raises(RuntimeError) as caught:
        doctor.quick()
    told = str(caught.value)
    assert said in told
    assert SAID[said] in told
    commands = [line for line in told.splitlines() if line.startswith("  ")]
    assert len(commands) >= 2


@pytest.mark.parametrize("said", list(SAID)[:4])
def test_in_a_container_the_container_is_to_blame(bwrap, monkeypatch, said):
    monkeypatch.setattr(cures, "_contained", lambda: True)
    bwrap(said)
    told = cures.trouble()
    assert "docker run --security-opt seccomp=unconfined" in told
    assert told.index("seccomp=unconfined") < told.index("--privileged")
    assert "AppArmor" not in told


def test_the_narrow_cure_of_apparmor_comes_first():
    told = cures.explain("bwrap: setting up uid map: Permission denied", False)
    assert told.index("bwrap-userns-restrict") < told.index("sysctl")


def test_what_nobody_knows_is_said_as_it_is():
    assert cures.explain("bwrap: Can't find source path /x: No such file").endswith(
        "does not run here: bwrap: Can't find source path /x: No such file"
    )


@pytest.mark.parametrize(
    ("system", "release", "word"),
    [
        ("Darwin", "24.1.0", "Containerfile"),
        ("Windows", "11", "wsl --install"),
        ("Linux", "5.15.167.4-microsoft-standard-WSL2", "in this WSL"),
        ("Linux", "6.1.0", "apt-get install bubblewrap"),
    ],
)
def test_where_there_is_none_the_way_to_one_is_said(system, release, word):
    assert word in cures.missing(system, release)


def test_every_command_says_it(bwrap, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(cures, "_contained", lambda: False)
    bwrap("bwrap: setting up uid map: Permission denied")
    assert main(["doctor"]) == 1
    assert main(["--course", str(tmp_path), "grade", "01_lab"]) == 1
    assert capsys.readouterr().err.count("bwrap-userns-restrict") >= 2


def test_the_set_up_knows_it_with_nothing_installed(bwrap):
    bwrap("bwrap: setting up uid map: Permission denied")
    code = "import bootstrap; print(bootstrap.jail())"
    words = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = P; {code}"]
    words[-1] = f"P = [{str(ROOT / 'tools')!r}]; {words[-1]}"
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "bubblewrap does not run here" in done.stdout


def test_an_older_python_than_colabs_is_said():
    assert "SyntaxError" in doctor.python((3, 11))
    assert "SyntaxError" not in doctor.python((3, 13))
