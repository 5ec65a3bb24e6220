"""Broken submissions: they cost themselves what they break, and nobody else."""

from .lab import ALL, Case, last, one

JAILED = "import os\nassert os.getuid() == 65534, 'only in a jail'\n"
LONG = "(ran|waited) longer|computed for over"
LOST = f"killed its kernel|broke its kernel|{LONG}|MemoryError"


def harm(body: str) -> str:
    """Return a ``scale`` that does harm when called, in a jail only."""
    body = "\n    ".join(body.strip().splitlines())
    return f"{JAILED}def scale(x):\n    {body}\n    return 3 * x"


def inside(name: str, body: str, says: str = LOST, stock: bool = True) -> Case:
    """Make a submission whose ``scale`` does harm and so earns nothing."""
    return one(name, harm(body), "scale", says=says, stock=stock)


FORKS = """
while True:
    os.fork()
"""
HOARD = """
for _ in range(4):
    if os.fork() == 0:
        kept = b"x" * (900 << 20)
        import time; time.sleep(60)
import time; time.sleep(60)
"""
DISK = """
for folder in ("/tmp", "/dev/shm"):
    for i in range(1000):
        with open(f"{folder}/@TOKEN@-{i}", "wb") as file: file.write(bytes(50 << 20))
"""
THREADS = """
import threading, time
while True:
    try: threading.Thread(target=time.sleep, args=[600]).start()
    except RuntimeError: pass
"""
LOCKS = """
import threading
a, b = threading.Lock(), threading.Lock()
def take(x, y):
    with x:
        while not (a.locked() and b.locked()): pass
        with y: pass
pair = [threading.Thread(target=take, args=p) for p in ((a, b), (b, a))]
for t in pair: t.start()
for t in pair: t.join()
"""
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    try:
        while True: pass
    except BaseException: pass
"""
DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True: pass
    os._exit(0)
import subprocess
subprocess.Popen(["sleep", "600"], start_new_session=True)
"""
FRAMES = """
import sys, ctypes
sys.setrecursionlimit(10**9)
class Deep:
    def __getattr__(self, name): return getattr(self, name + "x")
def down(n): return [down(n + 1)] + sorted([1], key=lambda _: down(n))
return down(0)
"""
SOCKETS = f"""{JAILED}
kernel = get_ipython().kernel
for fd in range(3, 500):
    try: os.close(fd)
    except OSError: pass
"""
ZMQ = "get_ipython().kernel.iopub_socket.close()"
FLOOD = "def scale(x): return 3 * x\nimport os, sys\n"
WRITES = "for _ in range(200): os.write(1, b'z' * 10**5); os.write(2, b'z' * 10**5)"
ERRORS = f"{JAILED}import sys\nwhile True: print('e' * 1000, file=sys.stderr)"
FOREVER = f"{JAILED}while True: print('o' * 1000)"
OTHER = """{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
{"cell_type": "code", "id": "a", "metadata": {"nbgrader": {"grade_id": "ring",
"solution": true, "grade": false, "locked": false, "schema_version": 3, "task": false}},
"source": "def ring(): return 1", "outputs": [], "execution_count": null}]}"""
OLD = '{"nbformat": 99, "nbformat_minor": 0, "metadata": {}, "cells": []}'


def file(name: str, data: bytes, line: str = "not a notebook", **more: str) -> Case:
    """Make a file that is no notebook."""
    return Case(name, data=lambda _: data, taken=False, line=line, **more)


BROKEN = [
    one("syntax", "def scale(x) return 3 * x", "scale", says="SyntaxError"),
    one("null-byte", "def scale(x): return 3 * x  # \0", "scale"),
    one("cell-raises", "1 / 0\ndef scale(x): return 3 * x", "scale"),
    Case("blank", {k: "" for k in ("scale", "center", "soft")}, ALL[:6]),
    inside("never-ends", "while True: pass", says=LONG),
    inside("stubborn", STUBBORN),
    one("endless-cell", f"{JAILED}while True: pass", "scale", says=LONG),
    one("sleeps", f"{JAILED}import time; time.sleep(10**6)", "scale"),
    inside("deadlock", LOCKS, says=LONG),
    one("recursive", "def scale(x): return scale(x)", "scale", says="recursion"),
    inside("deep-recursion", FRAMES, f"{LOST}|recursion"),
    inside("out-of-memory", "kept = bytearray(20 << 30)", says="MemoryError"),
    inside("memory-touched", "kept = []\nwhile True: kept.append(b'x' * (64 << 20))"),
    inside("hoard", HOARD),
    inside("fork-bomb", FORKS, stock=False),
    inside("thread-bomb", THREADS, stock=False),
    inside("disk", DISK, says="No space left|File too large"),
    Case("flood-out", change=last(FOREVER)),
    Case("flood-error", change=last(ERRORS)),
    one("flood-write", FLOOD + WRITES),
    inside("quits", "os._exit(1)"),
    inside("kills-itself", "os.kill(os.getpid(), 9)"),
    inside("stops-itself", "os.kill(os.getpid(), 19)"),
    inside("segfault", "import ctypes; ctypes.string_at(0)"),
    one("cell-dies", f"{JAILED}os._exit(0)", "scale", says="killed its kernel"),
    one("daemon", harm(DAEMON)),
    Case("closes-files", change=last(SOCKETS)),
    Case("closes-zmq", change=last(ZMQ)),
    Case("truncated", data=lambda d: d[: len(d) // 2], taken=False, line="not a"),
    file("nothing", b""),
    file("portable", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"),
    file("nought", b"null"),
    file("brackets", b"[" * 100_000),
    file("unheard-of", OLD.encode(), "format"),
    file("giant", b'{"cells": "' + b"x" * (21 << 20) + b'"}', "20 MiB|too large"),
    file("word-file", b"PK\x03\x04" + bytes(100), line="", file="zoo.docx"),
    file("other-lab", OTHER.encode(), "no cell of 01_zoo"),
]
