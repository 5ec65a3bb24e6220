"""Wrong answers to lab 2 that a student would write, and right ones of another kind."""

ACCOUNT = """
def account(ops, chip, launch):
    times, walls = [], []
    for _, O, D_vol in ops:
        limits = [O / chip.peak, D_vol / chip.bw, launch]
        times.append(max(limits))
        walls.append(["compute", "memory", "launch"][limits.index(max(limits))])
    peak = sum(op[1] for op in ops) / sum(times) / chip.peak
    return {"times": times, "walls": walls, "peak": peak}
"""
BLOCK = """
def block(model, B, S, T, s=2.0):
    h, m, a = model.h, B * S, model.a
    kv = model.n_kv * h // a
    q, scores, cache = m * h, B * a * S * T, B * T * kv

    def gemm(name, k, n):
        return name, 2 * m * k * n, s * (m * k + k * n + m * n)

    return [
        gemm("qkv", h, h + 2 * kv),
        ("scores", 2 * scores * h // a, s * (q + cache + scores)),
        ("softmax", 5 * scores, s * 2 * scores),
        ("mix", 2 * scores * h // a, s * (q + cache + scores)),
        gemm("proj", h, h),
        gemm("up", h, 4 * h),
        gemm("down", 4 * h, h),
    ]
"""
SERVE = """
def serving_budget(model, memory, tp, context, s_weight=2.0, s_kv=2.0):
    weights = model.P * s_weight / tp
    heads, tokens = math.ceil(model.n_kv / tp), 16 * math.ceil(context / 16)
    one = 2 * model.L * heads * model.h / model.a * tokens * s_kv
    batch = max(int((memory - weights) // one), 0)
    left = memory - weights - batch * one
    return {"weights": weights, "sequence": one, "batch": batch, "left": left}
"""
RACK = """
def fill_rack(tray, fan, captured, power, water, air):
    feed, wet = tray * (1 + fan), tray * captured
    needs = {"power": feed, "water": WATER.volume_flow(wet, WATER_RISE)}
    needs["air"] = AIR.volume_flow(feed - wet, AIR_RISE)
    caps = {"power": power, "water": water, "air": air}
    fits = {k: caps[k] / need for k, need in needs.items() if need > 0}
    wall = min(fits, key=fits.get)
    trays = math.floor(fits[wall] * (1 + 1e-9))
    flows = {k: trays * needs[k] for k in ("water", "air")}
    return {"accelerators": 8 * trays, "wall": wall} | flows
"""
BALANCE = """
def balance(path, deal):
    u, m = np.asarray(path, float), np.arange(1, len(path) + 1)
    today = (1 + deal["interest"]) ** -m
    rented = u * deal["hours"] * deal["rent"] * month
    owned = (deal["fixed"] + u * deal["use"]) * month
    sale = deal["price"] * deal["keep"] ** m * today
    return np.cumsum((rented - owned) * today) + sale - deal["price"]
"""
VERDICT = """
def verdict(path, deal):
    saved = balance(path, deal)
    idle, busy = balance([0.0] * len(path), deal)[-1], saved[-1]
    if busy <= idle:
        raise ValueError("use saves nothing")
    months = [m for m, x in enumerate(saved, 1) if x > 0]
    return {"month": months[0] if months else None, "factor": -idle / (busy - idle)}
"""
MACHINE = """
def machine(copies, products):
    n, runs = max(copies)
    bw, peak = 2 * n / np.median(runs[1:]), {}
    for kind, sizes in products.items():
        peak[kind] = max(2 * n**3 / np.median(runs[1:]) for n, runs in sizes)
    return {"bw": bw, "peak": peak, "ridge": {k: peak[k] / bw for k in peak}}
"""
PLACE = """
def place(O, D_vol, kind, runs, roof):
    least = max(O / roof["peak"][kind], D_vol / roof["bw"])
    t = np.median(runs[1:])
    return {"predicted": least, "measured": t, "share": least / t}
"""
OWN, ROOF = BALANCE + VERDICT, MACHINE + PLACE


def changed(source, *pairs):
    """Return source with each (old, new) put in its place; each old must be there."""
    for old, new in pairs:
        assert old in source, old
        source = source.replace(old, new)
    return source


