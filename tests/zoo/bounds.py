"""Submissions that try the jail's own walls: its processes, its counts, its names."""

from .broken import JAILED, inside
from .lab import Case, first, one
from .thieves import RIGHT

ATTEMPT = f"""{JAILED}
import ctypes, mmap, socket
libc, done = ctypes.CDLL(None, use_errno=True), []
def attempt(name, act):
    try:
        if act() not in (-1, None): done.append(name)
    except Exception as e: print(name, type(e).__name__)
"""
TRACES = f"""{ATTEMPT}
machine = os.uname().machine
trace, read, write = (101, 310, 311) if machine == "x86_64" else (117, 270, 271)
for pid in range(1, 200):
    try: os.kill(pid, 0)
    except OSError: continue
    for request in (16, 0x4206):  # to attach, to seize
        attempt(f"trace {{pid}}", lambda: libc.syscall(trace, request, pid, 0, 0))
    attempt(f"read {{pid}}", lambda: libc.syscall(read, pid, 0, 0, 0, 0, 0))
    attempt(f"write {{pid}}", lambda: libc.syscall(write, pid, 0, 0, 0, 0, 0))
    attempt(f"open {{pid}}", lambda: os.open(f"/proc/{{pid}}/mem", os.O_RDWR) + 1)
    try: fd = os.pidfd_open(pid)
    except OSError: continue
    for n in range(9): attempt(f"take {{pid}}", lambda: libc.syscall(438, fd, n, 0))
attempt("ring", lambda: libc.syscall(425, 8, ctypes.create_string_buffer(120)))
print("traced", done)
{RIGHT}
"""
HIDES = f"""{ATTEMPT}
attempt("memory file", lambda: os.memfd_create("x") + 1)
attempt("shared", lambda: len(mmap.mmap(-1, 1 << 20)))
attempt("zero", lambda: len(mmap.mmap(os.open("/dev/zero", os.O_RDWR), 1 << 20)))
attempt("segment", lambda: libc.shmget(0, 1 << 20, 0o1600))
attempt("queue", lambda: libc.msgget(0, 0o1600))
attempt("semaphores", lambda: libc.semget(0, 100, 0o1600))
for family in (socket.AF_PACKET, 40, 30, 38, 29):  # vsock, tipc, alg, can
    attempt(f"family {{family}}", lambda: socket.socket(family, socket.SOCK_DGRAM))
attempt("diagnosis", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4))
s = socket.socket(socket.AF_UNIX)
before = s.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
if s.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) > before: done.append("buffer")
print("hidden", done)
{RIGHT}
"""
NAMES = f"""{JAILED}
import glob, ipykernel, sys
def read(path):
    try:
        with open(path, errors="replace") as file: return file.read(1 << 16)
    except OSError: return ""
told = str([read(p) for p in glob.glob("/proc/**", recursive=True)])
told += str([dict(os.environ), sys.argv, sys.orig_argv, sys.path, os.getcwd()])
told += read(ipykernel.get_connection_file()) + ipykernel.get_connection_file()
course = "@COURSE@"
words = [course, os.path.dirname(course), "warm-", "jail-", "@ROOT@/autograder"]
print("named", [w for w in words if w in told], "connected by /run/kernel:",
    "/run/kernel" in told)
{RIGHT}
"""
PAIRS = """
import socket, time
for _ in range(30):
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
        except OSError: time.sleep(60)
        os._exit(0)
time.sleep(60)
"""
EMPTY = """
for i in range(10**6): os.close(os.open(f"/tmp/{i}", os.O_CREAT))
"""
SEND = """
k = get_ipython().kernel
ident, kept = k.get_parent()["header"]["session"].encode(), bytes(%d)
for _ in range(60): k.session.send(k.%s, "x", ident=%s, buffers=[kept] * %d)
import time; time.sleep(60)  # or another cell would be cut off
"""
FLOOD = SEND % (100 << 20, "iopub_socket", None, 60)
CHAIN = """
import time
while True:
    for _ in range(6):
        if os.fork() == 0:
            while time.process_time() < 1: pass
            os._exit(0)
    while True:
        try: os.wait()
        except ChildProcessError: break
"""
BOUNDS = [
    one("traces-jail", TRACES, says=r"traced \[\]"),
    one("hides-memory", HIDES, says=r"hidden \[\]"),
    one("names-paths", NAMES, says=r"named \[\] connected by /run/kernel: True"),
    inside("socket-buffers", PAIRS, stock=False),
    inside("empty-files", EMPTY, stock=False),
    inside("floods-read", FLOOD, stock=False),
    inside("floods-unread", SEND % (1 << 20, "stdin_socket", "ident", 4), stock=False),
    inside("floods-parts", SEND % (0, "iopub_socket", None, 2 * 10**4), stock=False),
    inside("many-short-lives", CHAIN, stock=False),
    Case("waits", change=first("import time\ntime.sleep(5)")),
]
