"""What code in the jail can reach: nothing but what it was given."""

import shutil
import sys

import pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

from autograder.jail import sandbox
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
    ],
)
def test_the_jail_refuses(jail, code, error):
    tried = f"try:\n    {code}\nexcept {error}: print('refused')\nelse: print('done')"
    assert jail(f"{FILL}\n{tried}").strip() == "refused"


@bubblewrap
def test_a_jail_writes_nothing_on_the_machine_and_leaves_nothing():
    kernel = Jail(10.0, 60.0)
    folder = kernel.launched.folder
    said = kernel.run(f"open('{folder}/x', 'w')")[0].evalue
    assert "Read-only file system" in said
    assert len(list(folder.iterdir())) == 2
    kernel.close()
    assert not folder.exists()


def test_without_bubblewrap_grading_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="install bubblewrap"):
        sandbox.command(["true"], tmp_path)