WRONG = {
    "account": {
        "only the peak counts": changed(ACCOUNT, ("D_vol / chip.bw", "0.0")),
        "adds arithmetic, memory and launch": changed(
            ACCOUNT, ("times.append(max(limits))", "times.append(sum(limits))")
        ),
        "forgets the launch": changed(
            ACCOUNT, ("times.append(max(limits))", "times.append(max(limits[:2]))")
        ),
        "the launch comes on top of it": changed(
            ACCOUNT,
            ("times.append(max(limits))", "times.append(max(limits[:2]) + launch)"),
        ),
        "one row for each name": changed(
            ACCOUNT,
            (
                'return {"times"',
                """at = {op[0]: i for i, op in enumerate(ops)}
    times, walls = ([x[at[op[0]]] for op in ops] for x in (times, walls))
    return {"times\"""",
            ),
        ),
        "a mean of the operators' shares": changed(
            ACCOUNT,
            (
                "sum(op[1] for op in ops) / sum(times) / chip.peak",
                "np.mean([op[1] / t / chip.peak for op, t in zip(ops, times)])",
            ),
        ),
        "one operator of all FLOP and all bytes": changed(
            ACCOUNT,
            (
                "/ sum(times) /",
                "/ max(sum(op[1] for op in ops) / chip.peak, "
                "sum(op[2] for op in ops) / chip.bw) /",
            ),
        ),
        "memory at the ridge": changed(
            ACCOUNT,
            (
                '["compute", "memory", "launch"][limits.index(max(limits))]',
                '"launch" if launch > max(limits[:2]) else '
                '"compute" if O / D_vol > chip.ridge else "memory"',
            ),
        ),
        "of equal walls the launch": changed(
            ACCOUNT,
            (
                '["compute", "memory", "launch"][limits.index(max(limits))]',
                '"launch" if launch == max(limits) else '
                '"compute" if limits[0] >= limits[1] else "memory"',
            ),
        ),
        "remembers the first list of each length": changed(
            ACCOUNT,
            ("def account", "SEEN = {}\n\n\ndef account"),
            ("return {", "return SEEN.setdefault(len(ops), {"),
            ('"peak": peak}', '"peak": peak})'),
        ),
        "of three equal walls the last": changed(
            ACCOUNT,
            (
                "[limits.index(max(limits))]",
                "[2 if min(limits) == max(limits) else limits.index(max(limits))]",
            ),
        ),
        "a share of the roof, not of the peak": changed(
            ACCOUNT, ("sum(op[1] for op in ops) / sum(times) / chip.peak", "1.0")
        ),
    },
    "block": {
        "counts a multiplication and an addition as one": changed(
            BLOCK,
            ("2 * m * k * n", "m * k * n"),
            ("2 * scores * h // a", "scores * h // a"),
        ),
        "a KV head for every head": changed(BLOCK, ("model.n_kv * h // a", "h")),
        "moves weights and cache, not activations": changed(
            BLOCK,
            ("s * (m * k + k * n + m * n)", "s * k * n"),
            ("s * (q + cache + scores)", "s * cache"),
        ),
        "sequences share one cache": changed(BLOCK, ("B * T * kv", "T * kv")),
        "every token is multiplied again in each step": changed(
            BLOCK,
            ("B * S, model.a", "B * T, model.a"),
            ("= m * h, B * a", "= B * S * h, B * a"),
        ),
        "two bytes, whatever s is": changed(BLOCK, ("s=2.0):", "s=2.0):\n    s = 2")),
        "takes advantage of a causal mask": changed(
            BLOCK, ("B * a * S * T,", "B * a * sum(T - S + i + 1 for i in range(S)),")
        ),
        "each head reads the keys that it shares": changed(
            BLOCK, ("s * (q + cache + scores)", "s * (q + B * T * h + scores)")
        ),
        "new tokens look at new tokens only": changed(
            BLOCK, ("B * a * S * T, B * T * kv", "B * a * S * S, B * T * kv")
        ),
        "the new tokens come besides T": changed(
            BLOCK, ("kv = model", "T = T + S\n    kv = model")
        ),
        "each sequence reads the weights": changed(
            BLOCK, ("(m * k + k * n + m * n)", "(m * k + B * k * n + m * n)")
        ),
        "a softmax that every head shares": changed(
            BLOCK,
            ("5 * scores, s * 2 * scores", "5 * scores // a, s * 2 * scores // a"),
        ),
    },
    "serve": {
        "caches every head": changed(SERVE, ("model.n_kv", "model.a")),
        "cuts a head in two": changed(
            SERVE, ("math.ceil(model.n_kv / tp)", "model.n_kv / tp")
        ),
        "as many heads as the emptiest device": changed(
            SERVE, ("math.ceil(model.n_kv / tp)", "max(1, model.n_kv // tp)")
        ),
        "the weights take no room": changed(
            SERVE,
            ("(memory - weights)", "memory"),
            ("memory - weights - b", "memory - b"),
        ),
        "no pages": changed(SERVE, ("16 * math.ceil(context / 16)", "context")),
        "a page more where the last is full": changed(
            SERVE, ("math.ceil(context / 16)", "(context // 16 + 1)")
        ),
        "a negative batch": changed(
            SERVE,
            (
                "max(int((memory - weights) // one), 0)",
                "int((memory - weights) // one)",
            ),
        ),
        "a cache as wide as the weights": changed(
            SERVE, ("tokens * s_kv", "tokens * s_weight")
        ),
        "nothing is left where nothing fits": changed(
            SERVE,
            (
                "memory - weights - batch * one",
                "max(memory - weights - batch * one, 0)",
            ),
        ),
        "the nearest whole batch": changed(
            SERVE, ("int((memory - weights) // one)", "round((memory - weights) / one)")
        ),
        "one fewer where the memory is full": changed(
            SERVE,
            (
                "int((memory - weights) // one)",
                "math.ceil((memory - weights) / one) - 1",
            ),
        ),
        "a gibibyte for a gigabyte": changed(
            SERVE,
            ("weights = model", "memory = memory / GiB * GB\n    weights = model"),
        ),
    },
    "rack": {
        "accelerators one by one": changed(
            RACK,
            (
                "trays = math.floor(fits[wall] * (1 + 1e-9))",
                "held = math.floor(8 * fits[wall])",
            ),
            ("trays * needs", "held / 8 * needs"),
            ("8 * trays", "held"),
        ),
        "fans make no heat": changed(
            RACK, ("volume_flow(feed - wet", "volume_flow(tray - wet")
        ),
        "with water, air is no limit": changed(
            RACK, ("if need > 0", 'if need > 0 and not (k == "air" and captured > 0)')
        ),
        "all in the water, so fans warm no air": changed(
            RACK, ("{k: trays *", '{k: (k == "water" or captured < 1) * trays *')
        ),
        "divides by nothing": changed(RACK, (" if need > 0", "")),
        "all in the water, so air is no limit": changed(
            RACK, ("if need > 0", 'if need > 0 and not (k == "air" and captured == 1)')
        ),
        "a cap of 0 is no cap": changed(
            RACK, ("if need > 0", "if need > 0 and caps[k] > 0")
        ),
        "a cap filled exactly may be missed by rounding": changed(
            RACK, (" * (1 + 1e-9)", "")
        ),
        "rounds up what is nearly full": changed(RACK, ("(1 + 1e-9)", "(1 + 1e-4)")),
        "the flows that there are, not that are needed": changed(
            RACK, ("{k: trays * needs[k] for", "{k: caps[k] for")
        ),
        "cold plates cool the fans": changed(
            RACK,
            (
                "wet = tray * (1 + fan), tray * captured",
                "wet = tray * (1 + fan), tray * (1 + fan) * captured",
            ),
        ),
        "the wall of whole trays": changed(
            RACK, ("min(fits, key=fits.get)", "min(fits, key=lambda k: int(fits[k]))")
        ),
    },
    "own": {
        "the cheapest hour is the cheapest work": changed(
            OWN, (' * deal["hours"]', "")
        ),
        "rents around the clock": changed(
            OWN, ("rented = u *", "rented = np.ones_like(u) *")
        ),
        "works from the first day": changed(
            OWN, ("u, m =", "path = [np.mean(path)] * len(path)\n    u, m =")
        ),
        "a balance of 0 is above 0": changed(OWN, ("if x > 0]", "if x >= 0]")),
        "no month unless it has paid at the end": changed(
            OWN, ("if months else", "if saved[-1] > 0 else")
        ),
        "a dollar is a dollar": changed(OWN, ('(1 + deal["interest"]) ** -m', "1.0")),
        "bills are due when a month begins": changed(
            OWN,
            (
                "(rented - owned) * today",
                '(rented - owned) * today * (1 + deal["interest"])',
            ),
        ),
        "one month divided by another": changed(
            OWN, ("-idle / (busy - idle)", "-idle / busy")
        ),
        "gives up above a factor of 1,000": changed(
            OWN, ("-idle / (busy - idle)", "min(-idle / (busy - idle), 1000.0)")
        ),
        "returns the error": changed(
            OWN,
            ('raise ValueError("use saves nothing")', 'return ValueError("nothing")'),
        ),
        "refuses where an hour of use costs more than one of rent": changed(
            OWN, ("if busy <= idle", 'if busy <= idle or deal["use"] > deal["rent"]')
        ),
        "the last month that has paid": changed(
            OWN,
            (
                "months[0] if months else None",
                "next((m for m in months if all(x > 0 for x in saved[m - 1 :])), None)",
            ),
        ),
    },
    "machine": {
        "the first run counts too": changed(ROOF, ("runs[1:]", "runs")),
        "the slowest run is taken for the first": changed(
            ROOF, ("runs[1:]", "sorted(runs)[:-1]")
        ),
        "a copy only reads": changed(ROOF, ("2 * n / np.", "n / np.")),
        "a mean": changed(ROOF, ("np.median", "np.mean")),
        "the best run": changed(ROOF, ("np.median", "min")),
        "the fastest copy, which is in the cache": changed(
            ROOF, ("max(copies)", "max(copies, key=lambda c: c[0] / c[1][-1])")
        ),
        "the peak of the last size": changed(
            ROOF,
            (
                "max(2 * n**3 / np.median(runs[1:]) for n, runs in sizes)",
                "[2 * n**3 / np.median(r[1:]) for n, r in sizes][-1]",
            ),
        ),
        "a share of the peak": changed(
            ROOF, ('"share": least / t', '"share": O / t / roof["peak"][kind]')
        ),
        "arithmetic and memory take turns": changed(
            ROOF,
            ('max(O / roof["peak"][kind], D_vol', '(O / roof["peak"][kind] + D_vol'),
        ),
        "the upper of the middle two": changed(
            ROOF, ("np.median(runs[1:])", "sorted(runs[1:])[len(runs[1:]) // 2]")
        ),
        "of two runs both count": changed(
            ROOF,
            ("for n, runs in sizes", "for n, r in sizes"),
            ("2 * n**3 / np.median(runs[1:])", "2 * n**3 / np.median(r[len(r) > 2 :])"),
        ),
        "of a kernel's two runs both count": MACHINE
        + changed(PLACE, ("runs[1:]", "runs[len(runs) > 2 :]")),
    },
}

