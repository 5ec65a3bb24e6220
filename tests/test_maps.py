"""Each chapter's map leads to headings, laws and exercises that exist."""

import importlib
import re

import pypandoc
import pytest

from autograder.make.address import ROOT
from tools import maps
from tools.demo import mistakes

STEMS = [p.stem for p in maps.files()]
CHAPTERS = sorted(p.stem for p in ROOT.glob("chapters/[0-9]*.py"))


def headings(stem):
    text = (ROOT / f"chapters/{stem}.py").read_text()
    return set(re.findall(r"(?m)^# ###? (.*)$", text))


def exercises(stem):
    text = (ROOT / f"labs/{stem}.py").read_text()
    return set(re.findall(r'(?m)^# %% .*(?:answer|essay)="([\w-]+)"', text))


def test_every_chapter_has_a_map_and_the_page_is_current():
    assert STEMS == CHAPTERS
    assert maps.PAGE.read_text() == maps.page()


@pytest.mark.parametrize("stem", STEMS)
def test_objectives_lead_to_sections_laws_and_exercises(stem):
    found = [r for r in maps.rows(ROOT / f"site/maps/{stem}.csv")]
    objectives = [r for r in found if r["kind"] == "objective"]
    assert len(objectives) >= 5
    assert {r["kind"] for r in found} == set(maps.TABLES)
    for row in objectives:
        assert row["section"] in headings(stem), row
        for law in filter(None, row["laws"].split("; ")):
            module, name = law.split(".")
            assert hasattr(importlib.import_module(f"mlsyscore.{module}"), name), law
    asked = {e for r in objectives for e in r["exercise"].split("; ") if e}
    assert asked <= exercises(stem)
    answers = {n for n in exercises(stem) if n in mistakes(stem).WRONG}
    assert answers <= asked, f"no objective asks for {answers - asked}"


@pytest.mark.parametrize("stem", STEMS)
def test_five_beliefs_meet_a_section_or_a_mistake(stem):
    found = maps.rows(ROOT / f"site/maps/{stem}.csv")
    beliefs = [r for r in found if r["kind"] == "misconception"]
    assert len({r["what"] for r in beliefs}) >= 5
    for row in beliefs:
        assert row["section"] or row["exercise"], row
        assert row["section"] in headings(stem) | {""}, row
        if row["exercise"]:
            answer, _, mistake = row["exercise"].partition(": ")
            assert mistake in mistakes(stem).WRONG[answer], row


@pytest.mark.parametrize("stem", STEMS)
def test_a_link_is_the_anchor_that_pandoc_makes(stem):
    for heading in headings(stem):
        made = pypandoc.convert_text(f"## {heading}\n", "html", format="markdown")
        assert f'id="{maps.anchor(heading)}"' in made, heading
