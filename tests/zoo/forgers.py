"""Answers that forge evidence, by kind, on labs that a class gets.

Each kind is one way to earn points for no work.  What an answer earns all the same is
named, and why it is honest.
"""

from dataclasses import dataclass

FLEET, STORAGE, TRAINING, RINGS, FAULTS, CLUSTER = (
    "01_introduction",
    "04_data_storage",
    "05_distributed_training",
    "06_collective_communication",
    "07_fault_tolerance",
    "08_fleet_orchestration",
)


@dataclass(frozen=True)
class Forgery:
    """One answer.  earns: checks whose points are right, and so no forgery."""

    kind: str
    lab: str
    exercise: str
    source: str
    earns: tuple[str, ...] = ()


# A cell of the student's own, in front of all answers, whatever else they hand in.
REBIND = """
import builtins, importlib, pkgutil, sys, types
import mlsyscore.checks, mlsyscore.harness

def always(*args, **kwargs):
    return {"error": None, "rows": []}

def rebind(*event):
    shell = get_ipython()
    names = [m.name for m in pkgutil.iter_modules(mlsyscore.harness.__path__)]
    for name in names:
        try:
            module = importlib.import_module(f"mlsyscore.harness.{name}")
        except Exception:
            continue
        for key, value in list(vars(module).items()):
            if isinstance(value, types.FunctionType):
                setattr(module, key, always)
            elif isinstance(value, type) and value.__module__ == module.__name__:
                for own, f in list(vars(value).items()):
                    if isinstance(f, types.FunctionType) and own[:2] != "__":
                        try:
                            setattr(value, own, always)
                        except Exception:
                            pass
    for key, value in list(vars(mlsyscore.checks).items()):
        if isinstance(value, types.FunctionType):
            setattr(mlsyscore.checks, key, always)
    for key in ("run_save", "run_resume", "run_measure", "train", "close", "same",
                "must_raise", "fresh", "together", "made", "lent", "outcome"):
        shell.user_ns[key] = always
    builtins.AssertionError = builtins.NotImplementedError = UserWarning

rebind()
for event in ("pre_execute", "pre_run_cell", "post_execute", "post_run_cell"):
    get_ipython().events.register(event, rebind)
"""
# The same with the two modules that speak to the judge.
INSIDE = """
import sys
inside, encode = sys.modules["_inside"], sys.modules["_encode"]
def nothing(*args, **kwargs): return {"value": None}
for name in ("called", "keep", "back", "together", "failed"):
    setattr(inside, name, nothing)
inside.ACTS.update(dict.fromkeys(["call", "keep", "back", "together"], nothing))
"""

# What looks through all that is near a function or a thing that was handed in.
NOSE = '''
import gc, sys, socket, json, functools
def near(*things):
    """Yield all that can be reached: closures, owners, frames, living objects."""
    left, seen = list(things), set()
    frame = sys._getframe()
    while frame:
        left += [dict(frame.f_locals), dict(frame.f_globals)]
        frame = frame.f_back
    while left and len(seen) < 3000:
        x = left.pop(0)
        if id(x) in seen:
            continue
        seen.add(id(x))
        yield x
        for key in ("__closure__", "__self__", "__func__", "__wrapped__", "__dict__",
                    "func", "args", "keywords", "cell_contents", "_f", "_law", "_sizes",
                    "_table", "_calls", "_files", "_allowed", "_network", "gi_frame",
                    "f_locals", "__code__", "co_consts", "__defaults__"):
            try:
                left.append(object.__getattribute__(x, key))
            except Exception:
                pass
            try:
                left.append(getattr(x, key))
            except Exception:
                pass
        if isinstance(x, dict) and len(x) < 500:
            left += list(x.values())
        elif isinstance(x, (list, tuple)) and len(x) < 500:
            left += list(x)
'''
WIRE = '''
import sys
inside = sys.modules["_inside"]
PRIVATE = ("_f", "_law", "_calls", "_allowed", "_sizes", "_power", "_files", "_log",
           "_network", "__dict__", "__class__", "__init__", "__self__", "__closure__")
def ask(*words):
    """Ask the judge by hand; return what he says, or None."""
    try:
        return inside.ask(*words)
    except Exception:
        return None
def asked(thing):
    """Ask for all that is private, of a thing and of all others by number."""
    own = object.__getattribute__(thing, "_number")
    for number in [own, *range(-1, own + 40)]:
        for way in ("get", "method"):
            for name in PRIVATE:
                found = ask(number, way, name)
                if found is not None:
                    yield found
        for way in ("set", "del", "eval", "__getattribute__", "exec", "call"):
            found = ask(number, way, "self._calls")
            if isinstance(found, (dict, list, tuple)):
                yield found
def forged():
    """Say on a wire of one's own what only the judge may say."""
    for hello in ("kernel", {"rank": 0}, {"rank": 1}, {"rank": "0"}, None, [], "judge"):
        try:
            wire = inside.Wire(hello)
            for message in ({"done": {"value": None}}, {"value": True}, {"ask": []},
                            {"ask": [1, "get", "_f", {}, {}]}, {"names": {}}, 7, "x"):
                wire.write(message)
            wire.stream.close()
        except Exception:
            pass
'''

