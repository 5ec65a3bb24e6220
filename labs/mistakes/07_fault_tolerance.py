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
    return pickle.dumps({
        "model": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "schedule": trainer.schedule.state_dict(),
        "shuffle": trainer.shuffle.get_state(),
        "dropout": torch.get_rng_state(),
        "order": trainer.order,
        "place": trainer.place,
    })

def restore(trainer, state):
    state = pickle.loads(state)
    trainer.model.load_state_dict(state["model"])
    trainer.optimizer.load_state_dict(state["optimizer"])
    trainer.schedule.load_state_dict(state["schedule"])
    trainer.shuffle.set_state(state["shuffle"])
    torch.set_rng_state(state["dropout"])
    trainer.order = state["order"]
    trainer.place = state["place"]
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
    },
    "resume": {
        "weights only": """
def capture(trainer):
    return copy.deepcopy(trainer.model.state_dict())

def restore(trainer, state):
    trainer.model.load_state_dict(state)
""",
        "references, no copies": swap(
            RESUME, "return pickle.dumps({", "return ({"
        ).replace("    state = pickle.loads(state)\n", ""),
        "no copy on the way back": """
def capture(trainer):
    return copy.deepcopy({"model": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "schedule": trainer.schedule.state_dict(),
        "shuffle": trainer.shuffle.get_state(), "dropout": torch.get_rng_state(),
        "order": trainer.order, "place": trainer.place})
"""
        + swap(
            RESUME[RESUME.index("\ndef restore") :],
            "    state = pickle.loads(state)\n",
            "",
        ),
        "no momentum": swap(
            RESUME, '    trainer.optimizer.load_state_dict(state["optimizer"])\n', ""
        ),
        "no schedule": swap(
            RESUME, '    trainer.schedule.load_state_dict(state["schedule"])\n', ""
        ),
        "dropout's generator is left out": swap(
            RESUME, '    torch.set_rng_state(state["dropout"])\n', ""
        ),
        "seeds dropout anew": swap(
            RESUME, 'torch.set_rng_state(state["dropout"])', "torch.manual_seed(0)"
        ),
        "the next shuffle is left out": swap(
            RESUME, '    trainer.shuffle.set_state(state["shuffle"])\n', ""
        ),
        "starts the epoch anew": swap(
            RESUME, 'trainer.place = state["place"]', "trainer.place = 0"
        ),
        "pickles the data too": """
def capture(trainer):
    keep = {k: v for k, v in vars(trainer).items() if k not in ("schedule", "shuffle")}
    keep["made"] = (trainer.schedule.state_dict(), trainer.shuffle.get_state())
    keep["optimizer"] = trainer.optimizer.state_dict()
    return pickle.dumps((keep, torch.get_rng_state()))

def restore(trainer, state):
    keep, noise = pickle.loads(state)
    trainer.model.load_state_dict(keep["model"].state_dict())
    trainer.optimizer.load_state_dict(keep["optimizer"])
    trainer.schedule.load_state_dict(keep["made"][0])
    trainer.shuffle.set_state(keep["made"][1])
    trainer.order, trainer.place = keep["order"], keep["place"]
    torch.set_rng_state(noise)
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
        "corrects the product that it was given": swap(ABFT, "C.copy()", "C"),
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
    },
    "resume": {
        "bytes": RESUME,
        "by hand": """
def capture(trainer):
    momentum = [trainer.optimizer.state[p].get("momentum_buffer")
                for p in trainer.model.parameters()]
    return [
        [p.detach().numpy().copy() for p in trainer.model.parameters()],
        [None if m is None else m.clone() for m in momentum],
        trainer.schedule.last_epoch,
        trainer.order.tolist(),
        trainer.place,
        trainer.shuffle.get_state().clone(),
        torch.random.get_rng_state().clone(),
    ]

def restore(trainer, state):
    weights, momentum, t, order, place, shuffle, dropout = state
    with torch.no_grad():
        for p, w, m in zip(trainer.model.parameters(), weights, momentum):
            p.copy_(torch.tensor(w))
            trainer.optimizer.state[p]["momentum_buffer"] = copy.copy(m)
            if m is not None:
                trainer.optimizer.state[p]["momentum_buffer"] = m.clone()
    trainer.schedule.last_epoch = t
    for group in trainer.optimizer.param_groups:
        group["lr"] = 0.05 * (min(1.0, (t + 1) / 10) * 0.99**t)
    trainer.order, trainer.place = torch.tensor(order, dtype=torch.long), place
    trainer.shuffle.set_state(shuffle)
    torch.random.set_rng_state(dropout)
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
