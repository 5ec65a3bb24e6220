"""What outgrows a bound of the jail's is killed, and why is said."""

import os
import shutil
import time
from pathlib import Path

import psutil
import pytest

from autograder.jail import cgroup, kernel, sandbox, watch
from autograder.jail.kernel import Jail, Lost

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason=f"no jail here: {sandbox.INSTALL}"
)
FORKS = """
import os, time
for _ in range({number}):
    if os.fork() == 0:
        {does}
        time.sleep(20)
        os._exit(0)
time.sleep(20)
"""
PAIRS = """
import os, socket, time
for _ in range(10):
    if os.fork() == 0:
        kept = []
        try:
            while True:
                kept.append(socket.socketpair())
                for end in kept[-1]:
                    end.setblocking(False)
                    try:
                        while True: end.send(bytes(1 << 16))
                    except BlockingIOError: pass
        except OSError: time.sleep(20)
        os._exit(0)
time.sleep(20)
"""
QUEUES = """
import socket, time
kept, listening = [], socket.create_server(("127.0.0.1", 0))
for _ in range(400):
    one = socket.create_connection(listening.getsockname())
    kept += [one, listening.accept()[0]]
    one.setblocking(False)
    try:
        while True: one.send(bytes(1 << 20))
    except BlockingIOError: pass
time.sleep(20)
"""
DISK = """
import os, time
for place in ("/tmp/x", "/dev/shm/x"):
    fd = os.open(place, os.O_CREAT | os.O_RDWR)
    os.unlink(place)
    for _ in range(220): os.write(fd, bytes(1 << 20))
time.sleep(20)
"""
EMPTY = "import os\nfor i in range(10**6): os.close(os.open(f'/tmp/{i}', os.O_CREAT))"
CHAIN = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_{kind})
while True:
    for _ in range(3):
        if os.fork() == 0:
            while time.process_time() < 0.3: pass
            os._exit(0)
    time.sleep(0.5)
