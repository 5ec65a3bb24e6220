"""The demonstration class: expected grades, after a kill too."""

import copy
import csv
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbconvert import HTMLExporter
from nbformat.v4 import new_markdown_cell
from nbgrader.server_extensions.formgrader import handlers

from autograder import collect, doctor, grade, plugin, release, report
from autograder.__main__ import main
from autograder.make.address import ROOT
from tools import demo
from tools.course import EXPECTED, graded

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="no jail here: apt-get install bubblewrap"
)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return tmp_path_factory.mktemp("a course") / "course"


@pytest.fixture(scope="module")
def rows(course):
    with pytest.MonkeyPatch.context() as patch:  # who loops may loop for less long
        patch.setenv("AUTOGRADER_CELL_SECONDS", "5")
        return graded(course)


def expected():
    with EXPECTED.open(newline="") as file:
        return list(csv.DictReader(file))


def filled(rows):
    return [{k: r.get(k, "") for k in expected()[0]} for r in rows]


def test_the_class_gets_the_expected_grades(rows):
    assert filled(rows) == expected()


def test_feedback_teaches_and_hides_the_hidden_checks(course, rows):
    page = report.feedback(demo.LAB, course, "dan").read_text()
    assert "whole tensor goes across, not a shard" in page
    script = (ROOT / f"labs/{demo.LAB}.py").read_text()
    parts = script.split("### BEGIN HIDDEN TESTS")[1:]
    hidden = "\n".join(p.split("### END")[0] for p in parts).split("\n")
    lines = [x.strip() for x in hidden if len(x.strip()) > 30]
    lines = [x for x in lines if script.count(x) == 1]
    assert len(lines) > 10
    assert not [x for x in lines if x in page]


def test_a_second_collection_changes_nothing(course, rows):
    def state():
        return {p: p.read_bytes() for p in sorted(course.glob("submitted/*/*/*.ipynb"))}

    before = state()
    collect.collect(course / "download", demo.LAB, course, course / "roster.csv")
    assert state() == before


@pytest.mark.parametrize("sign", [*"=+-@\t\r\n", "  =", "＝", "＠"])
def test_a_spreadsheet_gets_no_formula(tmp_path, sign):
    rows = [{"student": f"{sign}cmd|' /C calc'!A0", f"{sign}x": "1"}]
    report.write(rows, tmp_path / "g.csv")
    with (tmp_path / "g.csv").open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert cells == ["student", f"'{sign}x", f"'{sign}cmd|' /C calc'!A0", "1"]


SMALL = """# %% [markdown]
# # A lab

# %% answer="double"
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% check="double-three" points=1
assert double(3) == 6

# %% [markdown] essay="why" points=2
# YOUR ANSWER HERE
"""
SCRIPT = "document.title=`HACKED`"
EVIL = f"""
<script>{SCRIPT}</script> <img src=x onerror="{SCRIPT}"> [link](javascript:{SCRIPT})
<svg onload="{SCRIPT}"><a xlink:href="javascript:{SCRIPT}">x</a></svg>
<a href="javascript:{SCRIPT}">a</a> <iframe src="javascript:{SCRIPT}"></iframe>
<div style="position:fixed" onmouseover="{SCRIPT}">kept words</div>
"""
SHOWS = f"""
def double(x):
    return 2 * x
from IPython.display import HTML, SVG, Javascript, Markdown, display
evil = {EVIL!r}
display(HTML(evil), Markdown(evil), Javascript({SCRIPT!r}))
svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>{SCRIPT}</script></svg>'
display({{"image/svg+xml": svg}}, raw=True)
size = {{"image/png": {{"width": "1 onerror={SCRIPT}"}}}}
display({{"image/png": "AAAA"}}, raw=True, metadata=size)
display({{"image/png": '"><script>{SCRIPT}</script>'}}, raw=True)
print(evil)
raise ValueError(evil)
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A course of one small lab, where eve's notebook attacks whoever reads it."""
    here = tmp_path_factory.mktemp("small")
    (here / "01_lab.py").write_text(SMALL)
    released = nbformat.read(release.release(here / "01_lab.py", here / "course"), 4)
    nb = copy.deepcopy(released)
    by = {c.id: c for c in nb.cells}
    by["double"].source, by["why"].source = f"# [answer: double]{SHOWS}", EVIL
    nb.cells.append(new_markdown_cell(EVIL))
    (here / "download").mkdir()
    (here / "download/eve.ipynb").write_text(nbformat.writes(nb))
    (here / "download/bob.ipynb").write_text("damaged")
    (here / "roster.csv").write_text("id\neve\nbob\n-cat\n")
    words = ["--course", str(here / "course")]
    roster = ["--roster", str(here / "roster.csv")]
    assert main([*words, "collect", "01_lab", str(here / "download"), *roster]) == 1
    (here / "course/submitted/dan/01_lab").mkdir(parents=True)
    assert main([*words, "grade", "01_lab"]) == 0
    assert main([*words, "report", "01_lab"]) == 0
    return here / "course"


