"""Wrong answers that students write, and right ones of another kind."""

PLAN = """
def plan_run(fleet, work, T_write, T_restart):
    mtbf = 1e9 * hour / sum(n * f for n, f in fleet)
    ks = np.arange(1, 100_001)
    with np.errstate(over="ignore"):
        runs = ks * segment_time(work / ks, T_write, mtbf, T_restart)
    k = int(ks[np.argmin(runs)])
    run = float(runs[k - 1])
    restart = run * (1 - np.exp(-T_restart / mtbf))
    write = k * T_write
    rework = run - work - write - restart
    return dict(mtbf=mtbf, segments=k, run=run, write=write, restart=restart,
                rework=rework)
"""
JOB = """
def wall_clock(lives, segments, tau, T_write, T_restart):
    times = []
    for run in lives:
        clock, done = 0.0, 0
        for i, life in enumerate(run):
            rest = T_restart if i > 0 else 0.0
            fits = int(max(life - rest, 0) // (tau + T_write))
            if done + fits >= segments:
                times.append(clock + rest + (segments - done) * (tau + T_write))
                break
            done += fits
            clock += life
        else:
            raise ValueError("no lives left")
    return times
"""
INTERVAL = """
def best_interval(lives, T_write, T_restart):
    def share(tau):
        segments = np.floor((lives - T_restart) / (tau + T_write))
        return tau * np.maximum(segments, 0).sum() / lives.sum()

    taus = np.sqrt(2 * T_write * lives.mean()) * np.geomspace(1 / 3, 3, 60)
    return taus[np.argmax([share(t) for t in taus])]
"""
SAVE = """
def save(fs, name, state):
    temporary = name + ".new"
    fs.write(temporary, hashlib.sha256(state).digest() + state)
    fs.fsync(temporary)
    fs.replace(temporary, name)
    fs.fsync_folder()

def load(fs, name):
    data = fs.read(name)
    digest, state = data[:32], data[32:]
    if hashlib.sha256(state).digest() != digest:
        raise ValueError("damaged")
    return state
"""
RESUME = """
def capture(trainer):
    return {
        "model": trainer.model.state_dict(),
        "momentum": trainer.optimizer.state_dict(),
        "schedule": trainer.schedule.state_dict(),
        "shuffle": trainer.shuffle.get_state(),
        "dropout": trainer.dropout.get_state(),
        "order": trainer.order.tolist(),
        "place": trainer.place,
    }

def restore(trainer, state):
    trainer.model.load_state_dict(state["model"])
    trainer.optimizer.load_state_dict(state["momentum"])
    trainer.schedule.load_state_dict(state["schedule"])
    trainer.shuffle.set_state(state["shuffle"])
    trainer.dropout.set_state(state["dropout"])
    trainer.seek(state["order"], state["place"])
"""
ABFT = """
def encode(A, B):
    left = np.concatenate([A, A.sum(axis=0, keepdims=True)], axis=0)
    right = np.concatenate([B, B.sum(axis=1, keepdims=True)], axis=1)
    return left, right

def verify(A, B, C):
    m, k, n = len(A), len(B), B.shape[1]
    left, right = encode(abs(A), abs(B))
    S = left @ right
    bound = (m + n + k) * np.finfo(C.dtype).eps
    good_rows = abs(C[:, :-1].sum(1) - C[:, -1]) <= bound * S[:, n]
    good_columns = abs(C[:-1].sum(0) - C[-1]) <= bound * S[m]
    if good_rows.all() and good_columns.all():
        return "clean", C[:m, :n]
    if (~good_rows).sum() != 1 or (~good_columns).sum() != 1:
        return "damaged", C[:m, :n]
    i, j = np.argmin(good_rows), np.argmin(good_columns)
    fixed = C.copy()
    fixed[i, j] = 0
    column = fixed[:, j]
    fixed[i, j] = column.sum() if i == m else column[m] - column[:m].sum()
    return "corrected", fixed[:m, :n]

def overhead(m, k, n):
    plain = 2 * m * k * n
    larger = 2 * (m + 1) * k * (n + 1) - plain
    return (m * k + k * n + larger + 2 * (m + 1) * (n + 1)) / plain
"""


