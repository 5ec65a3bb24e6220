"""Wrong answers that students write, and right ones of another kind."""

PLAN = """
def plan_run(fleet, work, T_write, T_restart):
    mtbf = 1e9 * hour / sum(n * f for n, f in fleet)
    ks = np.arange(1, 100_001)
    with np.errstate(over="ignore"):
        runs = ks * mtbf * np.expm1((work / ks + T_write) / mtbf)
    runs *= np.exp(T_restart / mtbf)
    k = int(ks[np.argmin(runs)])
    run = float(runs[k - 1])
    restart = run * (1 - np.exp(-T_restart / mtbf))
    write = k * T_write
    rework = run - work - write - restart
    return dict(mtbf=mtbf, segments=k, run=run, write=write, restart=restart,
                rework=rework)
"""
INTERVAL = """
def best_interval(lives, T_copy, T_write, T_restart):
    def share(tau):
        segments = np.floor((lives - T_restart - T_write) / (tau + T_copy))
        return tau * np.maximum(segments, 0).sum() / lives.sum()

    taus = np.sqrt(2 * T_copy * lives.mean()) * np.geomspace(1 / 3, 3, 60)
    taus = taus.clip(min=T_write)
    return taus[np.argmax([share(t) for t in taus])]
"""
PEAK = (
    INTERVAL[: INTERVAL.index("    taus")]
    + """\
    root = young_daly(T_copy, lives.mean())
"""
)
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
FIT = """
def best_interval(lives, T_copy, T_write, T_restart):
    shape = shape_of(lives)
    scale = lives.mean() / math.gamma(1 + 1 / shape)
    first = young_daly(T_copy, lives.mean())

    def share(tau):
        ends = T_restart + T_write + (tau + T_copy) * np.arange(1, 20000)
        return tau * np.exp(-((ends / scale) ** shape)).sum()

    return max(np.maximum(T_write, first * np.geomspace(1 / 3, 3, 100)), key=share)
"""
ABFT = """
def verify(C, rows, columns):
    m, n = len(rows) - 1, len(columns) - 1
    good_rows = abs(C[:, :n].sum(1) - C[:, n]) <= rows
    good_columns = abs(C[:m].sum(0) - C[m]) <= columns
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
        "climbs from one segment, whose run is infinite": swap(
            PLAN,
            "int(ks[np.argmin(runs)])",
            "next(b + 1 for b in range(99_999) if not runs[b + 1] < runs[b])",
        ),
        "an exponential that overflows for few segments": swap(
            PLAN,
            "np.expm1((work / ks + T_write) / mtbf)",
            "np.array([math.expm1((work / k + T_write) / mtbf) for k in ks])",
        ),
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
            PLAN, "np.exp(T_restart / mtbf)", "1 + T_restart / mtbf"
        ),
        "tries no more than 10,000 segments": swap(PLAN, "100_001", "10_001"),
        "hours for seconds": swap(PLAN, "1e9 * hour", "1e9"),
        "the last write is left out": swap(
            PLAN, "write = k * T_write", "write = (k - 1) * T_write"
        ),
    },
    "interval": {
        "Young-Daly at the mean life": """
def best_interval(lives, T_copy, T_write, T_restart):
    return max(T_write, young_daly(T_copy, lives.mean()))
""",
        "Young-Daly, of copy and write together": """
def best_interval(lives, T_copy, T_write, T_restart):
    return float(young_daly(T_copy + T_write, lives.mean()))
""",
        "the chapter's share: the job waits for each write": """
def share_of_work(lives, tau, W, R):
    kept = np.floor(np.maximum(lives - R, 0) / (tau + W))
    return tau * kept.sum() / lives.sum()

def best_interval(lives, T_copy, T_write, T_restart):
    W = T_copy + T_write
    taus = young_daly(W, lives.mean()) * np.geomspace(1 / 3, 3, 75)
    taus = taus[taus >= T_write]
    return max(taus, key=lambda tau: share_of_work(lives, tau, W, T_restart))