def test_the_report_lists_absent_and_unreadable_students(small):
    with (small / "01_lab.csv").open(newline="") as file:
        rows = {r["student"]: (r["state"], r["points"]) for r in csv.DictReader(file)}
    assert rows == {
        "eve": ("essay to grade", "1"),
        "bob": ("nothing gradable", ""),
        "'-cat": ("nothing gradable", ""),
    }


BROWSER = next(filter(shutil.which, ["chromium", "chromium-browser", "chrome"]), None)


def title(page):
    """Open a page in a browser, follow its links to scripts; return the last title."""
    links = "document.querySelectorAll('a[href^=javascript i]')"
    copied = page.with_suffix(".clicked.html")
    click = f"<script>{links}.forEach(a => a.click())</script>"
    copied.write_text(page.read_text() + click)
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=5000",
    ]
    offline = "--host-resolver-rules=MAP * ~NOTFOUND"
    words = [BROWSER, *flags, offline, "--dump-dom", copied.as_uri()]
    dom = subprocess.run(words, check=True, capture_output=True, timeout=120).stdout
    found = re.search("<title>(.*?)</title>", dom.decode())
    return found[1] if found else dom.decode()  # a script may replace the page


@pytest.mark.skipif(BROWSER is None, reason="no browser here: install chromium")
@pytest.mark.parametrize("stock", [False, True])
def test_a_submission_runs_no_script_in_its_readers_browser(small, stock, tmp_path):
    if stock:
        env = os.environ | {
            "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
        }
        words = ["nbgrader", "generate_feedback", "01_lab", "--force"]
        subprocess.run(words, cwd=small, env=env, check=True)
    page = small / "feedback/eve/01_lab/01_lab.html"
    assert "kept words" in page.read_text()
    assert "&lt;p&gt;" not in page.read_text()  # it is still a page to read
    assert title(page) == "01_lab"
    (tmp_path / "evil.html").write_text(f"<title>safe</title>{EVIL}")
    assert "HACKED" in title(tmp_path / "evil.html")


@pytest.mark.skipif(BROWSER is None, reason="no browser here: install chromium")
def test_the_graders_own_page_is_as_safe(small, tmp_path):
    c = plugin.api(small).config.copy()
    c.HTMLExporter.template_name = "formgrade"
    c.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    graded, where = small / "autograded/eve/01_lab", {"index": 0, "total": 1}
    exporter = HTMLExporter(config=c)
    page, _ = exporter.from_filename(str(graded / "01_lab.ipynb"), resources=where)
    (tmp_path / "page.html").write_text(page)
    assert "kept words" in page
    assert title(tmp_path / "page.html") == ""


def test_a_folder_without_the_labs_file_stops_nobody(small):
    assert grade.grade("01_lab", small) == []


def test_a_jail_that_hangs_is_said_to_hang(monkeypatch):
    hangs = [sys.executable, "-c", "import time; time.sleep(9)"]
    monkeypatch.setattr("autograder.jail.sandbox.command", lambda *given: hangs)
    monkeypatch.setattr(doctor, "PATIENCE", 0.5)
    with pytest.raises(RuntimeError, match=r"took over 0\.5 s"):
        doctor.quick()
    assert main(["doctor"]) == 1