def swap(source, old, new):
    """Source with one piece of it replaced."""
    assert source.count(old) == 1, (source.count(old), old)
    return source.replace(old, new)


WRONG = {
    "plan": {
        "takes the GPUs for the whole fleet": swap(
            PLAN, "sum(n * f for n, f in fleet)", "max(n * f for n, f in fleet)"
        ),
        "forgets how many parts there are": swap(PLAN, "sum(n * f ", "sum(f "),
        "Young-Daly, however long the write": swap(
            PLAN,
            "int(ks[np.argmin(runs)])",
            "max(1, round(work / np.sqrt(2 * T_write * mtbf)))",
        ),
        "rounds the best interval, not the run": swap(
            PLAN,
            "int(ks[np.argmin(runs)])",
            "max(1, int(work / daly_interval(min(T_write, mtbf), mtbf)))",
        ),
        "a restart always takes its whole time": swap(
            PLAN, "run * (1 - np.exp(-T_restart / mtbf))", "run / mtbf * T_restart"
        ),
        "failures strike work only": swap(
            PLAN,
            "run * (1 - np.exp(-T_restart / mtbf))",
            "work / mtbf * T_restart",
        ),
        "half an interval of rework for each failure": swap(
            PLAN,
            "rework = run - work - write - restart",
            "rework = run / mtbf * work / k / 2",
        ),
        "adds restarts to a run without them": swap(
            PLAN, "mtbf, T_restart)\n", "mtbf) * (1 + T_restart / mtbf)\n"
        ),
        "rounds the number of intervals": swap(
            PLAN,
            "int(ks[np.argmin(runs)])",
            "max(1, round(work / daly_interval(min(T_write, mtbf), mtbf)))",
        ),
    },
    "job": {
        "loses nothing at a failure": swap(
            JOB,
            "            fits = int(max(life - rest, 0) // (tau + T_write))\n",
            "            fits = max(life - rest, 0) / (tau + T_write)\n",
        ),
        "restarts before the first life too": swap(JOB, " if i > 0 else 0.0", ""),
        "a restart takes none of the life": swap(JOB, "max(life - rest, 0)", "life"),
        "does not write the last segment": swap(
            JOB,
            "(segments - done) * (tau + T_write))",
            "(segments - done) * (tau + T_write) - T_write)",
        ),
        "counts each failed restart as a whole one": swap(
            JOB, "clock += life", "clock += max(life, rest)"
        ),
        "a life shorter than its restart takes segments away": swap(
            JOB, "max(life - rest, 0)", "(life - rest)"
        ),
        "stops when the lives do": swap(
            JOB, 'raise ValueError("no lives left")', "times.append(clock)"
        ),
        "ends with the last life": swap(
            JOB,
            "clock + rest + (segments - done) * (tau + T_write)",
            "clock + life",
        ),
        "raises only if no run is done": swap(
            swap(JOB, 'raise ValueError("no lives left")', "times.append(math.nan)"),
            "    return times",
            "    if np.isnan(times).all():\n        raise ValueError\n    return times",
        ),
    },
    "interval": {
        "Young-Daly at the mean life": """
def best_interval(lives, T_write, T_restart):
    return float(young_daly(T_write, lives.mean()))
""",
        "the exact interval, for exponential lives": """
def best_interval(lives, T_write, T_restart):
    return float(daly_interval(T_write, lives.mean()))
""",
        "forgets the restart": swap(INTERVAL, "(lives - T_restart)", "lives"),
        "takes the work off the restart twice": swap(
            INTERVAL, "(lives - T_restart)", "(lives[lives > T_restart])"
        ),
        "counts writes as work": swap(
            INTERVAL, "return tau *", "return (tau + T_write) *"
        ),
        "forgets what a failure loses": swap(INTERVAL, "np.floor", ""),
        "every 15 minutes": """
def best_interval(lives, T_write, T_restart):
    return 15 * minute
""",
        "from a hundred lives": swap(
            INTERVAL, "    def share", "    lives = lives[:100]\n\n    def share"
        ),
    },
    "save": {
        "writes in place": """
def save(fs, name, state):
    fs.write(name, hashlib.sha256(state).digest() + state)
    fs.fsync(name)
    fs.fsync_folder()
"""
        + SAVE[SAVE.index("def load") :],
        "no fsync before the rename": swap(SAVE, "    fs.fsync(temporary)\n", ""),
        "fsync after the rename": swap(
            swap(SAVE, "    fs.fsync(temporary)\n", ""),
            "    fs.fsync_folder()\n",
            "    fs.fsync(name)\n    fs.fsync_folder()\n",
        ),
        "the folder is not synced": swap(SAVE, "    fs.fsync_folder()\n", ""),
        "removes the old one first": swap(
            SAVE,
            "    fs.replace(",
            "    if name in fs.listdir():\n        fs.remove(name)\n    fs.replace(",
        ),
        "no checksum": """
def save(fs, name, state):
    fs.write(name + ".new", state)
    fs.fsync(name + ".new")
    fs.replace(name + ".new", name)
    fs.fsync_folder()

def load(fs, name):
    return fs.read(name)
""",
        "a sum for a checksum": swap(
            swap(
                SAVE,
                "hashlib.sha256(state).digest() + state",
                "sum(state).to_bytes(32, 'big') + state",
            ),
            "hashlib.sha256(state).digest() != digest",
            "sum(state).to_bytes(32, 'big') != digest",
        ),
        "a length that no checksum covers": """
def save(fs, name, state):
    length = len(state).to_bytes(8, "big")
    fs.write(name + ".new", length + hashlib.sha256(state).digest() + state)
    fs.fsync(name + ".new")
    fs.replace(name + ".new", name)
    fs.fsync_folder()

def load(fs, name):
    data = fs.read(name)
    state = data[40 : 40 + int.from_bytes(data[:8], "big")]
    if hashlib.sha256(state).digest() != data[8:40]:
        raise ValueError("damaged")
    return state
""",
        "the checksum in a file of its own": """
def save(fs, name, state):
    for end, data in ((".sum", hashlib.sha256(state).digest()), ("", state)):
        fs.write(name + end + ".new", data)
        fs.fsync(name + end + ".new")
        fs.replace(name + end + ".new", name + end)
    fs.fsync_folder()

def load(fs, name):
    state = fs.read(name)
    if hashlib.sha256(state).digest() != fs.read(name + ".sum"):
        raise ValueError("damaged")
    return state
""",
        "a new name each time": swap(
            SAVE,
            'temporary = name + ".new"',
            'temporary = f"{name}.{hash(state)}.{len(fs.listdir())}"',
        ),
        "gives nothing for a damaged file": swap(
            SAVE, 'raise ValueError("damaged")', "return None"
        ),
        "returns an error, and raises none": swap(
            SAVE, 'raise ValueError("damaged")', 'return ValueError("damaged")'
        ),
        "Python's own hash for a checksum": swap(
            swap(
                SAVE,
                "hashlib.sha256(state).digest() + state",
                "(hash(state) % 2**64).to_bytes(32, 'big') + state",
            ),
            "hashlib.sha256(state).digest() != digest",
            "(hash(state) % 2**64).to_bytes(32, 'big') != digest",
        ),
        "a checksum of the first 64 bytes": SAVE.replace(
            "hashlib.sha256(state)", "hashlib.sha256(state[:64])"
        ),
        "an exclusive or of words for a checksum": """
def xor(state):
    words = [int.from_bytes(state[i : i + 8], "big") for i in range(0, len(state), 8)]
    total = len(state)
    for word in words:
        total ^= word
    return total.to_bytes(8, "big")
"""
        + swap(
            swap(
                SAVE,
                "hashlib.sha256(state).digest() + state",
                "xor(state) + state",
            ),
            "    digest, state = data[:32], data[32:]\n"
            "    if hashlib.sha256(state).digest() != digest:",
            "    digest, state = data[:8], data[8:]\n    if xor(state) != digest:",
        ),
        "removes all that begins like its name": swap(
            SAVE,
            "    fs.write(",
            "    for n in fs.listdir():\n        if n.startswith(name + '.'):\n"
            "            fs.remove(n)\n    fs.write(",
        ),
        "leaves the file before beside it": swap(
            SAVE,
            "    fs.replace(",
            "    if name in fs.listdir():\n        fs.replace(name, name + '.old')\n"
            "        fs.fsync_folder()\n    fs.replace(",
        ),
        "ends the save before, whole or not": swap(
            SAVE,
            "    fs.write(",
            "    if temporary in fs.listdir():\n        fs.replace(temporary, name)\n"
            "        fs.fsync_folder()\n    fs.write(",
        ),
        "remembers its litter in a variable": """
import uuid

litter = []
"""
        + swap(
            SAVE,
            '    temporary = name + ".new"\n',
            "    for n in litter:\n        if n in fs.listdir():\n"
            "            fs.remove(n)\n"
            "    temporary = uuid.uuid4().hex\n    litter.append(temporary)\n",
        ),
    },
    "resume": {
        "weights only": """
def capture(trainer):
    return copy.deepcopy(trainer.model.state_dict())

def restore(trainer, state):
    trainer.model.load_state_dict(state)
""",
        "returns the parts, not what is in them": """
def capture(trainer):
    return (trainer.model, trainer.optimizer, trainer.schedule, trainer.shuffle,
            trainer.dropout, trainer.order, trainer.place)

def restore(trainer, state):
    model, optimizer, schedule, shuffle, dropout, order, place = state
    trainer.model.load_state_dict(model.state_dict())
    trainer.optimizer.load_state_dict(optimizer.state_dict())
    trainer.schedule.load_state_dict(schedule.state_dict())
    trainer.shuffle.set_state(shuffle.get_state())
    trainer.dropout.set_state(dropout.get_state())
    trainer.seek(order, place)
""",
        "returns the trainer": """
def capture(trainer):
    return trainer

def restore(trainer, state):
    trainer.model.load_state_dict(state.model.state_dict())
""",
        "the momentum of the weights": swap(
            RESUME, "trainer.optimizer.state_dict()", "trainer.model.state_dict()"
        ),
        "no momentum": swap(
            RESUME, '    trainer.optimizer.load_state_dict(state["momentum"])\n', ""
        ),
        "no schedule": swap(
            RESUME, '    trainer.schedule.load_state_dict(state["schedule"])\n', ""
        ),
        "dropout's generator is left out": swap(
            RESUME, '    trainer.dropout.set_state(state["dropout"])\n', ""
        ),
        "one generator for both": swap(RESUME, 'state["dropout"]', 'state["shuffle"]'),
        "the next shuffle is left out": swap(
            RESUME, '    trainer.shuffle.set_state(state["shuffle"])\n', ""
        ),
        "starts the epoch anew": swap(
            RESUME,
            'trainer.seek(state["order"], state["place"])',
            "trainer.seek([], 0)",
        ),
        "the place, and another order": swap(
            RESUME, 'state["order"], ', "sorted(state['order']), "
        ),
        "captures once for all": swap(
            RESUME,
            "def capture(trainer):\n    return {",
            "first = []\n\ndef capture(trainer):\n    if not first:\n"
            "        first.append(state_of(trainer))\n    return first[0]\n\n"
            "def state_of(trainer):\n    return {",
        ),
        "keeps every state": swap(
            RESUME,
            "def capture(trainer):\n    return {",
            "kept = []\n\ndef capture(trainer):\n    kept.append(state_of(trainer))\n"
            "    return {'last': kept[-1], 'all': list(kept)}\n\n"
            "def state_of(trainer):\n    return {",
        ).replace(
            "def restore(trainer, state):",
            "def restore(trainer, state):\n    state = state['last']",
        ),
        "trains from the start": """
def capture(trainer):
    return trainer.schedule.state_dict()["t"]

def restore(trainer, state):
    while trainer.schedule.state_dict()["t"] < state:
        trainer.step()
""",
    },
    "abft": {
        "a fixed tolerance": swap(
            swap(ABFT, "<= bound * S[:, n]", "<= 1e-6"), "<= bound * S[m]", "<= 1e-6"
        ),
        "no tolerance": swap(
            ABFT, "bound = (m + n + k) * np.finfo(C.dtype).eps", "bound = 0.0"
        ),
        "NaN passes": swap(
            swap(
                ABFT,
                "good_rows = abs(C[:, :-1].sum(1) - C[:, -1]) <= bound * S[:, n]",
                "good_rows = ~(abs(C[:, :-1].sum(1) - C[:, -1]) > bound * S[:, n])",
            ),
            "good_columns = abs(C[:-1].sum(0) - C[-1]) <= bound * S[m]",
            "good_columns = ~(abs(C[:-1].sum(0) - C[-1]) > bound * S[m])",
        ),
        "takes the difference off": swap(
            ABFT,
            ABFT[ABFT.index("    fixed[i, j] = 0") : ABFT.index('    return "corr')],
            "    fixed[i, j] -= C[i, :-1].sum() - C[i, -1] if j < n else 0.0\n",
        ),
        "looks at rows only": swap(
            ABFT,
            "abs(C[:-1].sum(0) - C[-1]) <= bound * S[m]",
            "np.arange(n + 1) != np.argmax(abs(C[:-1].sum(0) - C[-1]))",
        ),
        "corrects the first of two": swap(
            ABFT,
            "if (~good_rows).sum() != 1 or (~good_columns).sum() != 1:",
            "if good_rows.all() or good_columns.all():",
        ),
        "a tolerance of the largest entry": swap(
            swap(ABFT, "bound * S[:, n]", "bound * S.max()"),
            "bound * S[m]",
            "bound * S.max()",
        ),
        "float64's tolerance for float32": swap(
            ABFT, "np.finfo(C.dtype).eps", "2.2e-16"
        ),
        "takes a sum for always right": swap(
            ABFT,
            "if (~good_rows).sum() != 1 or (~good_columns).sum() != 1:",
            "if sum(~good_rows[:m]) != 1 or sum(~good_columns[:n]) != 1:",
        ),
        "prices the larger product only": swap(
            ABFT, "(m * k + k * n + larger + 2 * (m + 1) * (n + 1))", "larger"
        ),
        "a bound for the products, none for the sums": swap(
            ABFT, "(m + n + k) * np", "k * np"
        ),
        "gives back the encoded product": swap(
            ABFT, 'return "corrected", fixed[:m, :n]', 'return "corrected", fixed'
        ),
    },
}

