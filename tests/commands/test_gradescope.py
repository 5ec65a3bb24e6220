"""A lab's zip, laid out and run as Gradescope does, grades whatever is handed in."""

import copy
import json
import math
import os
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import nbformat
import psutil
import pytest

from autograder.__main__ import main
from autograder.gradescope import NotTaken, submission
from autograder.jail.sandbox import NOBODY
from autograder.make.address import ROOT
from autograder.make.build import instructor
from tools.demo import answered, mistakes

LAB, BIG = "01_twice", "06_collective_communication"
CANARY = secrets.token_hex(16)
SCRIPT = f'''# %% [markdown]
# # Twice

# %% answer="double"
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% check="double-three" points=1
assert double(3) == 6, f"double(3) is 6, not {{double(3)}}"

# %% check="double-any" points=3
assert double(0) == 0, "double(0) is 0"
### BEGIN HIDDEN TESTS
kept = "{CANARY}"
assert double(10**6) == 2 * 10**6, "a large number is doubled alike"
### END HIDDEN TESTS

# %% answer="half"
def half(x):
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION

# %% check="half-four" points=2
assert half(4) == 2

# %% [markdown] essay="why" points=2
# YOUR ANSWER HERE
'''
HALF = "def half(x):\n    return x / 2"
SOLVED = {"double": "def double(x):\n    return x + x", "half": HALF}
POINTS = {"double-three": 1, "double-any": 3, "half-four": 2}
SHOWN = {"visible", "hidden", "after_due_date", "after_published"}
FIELDS = {"score", "execution_time", "output", "output_format", "visibility"}
FIELDS |= {"stdout_visibility", "tests"}
OF_A_TEST = {"score", "max_score", "status", "name", "output", "output_format"}

root = os.getuid() == 0
confined = pytest.mark.skipif(
    shutil.which("bwrap") is None and not root, reason="no jail here, and not root"
)
as_root = pytest.mark.skipif(
    not root, reason="only root can run a kernel as user nobody"
)


def released(script, here):
    """Release a lab with its zip; return the zip."""
    made = here / "lab.zip"
    course = ["--course", str(here / "course")]
    assert main([*course, "release", str(script), "--gradescope", str(made)]) == 0
    return made


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    here = tmp_path_factory.mktemp("small")
    (here / f"{LAB}.py").write_text(SCRIPT)
    return released(here / f"{LAB}.py", here)


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    here = tmp_path_factory.mktemp("big")
    return released(ROOT / "labs" / f"{BIG}.py", here)


class Gradescope:
    """Its folder, open to every user, as its own is."""

    def __init__(self, folder):
        self.root, self.said = Path(folder), ""
        self.root.chmod(0o755)
        self.submission = self.root / "submission"
        for name, mode in {"source": 0o755, "results": 0o777, "drop": 0o777}.items():
            (self.root / name).mkdir()
            (self.root / name).chmod(mode)
        self.submission.mkdir()
        (self.root / "venv" / "bin").mkdir(parents=True)
        python = self.root / "venv" / "bin" / "python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)

    def install(self, file):
        with zipfile.ZipFile(file) as read:
            read.extractall(self.root / "source")
        script = self.root / "run_autograder"
        script.write_bytes((self.root / "source" / "run_autograder").read_bytes())
        script.chmod(0o755)

    def run(self, **environment):
        """Run it on what lies in its submission; return the results, found valid."""
        known = {k: v for k, v in os.environ.items() if k != "AUTOGRADER_UNJAILED"}
        known |= {"AUTOGRADER_ROOT": str(self.root), **environment}
        done = subprocess.run(
            ["./run_autograder"],
            cwd=self.root,
            env=known,
            capture_output=True,
            text=True,
        )
        self.said = done.stdout + done.stderr
        return valid((self.root / "results" / "results.json").read_text())


@pytest.fixture
def gradescope(small):
    with tempfile.TemporaryDirectory(prefix="gradescope-") as folder:
        made = Gradescope(folder)
        made.install(small)
        yield made


@pytest.fixture
def unjailed(tmp_path):
    """Return an environment in which bubblewrap may make no namespace."""
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho no namespaces >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    return {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}


def impossible(constant):
    raise ValueError(f"{constant} is no JSON")


def valid(text):
    """Return the results that a text holds, in the fields that Gradescope documents."""
    found = json.loads(text, parse_constant=impossible)
    assert set(found) <= FIELDS
    assert found["visibility"] in SHOWN
    assert found["stdout_visibility"] == "hidden"
    assert isinstance(found.get("execution_time", 0), int | float)
    for test in [found, *found["tests"]]:
        assert test["output_format"] == "text"
        assert all(c.isprintable() or c in "\n\t" for c in test["output"])
    for test in found["tests"]:
        assert set(test) <= OF_A_TEST | {"visibility"}
        assert test["visibility"] in SHOWN
        if "score" in test:
            assert 0 <= test["score"] <= test["max_score"]
            assert test["status"] in ("passed", "failed")
    total = math.fsum(test.get("score", 0) for test in found["tests"])
    assert found["score"] == total
    return found


