"""The warm process: what it forks is apart from all else, and never left behind."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from autograder import doctor
from autograder.doctor import examine
from autograder.jail import provisioner, sandbox, warm, watch
from autograder.jail.kernel import Jail
from autograder.make.build import instructor
from autograder.make.roles import imported

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason=f"no jail here: {sandbox.INSTALL}"
)


def judge_with(secret):
    """Know a secret, then look for it in the memory of a jailed kernel."""
    jail = Jail(30.0, 60.0)
    try:
        jail.run("kept = [b'pla', b'nted']; kept = b''.join(kept)")
        (kernel,) = watch.family(jail.launched.roots[1:])
        environment = jail.ask("import os; ANSWER = dict(os.environ)")
        return found(kernel, [secret.encode(), b"pla" + b"nted"]), environment
    finally:
        jail.close()


def found(pid, words):
    """Return how often words lie in a process's memory, what it shares, its files."""
    counts, shared = dict.fromkeys(words, 0), []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            where, rights, *_ = line.split()
            shared += [line] if rights[1] == "w" and rights[3] == "s" else []
            low, high = (int(x, 16) for x in where.split("-"))
            if rights.startswith("rw") and high - low < 1 << 28:
                memory.seek(low)
                with contextlib.suppress(OSError):
                    part = memory.read(high - low)
                    for word in words:
                        counts[word] += part.count(word)
    fds = [os.readlink(p) for p in Path(f"/proc/{pid}/fd").iterdir()]
    named = [x for x in fds if x.startswith("/") and x != "/dev/null"]
    return [*counts.values(), shared, named]


def test_a_kernel_remembers_nothing_of_its_judge():
    secret = secrets.token_hex(16)
    here = f"__import__('runpy').run_path({__file__!r})['judge_with']({secret!r})"
    (own, planted, shared, named), environment = warm.own().call(60.0, eval, here)
    assert planted >= 1  # or the search finds nothing at all
    assert (own, shared, named) == (0, [], [])
    assert "AUTOGRADER" not in str(environment)
    assert str(sandbox.HERE) not in str(environment).replace(sys.prefix, "")


def test_what_a_lab_imports_is_loaded_unless_it_may_not_be_forked(
    tmp_path, monkeypatch
):
    script = tmp_path / "01_lab.py"
    script.write_text(
        "# %% [markdown]\n# # A lab\n\n# %%\n"
        "import sqlalchemy\nimport matplotlib.pyplot\n"
        "from mlsyscore.harness import ring\nfrom mlsyscore.units import GB\n"
    )
    wanted = imported(instructor(script))
    assert wanted >= {"matplotlib.pyplot", "mlsyscore.harness.ring", "sqlalchemy"}
    monkeypatch.setattr(warm, "ALSO", wanted)
    server = warm.Server(sandbox.environment())
    try:
        there = server.call(9.0, eval, "{*__import__('sys').modules}")
    finally:
        server.close()
    assert {"matplotlib.pyplot", "mlsyscore.harness.ring"} <= there
    assert "torch" in there  # which a function of the harness's imports
    assert there.isdisjoint({"sqlalchemy", "networkx"})


def test_a_call_returns_or_raises_and_a_death_is_said():
    server = warm.own()
    assert server.call(9.0, divmod, 7, 2) == (3, 1)
    assert server.call(9.0, os.getppid) == server.process.pid
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        server.call(9.0, divmod, 1, 0)
    with pytest.raises(warm.Died, match=r"took over 0\.5 s"):
        server.call(0.5, time.sleep, 60)
    with pytest.raises(warm.Died, match="was killed"):
        server.call(9.0, os._exit, 0)
    assert server.call(9.0, divmod, 7, 2) == (3, 1)


def test_no_kernel_stays_when_who_started_it_is_killed(tmp_path):
    script = tmp_path / "starts.py"
    script.write_text(
        "import time\nfrom autograder.jail.kernel import Jail\n"
        "jail = Jail(30, 60)\njail.run('import os; os.fork()')\n"
        "print(jail.launched.folder, flush=True)\ntime.sleep(60)\n"
    )
    run = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE)
    folder = Path(run.stdout.readline().decode().strip())
    assert folder.exists()
    family = psutil.Process(run.pid).children(recursive=True)
    assert len(family) >= 5  # warm process, fork, kernel, bubblewrap, its command
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    run.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert not folder.parent.exists()


def test_a_kernel_starts_from_nothing_where_it_cannot_be_forked(monkeypatch):
    def refuse(*given):
        raise PermissionError("no namespaces to join")

    monkeypatch.setattr(provisioner, "forked", refuse)
    jail = Jail(30.0, 60.0)
    assert jail.launched.warm is False
    assert "3" in str(jail.run("1 + 2"))
    jail.close()
    assert any("from nothing" in line for line in examine())


def test_two_kernels_of_one_warm_process_see_nothing_of_each_other():
    one, two = Jail(30.0, 60.0), Jail(30.0, 60.0)
    one.run("mine = 1; open('/tmp/mine', 'w').write('x'); open('/dev/shm/mine', 'w')")
    seen = two.run("import os; print(os.listdir('/tmp') + os.listdir('/dev/shm'))")
    assert "mine" not in seen[0].text
    for space in ("pid", "mnt", "net", "ipc", "user"):
        pids = ["self", *(watch.family(k.launched.roots[1:])[0] for k in (one, two))]
        assert len({os.readlink(f"/proc/{pid}/ns/{space}") for pid in pids}) == 3
    assert two.run("mine")[0].ename == "NameError"
    one.close()
    two.close()


def test_each_bound_that_the_doctor_names_was_tried(monkeypatch):
    assert len(examine()) == 1 + len(doctor.MEANS) + len(doctor.KILLED) + 4

    def loose(inside, folder, tell=None):
        words = command(inside, folder, tell)
        words.insert(words.index("--cap-drop"), "--share-net")
        return words

    command = sandbox.command
    monkeypatch.setattr(sandbox, "command", loose)
    with pytest.raises(RuntimeError, match="does not hold: network"):
        examine()
