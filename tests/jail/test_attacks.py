"""Attacks that once worked, and honest work that was once taken for one."""

import contextlib
import copy
import shutil
import textwrap
import time
from pathlib import Path

import pytest

from autograder.jail import sandbox, warm, watch
from autograder.jail.crossing import Line, Remote
from autograder.jail.kernel import Jail, Lost
from autograder.judge import evidence
from autograder.make.build import instructor

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason=f"no jail here: {sandbox.INSTALL}"
)


@contextlib.contextmanager
def jailed():
    jail = Jail(20.0, 100.0)
    try:
        yield jail
    finally:
        jail.close()


@pytest.fixture(scope="module")
def line():
    with jailed() as jail:
        jail.run(DEFINED)
        yield Line(jail, {})


WRITABLE = """
import os
found = []
for here, folders, files in os.walk("/proc"):
    folders[:] = [x for x in folders if not x.isdigit() and "self" not in x]
    for path in (os.path.join(here, x) for x in files):
        try:
            os.close(os.open(path, os.O_WRONLY))
        except OSError:
            continue
        found.append(path)
ANSWER = found
"""


def test_the_jail_changes_no_setting_of_the_machine():
    # Of a jail that root made, core_pattern is the way out: it is run, as root.
    with jailed() as jail:
        found = jail.ask(WRITABLE)
    assert found == []


def test_no_process_in_the_jail_has_the_environment_of_the_grader(monkeypatch):
    monkeypatch.setenv("TOKEN_OF_THE_LMS", "do-not-tell")
    with jailed() as jail:
        inside = watch.family(jail.launched.roots)
        found = [Path(f"/proc/{p}/environ").read_text() for p in inside]
        found.append(str(jail.ask("import os; ANSWER = dict(os.environ)")))
    assert any("HOME=/tmp" in text for text in found)
    assert "'HOME': '/tmp'" in found[-1]
    assert "do-not-tell" not in str(found)


WRITE = """
import ipykernel, os, time
here = os.path.dirname(ipykernel.get_connection_file())
try:
    {trick}
except OSError:
    print("refused")
else:
    time.sleep(2)
    print("done")
"""


@pytest.mark.parametrize(
    "trick",
    [
        "os.close(os.open(here, os.O_TMPFILE | os.O_RDWR))",
        'os.unlink(f"{here}/kernel-3"); os.mkdir(f"{here}/kernel-3")',
        'os.unlink(f"{here}/kernel-3"); kept = open(f"{here}/kernel-3", "w")',
    ],
)
def test_nothing_but_sockets_lies_on_the_disk_of_the_machine(trick):
    with jailed() as jail:
        try:
            said = str(jail.run(WRITE.format(trick=trick)))
        except Lost as e:
            said = str(e)
    assert "refused" in said or "among the sockets" in said


OPENED = """
import ipykernel, os
here = os.path.dirname(ipykernel.get_connection_file())
try:
    os.chmod(here, 0o777)
except OSError:
    pass
"""


def test_nobody_else_on_the_machine_meets_the_jail_in_its_folder():
    # A setuid file there, owned by who grades, would be run by an accomplice.
    with jailed() as jail:
        jail.run(OPENED)
        folder = jail.launched.folder
        ways = [folder, *folder.parents[:-1]]
        assert any(p.stat().st_mode & 0o011 == 0 for p in ways)


HOARDS = {
    "shared": """
import mmap
kept = mmap.mmap(-1, 700 << 20)
for i in range(700):
    kept[i << 20 : (i + 1) << 20] = b"x" * (1 << 20)
""",
    "unlinked": """
import os
for _ in range(7):
    fd = os.memfd_create("kept")
    for _ in range(100):
        os.write(fd, b"x" * (1 << 20))
""",
    "detached": """
import ctypes
C = ctypes.CDLL(None, use_errno=True)
C.shmat.restype, C.shmdt.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
for _ in range(7):
    number = C.shmget(0, 100 << 20, 0o1600)
    if number < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    where = C.shmat(number, None, 0)
    ctypes.memset(where, 1, 100 << 20)
    C.shmdt(where)
""",
}