def notebook(answers):
    """Return a submission of the small lab as the bytes of its file."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / f"{LAB}.py"
        script.write_text(SCRIPT)
        nb = copy.deepcopy(instructor(script))
    for cell in nb.cells:
        blank = f"def {cell.id}(x):\n    raise NotImplementedError"
        if cell.id in SOLVED:
            cell.source = answers.get(cell.id, blank)
        if cell.id in POINTS:
            cell.source = "# locked"
    return nbformat.writes(nb).encode()


def scores(found):
    return {t["name"]: t["score"] for t in found["tests"] if "score" in t}


def said(found, name):
    (test,) = (t for t in found["tests"] if t["name"] == name)
    return test["output"]


@pytest.fixture(params=["jailed", pytest.param("nobody", marks=as_root)])
def environment(request, unjailed):
    return unjailed if request.param == "nobody" else {}


@confined
def test_a_solution_earns_every_point(gradescope, environment):
    (gradescope.submission / "Mein Übungsblatt (1).IPYNB").write_bytes(notebook(SOLVED))
    found = gradescope.run(**environment)
    assert scores(found) == POINTS
    essay = next(t for t in found["tests"] if t["name"] == "why")
    assert (essay["max_score"], "score" in essay) == (2, False)
    assert "graded by hand" in essay["output"]
    assert ("NO JAIL" in gradescope.said) == bool(environment)


@confined
def test_a_blank_earns_none_and_a_hidden_verdict_waits_for_the_due_date(gradescope):
    (gradescope.submission / f"{LAB}.ipynb").write_bytes(notebook({}))
    found = gradescope.run()
    assert scores(found) == dict.fromkeys(POINTS, 0)
    late = {t["name"] for t in found["tests"] if t["visibility"] == "after_due_date"}
    assert late == {"double-any"}


MARKUP = "def double(x):\n    return '<script>alert(1)</script>\\0\\x1b[31m'"
STUCK = "def half(x):\n    while True: pass"


@confined
def test_a_mistake_is_taught_in_plain_text_and_costs_only_itself(gradescope):
    bad = notebook({"double": MARKUP, "half": STUCK})
    (gradescope.submission / "a.ipynb").write_bytes(bad)
    found = gradescope.run(AUTOGRADER_CELL_SECONDS="2")
    assert scores(found) == dict.fromkeys(POINTS, 0)
    taught = said(found, "double-three")
    assert taught == "double(3) is 6, not <script>alert(1)</script>?"
    assert said(found, "double-any") == "double(0) is 0"
    late = said(found, "half-four")  # by which of two clocks, a busy machine decides
    assert "over 2 s" in late or "longer than one check" in late
    assert CANARY not in json.dumps(found)


NOTES = """
seen = []
def double(x):
    seen.append(x)
    if x > 999: raise type(f"Told{x}", (ValueError,), {})(f"told {seen}")
    return 2 * x