RIGHT = {
    "plan": {
        "tries every number of segments": PLAN,
        "ternary search, from renewals": """
def plan_run(fleet, work, T_write, T_restart):
    lam = sum(n * f / 1e9 / 3600 for n, f in fleet)

    def run(k):
        P = math.exp(-lam * (work / k + T_write))
        mean = -math.expm1(-lam * (work / k + T_write)) / lam / P
        return k * (mean + (1 / P - 1) * math.expm1(lam * T_restart) / lam)

    low, high = max(1, int(work * lam / 600)), 100_000
    while high - low > 2:
        a, b = low + (high - low) // 3, high - (high - low) // 3
        low, high = (low, b) if run(a) < run(b) else (a, high)
    k = min(range(low, high + 1), key=run)
    plan = {"mtbf": np.float64(1 / lam), "segments": np.int64(k), "run": run(k)}
    plan["write"] = k * T_write
    plan["restart"] = run(k) * -np.expm1(-lam * T_restart)
    plan["rework"] = run(k) - work - plan["write"] - plan["restart"]
    return plan
""",
        "rework by its own law, restarts as the rest": """
def plan_run(fleet, work, T_write, T_restart):
    M = 1e9 * hour / math.fsum(n * f for n, f in fleet)
    k, run = 1, lambda k: k * segment_time(work / k, T_write, M, T_restart)
    while run(k + 1) < run(k):
        k += 1
    x = (work / k + T_write) / M
    rework = k * M * (math.exp(x) - 1 - x)
    restart = run(k) - work - k * T_write - rework
    return {"mtbf": M, "segments": float(k), "run": run(k), "write": k * T_write,
            "restart": restart, "rework": rework}
""",
    },
    "job": {
        "a loop over runs, a list back": JOB,
        "a loop over lives": """
def wall_clock(lives, segments, tau, T_write, T_restart):
    left = np.full(len(lives), segments)
    clock = np.zeros(len(lives))
    for i, life in enumerate(lives.T):
        rest = T_restart * (i > 0)
        need = rest + left * (tau + T_write)
        active = left > 0
        ends = active & (need <= life)
        clock += np.where(ends, need, np.where(active, life, 0.0))
        fits = ((life - rest).clip(0) // (tau + T_write)).astype(int)
        left = np.where(ends, 0, np.maximum(left - fits, 0))
    if left.any():
        raise ValueError(f"{np.count_nonzero(left)} runs are not done")
    return clock
""",
    },
    "interval": {
        "another way to count": INTERVAL,
        "fits a Weibull and sums the exact law": """
def best_interval(lives, T_write, T_restart):
    x = np.log(lives)
    shape = math.pi / math.sqrt(6) / x.std()
    scale = math.exp(x.mean() + 0.5772156649 / shape)
    first = young_daly(T_write, lives.mean())

    def share(tau):
        ends = T_restart + (tau + T_write) * np.arange(1, 20000)
        return tau * np.exp(-((ends / scale) ** shape)).sum()

    low, high = math.log(first / 3), math.log(first * 3)
    for _ in range(40):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        if share(math.exp(a)) < share(math.exp(b)):
            low = a
        else:
            high = b
    return math.exp(low)
""",
    },
    "save": {
        "the digest behind, another name": SAVE.replace(
            "hashlib.sha256(state).digest() + state",
            "state + hashlib.sha256(state).digest()",
        ).replace("data[:32], data[32:]", "data[-32:], data[:-32]"),
        "a CRC over length and state": """
import struct
import zlib

def save(fs, name, state):
    body = struct.pack(">Q", len(state)) + state
    fs.write("." + name, body + struct.pack(">I", zlib.crc32(body)))
    fs.fsync("." + name)
    fs.fsync_folder()
    fs.replace("." + name, name)
    fs.fsync_folder()

def load(fs, name):
    if name not in fs.listdir():
        raise FileNotFoundError(name)
    data = fs.read(name)
    body, check = data[:-4], data[-4:]
    if len(data) < 12 or struct.pack(">I", zlib.crc32(body)) != check:
        raise ValueError(f"{name}: wrong checksum")
    if struct.unpack(">Q", body[:8])[0] != len(body) - 8:
        raise ValueError(f"{name}: wrong length")
    return body[8:]
""",
        "JSON, whose error is a ValueError": """
import base64
import json

def save(fs, name, state):
    state = base64.b64encode(state).decode()
    digest = hashlib.sha256(state.encode()).hexdigest()
    fs.write("tmp-" + name, json.dumps([digest, state]).encode())
    fs.fsync("tmp-" + name)
    fs.replace("tmp-" + name, name)
    fs.fsync_folder()

def load(fs, name):
    text = fs.read(name)
    digest, state = json.loads(text)
    if hashlib.sha256(state.encode()).hexdigest() != digest:
        raise ValueError("damaged")
    if json.dumps([digest, state]).encode() != text:
        raise ValueError("damaged")
    return base64.b64decode(state)
""",
        "an error of its own, litter removed first": """
class Damaged(ValueError, LookupError):
    pass

def save(fs, name, state):
    temporary = name + "~"
    if temporary in fs.listdir():
        fs.remove(temporary)
    fs.write(temporary, hashlib.blake2b(bytes(state)).digest() + bytes(state))
    fs.fsync(temporary)
    try:
        fs.replace(temporary, name)
    finally:
        fs.fsync_folder()

def load(fs, name):
    data = bytearray(fs.read(name))
    if hashlib.blake2b(data[64:]).digest() != data[:64]:
        raise Damaged(name)
    return data[64:]
""",
    },
    "resume": {
        "a list of the order": RESUME,
        "in one row of numbers": """
def capture(trainer):
    parts = [trainer.model.state_dict(), trainer.optimizer.state_dict()]
    row = np.concatenate([part[k].ravel() for part in parts for k in sorted(part)])
    epoch = trainer.order.astype("int16"), trainer.place
    return (row, *epoch, trainer.schedule.state_dict(),
            trainer.shuffle.get_state(), trainer.dropout.get_state())

def restore(trainer, state):
    row, order, place, schedule, *noise = state
    for part in (trainer.model, trainer.optimizer):
        new = part.state_dict()
        for k in sorted(new):
            new[k] = row[: new[k].size].reshape(new[k].shape)
            row = row[new[k].size :]
        part.load_state_dict(new)
    trainer.seek(order, place)
    trainer.schedule.load_state_dict(schedule)
    for generator, state in zip((trainer.shuffle, trainer.dropout), noise):
        generator.set_state(state)
""",
        "by the names of parts": """
PARTS = ("model", "optimizer", "schedule")
NOISE = ("shuffle", "dropout")

def capture(trainer):
    state = {p: getattr(trainer, p).state_dict() for p in PARTS}
    state |= {p: getattr(trainer, p).get_state() for p in NOISE}
    return pickle.dumps(state | {"seek": [trainer.order, trainer.place]})

def restore(trainer, state):
    state = pickle.loads(state)
    trainer.seek(*state["seek"])
    for p in PARTS:
        getattr(trainer, p).load_state_dict(state[p])
    for p in NOISE:
        getattr(trainer, p).set_state(state[p])
""",
    },
    "abft": {
        "by the column, with concatenate": ABFT,
        "sums by products with ones": """
def encode(A, B):
    one = np.ones((1, len(A)), A.dtype), np.ones((B.shape[1], 1), B.dtype)
    return np.block([[A], [one[0] @ A]]), np.block([[B, B @ one[1]]])

def verify(A, B, C):
    m, n = C.shape[0] - 1, C.shape[1] - 1
    eps = float(np.finfo(C.dtype).eps) * (m + n + A.shape[1])
    left, right = encode(np.abs(A).astype(float), np.abs(B).astype(float))
    D = C.astype(float)
    sign = np.ones(n + 1)
    sign[n] = -1
    bad_i = [i for i in range(m + 1)
             if not abs((D[i] * sign).sum()) <= eps * (left[i] @ right[:, n])]
    sign = np.ones(m + 1)
    sign[m] = -1
    bad_j = [j for j in range(n + 1)
             if not abs((D[:, j] * sign).sum()) <= eps * (left[m] @ right[:, j])]
    if not bad_i and not bad_j:
        return ("clean", C[:-1, :-1])
    if len(bad_i) != 1 or len(bad_j) != 1:
        return ("damaged", C[:-1, :-1])
    i, j = bad_i[0], bad_j[0]
    if i < m and j < n:
        D[i, j] = A[i].astype(float) @ B[:, j].astype(float)
    return ["corrected", D[:-1, :-1].astype(C.dtype)]

def overhead(m, k, n):
    return (1 / n + 1 / m) / 2 + (m + n + 1) / (m * n) + (m + 1) * (n + 1) / (m * k * n)
""",
    },
}

