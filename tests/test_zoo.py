"""Every submission of the zoo comes to what it must, and none to what it must not."""

import csv
import shutil
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from zoo import CASES, ours
from zoo.lab import POINTS, Case

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no jail here: apt-get install bubblewrap"
)
PLACES = ("/tmp", "/dev/shm", "/var/tmp", "/dev", "/root", "/usr", "/etc")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return ours.run(tmp_path_factory.mktemp("zoo"), CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_it_comes_to_what_is_expected(run, case):
    assert run.outcomes[case.name].differs(case) == []


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_it_learns_nothing_of_hidden_checks_or_of_others(run, case):
    assert run.leaks(case.name) == []


def test_no_file_that_leaves_the_grader_tells_of_a_hidden_part(run):
    told = run.told()
    assert len(told) >= 3
    assert {k: words for k, words in told.items() if words} == {}


def test_the_instructor_reads_why_a_hidden_part_fails(run):
    here = run.zoo.course / "autograded"
    cells = nbformat.read(here / "raises-secrets/01_zoo/01_zoo.ipynb", 4).cells
    shown = str([c.get("outputs") for c in cells])
    assert f"for the instructor: ValueError: it was {run.zoo.secret}" in shown
    assert "a hidden case of this check fails" in run.outcomes["raises-secrets"].text


def test_nothing_aborts(run):
    assert run.troubles == []


def test_no_process_is_left(run):
    assert run.left == []


def test_no_file_is_left(run):
    assert list((run.zoo.folder / "tmp").iterdir()) == []
    words = [*run.zoo.tokens.values(), "zoo.ipynb"]
    there = [p for place in PLACES for p in Path(place).glob("*")]
    assert [p for p in there if any(w in p.name for w in words)] == []


def test_nothing_is_written_beside_the_course(run):
    named = {p.name for p in run.zoo.folder.iterdir()}
    files = {"roster.csv", "late.zip", "01_zoo.py"}
    assert named == {"course", "download", "tmp"} | files


def test_nobody_reaches_the_host(run):
    assert run.reached == []


class Scripts(HTMLParser):
    """Collects what a browser would run or fetch that holds the attack's word."""

    def __init__(self, page):
        super().__init__()
        self.inside, self.found = "", []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        self.found += [(tag, a) for a, v in attrs if "HACKED" in (v or "")]

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside in ("script", "style") and "HACKED" in data:
            self.found.append((self.inside, data))


def test_no_page_runs_a_script(run):
    assert Scripts('<a onclick="HACKED"></a><script>HACKED</script>').found[1:]
    assert any("HACKED" in o.text for o in run.outcomes.values())
    assert [f for o in run.outcomes.values() for f in Scripts(o.page).found] == []


def test_no_page_is_larger_than_a_browser_likes(run):
    assert max(len(o.page) for o in run.outcomes.values()) < 4 << 20


def test_a_spreadsheet_gets_no_formula(run):
    files = sorted(run.zoo.course.glob("01_zoo*.csv"))
    assert len(files) >= 1
    for file in files:
        with file.open(newline="", encoding="utf-8") as stream:
            cells = [c for row in csv.reader(stream) for c in row if c]
        assert len(cells) > len(CASES)
        assert [c for c in cells if c.lstrip().startswith(("=", "+", "@", "-"))] == []


def test_the_words_that_must_not_leak_are_there_to_be_found(run):
    source = (run.zoo.course / "source/01_zoo/01_zoo.ipynb").read_text()
    assert source.count(run.zoo.canary) >= 4
    assert run.zoo.secret in source
    seen = [run.outcomes[c.name].text for c in CASES if c.taken and c.name != "other"]
    assert any(run.zoo.tokens["plain"] in text for text in seen)


def test_the_comparison_notices_what_is_wrong(run):
    graded = run.outcomes["plain"]
    assert graded.differs(Case("plain", lost=("scale",)))
    assert graded.differs(Case("plain", taken=False))
    assert graded.differs(Case("plain", says="no such words"))
    assert sum(graded.points.values()) == sum(POINTS.values())


def test_the_zoo_is_large(run):
    assert len({c.name for c in CASES}) == len(CASES) >= 45
