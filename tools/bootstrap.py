"""Set up from nothing: a virtual environment, and the jail where that is allowed.

Runs on the machine's own Python (3.11 or newer) with nothing installed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "constraints"


def run(*words: object, **more: object) -> None:
    """Run a command; stop with its status if it fails."""
    done = subprocess.run([str(w) for w in words], **more)  # type: ignore[call-overload]
    if done.returncode:
        sys.exit(f"set-up stopped: {' '.join(map(str, words))} failed")


def environment(name: str, lock: str, wanted: list[str], first: str = "torch") -> None:
    """Make a virtual environment, unless it is there and nothing has changed.

    torch goes first and alone: later packages then take the one that is there.
    """
    venv, ready = ROOT / name, ROOT / name / "ready"
    text = (ROOT / "pyproject.toml").read_text() + (LOCKS / lock).read_text()
    now = hashlib.sha256(
        (text + repr((wanted, sys.version, ROOT))).encode()
    ).hexdigest()
    if ready.exists() and ready.read_text() == now:
        return
    print(f"set-up: {name}, some minutes the first time", flush=True)
    make = [sys.executable, "-m", "venv", "--clear", venv]
    if subprocess.run(make, stdout=subprocess.DEVNULL).returncode:
        apt("python3-venv")
        run(*make)
    pip = [venv / "bin/python", "-m", "pip", "install", "--quiet", "-c", LOCKS / lock]
    pip += ["--disable-pip-version-check"]
    run(*pip, "pip>=24")  # older ones resolve otherwise
    run(*pip, first, cwd=ROOT)
    run(*pip, *wanted, cwd=ROOT)
    ready.write_text(now)


def apt(package: str) -> bool:
    """Install a Debian package if we may; say whether it went."""
    sudo = [] if os.getuid() == 0 else ["sudo", "-n"]
    if not shutil.which("apt-get") or (sudo and not shutil.which("sudo")):
        return False
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", package]):
        if subprocess.run(
            [*sudo, "apt-get", "-qq", *words], env=env, stdout=subprocess.DEVNULL
        ).returncode:
            return False
    return True


def main() -> None:
    """Set up what the targets need."""
    if sys.version_info < (3, 11):  # noqa: UP036  runs before any package says so
        sys.exit(f"Python 3.11 or newer is needed, not {sys.version.split()[0]}")
    if not shutil.which("bwrap") and not apt("bubblewrap"):
        print(
            "no jail: run 'apt-get install bubblewrap' as root; until then the "
            "demonstration class and the tests that grade are left out"
        )
    environment(".venv", "ci.txt", ["-e", ".[dev]"])
    if "colab" in sys.argv:
        environment(".venv-colab", "colab.txt", COLAB)


COLAB = ["ipython", "ipykernel", "ipywidgets", "nbclient", "numpy", "matplotlib"]

if __name__ == "__main__":
    main()