""",
        "takes the write for the pause": swap(
            swap(INTERVAL, "- T_restart - T_write", "- T_restart"),
            "(tau + T_copy)",
            "(tau + T_write)",
        ),
        "counts what was copied and not yet written": swap(
            INTERVAL, "- T_restart - T_write", "- T_restart"
        ),
        "counts a segment when the next is copied": swap(
            INTERVAL, "- T_restart - T_write", "- T_restart - tau - T_copy"
        ),
        "forgets the restart": swap(INTERVAL, "- T_restart - T_write", "- T_write"),
        "lets writes overlap": swap(
            INTERVAL, "    taus = taus.clip(min=T_write)\n", ""
        ),
        "counts copies as work": swap(
            INTERVAL, "return tau *", "return (tau + T_copy) *"
        ),
        "forgets what a failure loses": swap(INTERVAL, "np.floor", ""),
        "tries half of the square root's to twice": swap(
            INTERVAL, "geomspace(1 / 3, 3, 60)", "geomspace(1 / 2, 2, 60)"
        ),
        "from a hundred lives": swap(
            INTERVAL, "    def share", "    lives = lives[:100]\n\n    def share"
        ),
        "fits a Weibull by its logarithms": FIT
        + """
def shape_of(lives):
    return math.pi / math.sqrt(6) / np.log(lives).std()
""",
        "fits a Weibull by its moments": FIT
        + """
def shape_of(lives):
    ratio = lives.std() / lives.mean()
    shapes = np.linspace(0.3, 6, 600)
    means = [math.gamma(1 + 1 / k) for k in shapes]
    squares = [math.gamma(1 + 2 / k) for k in shapes]
    ratios = np.sqrt(np.array(squares) / np.array(means) ** 2 - 1)
    return shapes[np.argmin(abs(ratios - ratio))]
""",
        "a share of the mean life, not a mean share": swap(
            INTERVAL,
            "np.floor((lives - T_restart",
            "np.floor((lives.mean() - T_restart",
        ),
        "saves no longer than the median life": swap(
            INTERVAL, "lives.mean()", "np.median(lives)"
        ),
        "raises to the write what is best without it": swap(
            swap(INTERVAL, "    taus = taus.clip(min=T_write)\n", ""),
            "return taus[np.argmax([share(t) for t in taus])]",
            "return max(T_write, taus[np.argmax([share(t) for t in taus])])",
        ),
        "climbs from the square root's": PEAK
        + """
    tau, before = max(T_write, root), 0.0
    while tau != before:
        before = tau
        tau = max((tau, tau * 1.01, max(T_write, tau / 1.01)), key=share)
    return tau
""",
        "the first peak from below": PEAK
        + """
    tau = max(T_write, root / 3)
    while share(1.02 * tau) > share(tau):
        tau *= 1.02
    return tau
""",
        "a golden section, as if there were one peak": PEAK
        + """
    low, high, golden = max(T_write, root / 3), 3 * root, (math.sqrt(5) - 1) / 2
    while high - low > 1e-3 * low:
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (a, high) if share(a) < share(b) else (low, b)
    return low
""",
        "a minimiser that is told the bounds alone": PEAK
        + """
    from scipy.optimize import minimize_scalar

    bounds = max(T_write, root / 3), 3 * root
    return minimize_scalar(lambda t: -share(t), bounds=bounds, method="bounded").x
""",
        "ten intervals from the write or a third of the root's": PEAK
        + """
    taus = np.geomspace(max(T_write, root / 3), 3 * root, 10)
    return max(taus, key=share)
