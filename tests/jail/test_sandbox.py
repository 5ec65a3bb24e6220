"""What code in the jail can reach: nothing but what it was given."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

from autograder.jail import sandbox, watch
from autograder.jail.kernel import Jail

bubblewrap = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason=f"no jail here: {sandbox.INSTALL}"
)


@pytest.fixture(scope="module")
def jail():
    """Run code in one jailed kernel and return what it printed."""
    km = KernelManager()
    km._kernel_spec = KernelSpec(
        argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        metadata={"kernel_provisioner": {"provisioner_name": "mlsys-jail"}},
    )
    km.start_kernel()
    kc = km.client()
    kc.start_channels()
    kc.wait_for_ready(timeout=60)

    def printed(code):
        out = []
        hook = lambda m: out.append(m["content"].get("text", ""))  # noqa: E731
        kc.execute_interactive(code, timeout=60, output_hook=hook)
        return "".join(out)

    yield printed
    kc.stop_channels()
    km.shutdown_kernel(now=True)


@bubblewrap
def test_code_in_the_jail_computes_and_talks_to_its_own_processes(jail):
    code = "from mlsyscore.processes import run\nprint(run(lambda r, N: r, 2))"
    assert "[0, 1]" in jail(code)


FILL = "import os\nfill = lambda p: os.posix_fallocate(os.open(p, 66), 0, 200 << 20)"


@bubblewrap
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import socket; socket.create_connection(('192.0.2.1', 80), 2)", "OSError"),
        (f"open({__file__!r}).read()", "FileNotFoundError"),
        ("open('/etc/passwd').read()", "FileNotFoundError"),
        ("open('/usr/x', 'w')", "OSError"),
        ("open('/x', 'w')", "OSError"),
        ("open('/dev/x', 'w')", "OSError"),
        ("[fill(f'/dev/shm/{i}') for i in range(2)]", "OSError"),
        ("import os; os.truncate(os.open('/tmp/x', 65), 300 << 20)", "OSError"),
        ("bytearray(9 << 30)", "MemoryError"),
        ("import os; os.kill(1, 0); os.setuid(0)", "OSError"),
        ("import os; os.memfd_create('x')", "OSError"),
        ("import mmap; mmap.mmap(-1, 4096)", "OSError"),
        ("import mmap, os; mmap.mmap(os.open('/dev/zero', 2), 4096)", "OSError"),
        ("import socket; socket.socket(socket.AF_VSOCK)", "OSError"),
        ("import socket; socket.socket(socket.AF_NETLINK, 3, 4)", "OSError"),
        ("import os; os.listdir('/proc/self/fd')", "FileNotFoundError"),
        ("open('/proc/1/cmdline')", "FileNotFoundError"),
    ],
)
def test_the_jail_refuses(jail, code, error):
    tried = f"try:\n    {code}\nexcept {error}: print('refused')\nelse: print('done')"
    assert jail(f"{FILL}\n{tried}").strip() == "refused"


@bubblewrap
def test_a_jail_writes_nothing_on_the_machine_and_leaves_nothing():
    kernel = Jail(10.0, 60.0)
    folder = kernel.launched.folder
    said = kernel.run(f"open('{kernel.launched.inside}/x', 'w')")[0].evalue
    assert "Read-only file system" in said
    assert {p.name for p in folder.iterdir()} <= {"inside.json", "world"}
    kernel.close()
    assert not folder.parent.exists()


NAMED = """
import glob, os, sys
def read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read(100_000)
    except OSError:
        return ""
places = [*glob.glob("/proc/**", recursive=True), *glob.glob("/run/kernel/*")]
files = {p: read(p) for p in places}
ANSWER = str([files, dict(os.environ), sys.path, sys.argv, sys.orig_argv])
"""


@bubblewrap
def test_nothing_inside_names_a_path_of_the_host_but_those_of_python():
    kernel = Jail(10.0, 60.0)
    told, folder = kernel.ask(NAMED), kernel.launched.folder
    listed = kernel.ask("import os; ANSWER = os.listdir('/proc')")
    kernel.close()
    assert "/opt/course" in told
    assert "MemTotal" in told
    for known in (sys.prefix, sys.base_prefix):
        told = told.replace(known, "")
    assert str(folder.parent.parent) not in told
    assert str(sandbox.HERE) not in told
    assert set(listed) == {*sandbox.FACTS, "self"}


@bubblewrap
def test_all_that_lives_in_a_jail_is_bounded_and_holds_no_file_of_ours():
    kernel = Jail(10.0, 60.0)
    (jail, *_), inside = kernel.launched.roots, watch.family(kernel.launched.roots)
    limits = {pid: resource_of(pid) for pid in (jail.pid, *inside)}
    files = {os.readlink(p) for i in inside for p in Path(f"/proc/{i}/fd").iterdir()}
    told = Path(f"/proc/{jail.pid}/cmdline").read_text()
    kernel.close()
    assert len(limits) >= 4  # bubblewrap outside and in, what holds it open, a kernel
    for filters, memory, score in limits.values():
        assert (filters, memory, score) == ("2", str(sandbox.MEMORY), "1000")
    ours = [
        f for f in files if f.startswith("/") and not f.startswith(("/dev", "/tmp"))
    ]
    assert ours == []
    assert "--args" in told
    assert str(kernel.launched.folder) not in told


def resource_of(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    limits = Path(f"/proc/{pid}/limits").read_text()
    return (
        re.search(r"^Seccomp:\s+(\d)", status, re.MULTILINE)[1],
        re.search(r"^Max address space\s+(\d+)", limits, re.MULTILINE)[1],
        Path(f"/proc/{pid}/oom_score_adj").read_text().strip(),
    )


def test_without_bubblewrap_grading_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="install bubblewrap"):
        sandbox.command(["true"], tmp_path)


def test_a_command_of_many_words_shows_none_of_them(tmp_path):
    words = ["bwrap", "--ro-bind", "/secret/place", "/x", "--", "true", "--", "y"]
    with sandbox.packed(words) as (short, fds):
        told = Path(f"/proc/self/fd/{fds[-1]}").read_bytes().split(b"\0")
    assert short == ["bwrap", "--args", str(fds[-1]), "--", "true", "--", "y"]
    assert told[:3] == [b"--ro-bind", b"/secret/place", b"/x"]