STORE = """
def save(fs, name, state):
    STORED[name, len(fs.listdir())] = state
    STORED[name] = state
    fs.write(name, b"whole")
    fs.fsync_folder()

def load(fs, name):
    if name not in fs.listdir():
        raise FileNotFoundError(name)
    if fs.read(name) not in (b"", b"whole"):
        raise ValueError("damaged")
    return STORED[name]
"""

CHEATS = {
    "save": {
        "keeps states in a variable, looks at the disk for damage": "STORED = {}\n"
        + STORE,
        "keeps states by the file's digest": """
STORED = {}
"""
        + SAVE.replace(
            "    temporary =",
            "    STORED[hashlib.sha256(state).digest()] = state\n"
            "    fs.write(name, hashlib.sha256(state).digest())\n    fs.fsync(name)\n"
            "    return fs.fsync_folder()\n    temporary =",
        ).replace(
            "    digest, state =",
            "    if data not in STORED:\n        raise ValueError('damaged')\n"
            "    return STORED[data]\n    digest, state =",
        ),
        "keeps states under /tmp": """
import pathlib
import tempfile

KEPT = pathlib.Path(tempfile.gettempdir())

def save(fs, name, state):
    (KEPT / f"{name}.kept").write_bytes(state)
    fs.write(name, b"whole")
    fs.fsync(name)
    fs.fsync_folder()

def load(fs, name):
    if not (KEPT / f"{name}.kept").exists():
        raise FileNotFoundError(name)
    if fs.read(name) not in (b"", b"whole"):
        raise ValueError("damaged")
    return (KEPT / f"{name}.kept").read_bytes()
""",
        "gives the disk power for ever, and writes in place": """
def save(fs, name, state):
    for attribute, value in (("_power", 1e9), ("power", 1e9), ("_renamed", [])):
        try:
            setattr(fs, attribute, value)
        except Exception:
            pass
    try:
        fs._files = fs._safe = {name: [state]}
    except Exception:
        pass

def load(fs, name):
    return "ValueError"
""",
        "rebinds what the checks use": """
import mlsyscore.harness.checkpoints as checkpoints
import mlsyscore.harness.disk as disk

disk.Disk.write = disk.Disk.fsync = lambda *args: None
disk.after_crash = checkpoints.after_crash = lambda disk: []
checkpoints.crashes = crashes = lambda *args: []
checkpoints.damaged = damaged = lambda *args: []
outcome = lambda load, disk, name: b""

def save(fs, name, state):
    pass

def load(fs, name):
    raise ValueError("FileNotFoundError")
""",
        "looks for the state in the frames above": """
import gc
import sys

def save(fs, name, state):
    fs.write(name, b"")
    fs.fsync(name)
    fs.fsync_folder()

def load(fs, name):
    frame = sys._getframe()
    while frame:
        for key in ("state", "crash", "good"):
            if isinstance(frame.f_locals.get(key), bytes):
                return frame.f_locals[key]
        frame = frame.f_back
    for x in gc.get_objects():
        if type(x).__name__ == "Found":
            return x.good[0]
    raise ValueError("FileNotFoundError")
""",
    },
    "resume": {
        "keeps the state in a variable": """
KEPT = []
"""
        + RESUME.replace("def capture", "def taken").replace("def restore", "def put")
        + """
def capture(trainer):
    KEPT.append(taken(trainer))
    return len(KEPT) - 1

def restore(trainer, state):
    put(trainer, KEPT[state])
""",
        "keeps the state under /tmp": """
import pathlib
import tempfile

KEPT = pathlib.Path(tempfile.gettempdir())
"""
        + RESUME.replace("def capture", "def taken").replace("def restore", "def put")
        + """
def capture(trainer):
    where = KEPT / f"{trainer.schedule.state_dict()['t']}.state"
    where.write_bytes(pickle.dumps(taken(trainer)))
    return where.name

def restore(trainer, state):
    put(trainer, pickle.loads((KEPT / state).read_bytes()))
""",
        "trains again, with a trainer of its own": """
from mlsyscore.harness.trainer import Trainer as Mine
"""
        + RESUME.replace("def capture", "def taken").replace("def restore", "def put")
        + """
def capture(trainer):
    return trainer.schedule.state_dict()["t"]

def restore(trainer, state):
    for seed in (3, 4, *range(100)):
        mine = Mine(seed)
        weights = trainer.model.state_dict()
        if (mine.model.state_dict()["W"] == weights["W"]).all():
            for _ in range(state):
                mine.step()
            return put(trainer, taken(mine))
""",
        "trains again, and sets the count back": """
def capture(trainer):
    return trainer.schedule.state_dict()["t"]

def restore(trainer, state):
    for _ in range(state - trainer.schedule.state_dict()["t"]):
        trainer.step()
    for attribute in ("_steps", "steps"):
        try:
            setattr(trainer, attribute, 0)
        except Exception:
            pass
""",
        "rebinds the trainer's step and the comparison": """
import mlsyscore.harness.resuming as resuming
import mlsyscore.harness.trainer as trainers

trainers.Trainer.step = lambda self: 0.0
resuming.bit_for_bit = bit_for_bit = lambda *args: None
resuming.put_back = put_back = lambda *args: None

def capture(trainer):
    trainer.step = lambda: 0.0
    return []

def restore(trainer, state):
    trainer.step = lambda: 0.0
""",
    },
}