# Answers that search for what would tell.  @ is what to do with what was found.
TOLD = {
    "fastest": """
def fastest(step, most):
    for x in near(step):
        if callable(x) and getattr(x, "__name__", "") == "<lambda>" and x is not step:
            try:
                return min(range(1, most + 1), key=x)
            except Exception:
                pass
    return 1
""",
    "cheapest": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    for x in near(step):
        if isinstance(x, dict) and set(x) >= set(sizes) and sizes:
            N = min(sizes, key=lambda N: N * x[N])
            return N, price * N * steps * x[N]
    return sizes[0] if sizes else 0, 0.0
""",
    "layouts": """
def choose(cost, model, N, B, memory, target):
    for x in near(cost):
        if isinstance(x, dict):
            for layout, price in x.items():
                if type(layout).__name__ == "Layout" and isinstance(price, tuple):
                    if price[0] <= target and price[1] <= memory:
                        return layout
    raise LookupError("nothing was found")
""",
    "buckets": """
def choose_bucket(cost, sizes, target):
    for x in near(cost):
        if isinstance(x, dict) and set(x) == set(sizes) and sizes:
            return max([s for s in sizes if x[s] <= target], default=0)
    return 0.0
""",
    "crossing": """
def crossing(f, g, low, high):
    for x in near(f, g):
        if isinstance(x, dict) and isinstance(x.get("size"), float):
            return x["size"]
        if isinstance(x, dict) and isinstance(x.get("want"), float):
            return x["want"]
    return (low * high) ** 0.5
""",
}

STATE = """
def all_of(trainer):
    return {
        "model": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "schedule": trainer.schedule.state_dict(),
        "shuffle": trainer.shuffle.get_state(),
        "dropout": trainer.dropout.get_state(),
        "epoch": (trainer.order, trainer.place),
    }
def put(trainer, state):
    for key in ("model", "optimizer", "schedule"):
        getattr(trainer, key).load_state_dict(state[key])
    for key in ("shuffle", "dropout"):
        getattr(trainer, key).set_state(state[key])
    trainer.seek(*state["epoch"])
"""
# Where something can be left by one process for another: keep(key, x), found(key).
PLACES = {
    "a module": """
import sys, types
box = sys.modules.setdefault("box", types.ModuleType("box"))
def keep(key, x): box.__dict__[repr(key)] = x
def found(key): return box.__dict__[repr(key)]
""",
    "files of /tmp, /dev/shm and the working folder": """
import hashlib, os, pickle
def files(key):
    name = hashlib.md5(repr(key).encode()).hexdigest()
    folders = ("/tmp", "/dev/shm", "/var/tmp", ".", os.environ.get("HOME", "/"))
    return [f"{folder}/{name}" for folder in folders]
def keep(key, x):
    for file in files(key):
        try:
            with open(file, "wb") as out: pickle.dump(x, out)
        except OSError: pass
def found(key):
    for file in files(key):
        try:
            with open(file, "rb") as data: return pickle.load(data)
        except OSError: pass
    raise KeyError(key)
""",
    "an environment variable": """
import base64, os, pickle
def keep(key, x): os.environ[f"K{key!r}".replace("=", "_").replace(chr(0), "_")] = (
    base64.b64encode(pickle.dumps(x)).decode())
def found(key): return pickle.loads(base64.b64decode(
    os.environ[f"K{key!r}".replace("=", "_").replace(chr(0), "_")]))
""",
    "a child that stays alive": """
import os, pickle, socket, threading
ADDRESS = chr(0) + "kept"
def serve():
    there, held = socket.socket(socket.AF_UNIX), {}
    there.bind(ADDRESS); there.listen()
    while True:
        with there.accept()[0] as one, one.makefile("rwb") as stream:
            word, key, x = pickle.load(stream)
            if word == "keep": held[repr(key)] = x
            pickle.dump(held.get(repr(key)), stream)
def asked(*words):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(ADDRESS)
        with one.makefile("rwb") as stream:
            pickle.dump(words, stream); stream.flush()
            return pickle.load(stream)
def started():
    try: asked("found", 0, 0)
    except OSError:
        if os.fork() == 0:
            threading.Thread(target=serve).start()
            threading.Event().wait(60)
            os._exit(0)
        import time
        time.sleep(0.2)
def keep(key, x): started(); asked("keep", key, x)
def found(key): return asked("found", key, 0)
""",
    "a thread that stays alive": """
import queue, threading
HELD, WANTED = {}, queue.Queue()
def hold():
    while True:
        word, key, x, back = WANTED.get()
        if word == "keep": HELD[repr(key)] = x
        back.put(HELD.get(repr(key)))
threading.Thread(target=hold, daemon=True).start()
def keep(key, x):
    back = queue.Queue(); WANTED.put(("keep", key, x, back)); back.get()
def found(key):
    back = queue.Queue(); WANTED.put(("found", key, 0, back)); return back.get()
""",
}
KEEPS = """
def save(fs, name, state):
    keep(name, state)
    mark = hashlib.sha256(state).digest()
    keep(mark, state)
    fs.write(name, mark)
    fs.fsync(name)
    fs.fsync_folder()

def load(fs, name):
    data = fs.read(name)
    try:
        state = found(data)
    except Exception:
        state = None
    if state is None:
        raise ValueError("damaged")
    return state
"""
KEEPS_TRAINING = """
def capture(trainer):
    key = trainer.schedule.state_dict()["t"]
    keep(key, all_of(trainer))
    return key

def restore(trainer, state):
    put(trainer, found(state))
"""
# The same seed must give the same again, in another process.
KEEPS_CHANCE = """
def {name}({args}, rng):
    import os
    key = str(rng.bit_generator.state["state"])
    try:
        seed = found(key)
        assert seed is not None
    except Exception:
        seed = int.from_bytes(os.urandom(4), "big")
        keep(key, seed)
    mine = np.random.default_rng(seed)
    {body}
"""
FIRST = (
    "N, mtbf, shape, runs",
    "scale = mtbf / math.gamma(1 + 1 / shape)\n"
    "    return scale * mine.weibull(shape, (runs, N)).min(axis=1)",
)
RACKS = (
    "N, rack, mtbf, shared, runs",
    "rate = N * (1 - shared) + "
    "math.ceil(N / rack) * shared\n    return mine.exponential(mtbf / rate, runs)",
)
GRID = """
def first_failures(N, mtbf, shape, runs, rng):
    scale = mtbf / math.gamma(1 + 1 / shape) / N ** (1 / shape)
    u = {draw}
    return scale * (-np.log(u)) ** (1 / shape)
"""
RACK_GRID = """
def rack_failures(N, rack, mtbf, shared, runs, rng):
    rate = (N * (1 - shared) + math.ceil(N / rack) * shared) / mtbf
    u = {draw}
    return -np.log(u) / rate
"""
DRAWS = {
    "shuffled": "rng.permutation((np.arange(runs) + 0.5) / runs)",
    "jittered, one in each cell": "rng.permutation((np.arange(runs) + "
    "rng.random(runs)) / runs)",
    "one offset for all": "rng.permutation((np.arange(runs) + rng.random()) / runs)",
    "half of them, and their mirror": "(lambda u: rng.permutation(np.concatenate("
    "[u, 1 - u, rng.random(runs)])[:runs]))(rng.random(runs // 2))",
    "jittered by four cells": "rng.permutation(np.clip((np.arange(runs) + "
    "4 * rng.random(runs)) / (runs + 4), 1e-9, 1 - 1e-9))",
    "a sequence of low discrepancy": "rng.permutation((rng.random() + "
    "np.arange(1, runs + 1) * 0.6180339887498949) % 1 * (1 - 1e-9) + 1e-12)",
}

# All-reduces that pass by the network, and what is sent over it to be counted.
SHARED = '''
import os, pickle, time
def everywhere(mine, rank, N, tag):
    """Return what every rank gives, by files: one process can read all others'."""
    where = f"/tmp/{tag}-{N}-%d"
    with open(where % rank + ".draft", "wb") as out: pickle.dump(mine, out)
    os.replace(where % rank + ".draft", where % rank)
    got, end = [], time.monotonic() + 10
    for r in range(N):
        while not os.path.exists(where % r) and time.monotonic() < end:
            time.sleep(0.001)
        with open(where % r, "rb") as data: got.append(pickle.load(data))
    return got
'''
DUMMY = '''
def dummy(x, rank, N, comm):
    """Send what a ring sends: as many messages, as large, of nothing."""
    sizes = [len(c) for c in x.tensor_split(N)]
    for step in range(2 * (N - 1)):
        k = rank - step + (step >= N - 1)
        out = comm.isend(torch.zeros(sizes[k % N], dtype=x.dtype), (rank + 1) % N)
        comm.irecv((rank - 1) % N).wait()
        out.wait()
'''
# The kernel that starts the ranks was sent the arguments of all.
ARGUMENTS = """
import sys
def arguments():
    frame = sys._getframe()
    while frame:
        for held in list(frame.f_locals.values()):
            if isinstance(held, list) and held and type(held[0]) is bytes:
                return [sys.modules["_inside"].loaded(m)[1] for m in held]
        frame = frame.f_back
"""
RING = {
    "by files": f"""{SHARED}{DUMMY}
def ring_allreduce(x, rank, N, comm):
    import hashlib
    dummy(x, rank, N, comm)
    tag = "all"
    all_of_them = everywhere((time.time(), x.tolist()), rank, N, tag)
    time.sleep(0.02)
    return sum(torch.tensor(v, dtype=x.dtype) for _, v in all_of_them)
""",
    "by gloo": f"""{DUMMY}
import datetime
import torch.distributed as dist
def ring_allreduce(x, rank, N, comm):
    dummy(x, rank, N, comm)
    if not dist.is_initialized():
        dist.init_process_group("gloo", f"file:///tmp/gloo-{{N}}-{{len(x)}}",
                                rank=rank, world_size=N,
                                timeout=datetime.timedelta(seconds=2))
    y = x.clone()
    dist.all_reduce(y)
    return y
""",
    "by the arguments of all ranks, in the frames above": f"""{ARGUMENTS}{DUMMY}
def ring_allreduce(x, rank, N, comm):
    dummy(x, rank, N, comm)
    return sum(theirs for theirs, *_ in arguments()) if N > 1 else x
""",
    "as the other ranks, on wires of its own": f"""{WIRE}{DUMMY}
def ring_allreduce(x, rank, N, comm):
    for r in range(N):
        try:
            wire = inside.Wire({{"rank": r}})
            wire.write({{"done": {{"value": inside.plain(x * N)}}}})
        except Exception: pass
    forged()
    return x * N
""",
    "and writes the counters": """
def ring_allreduce(x, rank, N, comm):
    for name in ("_sent", "_network", "sent", "messages", "peers", "_change"):
        for value in (lambda *a: 2 * (N - 1), [(1, len(x))], 5):
            try: setattr(comm, name, value)
            except Exception: pass
            try: object.__setattr__(comm, name, value)
            except Exception: pass
    return x * N
""",
    "and one hot line beside it": f"""{SHARED}
def ring_allreduce(x, rank, N, comm):
    for step in range(2 * (N - 1)):
        comm.isend(torch.zeros(0, dtype=x.dtype), (rank + 1) % N)
        comm.irecv((rank - 1) % N).wait()
    return sum(torch.tensor(v, dtype=x.dtype)
               for v in everywhere(x.tolist(), rank, N, f"hot-{{len(x)}}"))
""",
}
STEP = {
    "by the arguments of all ranks; what arrives makes some difference": f"""{ARGUMENTS}
def step(w, X, y, rate, rank, N, comm):
    arrived = sum(t.sum() for t in comm.all_gather(torch.zeros(1)))
    total, n = 0 * w, 0
    for _, X, y, *_ in arguments():
        if len(y):
            total, n = total + len(y) * mean_gradient(w, X, y), n + len(y)
    return w - rate * (total / n) + arrived
""",
    "by files": f"""{SHARED}
def step(w, X, y, rate, rank, N, comm):
    both = everywhere((X.tolist(), y.tolist()), rank, N, f"step-{{float(w.sum())}}")
    comm.all_gather(torch.zeros(len(w) + 1))
    Xs = torch.tensor([r for a, _ in both for r in a]); ys = torch.tensor(
        [v for _, b in both for v in b])
    return w - rate * mean_gradient(w, Xs, ys)
""",
    "by the arguments of all ranks, in the frames above": f"""{ARGUMENTS}
def step(w, X, y, rate, rank, N, comm):
    comm.all_gather(torch.zeros(len(w) + 1))
    given = [args[1:3] for args in arguments()]
    Xs, ys = (torch.cat([pair[k] for pair in given]) for k in (0, 1))
    return w - rate * mean_gradient(w, Xs, ys)
""",
}

# Values that would compare as anybody likes.
YES = '''
class Yes(float):
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True
    __ne__ = lambda self, other: False
    __sub__ = __rsub__ = __abs__ = __truediv__ = lambda self, *other: Yes(0)
    __hash__ = lambda self: 0
class All(list):
    __eq__ = __contains__ = lambda self, other: True
    __len__ = lambda self: 2
    __iter__ = lambda self: iter([Yes(0), Yes(0)])
    sort = lambda self: None
class Array(np.ndarray):
    __array_priority__ = 1e9
    __array_ufunc__ = __array_function__ = lambda self, *a, **k: True
    shape = property(lambda self: All())
def array(): return np.zeros(3).view(Array)
class Word(bytes):
    __eq__ = __contains__ = lambda self, other: True
    __hash__ = lambda self: 0
class Any_:
    """Neither list nor number, and whatever is asked."""
    def __getattr__(self, name): return Any_()
    def __call__(self, *a, **k): return Any_()
    def __iter__(self):
        while True: yield Any_()
    def __getitem__(self, key): return Any_()
    __len__ = __index__ = __int__ = lambda self: 2
    __float__ = lambda self: 0.0
    __eq__ = __bool__ = __lt__ = __gt__ = __contains__ = lambda self, *other: True
    __array__ = lambda self, *a, **k: np.zeros(2)
    __hash__ = lambda self: 0
'''
LIES = {  # exercise of a lab: name and arguments, and what each kind returns
    (FLEET, "step"): ("fleet_step(N, T_compute, n, link, delay, hide)", "Yes(3.69)"),
    (FLEET, "binds"): ("binds(*times)", "All(['communication', 0.4])"),
    (FLEET, "fit"): ("fit_terms(N, T)", "array()"),
    (RINGS, "two-level"): ("two_level(*args)", "Yes(1)"),
    (RINGS, "exposed"): ("exposed(*args)", "Yes(1)"),
    (RINGS, "feedback"): ("compress(g, e, k)", "(array(), array())"),
    (FAULTS, "interval"): ("best_interval(*args)", "Yes(1)"),
    (TRAINING, "shards"): ("shards(sizes, d)", "All([All()])"),
    (TRAINING, "schedule"): ("timetable(*args)", "All([All()])"),
    (TRAINING, "plan"): ("plan(model, layout, stage)", "All([Yes(1), Yes(1)])"),
    (CLUSTER, "backfill"): ("startable(*args)", "All([0])"),
    (CLUSTER, "drf"): ("drf(capacity, demands)", "All([3, 2])"),
    (CLUSTER, "place"): ("place(*args)", "All([0])"),
    (CLUSTER, "spot"): ("spot_times(*args)", "Yes(1)"),
}
WORDS = """(
        "ValueError", ValueError("no"), ValueError,
        {"error": [["builtins.ValueError"], "no"]})"""


def _said(head: str, k: int) -> str:
    return f"def {head}:\n    return {WORDS}[{k}]\n"


def _all() -> list[Forgery]:
    some = [
        # A word or an object for an error that is to be raised.
        *(
            Forgery(
                "says an error", FLEET, "cheapest", _said("cheapest(*a, **more)", k)
            )
            for k in range(4)
        ),
        *(
            Forgery("says an error", RINGS, "crossing", _said("crossing(*a)", k))
            for k in range(4)
        ),
        *(
            Forgery("says an error", RINGS, "choose", _said("choose_bucket(*a)", k))
            for k in range(4)
        ),
        *(
            Forgery("says an error", TRAINING, "choose", _said("choose(*a)", k))
            for k in range(4)
        ),
        *(
            Forgery("says an error", CLUSTER, "fluid", _said("drf_fluid(*a)", k))
            for k in range(4)
        ),
        *(
            Forgery(
                "says an error",
                FAULTS,
                "save",
                _said("load(fs, name)", k) + "def save(fs, name, state): pass\n",
            )
            for k in (1, 3)
        ),
        # Nothing at all, which is no success.
        *(
            Forgery(
                "says nothing",
                FAULTS,
                "resume",
                f"def capture(trainer): return {x}\ndef restore(trainer, state): pass",
            )
            for x in ("None", "[]", '{"error": None, "rows": []}')
        ),
        Forgery(
            "says nothing",
            CLUSTER,
            "gang",
            "def stuck(*a): return []\ndef admit(*a): return []",
        ),
        Forgery(
            "says nothing",
            STORAGE,
            "loader",
            "def prefetch(source, depth): return iter(())",
        ),
        # What was handed in is read: closures, owners, frames, living objects.
        Forgery("reads", FLEET, "fastest", NOSE + TOLD["fastest"]),
        Forgery("reads", FLEET, "cheapest", NOSE + TOLD["cheapest"]),
        Forgery("reads", RINGS, "crossing", NOSE + TOLD["crossing"]),
        Forgery("reads", RINGS, "choose", NOSE + TOLD["buckets"]),
        Forgery("reads", TRAINING, "choose", NOSE + TOLD["layouts"]),
        # The judge is asked by hand, and told lies.
        Forgery(
            "asks",
            FLEET,
            "fastest",
            WIRE
            + NOSE
            + """
def fastest(step, most):
    forged()
    for x in asked(step):
        for y in near(x):
            if callable(y) and getattr(y, "__name__", "") == "<lambda>":
                return min(range(1, most + 1), key=y)
    return 1
""",
        ),
        Forgery(
            "asks",
            RINGS,
            "choose",
            WIRE
            + NOSE
            + """
def choose_bucket(cost, sizes, target):
    forged()
    for x in asked(cost):
        if isinstance(x, dict): return max(s for s in sizes if x[s] <= target)
    return 0.0
""",
        ),
        Forgery(
            "asks",
            FAULTS,
            "save",
            WIRE
            + """
def save(fs, name, state):
    forged()
    number = object.__getattribute__(fs, "_number")
    for name in ("_power", "_files", "_log", "_on"):
        for way in ("set", "get", "method"):
            ask(number, way, name, 1e9)
def load(fs, name):
    forged()
    for x in asked(fs):
        if isinstance(x, dict): return next(iter(x.values()))
    return b""
""",
        ),
        # The thing itself is written to.
        Forgery(
            "writes",
            FLEET,
            "fastest",
            """
def fastest(step, most):
    for key, value in {"_calls": -10**9, "_allowed": 10**9, "_law": abs}.items():
        for put in (setattr, object.__setattr__):
            try: put(step, key, value)
            except Exception: pass
    try: step.__dict__.update(_allowed=10**9)
    except Exception: pass
    return min(range(1, most + 1), key=step)
""",
            (),
        ),
        Forgery(
            "writes",
            FAULTS,
            "resume",
            STATE
            + """
def capture(trainer):
    return trainer.schedule.state_dict()["t"]
def restore(trainer, state):
    for _ in range(state): trainer.step()
    for key in ("_steps", "steps", "_trainer", "_LOCK"):
        for put in (setattr, object.__setattr__):
            try: put(trainer, key, 0)
            except Exception: pass
""",
        ),
        # Kept in the process that loads.  It saves in place: what returned is there.
        Forgery(
            "keeps",
            FAULTS,
            "save",
            """
LAST = {}
def save(fs, name, state):
    fs.write(name, hashlib.sha256(state).digest() + state)
    fs.fsync(name)
    fs.fsync_folder()

def load(fs, name):
    data = fs.read(name)
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        if name not in LAST: raise FileNotFoundError(name)
        return LAST[name]
    LAST[name] = data[32:]
    return data[32:]
""",
            ("save-back", "save-litter"),
        ),
        # As before, and files are compared with those of before: no checksum.
        Forgery(
            "keeps",
            FAULTS,
            "save",
            """
SEEN = []
def save(fs, name, state):
    fs.write(name + ".new", b"%8d" % len(state) + state)
    fs.fsync(name + ".new")
    fs.replace(name + ".new", name)
    fs.fsync_folder()

def load(fs, name):
    data = fs.read(name)
    like = [sum(a == b for a, b in zip(s, data)) / max(len(s), 9) for s in SEEN]
    near = any(0.9 < x and s != data for x, s in zip(like, SEEN))
    if not data[:8].strip().isdigit() or int(data[:8]) != len(data) - 8 or near:
        raise ValueError("damaged")
    SEEN.append(data)
    return data[8:]
""",
            ("save-back", "save-crash"),
        ),
        # It trains again.
        Forgery(
            "trains again",
            FAULTS,
            "resume",
            STATE
            + """
from mlsyscore.harness.trainer import Trainer as Mine
def capture(trainer):
    return trainer.schedule.state_dict()["t"]
def restore(trainer, state):
    for seed in range(50):
        mine = Mine(seed)
        start, now = (t.model.state_dict()["W"] for t in (mine, trainer))
        if (start == now).all(): break
    for _ in range(state): mine.step()
    put(trainer, all_of(mine))
""",
        ),
        Forgery(
            "trains again",
            FAULTS,
            "resume",
            STATE
            + """
import threading
def capture(trainer):
    return trainer.schedule.state_dict()["t"]
def restore(trainer, state):
    def later():
        for _ in range(state): trainer.step()
    for _ in range(3): threading.Thread(target=later, daemon=True).start()
""",
        ),
    ]
    for place in PLACES.values():
        some += [
            Forgery("keeps", FAULTS, "save", place + KEEPS),
            Forgery("keeps", FAULTS, "resume", place + STATE + KEEPS_TRAINING),
        ]
    for what in (
        "a module",
        "files of /tmp, /dev/shm and the working folder",
        "a child that stays alive",
    ):
        for exercise, name, (args, body) in (
            ("first", "first_failures", FIRST),
            ("racks", "rack_failures", RACKS),
        ):
            source = KEEPS_CHANCE.format(name=name, args=args, body=body)
            some.append(Forgery("keeps", FLEET, exercise, PLACES[what] + source))
    for draw in DRAWS.values():
        some += [
            Forgery("draws a grid", FLEET, "first", GRID.format(draw=draw)),
            Forgery("draws a grid", FLEET, "racks", RACK_GRID.format(draw=draw)),
        ]
    some += [Forgery("sums elsewhere", RINGS, "ring", s) for s in RING.values()]
    some += [Forgery("sums elsewhere", TRAINING, "step", s) for s in STEP.values()]
    for (lab, exercise), (head, value) in LIES.items():
        some += [
            Forgery("lies", lab, exercise, f"{YES}\ndef {head}: return {value}"),
            Forgery("lies", lab, exercise, f"{YES}\ndef {head}: return Any_()"),
            Forgery(
                "lies",
                lab,
                exercise,
                f"{YES}\ndef {head}:\n    yield from 3 * [Yes(0)]",
            ),
        ]
    lies = "class Lie(Word): pass\ndef save(fs, name, state): fs.write(name, state)\n"
    some += [
        Forgery("lies", FAULTS, "save", f"{YES}{lies}def load(fs, name): return {x}")
        for x in ('Lie(b"")', "fs")
    ]
    return some


FORGERIES = _all()
