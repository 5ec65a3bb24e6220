"""Grading a class: by processes here or on a cluster, whatever is killed on the way."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import nbformat
import psutil
import pytest

from autograder import doctor, grade, plugin, release, report
from autograder.__main__ import main
from autograder.jail import sandbox, warm
from autograder.judge import cluster, results
from autograder.make.build import instructor

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason=f"no jail here: {sandbox.INSTALL}"
)

LAB = """# %% [markdown]
# # A lab

# %% answer="double"
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% check="double-three" points=1
assert double(3) == 6

# %% check="double-many" points=2
### BEGIN HIDDEN TESTS
assert all(double(x) == 2 * x for x in range(20))
### END HIDDEN TESTS
"""
NAMES = [f"s{i}" for i in range(8)]
WRONG = "# [answer: double]\ndef double(x): return 6"
SLOW = "# [answer: double]\nimport time\ntime.sleep(1)\ndef double(x): return 2 * x"


@pytest.fixture
def course(tmp_path):
    """Eight submissions, every other one wrong, the rest slow."""
    script = tmp_path / "01_lab.py"
    script.write_text(LAB)
    release.release(script, tmp_path / "course")
    for i, name in enumerate(NAMES):
        nb = instructor(script)
        (cell,) = (c for c in nb.cells if c.id == "double")
        cell.source = SLOW if i % 2 else WRONG
        here = tmp_path / f"course/submitted/{name}/01_lab"
        here.mkdir(parents=True)
        nbformat.write(nb, here / "01_lab.ipynb")
    return tmp_path / "course"


def found(nb, master, cache):
    """Find what a worker has left; nbgrader's own step judges nothing again."""
    return results.found(cache / f"{results.key(nb, master, results.grader())}.json")


def points(course):
    rows = report.table("01_lab", course, NAMES)
    return {r["student"]: r.get("points") for r in rows}


EXPECTED = {name: "3" if i % 2 else "1" for i, name in enumerate(NAMES)}


def test_every_submission_is_judged_and_graded_once(course, monkeypatch):
    monkeypatch.setattr(plugin, "judged", found)
    assert grade.grade("01_lab", course) == []
    assert len(list((course / "judged").iterdir())) == 2  # two kinds of notebook
    assert points(course) == EXPECTED
    monkeypatch.setattr(results, "work", None)
    monkeypatch.setattr(plugin, "judged", None)
    assert grade.grade("01_lab", course) == []


def test_killed_at_any_moment_it_ends_with_the_same_grades(course):
    words = [sys.executable, "-m", "autograder", "--course", course, "grade", "01_lab"]
    for enough in (
        "judged/*.json",
        "graded/01_lab/*.json",
        "graded/01_lab/s[4-7].json",
    ):
        run = subprocess.Popen(words, start_new_session=True)
        family = psutil.Process(run.pid)
        while not list(course.glob(enough)) and run.poll() is None:
            time.sleep(0.01)
        left = family.children(recursive=True)
        assert run.poll() is None
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        assert psutil.wait_procs(left, timeout=10)[1] == []
    assert set(points(course)) == set(NAMES)
    subprocess.run(words, check=True)
    assert points(course) == EXPECTED


def test_a_judge_that_dies_costs_only_itself_and_is_tried_again(course, monkeypatch):
    def work(by, nb, master):
        if "time.sleep" in str(nb):
            return warm.own().call(9.0, os._exit, 1)
        return real(by, nb, master)

    real = results.work
    monkeypatch.setattr(results, "work", work)
    troubles = grade.grade("01_lab", course)
    assert sorted(t.split(":")[0] for t in troubles) == NAMES[1::2]
    assert all("was killed" in t for t in troubles)
    monkeypatch.undo()
    assert grade.grade("01_lab", course) == []
    assert points(course) == EXPECTED