""",
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
        "the folder is not synced": swap(SAVE, "    fs.fsync_folder()\n", ""),
        "removes the old one first": swap(
            SAVE,
            "    fs.replace(",
            "    if name in fs.listdir():\n        fs.remove(name)\n    fs.replace(",
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
        "a hex digest, in small letters or capitals": SAVE.replace(
            "hashlib.sha256(state).digest() + state",
            "hashlib.sha256(state).hexdigest().encode() + state",
        )
        .replace("data[:32], data[32:]", "data[:64].lower(), data[64:]")
        .replace("digest() != digest", "hexdigest().encode() != digest"),
        "Python's own hash for a checksum": swap(
            swap(
                SAVE,
                "hashlib.sha256(state).digest() + state",
                "(hash(state) % 2**64).to_bytes(32, 'big') + state",
            ),
            "hashlib.sha256(state).digest() != digest",
            "(hash(state) % 2**64).to_bytes(32, 'big') != digest",
        ),
        "a checksum of both ends": SAVE.replace(
            "hashlib.sha256(state)", "hashlib.sha256(state[:4096] + state[-4096:])"
        ),
        "a digest of one byte": SAVE.replace(
            "hashlib.sha256(state).digest()", "hashlib.sha256(state).digest()[:1]"
        ).replace("data[:32], data[32:]", "data[:1], data[1:]"),
        "a digest of the first 64 bytes": SAVE.replace(
            "hashlib.sha256(state)", "hashlib.sha256(state[:64])"
        ),
        "a state in hex, twice as long": swap(
            SAVE,
            "hashlib.sha256(state).digest() + state",
            "(hashlib.sha256(state).digest() + state).hex().encode()",
        ).replace(
            "    data = fs.read(name)\n",
            "    file = fs.read(name)\n    data = bytes.fromhex(file.decode())\n"
            "    if file != data.hex().encode():\n"
            "        raise ValueError('damaged')\n",
        ),
        "removes all files that end like its own": swap(
            SAVE.replace('".new"', '".tmp"'),
            "    fs.write(",
            "    for n in fs.listdir():\n        if n.endswith('.tmp'):\n"
            "            fs.remove(n)\n    fs.write(",
        ),
        "removes its litter last, and does not sync that": swap(
            swap(
                SAVE,
                '    temporary = name + ".new"\n',
                '    old = [n for n in fs.listdir() if n.startswith(name + ".new.")]\n'
                '    temporary = f"{name}.new.{len(old)}"\n',
            ),
            "    fs.fsync_folder()\n",
            "    fs.fsync_folder()\n    for n in old:\n        fs.remove(n)\n",
        ),
        "removes all that begins like its name": swap(
            SAVE,
            "    fs.write(",
            "    for n in fs.listdir():\n        if n.startswith(name + '.'):\n"
            "            fs.remove(n)\n    fs.write(",
        ),
        "ends the save before, whole or not": swap(
            SAVE,
            "    fs.write(",
            "    if temporary in fs.listdir():\n        fs.replace(temporary, name)\n"
            "        fs.fsync_folder()\n    fs.write(",
        ),
        "returns at once, and leaves litter, where the state is there": swap(
            SAVE,
            "    fs.write(",
            "    if name in fs.listdir() and load(fs, name) == state:\n"
            "        return\n    fs.write(",
        ),
        "loads the temporary file where the other is damaged": SAVE.replace(
            "def load(", "def whole("
        )
        + """
def load(fs, name):
    try:
        return whole(fs, name)
    except ValueError:
        if name + ".new" not in fs.listdir():
            raise
        return whole(fs, name + ".new")
""",
        "a checksum of the first 64 KiB, and the length": SAVE.replace(
            "hashlib.sha256(state)",
            "hashlib.sha256(state[:65536] + b'%d' % len(state))",
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
        "goes to no empty epoch": swap(
            RESUME,
            '    trainer.seek(state["order"], state["place"])',
            '    if state["order"]:\n'
            '        trainer.seek(state["order"], state["place"])',
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
            swap(ABFT, "<= rows", "<= 1e-6"), "<= columns", "<= 1e-6"
        ),
        "one bad column is enough": swap(
            ABFT,
            "if (~good_rows).sum() != 1 or (~good_columns).sum() != 1:",
            "if good_rows.all() or (~good_columns).sum() != 1:",
        ),
        "bad at the bound": swap(
            swap(ABFT, "<= rows", "< rows"), "<= columns", "< columns"
        ),
        "NaN passes": swap(
            swap(
                ABFT,
                "abs(C[:, :n].sum(1) - C[:, n]) <= rows",
                "~(abs(C[:, :n].sum(1) - C[:, n]) > rows)",
            ),
            "abs(C[:m].sum(0) - C[m]) <= columns",
            "~(abs(C[:m].sum(0) - C[m]) > columns)",
        ),
        "takes the difference off": swap(
            ABFT,
            ABFT[ABFT.index("    fixed[i, j] = 0") : ABFT.index('    return "corr')],
            "    fixed[i, j] -= C[i, :-1].sum() - C[i, -1] if j < n else 0.0\n",
        ),
        "mends where the sums are most off": swap(
            ABFT,
            "np.argmin(good_rows), np.argmin(good_columns)",
            "np.argmax(abs(C[:, :n].sum(1) - C[:, n])), "
            "np.argmax(abs(C[:m].sum(0) - C[m]))",
        ),
        "corrects the first of two": swap(
            ABFT,
            "if (~good_rows).sum() != 1 or (~good_columns).sum() != 1:",
            "if good_rows.all() or good_columns.all():",
        ),
        "the largest bound for all": swap(
            swap(ABFT, "<= rows", "<= rows.max()"), "<= columns", "<= columns.max()"
        ),
        "takes a sum for always right": swap(
            ABFT,
            "if (~good_rows).sum() != 1 or (~good_columns).sum() != 1:",
            "if sum(~good_rows[:m]) != 1 or sum(~good_columns[:n]) != 1:",
        ),
        "prices the larger product only": swap(
            ABFT, "(m * k + k * n + larger + 2 * (m + 1) * (n + 1))", "larger"
        ),
        "one bad sum is enough": swap(
            ABFT,
            "if (~good_rows).sum() != 1 or (~good_columns).sum() != 1:",
            "if (~good_rows).sum() > 1 or (~good_columns).sum() > 1:",
        ),
        "looks for NaN in the product only": swap(
            ABFT,
            """    good_rows = abs(C[:, :n].sum(1) - C[:, n]) <= rows
    good_columns = abs(C[:m].sum(0) - C[m]) <= columns
