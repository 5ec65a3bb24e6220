"""Set up from nothing: a virtual environment; jail and browser where that is allowed.

Runs on the machine's own Python (3.11 or newer) with nothing installed.
"""

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from autograder.jail import cures  # noqa: E402  it needs nothing but Python

LOCKS = ROOT / "constraints"
SUDO = [] if getattr(os, "getuid", lambda: 0)() == 0 else ["sudo", "-n"]
BROWSER = ["chromium", "chromium-driver"]  # Debian's packages


def say(what: str) -> None:
    """Print what is being done, before it is done."""
    print(f"set-up: {what}", flush=True)


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
    say(f"{name}, some minutes the first time")
    make = [sys.executable, "-m", "venv", "--clear", venv]
    if subprocess.run(make, stdout=subprocess.DEVNULL).returncode:
        apt("python3-venv")
        run(*make)
    pip = [venv / "bin/python", "-m", "pip", "install", "--quiet", "-c", LOCKS / lock]
    pip += ["--disable-pip-version-check"]
    run(*pip, "pip>=24")  # older ones resolve otherwise
    for step in ([first], wanted):
        say(f"{name}: {' '.join(step)} and what that needs")
        run(*pip, *step, cwd=ROOT)
    ready.write_text(now)


def apt(*packages: str) -> bool:
    """Install Debian packages if we may; say whether it went."""
    if not all(map(shutil.which, [*SUDO[:1], "apt-get"])):
        return False  # another system, or not its owner
    say(f"apt-get install {' '.join(packages)}")
    return apt_get("update") and apt_get("install", "-y", *packages)


@functools.cache  # the lists of packages are fetched once
def apt_get(*words: str) -> bool:
    """Run apt-get; wait for another that is at work."""
    full = [*SUDO, "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", *words]
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    return not subprocess.run(full, env=env, stdout=subprocess.DEVNULL).returncode


def browser() -> bool:
    """Say whether there is a browser that tests can drive."""
    return all(map(shutil.which, ["chromium", "chromedriver"]))


def jail() -> str:
    """Say why no jail opens here, or nothing; install bubblewrap if we may."""
    if not shutil.which("bwrap"):
        apt("bubblewrap")
    return cures.trouble()


def main() -> None:
    """Set up what the targets need."""
    if sys.version_info < (3, 11):  # noqa: UP036  runs before any package says so
        sys.exit(f"Python 3.11 or newer is needed, not {sys.version.split()[0]}")
    if sys.platform == "win32":
        sys.exit(cures.missing())
    if why := jail():
        print(
            f"no jail: {why}\nUntil then the demonstration class and the tests that "
            "grade are left out."
        )
    if "colab" in sys.argv and not browser() and not apt(*BROWSER):
        print(
            f"no browser: run 'apt-get install {' '.join(BROWSER)}' as root; until "
            "then the tests that open pages are skipped"
        )
    environment(".venv", "ci.txt", ["-e", ".[dev]"])
    if "colab" in sys.argv:
        environment(".venv-colab", "colab.txt", COLAB)
        kernel = [ROOT / ".venv-colab/bin/python", "-m", "ipykernel", "install"]
        run(*kernel, "--prefix", ROOT / ".venv-colab", "--name", "colab", **QUIET)


COLAB = ["ipython", "ipykernel", "ipywidgets", "nbclient", "numpy", "matplotlib"]
COLAB += ["scipy", "networkx", "pandas", "scikit-learn"]
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

if __name__ == "__main__":
    main()