def test_a_full_disk_is_said_and_loses_nothing(course, monkeypatch):
    def full(file, outputs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(results, "keep", full)
    troubles = grade.grade("01_lab", course)
    assert len(troubles) == len(NAMES)
    assert all("No space left" in t for t in troubles)
    monkeypatch.undo()
    assert grade.grade("01_lab", course) == []
    assert points(course) == EXPECTED


def test_a_submission_that_cannot_be_read_stops_nobody(course):
    for i, text in enumerate(["", "{}", "[1]", '{"nbformat": 4}', "\udcff"]):
        here = course / f"submitted/bad{i}/01_lab"
        here.mkdir(parents=True)
        (here / "01_lab.ipynb").write_text(text, errors="surrogateescape")
    (course / "submitted/s1/01_lab/01_lab.ipynb").chmod(0)
    troubles = grade.grade("01_lab", course)
    assert {t.split(":")[0] for t in troubles} >= {f"bad{i}" for i in range(5)}
    assert points(course)["s0"] == "1"


def test_a_lost_gradebook_is_filled_again(course):
    assert grade.grade("01_lab", course) == []
    (course / "gradebook.db").unlink()
    with pytest.raises(RuntimeError, match="01_lab: the gradebook knows no such lab"):
        grade.grade("01_lab", course)
    release.release(course.parent / "01_lab.py", course)
    assert grade.grade("01_lab", course) == []
    assert points(course) == EXPECTED


def test_a_result_that_was_half_written_is_found_again(course):
    assert grade.grade("01_lab", course) == []
    for file in [*course.glob("judged/*.json"), *course.glob("graded/*/*.json")]:
        file.write_text(file.read_text()[:-9])
    assert grade.grade("01_lab", course) == []
    assert points(course) == EXPECTED


def test_a_second_grader_is_refused(course, capsys):
    with (course / ".grading").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["--course", str(course), "grade", "01_lab"]) == 1
    assert "graded by another process" in capsys.readouterr().err


def test_without_a_jail_nothing_is_graded_unless_told_so(course, monkeypatch, capsys):
    which = shutil.which
    hidden = lambda name, *a, **k: None if name == "bwrap" else which(name, *a, **k)  # noqa: E731
    monkeypatch.setattr(shutil, "which", hidden)
    words = ["--course", str(course), "grade", "01_lab"]
    assert main(words) == 1
    assert "install bubblewrap" in capsys.readouterr().err
    assert not (course / "judged").exists()
    monkeypatch.setenv(sandbox.OPEN, "0")  # which the flag sets, and this undoes
    assert main([*words, "--unjailed"]) == 0
    assert "NO JAIL" in capsys.readouterr().err
    assert points(course) == EXPECTED


@pytest.fixture
def scheduler(monkeypatch):
    """A Dask cluster of two processes; its address and its workers' processes."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, dashboard_address=None
    ) as found:
        yield found


@pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed")
def test_a_cluster_gives_the_same_grades_though_a_worker_is_killed(course, scheduler):
    killed = []

    def kill():
        while not list(course.glob("judged/*.json")):
            time.sleep(0.05)
        worker = next(iter(scheduler.workers.values()))
        killed.append(worker.pid)
        os.kill(worker.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    assert grade.grade("01_lab", course, scheduler.scheduler_address) == []
    assert len(killed) == 1
    assert points(course) == EXPECTED


def test_a_cluster_that_does_not_answer_is_said(course, capsys, monkeypatch):
    dask = pytest.importorskip("dask")
    words = ["--course", str(course), "grade", "01_lab", "--dask", "tcp://127.0.0.1:1"]
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        assert main(words) == 1
    assert "127.0.0.1:1" in capsys.readouterr().err


def test_a_worker_with_another_autograder_is_refused(course):
    with pytest.raises(RuntimeError, match="another autograder"):
        results.work("old", None, None)


def test_the_limits_a_result_was_found_under_are_part_of_its_name(monkeypatch):
    before = results.grader()
    monkeypatch.setattr("autograder.judge.evidence.CELL", 1.0)
    assert results.grader() != before


def test_workers_without_dask_say_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(RuntimeError, match="pip install"), cluster.workers("tcp://x:1"):
        pass


def test_the_doctor_is_asked_before_anything_is_graded(course, monkeypatch):
    def ill():
        raise RuntimeError("no jail opens")

    monkeypatch.setattr(doctor, "quick", ill)
    assert main(["--course", str(course), "grade", "01_lab"]) == 1
    assert not (course / "judged").exists()