""",
            """    good_rows = ~(abs(C[:, :n].sum(1) - C[:, n]) > rows)
    good_columns = ~(abs(C[:m].sum(0) - C[m]) > columns)
    good_rows[:m] &= ~np.isnan(C[:m, :n]).any(1)
    good_columns[:n] &= ~np.isnan(C[:m, :n]).any(0)
""",
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
    while work / k > 500 * M:  # exp would overflow; and far too few
        k += 1
    while run(k + 1) < run(k):
        k += 1
    x = (work / k + T_write) / M
    rework = k * M * (math.exp(x) - 1 - x)
    restart = run(k) - work - k * T_write - rework
    return {"mtbf": M, "segments": float(k), "run": run(k), "write": k * T_write,
            "restart": restart, "rework": rework}
""",
        "fractions, and a dict of another kind": """
from collections import OrderedDict
from fractions import Fraction

def plan_run(fleet, work, T_write, T_restart):
    rate = sum(Fraction(n) * Fraction(f) for n, f in fleet)
    mtbf = float(Fraction(10**9 * 3600) / rate)
    runs = {}

    def run(k):
        if k not in runs:
            runs[k] = float(k * segment_time(work / k, T_write, mtbf, T_restart))
        return runs[k]

    k, jump = 1, 1 << 16
    while jump:
        if k + jump <= 100_000 and run(k + jump) < run(k + jump - 1):
            k += jump
        else:
            jump >>= 1
    restart = run(k) * (1 - math.exp(-T_restart / mtbf))
    plan = OrderedDict(mtbf=Fraction(mtbf), segments=k, run=run(k), write=k * T_write)
    plan.update(restart=restart, rework=run(k) - work - k * T_write - restart)
    return plan
""",
    },
    "interval": {
        "the chapter's share, with a restart that ends later": """
def share_of_work(lives, tau, W, R):
    kept = np.floor(np.maximum(lives - R, 0) / (tau + W))
    return tau * kept.sum() / lives.sum()

def best_interval(lives, T_copy, T_write, T_restart):
    root = young_daly(T_copy, lives.mean())
    taus = np.geomspace(max(T_write, root / 3), 3 * root, 60)
    late = T_restart + T_write
    return max(taus, key=lambda tau: share_of_work(lives, tau, T_copy, late))
""",
        "plays one segment of all lives after another": """
def best_interval(lives, T_copy, T_write, T_restart):
    lives = np.sort(lives)

    def work(tau):
        copied, k, total = T_restart + tau + T_copy, 1, 0.0
        while copied + T_write <= lives[-1]:
            total += tau * (lives.size - np.searchsorted(lives, copied + T_write))
            copied, k = copied + tau + T_copy, k + 1
        return total

    tau, tried = float(young_daly(T_copy, lives.mean())) / 3, []
    for _ in range(56):
        tried.append(max(tau, T_write))
        tau *= 1.04
    return max(tried, key=work)
""",
        "by a histogram of lives, in two passes": """
def best_interval(lives, T_copy, T_write, T_restart):
    bins = np.geomspace(lives.min(), lives.max(), 60_000)
    counts, edges = np.histogram(lives, bins)
    middle = np.sqrt(edges[1:] * edges[:-1])

    def work(tau):
        late = (middle - T_restart - T_write).clip(min=0)
        return tau * (counts * np.floor(late / (tau + T_copy))).sum()

    first = math.sqrt(2 * T_copy * lives.mean())
    for low, high in ((1 / 3, 3), (0.95, 1.05)):
        taus = np.maximum(first * np.geomspace(low, high, 60), T_write)
        first = taus[np.argmax([work(tau) for tau in taus])]
    return np.float32(first)
""",
        "sorted lives in pandas, and only intervals that are allowed": """
import pandas as pd

def best_interval(lives, T_copy, T_write, T_restart):
    lives = pd.Series(lives).sort_values().to_numpy()
    first = float(young_daly(T_copy, lives.mean()))

    def work(tau):
        ends = np.arange(T_restart + T_write, lives[-1], tau + T_copy)[1:]
        return tau * (len(lives) - np.searchsorted(lives, ends)).sum()

    taus = first * np.geomspace(1 / 3, 3, 60)
    taus = [tau for tau in taus if tau >= T_write]
    works = [work(tau) for tau in taus]
    i = int(np.argmax(works))
    return [*taus][i]
""",
        "an array without dimensions": swap(
            INTERVAL, "return taus[np.argmax", "return np.asarray(taus)[()][np.argmax"
        ),
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
        "a head in JSON, whose error is a ValueError": """
import json

def save(fs, name, state):
    head = json.dumps(hashlib.sha256(state).hexdigest()).encode()
    fs.write("tmp-" + name, head + b"\\n" + state)
    fs.fsync("tmp-" + name)
    fs.replace("tmp-" + name, name)
    fs.fsync_folder()

def load(fs, name):
    head, end, state = fs.read(name).partition(b"\\n")
    digest = json.loads(head)
    if hashlib.sha256(state).hexdigest() != digest:
        raise ValueError("damaged")
    if not end or json.dumps(digest).encode() != head:
        raise ValueError("damaged")
    return state
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
import pickle

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
        "tensors, in lists": """
import torch

def capture(trainer):
    arrays = [trainer.model.state_dict(), trainer.optimizer.state_dict()]
    arrays = [{k: torch.tensor(v) for k, v in part.items()} for part in arrays]
    noise = [trainer.shuffle.get_state(), trainer.dropout.get_state()]
    order = torch.tensor(np.asarray(trainer.order))
    return [arrays, noise, trainer.schedule.state_dict(), (order, trainer.place)]

def restore(trainer, state):
    arrays, noise, schedule, (order, place) = state
    for part, found in zip((trainer.model, trainer.optimizer), arrays):
        part.load_state_dict({k: v.numpy() for k, v in found.items()})
    trainer.shuffle.set_state(noise[0])
    trainer.dropout.set_state(noise[1])
    trainer.schedule.load_state_dict(schedule)
    trainer.seek(order.numpy(), int(place))
""",
    },
    "abft": {
        "by the column, with argmin": ABFT,
        "loops over rows and columns, in float64": """
def verify(C, rows, columns):
    m, n = C.shape[0] - 1, C.shape[1] - 1
    D = C.astype(float)
    bad_i = [i for i in range(m + 1)
             if not abs(sum(D[i, :n]) - D[i, n]) <= rows[i]]
    bad_j = [j for j in range(n + 1)
             if not abs(sum(D[:m, j]) - D[m, j]) <= columns[j]]
    if not bad_i and not bad_j:
        return ["clean", D[:m, :n].tolist()]
    if len(bad_i) != 1 or len(bad_j) != 1:
        return ["damaged", None]
    (i,), (j,) = bad_i, bad_j
    sign = [1.0] * n + [-1.0]
    rest = sum(s * x for h, (s, x) in enumerate(zip(sign, D[i])) if h != j)
    D[i, j] = -rest * sign[j]
    return ["corrected", D[:m, :n].astype(C.dtype)]

def overhead(m, k, n):
    return (1 / n + 1 / m) / 2 + (m + n + 1) / (m * n) + (m + 1) * (n + 1) / (m * k * n)
""",
        "a sign for each sum, fsum, a Fraction": """
from fractions import Fraction

def verify(C, rows, columns):
    C = np.array(C, dtype=np.float64)
    off = np.array([row[:-1].sum() - row[-1] for row in C])
    down = np.array([column[:-1].sum() - column[-1] for column in C.T])
    bad = [int(i) for i, x in enumerate(off) if np.isnan(x) or abs(x) > rows[i]]
    worse = [int(j) for j, x in enumerate(down) if np.isnan(x) or abs(x) > columns[j]]
    if (len(bad), len(worse)) == (1, 1):
        i, j = bad[0], worse[0]
        if i < len(C) - 1 and j < C.shape[1] - 1:
            C[i, j] = C[-1, j] - math.fsum(np.delete(C[:-1, j], i))
        return "corrected", C[:-1, :-1]
    return ("damaged" if bad or worse else "clean"), C[:-1, :-1]

def overhead(m, k, n):
    plain = 2 * m * k * n
    entries = (m + 1) * (n + 1)
    return Fraction(m * k + k * n + 2 * entries + 2 * k * entries - plain, plain)
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
