"""The essays graded by hand: nbgrader's formgrader in JupyterLab, in a real browser."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from selenium.common.exceptions import (
    NoAlertPresentException,
    StaleElementReferenceException,
)
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from test_course import BROWSER, EVIL, SHOWS, SMALL

from autograder import release, report
from autograder.__main__ import main

DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(
        shutil.which("bwrap") is None, reason="no jail here: apt-get install bubblewrap"
    ),
    pytest.mark.skipif(
        BROWSER is None or DRIVER is None,
        reason="no browser to drive: apt-get install chromium chromium-driver",
    ),
]
LAB, RIGHT = "01_lab", "def double(x):\n    return x + x"
ESSAY, COMMENT = "Because two threes are six.", "Say it with a number."
HERE = "RUNTIME/jpserver-*.json"  # where Jupyter says how it is reached
QUIET = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic"]
QUIET += ["--no-first-run", "--disable-background-networking", "--disable-sync"]
QUIET += ["--disable-component-update", "--window-size=1280,1000"]
QUIET += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


def hand_in(course, **answers):
    """Collect the notebooks of some students, an answer and an essay; grade them."""
    download = course.parent / "download"
    download.mkdir(exist_ok=True)
    for student, (answer, essay) in answers.items():
        nb = nbformat.read(course / f"release/{LAB}/{LAB}.ipynb", as_version=4)
        by = {c.id: c for c in nb.cells}
        by["double"].source, by["why"].source = f"# [answer: double]\n{answer}", essay
        nbformat.write(nb, download / f"{student}.ipynb")
    words = ["--course", str(course)]
    roster = ["--roster", str(course.parent / "roster.csv")]
    assert main([*words, "collect", LAB, str(download), *roster]) == 0
    assert main([*words, "grade", LAB]) == 0


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A lab that ada answered and whose grader eve attacks."""
    here = tmp_path_factory.mktemp("formgrader")
    (here / f"{LAB}.py").write_text(SMALL)
    (here / "roster.csv").write_text("id\nada\neve\n")
    release.release(here / f"{LAB}.py", here / "course")
    hand_in(here / "course", ada=(RIGHT, ESSAY), eve=(SHOWS, EVIL))
    return here / "course"


