"""Why no jail opens here, in words, and what cures it: the narrowest first.

Standalone, with nothing but Python's own library: the set-up asks before it has more.
"""

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

INSTALL = "apt-get install bubblewrap"
OTHER = """use the Containerfile, with podman or docker:
  podman build -t mlsys .
  podman run --rm -v ./build:/course/build --security-opt label=disable \\
    --security-opt seccomp=unconfined mlsys"""
PROFILE = "/usr/share/apparmor/extra-profiles/bwrap-userns-restrict"
# What bubblewrap says where it was refused something.
DENIED = ("uid map", "RTM_NEWADDR", "namespace", "mount", "Operation not permitted")
PATIENCE = 60.0  # seconds for a jail to start

APPARMOR = f"""AppArmor keeps ordinary users from making user namespaces, as Ubuntu does
from 23.10 on.  Cure, for bubblewrap alone:
  sudo apt-get install apparmor-profiles
  sudo install -m 644 {PROFILE} /etc/apparmor.d/
  sudo apparmor_parser -r /etc/apparmor.d/bwrap-userns-restrict
or, for every program, until the machine starts again:
  sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"""
CONTAINER = """this container may make no namespaces: Docker's may not, unless told so.
Cure: start it with (podman wants label=disable in place of apparmor=unconfined)
  docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined ...
or, which gives it the whole machine, with
  docker run --privileged ..."""
SYSCTL = """this machine's kernel lets ordinary users make no user namespaces.  Cure:
  sudo sysctl -w kernel.unprivileged_userns_clone=1
or, where that does not exist or is not it,
  sudo sysctl -w user.max_user_namespaces=10000"""
OLD = f"""bubblewrap is older than 0.8, which Debian 12 and Ubuntu 24.04 have.  Cure:
take it from there, or {OTHER}"""


def missing(system: str = platform.system(), release: str = platform.release()) -> str:
    """Say what to do where there is no bubblewrap."""
    if system == "Darwin":
        return f"macOS has no bubblewrap, and so no jail.  Cure: {OTHER}"
    if system == "Windows":
        return (
            "Windows has no bubblewrap, and so no jail.  Cure: work in WSL 2\n"
            f"  wsl --install -d Debian\nor {OTHER}"
        )
    also = " in this WSL" if "microsoft" in release.lower() else ""
    return (
        f"grading needs a jail; install bubblewrap{also}:\n"
        f"  sudo {INSTALL}\nor, on Fedora and its kin,\n  sudo dnf install bubblewrap"
    )


def explain(said: str, container: bool | None = None) -> str:
    """Say which case it is that bubblewrap has complained about, and its cure.

    container: this is one; found out where it is not given.
    """
    why = f"bubblewrap does not run here: {said}"
    if "Unknown option" in said:
        return f"{why}\n{OLD}"
    if not any(word in said for word in DENIED):
        return why
    if _contained() if container is None else container:
        return f"{why}\n{CONTAINER}"
    if "uid map: Permission" in said or "RTM_NEWADDR" in said:
        return f"{why}\n{APPARMOR}"
    return f"{why}\n{SYSCTL}" if "namespace" in said else why


def _contained() -> bool:
    if any(map(os.path.exists, ("/.dockerenv", "/run/.containerenv"))):
        return True
    try:
        return b"container=" in Path("/proc/1/environ").read_bytes()
    except OSError:
        return False


def trouble(words: list[str] | None = None, **more: Any) -> str:
    """Say why no jail opens, or nothing where one does.

    words: the command that is tried; without it, the least that a jail needs.
    more: how it is started.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return missing()
    least = ["--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534"]
    least += ["--ro-bind", "/", "/", "--size", "4096", "--tmpfs", "/tmp", "true"]
    quiet = {"check": True, "capture_output": True, "timeout": PATIENCE} | more
    try:
        subprocess.run(words or [bwrap, *least], **quiet)
    except subprocess.CalledProcessError as e:
        return explain(e.stderr.decode(errors="replace").strip())
    except subprocess.TimeoutExpired:
        return f"bubblewrap took over {quiet['timeout']:g} s; is the machine busy?"
    return ""