@pytest.mark.parametrize("way", HOARDS)
def test_memory_that_no_process_calls_its_own_is_bounded_too(way, monkeypatch):
    monkeypatch.setattr(sandbox, "MEMORY", 600 << 20)  # of the watcher alone
    tried = textwrap.indent(HOARDS[way] + "import time; time.sleep(2)", "    ")
    with jailed() as jail:
        try:
            said = str(jail.run(f"try:{tried}\nexcept OSError: print('refused')"))
        except Lost as e:
            said = str(e)
    assert "refused" in said or "more than 600 MiB together" in said


THREADS = """
import os, threading, time
threading.stack_size(1 << 16)
for _ in range(20):
    if os.fork() == 0:
        for _ in range(150):
            threading.Thread(target=time.sleep, args=(15,), daemon=True).start()
        time.sleep(15)
        os._exit(0)
time.sleep(15)
"""


def test_threads_are_bounded_like_processes():
    with jailed() as jail, pytest.raises(Lost, match="threads"):
        jail.run(THREADS)


def test_a_jail_that_cannot_be_watched_is_killed(monkeypatch):
    with jailed() as jail:
        first = jail.launched.pid

        def denied(roots):
            if roots[0].pid == first:
                raise PermissionError  # an ordinary user's, after a student's chmod

        monkeypatch.setattr(sandbox, "excess", denied)
        with pytest.raises(Lost, match="killed its kernel"):
            jail.run("import time; time.sleep(10)")


def stay(said):
    """Be a judge that outlives its time; say which folder its jail has."""
    jail = Jail(30.0, 60.0)
    Path(said).write_text(str(jail.launched.folder))
    time.sleep(60)


def test_a_judge_that_died_leaves_no_folder(tmp_path):
    said = tmp_path / "folder"
    here = f"__import__('runpy').run_path({__file__!r})['stay']({str(said)!r})"
    server = warm.Server(sandbox.environment())
    try:
        with pytest.raises(warm.Died):
            server.call(15.0, eval, here)
    finally:
        server.close()
    folder = said.read_text()
    assert folder.startswith("/")
    assert not Path(folder).exists()


DEFINED = """
import torch
class Model:
    dtype = torch.float32
    def value(self): return 3
class Broken:
    @property
    def dtype(self): raise ValueError("mine")
    value = Model.value
class Self:
    def __getattr__(self, name): return self
    value = Model.value
def model(): return Model()
def broken(): return Broken()
def itself(): return Self()
def stop(x): raise StopIteration(x)
def count():
    yield 1
    yield 2
"""


@pytest.mark.parametrize("name", ["model", "broken", "itself"])
def test_an_object_is_not_asked_what_it_is_before_a_check_asks(line, name):
    assert Remote(name, line, "a function")().value() == 3


def test_an_answer_ends_no_loop_of_a_check(line):
    stop = Remote("stop", line, "a function")
    with pytest.raises(RuntimeError, match="StopIteration"):
        list(map(stop, [1, 2]))
    assert list(Remote("count", line, "a function")()) == [1, 2]


def test_localhost_has_a_name(line):
    code = "import socket; at = socket.gethostbyname('localhost')"
    assert line.jail.ask(f"{code}\nANSWER = at") == "127.0.0.1"


LAB = """# %% answer="f"
def f(x):
    return x

# %% check="f-one" points=1
assert f(1) == 1
"""
COLLIDE = """
import sys
inside = sys.modules["_inside"]
keys = [{"int": hex((2**61 - 1) * i)} for i in range(40_000)]
forged = {"dict": [[key, None] for key in keys]}
inside.ACTS["describe"] = lambda *a: {"names": {"f": {"value": forged}}}
"""


def test_a_forged_value_that_keeps_us_busy_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "CELL", 2.0)
    script = tmp_path / "01_lab.py"
    script.write_text(LAB)
    lab = instructor(script)
    nb = copy.deepcopy(lab)
    (answer,) = (c for c in nb.cells if c.id == "f")
    answer.source = COLLIDE
    found = zip(nb.cells, evidence.run(nb, lab), strict=True)
    said = {c.id: o[0].evalue for c, o in found if o}
    assert "computed for over 2 s" in said["f-one"]