@pytest.fixture(scope="module")
def server(course, tmp_path_factory):
    """JupyterLab as installed, started in the course folder; the URL of its page."""
    own = tmp_path_factory.mktemp("jupyter")
    kinds = ("CONFIG", "DATA", "RUNTIME")
    env = os.environ | {f"JUPYTER_{kind}_DIR": str(own / kind) for kind in kinds}
    words = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0"]
    with (own / "log").open("w") as log:
        words = [sys.executable, "-m", "jupyterlab", *words]
        run = subprocess.Popen(words, cwd=course, env=env, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 60
        while not (said := "".join(map(Path.read_text, own.glob(HERE)))).endswith("}"):
            assert run.poll() is None, (own / "log").read_text()
            assert time.monotonic() < end, (own / "log").read_text()
            time.sleep(0.1)
        at = json.loads(said)
        yield f"{at['url']}lab?token={at['token']}"
    finally:
        run.terminate()
        run.wait()


@pytest.fixture(scope="module")
def browser(server, tmp_path_factory):
    """A browser that can reach nothing but this machine, at formgrader's first page."""
    options = ChromeOptions()
    options.binary_location = shutil.which(BROWSER)
    for flag in [*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"]:
        options.add_argument(flag)
    driver = Chrome(options=options, service=ChromeService(DRIVER))
    try:
        driver.get(server)
        click(driver, ".lm-MenuBar-itemLabel", "Nbgrader")
        click(driver, ".lm-Menu-itemLabel", "Formgrader")
        frame = wait(driver, lambda d: d.find_elements(By.TAG_NAME, "iframe"))[0]
        driver.get(frame.get_attribute("src"))  # the same page, out of its frame
        yield driver
    finally:
        driver.quit()


def wait(driver, condition):
    """Wait until a condition holds, on whichever page is there by then."""
    changed = [StaleElementReferenceException]
    return WebDriverWait(driver, 30, 0.1, changed).until(condition)


def click(driver, where, text):
    """Click what stands on the page under this text, once it is there."""

    def clicked(d):
        found = d.find_elements(By.CSS_SELECTOR, where)
        shown = [x for x in found if x.is_displayed() and x.text.strip() == text]
        for x in shown[:1]:
            x.click()
        return shown

    wait(driver, clicked)


def submission(driver, student):
    """Go to one student's page as an instructor does, from list to list."""
    driver.get(driver.current_url.split("/formgrader")[0] + "/formgrader")
    click(driver, "a", "Manual Grading")
    for page in (LAB, f"{LAB}/{LAB}"):
        click(driver, "table a", LAB)
        wait(driver, lambda d, end=page: d.current_url.endswith(f"gradebook/{end}"))
    wait(driver, lambda d: "Submission #2" in d.find_element(By.TAG_NAME, "table").text)
    click(driver, "button", "Show All Names")
    click(driver, "table a", student)
    for held in ("grades", "comments"):
        ready = f"return window.formgrader?.{held}?.loaded"
        wait(driver, lambda d, script=ready: d.execute_script(script))


@pytest.fixture(scope="module")
def by_hand(browser):
    """Grade ada's essay: type a score and a comment, and wait until both are saved."""
    submission(browser, "ada")
    count = "window.saved = 0; $(document).on('finished_saving', () => window.saved++)"
    browser.execute_script(count)
    browser.find_element(By.ID, "why").send_keys("1.5")
    browser.find_element(By.ID, "why-comment").send_keys(COMMENT)
    browser.execute_script("document.activeElement.blur()")
    wait(browser, lambda d: d.execute_script("return window.saved") == 2)


def essay(course, student="ada"):
    """Return what the gradebook holds of an essay."""
    with Gradebook(f"sqlite:///{course}/gradebook.db", "mlsys") as book:
        where = ("why", LAB, LAB, student)
        found, comment = book.find_grade(*where), book.find_comment(*where)
        return found.manual_score, comment.manual_comment, found.needs_manual_grade


def test_before_the_hand_grade_the_report_asks_for_it(course):
    (ada,) = report.table(LAB, course, ["ada"])
    assert (ada["state"], ada["points"]) == ("essay to grade", "1")


def test_the_score_and_the_comment_typed_in_the_browser_are_kept(course, by_hand):
    assert essay(course) == (1.5, COMMENT, False)


def test_the_page_shows_them_again(browser, by_hand):
    submission(browser, "ada")
    shown = [browser.find_element(By.ID, x) for x in ("why", "why-comment")]
    assert [x.get_attribute("value") for x in shown] == ["1.5", COMMENT]


def test_the_report_counts_the_essay_and_asks_no_more(course, by_hand):
    ada, eve = report.table(LAB, course, ["ada", "eve"])
    assert (ada["state"], ada["why"], ada["points"]) == ("graded", "1.5", "2.5")
    assert (eve["state"], eve["why"], eve["points"]) == ("essay to grade", "0", "1")


def test_feedback_shows_the_comment_and_the_score(course, by_hand):
    page = report.feedback(LAB, course, "ada").read_text()
    assert COMMENT in page
    assert "1.5 of 2" in page
    assert COMMENT not in report.feedback(LAB, course, "eve").read_text()


def test_a_hostile_submission_runs_nothing_on_the_graders_page(browser):
    submission(browser, "eve")
    assert "kept words" in browser.find_element(By.TAG_NAME, "body").text
    assert browser.title == LAB
    links = "document.querySelectorAll('a[href^=javascript i]').forEach(a => a.click())"
    browser.execute_script(links)
    hover = "for (const x of document.querySelectorAll('*'))"
    browser.execute_script(f"{hover} x.dispatchEvent(new Event('mouseover'))")
    assert browser.title == LAB
    with pytest.raises(NoAlertPresentException):
        _ = browser.switch_to.alert
    browser.execute_script(f"document.body.innerHTML = {json.dumps(EVIL)}")
    wait(browser, lambda d: d.title == "HACKED")  # so this browser does run such things


def test_a_check_that_is_mended_keeps_the_hand_grade(course, browser, by_hand):
    script = course.parent / f"{LAB}.py"
    script.write_text(SMALL.replace("double(3) == 6", "double(4) == 9"))
    release.release(script, course)
    assert main(["--course", str(course), "grade", LAB]) == 0
    (ada,) = report.table(LAB, course, ["ada"])
    assert (ada["double-three"], ada["why"], ada["points"]) == ("0", "1.5", "1.5")
    assert essay(course) == (1.5, COMMENT, False)
    submission(browser, "ada")  # the server was up all the time, and shows it too
    check, why = (browser.find_element(By.ID, x) for x in ("double-three", "why"))
    assert check.get_attribute("placeholder") == "0"
    assert why.get_attribute("value") == "1.5"


def test_another_essay_keeps_the_hand_grade_and_asks_for_a_look(course, by_hand):
    hand_in(course, ada=(RIGHT, "No, because I say so."))
    assert essay(course) == (1.5, COMMENT, True)
    (ada,) = report.table(LAB, course, ["ada"])
    assert ada["state"] == "essay to grade"
