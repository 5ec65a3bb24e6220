"""The shape of mlsyscore: small modules, plain laws, one direction of imports."""

import ast
import importlib
import inspect
import re
import subprocess
import sys

import pytest
import yaml

from autograder.make.address import ROOT
from tools import symbols

SOURCES = sorted((ROOT / "mlsyscore").glob("*.py"))
LAWS = [ROOT / "mlsyscore" / f"{name}.py" for name in symbols.MODULES]


def functions(source):
    tree = ast.parse(source.read_text())
    return [f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)]


def test_the_package_is_small():
    lines = {p.name: len(p.read_text().splitlines()) for p in SOURCES}
    assert {name: n for name, n in lines.items() if n > 350} == {}
    machines = lines["device.py"] + lines["processes.py"]  # these hold no law
    assert sum(lines.values()) - machines <= 5000


def test_every_chapter_of_laws_has_its_module():
    assert {p.name for p in LAWS} <= {p.name for p in SOURCES}
    assert {p.stem for p in SOURCES} - {p.stem for p in LAWS} == {
        *("__init__", "units", "ranges", "elementwise", "catalog", "processes"),
        *("checks", "device"),
    }


@pytest.mark.parametrize("source", LAWS, ids=lambda p: p.stem)
def test_a_law_is_short_and_says_what_it_is(source):
    for f in functions(source):
        body = [
            s for s in f.body if not isinstance(getattr(s, "value", 0), ast.Constant)
        ]
        if body and not f.name.startswith("_"):
            assert body[-1].end_lineno - body[0].lineno < 12, f.name
            assert len([a for a in f.args.args if a.arg != "self"]) <= 5, f.name
            assert ast.get_docstring(f), f.name


@pytest.mark.parametrize("source", LAWS, ids=lambda p: p.stem)
def test_every_law_is_guarded_and_names_its_source(source):
    tree = ast.parse(source.read_text())
    for f in functions(source):
        if not f.name.startswith("_"):
            assert "law" in {ast.unparse(word) for word in f.decorator_list}, f.name
            assert "Source: " in ast.get_docstring(f), f.name
    for thing in (x for x in ast.walk(tree) if isinstance(x, ast.ClassDef)):
        assert "hold(self)" in ast.unparse(thing), thing.name


@pytest.mark.parametrize("source", LAWS, ids=lambda p: p.stem)
def test_a_module_imports_only_earlier_chapters(source):
    found = ast.walk(ast.parse(source.read_text()))
    ours = {x.module for x in found if isinstance(x, ast.ImportFrom) and x.level}
    order = symbols.CHAPTERS
    beside = {"hierarchy": "collectives", "queues": "fleet"}
    at = order.index(beside.get(source.stem, source.stem))
    allowed = {
        "units",
        "ranges",
        "elementwise",
        *order[:at],
        *(["queues"] if at >= 7 else []),
    }
    assert ours <= allowed


def test_importing_every_law_imports_nothing_heavy():
    code = "; ".join(f"import mlsyscore.{p.stem}" for p in [*LAWS, SOURCES[1]])
    words = [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"]
    loaded = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    heavy = {"torch", "scipy", "matplotlib", "pandas", "networkx", "simpy"}
    assert not heavy & set(loaded.split())


@pytest.mark.parametrize("source", LAWS, ids=lambda p: p.stem)
def test_no_bare_power_of_ten_or_time_constant(source):
    code = re.sub(r'(?s)""".*?"""|#[^\n]*|Range\([^)]*\)', "", source.read_text())
    assert re.findall(r"\b1e\d+|\b1024\b|\b3600\b|\b86400\b|\* 100\b", code) == []


def test_the_catalog_states_a_source_or_condition_on_each_line():
    lines = (ROOT / "mlsyscore/catalog.py").read_text().splitlines()
    above = ""
    for line in lines:
        above = line if line.startswith("#") else above
        if re.match(r"[A-Z][A-Z0-9_]* = ", line):
            assert "#" in line or ":" in above, line


def test_every_symbol_has_one_meaning_and_the_page_is_current():
    used = {
        (name, letter)
        for name in symbols.MODULES
        for letter in symbols.letters(importlib.import_module(f"mlsyscore.{name}"))
    }
    assert used == set(symbols.meanings())
    assert all(symbols.meanings().values())
    assert symbols.PAGE.read_text() == symbols.page()
    listed = yaml.safe_load((ROOT / "_quarto.yml").read_text())["book"]["chapters"]
    assert "site/symbols.qmd" in listed


def test_the_page_of_symbols_says_what_a_signature_says():
    from mlsyscore import collectives

    hints = inspect.signature(collectives.busbw).parameters
    rows = re.findall(r"\| `(\w+)` \| (.+?) \| (.+?) \|", symbols.page())
    assert set(hints) <= {letter for letter, _, _ in rows}
    assert ("n", "B") in {(letter, unit) for letter, _, unit in rows}