"""
SEND = """
import time
k = get_ipython().kernel
k.session.send(k.iopub_socket, "x", buffers=[{part}] * {many})
time.sleep(20)  # one message alone: of several, those that wait may outgrow the memory
"""
TOGETHER = "more than 400 MiB together"
LONG = "computed for over 1 s"
WAYS = {
    "pairs": (PAIRS, TOGETHER),
    "queues": (QUEUES, TOGETHER),
    "disk": (DISK, TOGETHER),
    "empty files": (EMPTY, "more than 50000 files"),
    "forks": (FORKS.format(number=150, does="pass"), "more than 128 processes"),
    "shares": (FORKS.format(number=6, does="kept = b'x' * (90 << 20)"), TOGETHER),
    "one thread": ("while True: pass", LONG),
    "a chain": (CHAIN.format(kind="DFL"), LONG),
    "an unseen chain": (CHAIN.format(kind="IGN"), LONG),
    "a large message": (
        SEND.format(part="bytes(4 << 20)", many=20),
        "sent more than 64 MiB",
    ),
    "a message of many parts": (
        SEND.format(part="b''", many=6 * 10**5),
        "sent more than 64 MiB",
    ),
}


@pytest.fixture
def jail(monkeypatch):
    monkeypatch.setattr(sandbox, "MEMORY", 400 << 20)  # of the watcher alone
    monkeypatch.setattr(kernel, "PATIENCE", 20)
    jail = Jail(1.0, 60.0)
    yield jail
    jail.close()


@pytest.mark.parametrize("way", WAYS)
def test_what_outgrows_a_bound_is_killed(jail, way):
    code, why = WAYS[way]
    jail.seconds = 1.0 if why == LONG else 20.0
    with pytest.raises(Lost, match=why):
        jail.run(code)


def test_one_second_is_a_second(jail, monkeypatch):
    """Of what the jail computed when it was killed, however busy the machine is."""
    taken, kill = [], jail.launched._kill
    monkeypatch.setattr(
        jail.launched,
        "_kill",
        lambda why: (taken.append(jail.launched.computed), kill(why)),
    )
    jail.allow(1.0)
    before = jail.launched.computed
    with pytest.raises(Lost, match=LONG):
        jail._execute("while True: pass")
    assert 1.0 <= taken[0] - before < 1.6


def test_what_waits_computes_nothing(jail):
    assert jail.run("import time; time.sleep(2); print('still here')")[0].text


def test_honest_work_beside_the_bounds_goes_on(jail):
    made = "files = [open(f'/tmp/{i}', 'w') for i in range(800)]"
    held = "import socket; pairs = [socket.socketpair() for _ in range(50)]"
    sent = "print('x' * (5 << 20)); kept = bytearray(b'x' * (100 << 20))"
    for code in (made, held, sent):
        assert "error" not in {o.output_type for o in jail.run(code)}


CONNECT = """
import socket
listening = socket.create_server(("127.0.0.1", 0))
one = socket.create_connection(listening.getsockname())
other, _ = listening.accept()
"""


def test_what_waits_in_a_connection_is_counted(jail):
    jail.run(CONNECT)
    inside = watch.family(jail.launched.roots)
    before = watch.sockets(inside)
    jail.run("one.sendall(bytes(2_000_000))")
    assert watch.sockets(inside) - before >= 4_000_000


def test_a_clock_counts_every_process_and_starts_anew():
    clock = watch.Clock([psutil.Process()])
    assert clock.over() == ""
    clock.allow(0.2)
    if (child := os.fork()) == 0:
        end = time.process_time() + 0.5
        while time.process_time() < end:
            pass
        time.sleep(20)
        os._exit(0)
    time.sleep(0.1)
    while watch._times(f"/proc/{child}/stat")[1] < 0.4:
        time.sleep(0.02)
    assert clock.over() == "it computed for over 0.2 s"
    clock.allow(0.2)
    assert clock.over() == ""
    os.kill(child, 9)
    os.waitpid(child, 0)
    assert clock.total >= 0.4


def test_a_family_is_that_which_psutil_knows():
    child = psutil.Popen(["sh", "-c", "sleep 9 & sleep 9 & wait"])
    time.sleep(0.3)
    known = {p.pid for p in child.children(recursive=True)}
    assert {*watch.family([psutil.Process(child.pid)])} == known
    assert {*watch.family([psutil.Process(child.pid)], whole=True)} == known | {
        child.pid
    }
    for pid in (*known, child.pid):
        os.kill(pid, 9)
    child.wait()


def tree(root, controllers):
    """Make what looks like a cgroup tree of version 2."""
    below = root / "user.slice" / "app.slice" / "shell.scope"
    below.mkdir(parents=True)
    for folder in (root, *list(below.parents)[:2], below):
        (folder / "cgroup.subtree_control").write_text("")
        (folder / "cgroup.procs").write_text("")
    (root / "user.slice/app.slice/cgroup.subtree_control").write_text(controllers)
    return "/user.slice/app.slice/shell.scope"


def test_a_group_is_made_where_memory_has_been_handed_down(tmp_path):
    own = tree(tmp_path, "cpu memory pids")
    group = cgroup.made(123, 45, tmp_path, own)
    assert group.parent == tmp_path / "user.slice/app.slice"
    assert (group / "memory.max").read_text() == "123"
    assert (group / "pids.max").read_text() == "45"
    cgroup.enter(group)
    assert (group / "cgroup.procs").read_text() == "0"
    assert not cgroup.full(group)
    (group / "memory.events").write_text("oom 1\noom_kill 2\n")
    assert cgroup.full(group)


@pytest.mark.parametrize("own", ["", "/user.slice/app.slice/shell.scope", "/../.."])
def test_no_group_is_made_where_none_may_be(tmp_path, own):
    tree(tmp_path, "cpu")
    assert cgroup.made(1, 1, tmp_path, own or "/nowhere") is None
    assert list(Path(tmp_path).rglob("mlsys-*")) == []