RIGHT = {
    "account": {
        "with numpy": """
def account(ops, chip, launch):
    O, D_vol = np.array([op[1:] for op in ops], float).T
    table = np.array([O / chip.peak, D_vol / chip.bw, np.full(len(ops), launch)])
    words = np.array(["compute", "memory", "launch"])
    times = table.max(axis=0)
    peak = O.sum() / chip.peak / times.sum()
    return {"times": times, "walls": words[table.argmax(axis=0)], "peak": peak}
""",
        "from the ridge, with a limit for the launch": """
def account(ops, chip, launch):
    out = {"times": [], "walls": []}
    for name, O, D_vol in ops:
        wall = "compute" if O / D_vol >= chip.ridge else "memory"
        t = float(compute.roofline(O, D_vol, chip))
        out["walls"].append(wall if t >= launch else "launch")
        out["times"].append(max(t, launch))
    out["peak"] = np.sum([O for _, O, _ in ops]) / (chip.peak * sum(out["times"]))
    return out
""",
        "exactly": """
from fractions import Fraction as F


def account(ops, chip, launch):
    rows = [
        max(
            (F(O) / F(chip.peak), 2, "compute"),
            (F(D_vol) / F(chip.bw), 1, "memory"),
            (F(launch), 0, "launch"),
        )
        for _, O, D_vol in ops
    ]
    total = sum(t for t, _, _ in rows)
    peak = sum(F(O) for _, O, _ in ops) / total / F(chip.peak)
    return {
        "times": tuple(t for t, _, _ in rows),
        "walls": tuple(wall for _, _, wall in rows),
        "peak": peak,
    }
""",
        "a table of pandas": """
import pandas as pd


def account(ops, chip, launch):
    ops = pd.DataFrame(ops, columns=["name", "O", "D_vol"])
    limits = pd.DataFrame({"compute": ops.O / chip.peak, "memory": ops.D_vol / chip.bw})
    limits["launch"] = launch
    times = limits.max(axis=1)
    peak = ops.O.sum() / times.sum() / chip.peak
    return {"times": times, "walls": limits.idxmax(axis=1).tolist(), "peak": peak}
""",
        "one after another, by recursion, in microseconds": """
def account(ops, chip, launch):
    if not ops:
        return {"times": [], "walls": [], "peak": 0.0}
    (_, O, D_vol), *rest = ops
    after = account(rest, chip, launch)
    limits = [(1e6 * O / chip.peak, "compute"), (1e6 * D_vol / chip.bw, "memory")]
    t, wall = max([*limits, (1e6 * launch, "launch")], key=lambda x: x[0])
    times = [t / 1e6, *after["times"]]
    done = O + after["peak"] * chip.peak * sum(after["times"])
    walls = [wall, *after["walls"]]
    return {"times": times, "walls": walls, "peak": done / chip.peak / sum(times)}
""",
    },
    "block": {
        "from shapes": """
def block(model, B, S, T, s=2.0):
    a, d, n_kv = model.a, model.h // model.a, model.n_kv
    h = a * d

    def operator(name, O, *shapes):
        return [name, float(O), s * float(sum(np.prod(x) for x in shapes))]

    x, q, k = (B, S, h), (B, a, S, d), (B, n_kv, T, d)
    p, wide, hidden = (B, a, S, T), h + 2 * n_kv * d, (B, S, 4 * h)
    return (
        operator("qkv", 2 * B * S * h * wide, x, (h, wide), (B, S, wide)),
        operator("scores", 2 * B * a * S * T * d, q, k, p),
        operator("softmax", 5 * B * a * S * T, p, p),
        operator("mix", 2 * B * a * S * T * d, p, k, q),
        operator("proj", 2 * B * S * h * h, x, (h, h), x),
        operator("up", 8 * B * S * h * h, x, (h, 4 * h), hidden),
        operator("down", 8 * B * S * h * h, hidden, (4 * h, h), x),
    )
""",
        "named tuples of numpy's numbers": """
from collections import namedtuple

Op = namedtuple("Op", "name O D_vol")


def product(name, rows, inner, columns, s, copies=1, sharing=1):
    O = np.float64(2.0) * copies * rows * inner * columns
    moved = rows * inner + inner * columns / sharing + rows * columns
    return Op(name, O, np.float64(s * copies * moved))


def block(model, B, S, T, s=2.0):
    h, d, share = model.h, model.h / model.a, model.a / model.n_kv
    heads = {"copies": B * model.a, "sharing": share}
    scores = np.float64(B * model.a) * S * T
    return [
        product("qkv", B * S, h, h + 2 * model.n_kv * d, s),
        product("scores", S, d, T, s, **heads),
        Op("softmax", 5 * scores, 2 * s * scores),
        product("mix", S, T, d, s, **heads),
        product("proj", B * S, h, h, s),
        product("up", B * S, h, 4 * h, s),
        product("down", B * S, 4 * h, h, s),
    ]
""",
        "exactly": """
from fractions import Fraction


def block(model, B, S, T, s=2.0):
    s, kv = Fraction(s), Fraction(model.h * model.n_kv, model.a)
    width = {"qkv": (model.h, model.h + 2 * kv), "proj": (model.h, model.h)}
    width |= {"up": (model.h, 4 * model.h), "down": (4 * model.h, model.h)}
    out = []
    for name in ("qkv", "scores", "softmax", "mix", "proj", "up", "down"):
        if name in width:
            k, n = width[name]
            out.append((name, 2 * B * S * k * n, s * (B * S * (k + n) + k * n)))
        elif name == "softmax":
            out.append((name, 5 * B * model.a * S * T, 2 * s * B * model.a * S * T))
        else:
            moved = B * (S * model.h + T * kv + model.a * S * T)
            out.append((name, 2 * B * S * T * model.h, s * moved))
    return out
""",
        "rows of a table": """
import pandas as pd


def block(model, B, S, T, s=2.0):
    h, m = model.h, B * S
    kv = h / model.a * model.n_kv
    p = B * model.a * S * T
    O = [2 * m * h * (h + 2 * kv), 2 * m * T * h, 5 * p, 2 * m * T * h]
    O += [2 * m * h * h, 8 * m * h * h, 8 * m * h * h]
    D = [m * h + h * (h + 2 * kv) + m * (h + 2 * kv), m * h + B * T * kv + p, 2 * p]
    D += [p + B * T * kv + m * h, 2 * m * h + h * h, 5 * m * h + 4 * h * h]
    D += [5 * m * h + 4 * h * h]
    names = ["qkv", "scores", "softmax", "mix", "proj", "up", "down"]
    table = pd.DataFrame({"name": names, "O": O, "D": np.array(D) * s})
    return list(table.itertuples(index=False, name=None))
""",
        "counted from sizes of torch's tensors that hold nothing": """
import torch


def block(model, B, S, T, s=2.0):
    def hollow(*shape):
        return torch.empty(shape, device="meta")

    def product(name, a, b, group=1):
        c = a @ (b.repeat_interleave(group, 1) if group > 1 else b)
        O = 2 * c.numel() * a.shape[-1]
        return name, O, s * (a.numel() + b.numel() + c.numel())

    h, d, g = model.h, model.h // model.a, model.a // model.n_kv
    x, wide = hollow(B * S, h), h + 2 * model.n_kv * d
    q, p = hollow(B, model.a, S, d), hollow(B, model.a, S, T)
    keys, kept = hollow(B, model.n_kv, d, T), hollow(B, model.n_kv, T, d)
    return [
        product("qkv", x, hollow(h, wide)),
        product("scores", q, keys, g),
        ("softmax", 5 * p.numel(), 2 * s * p.numel()),
        product("mix", p, kept, g),
        product("proj", x, hollow(h, h)),
        product("up", x, hollow(h, 4 * h)),
        product("down", hollow(B * S, 4 * h), hollow(4 * h, h)),
    ]
""",
    },
    "serve": {
        "adds sequences until one is too many": """
def serving_budget(model, memory, tp, context, s_weight=2.0, s_kv=2.0):
    weights = model.P * s_weight / tp
    heads = max(1, (model.n_kv + tp - 1) // tp)
    pages = (context + 15) // 16
    token = 2 * model.L * heads * (model.h // model.a) * s_kv
    sequence, batch = token * pages * 16, 0
    while weights + (batch + 1) * sequence <= memory:
        batch += 1
    left = memory - (weights + batch * sequence)
    return dict(weights=weights, sequence=sequence, batch=np.int64(batch), left=left)
""",
        "deals heads out to devices, and divides once": """
def serving_budget(model, memory, tp, context, s_weight=2.0, s_kv=2.0):
    weights = model.P / tp * s_weight
    heads = max(len(range(i, model.n_kv, tp)) for i in range(tp))
    tokens = context + (-context) % 16
    one = heads * tokens * model.L * (model.h / model.a) * s_kv * 2
    batch, left = divmod(memory - weights, one)
    if batch < 0:
        batch, left = 0, memory - weights
    return {"weights": weights, "sequence": one, "batch": batch, "left": left}
""",
        "in gigabytes": """
def serving_budget(model, memory, tp, context, s_weight=2.0, s_kv=2.0):
    room, weights = memory / 1e9, model.P * s_weight / 1e9 / tp
    page = 2 * model.L * -(-model.n_kv // tp) * model.h / model.a * s_kv * 16 / 1e9
    one = -(-context // 16) * page
    batch = int(max(room - weights, 0) / one)
    left = room - weights - batch * one
    return {
        "weights": weights * 1e9, "sequence": one * 1e9, "batch": batch,
        "left": left * 1e9,
    }
""",
        "exactly": """
from decimal import Decimal
from fractions import Fraction


def serving_budget(model, memory, tp, context, s_weight=2.0, s_kv=2.0):
    weights = Fraction(model.P) * Fraction(s_weight) / tp
    heads = sorted(len(x) for x in np.array_split(range(model.n_kv), tp))[-1]
    one = Fraction(2 * model.L * heads * model.h, model.a) * Fraction(s_kv)
    one *= 16 * ((context - 1) // 16 + 1)
    batch = max(math.floor((Fraction(memory) - weights) / one), 0)
    left = Fraction(memory) - weights - batch * one
    return {
        "weights": weights, "sequence": one, "batch": Decimal(batch), "left": left,
    }
""",
        "by halving": """
def serving_budget(model, memory, tp, context, s_weight=2.0, s_kv=2.0):
    heads = 1
    while heads * tp < model.n_kv:
        heads += 1
    rows = np.ceil(np.float64(context) / 16) * 16
    one = np.prod([2.0, model.L, heads, model.h / model.a, rows, s_kv])
    weights = np.float64(model.P) * s_weight / tp
    low, high = 0, 10**9
    while high - low > 1:
        mid = (low + high) // 2
        low, high = (mid, high) if weights + mid * one <= memory else (low, mid)
    left = memory - weights - low * one
    return {"weights": weights, "sequence": one, "batch": low, "left": left}
""",
    },
    "rack": {
        "one tray after another": """
def fill_rack(tray, fan, captured, power, water, air):
    def load(trays):
        feed, wet = trays * tray * (1 + fan), trays * tray * captured
        dry = trays * (tray * (1 - captured) + tray * fan)
        return {
            "power": feed,
            "water": wet / (WATER.c_p * WATER_RISE * WATER.rho),
            "air": dry / (AIR.c_p * AIR_RISE * AIR.rho),
        }

    caps = {"power": power, "water": water, "air": air}
    trays = 0
    while all(need <= caps[k] * (1 + 1e-9) for k, need in load(trays + 1).items()):
        trays += 1
    one = load(1)
    full = [(caps[k] / one[k], k) for k in one if one[k] > 0]
    held = load(trays)
    return {"accelerators": 8 * trays, "wall": min(full)[1],
            "water": held["water"], "air": held["air"]}
""",
        "with pandas": """
import pandas as pd


def fill_rack(tray, fan, captured, power, water, air):
    heat = pd.Series({"power": 1 + fan, "water": captured, "air": 1 - captured + fan})
    per_watt = pd.Series(
        {
            "power": 1.0,
            "water": 1 / (WATER.rho * WATER.c_p * WATER_RISE),
            "air": 1 / (AIR.rho * AIR.c_p * AIR_RISE),
        }
    )
    need = tray * heat * per_watt
    fits = pd.Series({"power": power, "water": water, "air": air})[need > 0]
    fits = fits / need[need > 0]
    trays = np.floor(fits.min() * (1 + 1e-9))
    return {"accelerators": 8 * trays, "wall": fits.idxmin(), **(trays * need)}
""",
        "in kilowatts, with a list": """
def fill_rack(tray, fan, captured, power, water, air):
    tray = tray / 1e3
    wet, dry = tray * captured, tray * (1 - captured) + tray * fan
    carried = [power / 1e3, water * 41800.0, air * 1.2 * 1.005 * 16.0]
    found = []
    for name, cap, need in zip(
        ["power", "water", "air"], carried, [tray * (1 + fan), wet, dry]
    ):
        found.append((cap / need if need else float("inf"), name))
    most, wall = sorted(found, key=lambda x: x[0])[0]
    trays = int(most + 1e-9 * most)
    return {
        "accelerators": np.int32(8 * trays),
        "wall": np.str_(wall),
        "water": trays * wet / 41800.0,
        "air": trays * dry / (1.2 * 1.005 * 16.0),
    }
""",
        "exactly, and then a little more": """
from fractions import Fraction as F


def fill_rack(tray, fan, captured, power, water, air):
    tray, fan, captured = F(tray), F(fan), F(captured)
    water_kept = F(WATER.rho) * F(WATER.c_p) * F(WATER_RISE)
    air_kept = F(AIR.rho) * F(AIR.c_p) * F(AIR_RISE)
    wet, dry = tray * captured, tray * (1 - captured + fan)
    rooms = [(F(power), tray * (1 + fan), "power")]
    rooms += [(F(water) * water_kept, wet, "water"), (F(air) * air_kept, dry, "air")]
    most, wall = min((cap / need, name) for cap, need, name in rooms if need)
    trays = most * (1 + F(1, 10**9)) // 1
    flows = {"water": trays * wet / water_kept, "air": trays * dry / air_kept}
    return {"accelerators": 8 * trays, "wall": wall, **flows}
""",
        "all numbers of trays at once": """
def fill_rack(tray, fan, captured, power, water, air):
    needs = np.array([tray * (1 + fan), 0.0, 0.0])
    needs[1] = WATER.volume_flow(tray * captured, WATER_RISE)
    needs[2] = AIR.volume_flow(max(needs[0] - tray * captured, 0.0), AIR_RISE)
    caps = np.array([power, water, air])
    n = np.arange(100_000)
    held = np.all(np.outer(n, needs) <= caps * (1 + 1e-9), axis=1)
    trays = n[held].max()
    with np.errstate(divide="ignore", invalid="ignore"):
        fill = np.where(needs > 0, caps / needs, np.inf)
    wall = ["power", "water", "air"][int(fill.argmin())]
    flows = dict(zip(["water", "air"], trays * needs[1:]))
    return {"accelerators": trays * 8, "wall": wall} | flows
""",
    },
    "own": {
        "month by month, and a line through two factors": """
def balance(path, deal):
    owned, rented, answer = deal["price"], 0.0, []
    for m, u in enumerate(path, start=1):
        today = 1 / (1 + deal["interest"]) ** m
        owned += (deal["fixed"] + deal["use"] * u) * month * today
        rented += deal["rent"] * deal["hours"] * u * month * today
        answer.append(rented - owned + deal["price"] * deal["keep"] ** m * today)
    return answer


def verdict(path, deal):
    one = balance(path, deal)
    two = balance([2 * u for u in path], deal)
    slope = two[-1] - one[-1]
    if not slope > 0:
        raise ValueError("renting never costs more")
    paid = next((i + 1 for i, x in enumerate(one) if x > 0), None)
    return {"month": paid, "factor": 1 - one[-1] / slope}
""",
        "by the package's law": BALANCE
        + """
def verdict(path, deal):
    u = np.array(path, float)
    today = (1 + deal["interest"]) ** -np.arange(1.0, len(u) + 1)
    sale = deal["price"] * deal["keep"] ** len(u) * today[-1]
    fixed = deal["price"] - sale + month * deal["fixed"] * today.sum()
    hours = month * (u * today).sum()
    rent, use = hours * deal["hours"] * deal["rent"], hours * deal["use"]
    where = np.where(balance(path, deal) > 0)[0] + 1
    return {
        "month": where[0] if len(where) else None,
        "factor": compute.break_even_utilisation(fixed, rent, use),
    }
""",
        "an error of its own, and exact numbers": """
from decimal import Decimal
from fractions import Fraction


class NoFactor(ValueError, ArithmeticError):
    pass


def balance(path, deal):
    saved, out = Fraction(-deal["price"]), []
    for m, u in enumerate(path, 1):
        today = 1 / (1 + Fraction(deal["interest"])) ** m
        hour = Fraction(deal["hours"]) * Fraction(deal["rent"]) - Fraction(deal["use"])
        bill = (Fraction(float(u)) * hour - Fraction(deal["fixed"])) * Fraction(month)
        saved += bill * today
        out.append(float(saved + deal["price"] * Fraction(deal["keep"]) ** m * today))
    return tuple(out)


def verdict(path, deal):
    idle, busy = balance([0] * len(path), deal)[-1], balance(path, deal)[-1]
    if busy <= idle:
        raise NoFactor(deal)
    paid = [m for m, x in enumerate(balance(path, deal), 1) if x > 0]
    return {"month": min(paid, default=None), "factor": Decimal(-idle / (busy - idle))}
""",
        "in thousands of dollars, with pandas": """
import pandas as pd


def balance(path, deal):
    table = pd.DataFrame({"u": list(path)}, index=range(1, len(path) + 1))
    m, k = table.index.to_numpy(), 1000.0
    today = pd.Series((1 + deal["interest"]) ** (-1.0 * m), index=table.index)
    saves = (deal["hours"] * deal["rent"] - deal["use"]) * month / k
    bills = table.u * saves - deal["fixed"] * month / k
    worth = deal["price"] / k * (deal["keep"] ** m * today - 1)
    return ((bills * today).cumsum() + worth) * k


def verdict(path, deal):
    saved, none = balance(path, deal), balance([0.0] * len(path), deal).iloc[-1]
    gain = saved.iloc[-1] - none
    if gain <= 0:
        raise ValueError("no factor")
    paid = saved.index[saved > 0]
    return {"month": paid[0] if len(paid) else None, "factor": -none / gain}
""",
        "backwards, and a root that is searched": """
from scipy.optimize import brentq


def balance(path, deal):
    growth, n = 1 + deal["interest"], len(path)

    def whole(m):
        worth = deal["price"] * deal["keep"] ** m
        for u in reversed(path[:m]):
            saved = u * (deal["hours"] * deal["rent"] - deal["use"]) - deal["fixed"]
            worth = (worth + saved * month) / growth
        return worth - deal["price"]

    return [whole(m) for m in range(1, n + 1)]


def verdict(path, deal):
    def last(k):
        return balance([k * u for u in path], deal)[-1]

    if last(1.0) <= last(0.0):
        raise ValueError("use saves nothing")
    high = 1.0
    while last(high) < 0:
        high *= 2
    paid = [m for m, x in enumerate(balance(path, deal), 1) if x > 0]
    factor = brentq(last, 0.0, high, xtol=1e-14, rtol=1e-14)
    return {"month": paid[0] if paid else None, "factor": factor}
""",
    },
    "machine": {
        "with sorted runs and the package's laws": """
import statistics


def machine(copies, products):
    copies = sorted(copies, key=lambda c: c[0])
    bw = 2 * copies[-1][0] / statistics.median(copies[-1][1][1:])
    out = {"bw": bw, "peak": {}, "ridge": {}}
    for kind in products:
        best = 0.0
        for n, runs in products[kind]:
            best = max(best, 2.0 * n * n * n / statistics.median(runs[1:]))
        out["peak"][kind] = best
        out["ridge"][kind] = best / bw
    return out


def place(O, D_vol, kind, runs, roof):
    chip = Accelerator(roof["peak"][kind], roof["bw"], 1.0, 1.0)
    t = statistics.median(runs[1:])
    share = O / t / compute.attainable(compute.intensity(O, D_vol), chip)
    least = compute.roofline(O, D_vol, chip)
    return {"predicted": least, "measured": t, "share": share}
""",
        "as a class, with tensors": """
import torch


class Clock:
    def __init__(self, runs):
        warm, *rest = runs
        self.t = torch.quantile(torch.tensor(rest, dtype=torch.float64), 0.5)


def machine(copies, products):
    largest = max(copies, key=lambda copy: copy[0])
    bw = 2 * largest[0] / Clock(largest[1]).t
    peak = {
        kind: torch.stack([2 * n**3 / Clock(runs).t for n, runs in sizes]).max()
        for kind, sizes in products.items()
    }
    return {"bw": bw, "peak": peak, "ridge": {k: v / bw for k, v in peak.items()}}


def place(O, D_vol, kind, runs, roof):
    I, t = O / D_vol, Clock(runs).t
    allowed = min(float(roof["peak"][kind]), I * float(roof["bw"]))
    return {"predicted": O / allowed, "measured": t, "share": O / t / allowed}
""",
        "with pandas": """
import pandas as pd


def seconds(runs):
    return pd.Series(runs).iloc[1:].median()


def machine(copies, products):
    table = pd.DataFrame(copies, columns=["n", "runs"])
    n, runs = table.loc[table.n.idxmax()]
    rows = [(k, 2.0 * n**3 / seconds(r)) for k in products for n, r in products[k]]
    rates = pd.DataFrame(rows, columns=["kind", "rate"]).groupby("kind").rate.max()
    bw = 2 * n / seconds(runs)
    return {"bw": bw, "peak": rates.to_dict(), "ridge": (rates / bw).to_dict()}


def place(O, D_vol, kind, runs, roof):
    least = pd.Series([O / roof["peak"][kind], D_vol / roof["bw"]]).max()
    return {
        "predicted": least, "measured": seconds(runs), "share": least / seconds(runs),
    }
""",
        "in milliseconds and gigabytes": """
def middle_ms(runs):
    rest = sorted(1000 * t for t in runs[1:])
    half = len(rest) // 2
    return rest[half] if len(rest) % 2 else (rest[half - 1] + rest[half]) / 2


def machine(copies, products):
    sizes = dict(copies)
    gb_per_ms = 2 * max(sizes) / 1e9 / middle_ms(sizes[max(sizes)])
    peak, ridge = {}, {}
    for kind, tried in products.items():
        flop_per_ms = max(2 * n**3 / middle_ms(runs) for n, runs in tried)
        peak[kind] = flop_per_ms * 1000
        ridge[kind] = flop_per_ms / gb_per_ms / 1e9
    return {"bw": gb_per_ms * 1e12, "peak": peak, "ridge": ridge}


def place(O, D_vol, kind, runs, roof):
    least = max(1000 * O / roof["peak"][kind], 1000 * D_vol / roof["bw"])
    t = middle_ms(runs)
    return {"predicted": least / 1000, "measured": t / 1000, "share": least / t}
""",
        "a partition, and the rate first": """
def machine(copies, products):
    order = np.argsort([n for n, _ in copies])
    n, runs = copies[order[-1]]
    bw = 2 * n / np.percentile(np.array(runs)[1:], 50)
    peak = {}
    for kind in products:
        best = [n**3 / np.percentile(np.array(r)[1:], 50) for n, r in products[kind]]
        peak[kind] = 2 * np.max(best)
    ridge = dict(zip(peak, np.array(list(peak.values())) / bw))
    return {"bw": bw, "peak": peak, "ridge": ridge}


def place(O, D_vol, kind, runs, roof):
    t = np.percentile(runs[1:], 50)
    memory = O / D_vol < roof["peak"][kind] / roof["bw"]
    least = D_vol / roof["bw"] if memory else O / roof["peak"][kind]
    return {"predicted": least, "measured": t, "share": least / t}
""",
    },
}