"""
TELLS = "def half(x): raise type(f'Told{max(seen)}', (ValueError,), {})(f'told {seen}')"


@confined
def test_no_test_tells_what_a_hidden_part_calls_an_answer_with(gradescope):
    bad = notebook({"double": NOTES, "half": TELLS})
    (gradescope.submission / "a.ipynb").write_bytes(bad)
    found = gradescope.run()
    assert scores(found) == {"double-three": 1, "double-any": 0, "half-four": 0}
    assert said(found, "double-any") == "a hidden case of this check fails"
    assert "told [3, 0]" in said(found, "half-four")
    assert not any(word in json.dumps(found) for word in ("1000000", CANARY))


def zipped(**files):
    def write(folder):
        with zipfile.ZipFile(folder / "hand in.zip", "w") as made:
            for name, data in files.items():
                made.writestr(f"work/{name}.ipynb", data)

    return write


def lying(**files):
    def write(folder):
        for name, data in files.items():
            (folder / f"{name}.ipynb").write_bytes(data)

    return write


OTHER = nbformat.writes(nbformat.v4.new_notebook()).encode()


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lying(), "no file was handed in"),
        (lying(a=b""), "a.ipynb: not a notebook"),
        (lying(a=OTHER), f"a.ipynb: no cell of {LAB}"),
        (lying(a=notebook(SOLVED), b=notebook({})), "one notebook"),
        (zipped(a=notebook(SOLVED), b=notebook({})), "2 notebooks"),
        (zipped(), "no notebook"),
        (lambda f: (f / "a.zip").write_bytes(b"PK"), "a.zip: cannot be read"),
        (lambda f: (f / "a.ipynb").symlink_to("/etc/passwd"), "a link"),
        (lambda f: (f / "a.pdf").write_bytes(b"%PDF"), "a.pdf: not a notebook"),
    ],
)
def test_what_cannot_be_graded_says_why(gradescope, write, message):
    write(gradescope.submission)
    file = gradescope.root / "source" / "released" / f"{LAB}.ipynb"
    lab = nbformat.read(file, as_version=4)
    with pytest.raises(NotTaken, match=message):
        submission(gradescope.submission, LAB, lab)


@pytest.mark.parametrize(
    ("files", "message"),
    [({}, "no file was handed in"), ({"a": notebook(SOLVED)[:200]}, "not a notebook")],
)
def test_results_say_why_nothing_was_graded(gradescope, files, message):
    lying(**files)(gradescope.submission)
    found = gradescope.run()
    assert (found["score"], found["tests"]) == (0, [])
    assert message in found["output"]
    assert "Traceback" not in found["output"] + gradescope.said


@confined
def test_the_one_notebook_of_the_lab_is_found_in_a_zip_among_others(gradescope):
    zipped(a=notebook(SOLVED), b=OTHER)(gradescope.submission)
    lying(c=OTHER, d=b"{", e=b"")(gradescope.submission)
    assert scores(gradescope.run()) == POINTS


def test_a_broken_autograder_leaves_results_and_tells_the_instructor(gradescope):
    (gradescope.submission / "a.ipynb").write_bytes(notebook(SOLVED))
    shutil.rmtree(gradescope.root / "source" / "released")
    found = gradescope.run()
    assert (found["score"], found["tests"]) == (0, [])
    assert "broke down" in found["output"]
    assert "FileNotFoundError" not in found["output"]
    assert "FileNotFoundError" in gradescope.said


def test_a_python_that_does_not_start_leaves_results_too(gradescope):
    (gradescope.root / "results" / "results.json").write_text('{"score": 100}')
    (gradescope.root / "venv" / "bin" / "python").unlink()
    found = gradescope.run()
    assert (found["score"], found["tests"]) == (0, [])
    assert "broke down" in found["output"]


THIEF = """
import json, os, pathlib, time
root, start = pathlib.Path("@ROOT@"), time.time()
canary, read, done, signalled = ("@A@" "-" "@B@").replace("-", ""), [], [], []
def attempt(what, f, *given):
    try:
        f(*given)
        done.append(what)
    except OSError:
        pass
def look(path):
    if canary.encode() in pathlib.Path(path).read_bytes():
        read.append(str(path))
lab = root / "source" / "instructor" / "01_twice.ipynb"
attempt("hidden checks", lab.read_text)
attempt("names of the source", os.listdir, root / "source")
attempt("results", os.listdir, root / "results")
attempt("forging", (root / "results" / "results.json").write_text, '{"score": 99}')
attempt("replacing", os.rename, root / "results", root / "drop" / "results")
for pid in filter(str.isdigit, os.listdir("/proc")):
    place = pathlib.Path("/proc", pid)
    try:
        theirs = place.stat().st_uid != os.getuid()
    except OSError:
        continue
    if theirs:
        attempt(f"signal to {pid}", os.kill, int(pid), 0)
        attempt(f"environment of {pid}", (place / "environ").read_bytes)
        attempt(f"files of {pid}", os.listdir, place / "fd")
        attempt(f"memory of {pid}", (place / "mem").open, "rb")
for fd in pathlib.Path("/proc/self/fd").iterdir():
    if fd.is_symlink() and os.readlink(fd).startswith(str(root)):
        done.append(f"inherited {fd}")
for folder in ("/tmp", "/dev/shm", "/var/tmp"):
    for place, _, names in os.walk(folder):
        for path in (pathlib.Path(place, n) for n in names):
            try:
                if path.is_file() and path.stat().st_mtime > start - 300:
                    look(path)
            except OSError:
                pass
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    (root / "drop" / "pid").write_text(str(os.getpid()))
    while True:
        time.sleep(0.05)
        attempt("forging later", (root / "results" / "results.json").write_text, "x")
