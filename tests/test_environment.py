"""The three lists of what we need agree with pyproject.toml."""

import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from autograder.make.address import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def name(requirement):
    return re.match(r"[A-Za-z0-9_.-]+", requirement)[0].lower().replace("_", "-")


def wanted():
    extras = PROJECT["optional-dependencies"]
    lists = [PROJECT["dependencies"], *extras.values()]
    return {name(r) for found in lists for r in found} - {"mlsyscore"}


def pinned(lock):
    lines = (ROOT / "constraints" / lock).read_text().splitlines()
    return {name(x): x.split("==")[1] for x in lines if "==" in x}


def test_conda_brings_python_and_quarto_and_leaves_the_rest_to_pyproject():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = (x["pip"] for x in listed if isinstance(x, dict))
    assert pip == ["-e .[dev]"]
    assert f"python{PROJECT['requires-python']}" in listed
    conda = {name(x) for x in listed if isinstance(x, str)}
    assert "quarto" in conda
    assert not conda & wanted()


def test_the_lock_pins_everything_that_we_ask_for():
    assert wanted() <= set(pinned("ci.txt"))


@pytest.mark.parametrize("lock", ["ci.txt", "colab.txt"])
def test_the_locks_meet_our_lower_bounds(lock):
    def numbers(version):
        return [int(x) for x in re.findall(r"\d+", version)]

    extras = PROJECT["optional-dependencies"]
    asked = PROJECT["dependencies"] + extras["labs"]
    for requirement in asked:
        low = requirement.split(">=")[1]
        assert numbers(pinned(lock)[name(requirement)]) >= numbers(low)


def test_nothing_we_ask_for_has_a_cap():
    extras = PROJECT["optional-dependencies"]
    every = PROJECT["dependencies"] + [r for found in extras.values() for r in found]
    assert [r for r in every if re.search(r"<|==|~=", r)] == []


def test_importing_the_laws_imports_nothing_heavy():
    code = "import mlsyscore.collectives, sys; print(*sys.modules)"
    words = [sys.executable, "-c", code]
    loaded = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert not {"torch", "scipy", "matplotlib", "pandas"} & set(loaded.split())