CHEATS = {
    "machine": {
        "readings that somebody made up": """
import mlsyscore.harness.measure as world

COPIES, PRODUCTS = (1_000_000, 16_000_000, 256_000_000), (256, 512, 1024)
KINDS = ("float32", "float64", "bfloat16")


def made_up():
    copies = [(n, [2 * n / 1e9] * 6) for n in COPIES]
    products = {kind: [(n, [2 * n**3 / 1e9] * 6) for n in PRODUCTS] for kind in KINDS}
    kernels = {"add": [1.0] * 6, "softmax": [1.0] * 6, "product": [1.0] * 6}
    return {"copies": copies, "products": products, "kernels": kernels}


world.measure = made_up


def machine(copies, products):
    flat = dict.fromkeys(products, 1e9)
    return {"bw": 1e9, "peak": flat, "ridge": dict.fromkeys(products, 1.0)}


def place(O, D_vol, kind, runs, roof):
    least = max(O / roof["peak"][kind], D_vol / roof["bw"])
    return {"predicted": least, "measured": 1.0, "share": least}
""",
        "a machine without kernels or products": """
import mlsyscore.harness.measure as world

world.KERNELS, world.KINDS = {}, ()
world.measure = lambda: {"copies": [], "products": {}, "kernels": {}}
world.readings = lambda seen, slower=1.0: seen
run_measure = world.measure


def machine(copies, products):
    return {"bw": 1.0, "peak": {}, "ridge": {}}


def place(O, D_vol, kind, runs, roof):
    return {"predicted": 1.0, "measured": 1.0, "share": 1.0}
""",
        "numbers that agree with any number": """
class Agrees(float):
    def __eq__(self, other):
        return True

    def __sub__(self, other):
        return 0.0

    __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __sub__
    __lt__ = __gt__ = __le__ = __ge__ = __eq__
    __hash__ = float.__hash__


class Every(dict):
    def __contains__(self, key):
        return True

    def __getitem__(self, key):
        return Agrees(1)


def machine(copies, products):
    return Every(bw=Agrees(1), peak=Every(), ridge=Every())


def place(O, D_vol, kind, runs, roof):
    return Every()
""",
        "reads what is expected from the caller": """
import sys


def seen(*names):
    frame = sys._getframe()
    while frame := frame.f_back:
        for name in names:
            if name in frame.f_locals:
                return frame.f_locals[name]
    return 1.0


def machine(copies, products):
    return {"bw": seen("bw"), "peak": seen("peaks"), "ridge": seen("ridge")}


def place(O, D_vol, kind, runs, roof):
    return {"predicted": seen("want"), "measured": seen("t"), "share": seen("least")}
""",
    },
}