(root / "drop" / "found").write_text(json.dumps([os.getuid(), done, read]))
def double(x): return 5
"""


@as_root
def test_without_a_jail_the_students_code_reaches_nothing_as_nobody(
    gradescope, unjailed
):
    thief = THIEF.replace("@ROOT@", str(gradescope.root))
    thief = thief.replace("@A@", CANARY[:9]).replace("@B@", CANARY[9:])
    hostile = notebook({"double": thief, "half": HALF})
    (gradescope.submission / "a.ipynb").write_bytes(hostile)
    found = gradescope.run(**unjailed)
    drop = gradescope.root / "drop"
    assert json.loads((drop / "found").read_text()) == [NOBODY, [], []]
    left = int((drop / "pid").read_text())
    assert not psutil.pid_exists(left)
    assert scores(found) == {"double-three": 0, "double-any": 0, "half-four": 2}
    assert CANARY not in json.dumps(found)
    for name in ("source", "results"):
        assert stat.S_IMODE((gradescope.root / name).stat().st_mode) == 0o700


READER = """
def double(x):
    try:
        return open("@ROOT@/source/instructor/01_twice.ipynb").read()
    except OSError as e:
        return type(e).__name__
"""


@confined
def test_what_the_jail_cannot_see_no_message_tells(gradescope):
    reader = READER.replace("@ROOT@", str(gradescope.root))
    hostile = notebook({"double": reader, "half": HALF})
    (gradescope.submission / "a.ipynb").write_bytes(hostile)
    found = gradescope.run()
    assert "not FileNotFoundError" in said(found, "double-three")


@confined
def test_the_big_lab_is_graded(big):
    with tempfile.TemporaryDirectory(prefix="gradescope-") as folder:
        here = Gradescope(folder)
        here.install(big)
        file = here.submission / "lab.ipynb"
        file.write_text(nbformat.writes(answered({}, BIG)))
        full = here.run()
        assert all(t["status"] == "passed" for t in full["tests"] if "score" in t)
        exercise, answers = next(iter(mistakes(BIG).WRONG.items()))
        wrong = answered({exercise: next(iter(answers.values()))}, BIG)
        file.write_text(nbformat.writes(wrong))
        found = here.run()
    lost = {t["name"]: t["output"] for t in found["tests"] if t.get("score") == 0}
    assert lost
    assert all(name.startswith(exercise) and text for name, text in lost.items())


def test_the_zip_is_small_the_same_twice_and_hides_what_it_must(small, tmp_path):
    (tmp_path / f"{LAB}.py").write_text(SCRIPT)
    again = released(tmp_path / f"{LAB}.py", tmp_path)
    assert again.read_bytes() == small.read_bytes()
    assert small.stat().st_size < 10**6
    with zipfile.ZipFile(small) as read:
        members = {i.filename: read.read(i) for i in read.infolist()}
        modes = {i.filename: i.external_attr >> 16 for i in read.infolist()}
    holding = [name for name, data in members.items() if CANARY.encode() in data]
    assert holding == [f"instructor/{LAB}.ipynb"]
    assert modes["setup.sh"] == modes["run_autograder"] == 0o755
    for name in ("mlsyscore/units.py", "autograder/judge/results.py", "pyproject.toml"):
        assert members[f"package/{name}"] == (ROOT / name).read_bytes()
    assert not [name for name in members if "__pycache__" in name]


STUB = """#!/bin/sh
echo "${0##*/} $*" >>"$LOG"
case "$*" in
*version_info*) exit "$OLD" ;;
"-m venv"*)
    mkdir -p "$AUTOGRADER_ROOT/venv/bin"
    cp "$0" "$AUTOGRADER_ROOT/venv/bin/python"
    ;;
esac
"""


@pytest.mark.parametrize("old", [0, 1])
def test_the_setup_installs_a_copy_with_a_python_that_is_new_enough(
    gradescope, tmp_path, old
):
    shutil.rmtree(gradescope.root / "venv")
    for name in ("apt-get", "python3", "python3.11"):
        (tmp_path / name).write_text(STUB)
        (tmp_path / name).chmod(0o755)
    known = {"PATH": f"{tmp_path}:{os.defpath}", "LOG": str(tmp_path / "log")}
    known |= {"AUTOGRADER_ROOT": str(gradescope.root), "OLD": str(old)}
    setup = gradescope.root / "source" / "setup.sh"
    for _ in range(2):
        subprocess.run(["bash", "-u", str(setup)], env=known, check=True)
    log = (tmp_path / "log").read_text()
    python = "python3.11" if old else "python3"
    assert f"{python} -m venv --clear {gradescope.root}/venv" in log
    wanted = f"{gradescope.root}/source/package[labs,grading]"
    assert log.count(f"-m pip install --no-cache-dir {wanted}") == 2
    assert ("install -y --no-install-recommends python3.11\n" in log) == bool(old)
    (tmp_path / "apt-get").write_text("#!/bin/sh\nexit 100\n")
    assert subprocess.run(["bash", str(setup)], env=known).returncode == 100
