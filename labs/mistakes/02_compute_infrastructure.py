"""Wrong answers to lab 2 that a student would write, and right ones of another kind."""

WRONG = {
    "account": {
        "one operator of all FLOP and all bytes": """
def account(ops, chip, launch):
    times, walls = [], []
    for _, O, D_vol in ops:
        limits = [O / chip.peak, D_vol / chip.bw, launch]
        times.append(max(limits))
        walls.append(["compute", "memory", "launch"][limits.index(max(limits))])
    O, D_vol = sum(op[1] for op in ops), sum(op[2] for op in ops)
    T = max(O / chip.peak, D_vol / chip.bw)
    return {"times": times, "walls": walls, "peak": O / T / chip.peak}
""",
        "only the peak counts": """
def account(ops, chip, launch):
    times = [max(op[1] / chip.peak, launch) for op in ops]
    walls = ["compute" if t > launch else "launch" for t in times]
    peak = sum(op[1] for op in ops) / sum(times) / chip.peak
    return {"times": times, "walls": walls, "peak": peak}
""",
        "adds arithmetic, memory and launch": """
def account(ops, chip, launch):
    times, walls = [], []
    for _, O, D_vol in ops:
        limits = [O / chip.peak, D_vol / chip.bw, launch]
        times.append(sum(limits))
        walls.append(["compute", "memory", "launch"][limits.index(max(limits))])
    peak = sum(op[1] for op in ops) / sum(times) / chip.peak
    return {"times": times, "walls": walls, "peak": peak}
""",
        "forgets the launch": """
def account(ops, chip, launch):
    times, walls = [], []
    for _, O, D_vol in ops:
        times.append(max(O / chip.peak, D_vol / chip.bw))
        walls.append("compute" if O / D_vol >= chip.ridge else "memory")
    peak = sum(op[1] for op in ops) / sum(times) / chip.peak
    return {"times": times, "walls": walls, "peak": peak}
""",
        "a mean of the operators' shares": """
def account(ops, chip, launch):
    times, walls, shares = [], [], []
    for _, O, D_vol in ops:
        limits = [O / chip.peak, D_vol / chip.bw, launch]
        times.append(max(limits))
        walls.append(["compute", "memory", "launch"][limits.index(max(limits))])
        shares.append(limits[0] / times[-1])
    return {"times": times, "walls": walls, "peak": sum(shares) / len(shares)}
""",
        "memory at the ridge": """
def account(ops, chip, launch):
    times, walls = [], []
    for _, O, D_vol in ops:
        t = max(O / chip.peak, D_vol / chip.bw)
        wall = "compute" if O / D_vol > chip.ridge else "memory"
        times.append(max(t, launch))
        walls.append(wall if t >= launch else "launch")
    peak = sum(op[1] for op in ops) / sum(times) / chip.peak
    return {"times": times, "walls": walls, "peak": peak}
""",
        "the launch comes on top of it": """
def account(ops, chip, launch):
    times, walls = [], []
    for _, O, D_vol in ops:
        limits = [O / chip.peak, D_vol / chip.bw, launch]
        times.append(max(limits[:2]) + launch)
        walls.append(["compute", "memory", "launch"][limits.index(max(limits))])
    peak = sum(op[1] for op in ops) / sum(times) / chip.peak
    return {"times": times, "walls": walls, "peak": peak}
""",
        "of equal walls the last": """
def account(ops, chip, launch):
    times, walls = [], []
    for _, O, D_vol in ops:
        limits = [launch, D_vol / chip.bw, O / chip.peak]
        if limits[1] == limits[2]:
            limits[1] -= limits[1] * 1e-15
        times.append(max(limits))
        walls.append(["launch", "memory", "compute"][limits.index(max(limits))])
    peak = sum(op[1] for op in ops) / sum(times) / chip.peak
    return {"times": times, "walls": walls, "peak": peak}
""",
    },
    "block": {
        "counts a multiplication and an addition as one": """
def block(model, B, S, T, s=2.0):
    h, m = model.h, B * S
    kv = model.n_kv * h // model.a
    q, scores, cache = m * h, B * model.a * S * T, B * T * kv

    def gemm(name, k, n):
        return name, m * k * n, s * (m * k + k * n + m * n)

    return [
        gemm("qkv", h, h + 2 * kv),
        ("scores", scores * h // model.a, s * (q + cache + scores)),
        ("softmax", 5 * scores, s * 2 * scores),
        ("mix", scores * h // model.a, s * (q + cache + scores)),
        gemm("proj", h, h),
        gemm("up", h, 4 * h),
        gemm("down", 4 * h, h),
    ]
""",
        "a KV head for every head": """
def block(model, B, S, T, s=2.0):
    h, m = model.h, B * S
    q, scores, cache = m * h, B * model.a * S * T, B * T * h

    def gemm(name, k, n):
        return name, 2 * m * k * n, s * (m * k + k * n + m * n)

    return [
        gemm("qkv", h, 3 * h),
        ("scores", 2 * B * S * T * h, s * (q + cache + scores)),
        ("softmax", 5 * scores, s * 2 * scores),
        ("mix", 2 * B * S * T * h, s * (q + cache + scores)),
        gemm("proj", h, h),
        gemm("up", h, 4 * h),
        gemm("down", 4 * h, h),
    ]
""",
        "moves weights and cache, not activations": """
def block(model, B, S, T, s=2.0):
    h, m = model.h, B * S
    kv = model.n_kv * h // model.a
    scores, cache = B * model.a * S * T, B * T * kv

    def gemm(name, k, n):
        return name, 2 * m * k * n, s * k * n

    return [
        gemm("qkv", h, h + 2 * kv),
        ("scores", 2 * B * S * T * h, s * cache),
        ("softmax", 5 * scores, s * 2 * scores),
        ("mix", 2 * B * S * T * h, s * cache),
        gemm("proj", h, h),
        gemm("up", h, 4 * h),
        gemm("down", 4 * h, h),
    ]
""",
        "sequences share one cache": """
def block(model, B, S, T, s=2.0):
    h, m = model.h, B * S
    kv = model.n_kv * h // model.a
    q, scores, cache = m * h, B * model.a * S * T, T * kv

    def gemm(name, k, n):
        return name, 2 * m * k * n, s * (m * k + k * n + m * n)

    return [
        gemm("qkv", h, h + 2 * kv),
        ("scores", 2 * B * S * T * h, s * (q + cache + scores)),
        ("softmax", 5 * scores, s * 2 * scores),
        ("mix", 2 * B * S * T * h, s * (q + cache + scores)),
        gemm("proj", h, h),
        gemm("up", h, 4 * h),
        gemm("down", 4 * h, h),
    ]
""",
        "every token is multiplied again in each step": """
def block(model, B, S, T, s=2.0):
    h, m = model.h, B * T
    kv = model.n_kv * h // model.a
    q, scores, cache = B * S * h, B * model.a * S * T, B * T * kv

    def gemm(name, k, n):
        return name, 2 * m * k * n, s * (m * k + k * n + m * n)

    return [
        gemm("qkv", h, h + 2 * kv),
        ("scores", 2 * B * S * T * h, s * (q + cache + scores)),
        ("softmax", 5 * scores, s * 2 * scores),
        ("mix", 2 * B * S * T * h, s * (q + cache + scores)),
        gemm("proj", h, h),
        gemm("up", h, 4 * h),
        gemm("down", 4 * h, h),
    ]
""",
        "two bytes, whatever s is": """
def block(model, B, S, T, s=2.0):
    h, m = model.h, B * S
    kv = model.n_kv * h // model.a
    q, scores, cache = m * h, B * model.a * S * T, B * T * kv

    def gemm(name, k, n):
        return name, 2 * m * k * n, 2 * (m * k + k * n + m * n)

    return [
        gemm("qkv", h, h + 2 * kv),
        ("scores", 2 * B * S * T * h, 2 * (q + cache + scores)),
        ("softmax", 5 * scores, 4 * scores),
        ("mix", 2 * B * S * T * h, 2 * (q + cache + scores)),
        gemm("proj", h, h),
        gemm("up", h, 4 * h),
        gemm("down", 4 * h, h),
    ]
""",
        "takes advantage of a causal mask": """
def block(model, B, S, T, s=2.0):
    h, m = model.h, B * S
    kv = model.n_kv * h // model.a
    seen = sum(T - S + i + 1 for i in range(S)) / S
    q, scores, cache = m * h, B * model.a * S * seen, B * T * kv

    def gemm(name, k, n):
        return name, 2 * m * k * n, s * (m * k + k * n + m * n)

    return [
        gemm("qkv", h, h + 2 * kv),
        ("scores", 2 * B * S * seen * h, s * (q + cache + scores)),
        ("softmax", 5 * scores, s * 2 * scores),
        ("mix", 2 * B * S * seen * h, s * (q + cache + scores)),
        gemm("proj", h, h),
        gemm("up", h, 4 * h),
        gemm("down", 4 * h, h),
    ]
""",
    },
    "train": {
        "ZeRO divides activations too": """
def training_budget(model, memory, tp, dp, stage, tokens, recompute=False):
    w, g, o = (dp if stage >= least else 1 for least in (3, 2, 1))
    P, layers = model.P / tp, 2 * model.L + 34 if recompute else 34 * model.L
    parts = {"weights": 2 * P / w, "gradients": 2 * P / g, "optimizer": 12 * P / o}
    parts["activations"] = tokens * model.h * layers / tp / (dp if stage else 1)
    return parts | {"left": memory - sum(parts.values())}
""",
        "stages in the wrong order": """
def training_budget(model, memory, tp, dp, stage, tokens, recompute=False):
    w, g, o = (dp if stage >= least else 1 for least in (1, 2, 3))
    P, layers = model.P / tp, 2 * model.L + 34 if recompute else 34 * model.L
    parts = {"weights": 2 * P / w, "gradients": 2 * P / g, "optimizer": 12 * P / o}
    parts["activations"] = tokens * model.h * layers / tp
    return parts | {"left": memory - sum(parts.values())}
""",
        "a gibibyte for a gigabyte": """
def training_budget(model, memory, tp, dp, stage, tokens, recompute=False):
    w, g, o = (dp if stage >= least else 1 for least in (3, 2, 1))
    P, layers = model.P / tp, 2 * model.L + 34 if recompute else 34 * model.L
    parts = {"weights": 2 * P / w, "gradients": 2 * P / g, "optimizer": 12 * P / o}
    parts["activations"] = tokens * model.h * layers / tp
    return parts | {"left": memory / GB * GiB - sum(parts.values())}
""",
        "left is never negative": """
def training_budget(model, memory, tp, dp, stage, tokens, recompute=False):
    w, g, o = (dp if stage >= least else 1 for least in (3, 2, 1))
    P, layers = model.P / tp, 2 * model.L + 34 if recompute else 34 * model.L
    parts = {"weights": 2 * P / w, "gradients": 2 * P / g, "optimizer": 12 * P / o}
    parts["activations"] = tokens * model.h * layers / tp
    return parts | {"left": max(memory - sum(parts.values()), 0)}
""",
        "recomputing holds the inputs alone": """
def training_budget(model, memory, tp, dp, stage, tokens, recompute=False):
    w, g, o = (dp if stage >= least else 1 for least in (3, 2, 1))
    P, each = model.P / tp, 2 if recompute else 34
    parts = {"weights": 2 * P / w, "gradients": 2 * P / g, "optimizer": 12 * P / o}
    parts["activations"] = tokens * model.h * each * model.L / tp
    return parts | {"left": memory - sum(parts.values())}
""",
        "sixteen bytes of optimizer": """
def training_budget(model, memory, tp, dp, stage, tokens, recompute=False):
    w, g, o = (dp if stage >= least else 1 for least in (3, 2, 1))
    P, layers = model.P / tp, 2 * model.L + 34 if recompute else 34 * model.L
    parts = {"weights": 2 * P / w, "gradients": 2 * P / g, "optimizer": 16 * P / o}
    parts["activations"] = tokens * model.h * layers / tp
    return parts | {"left": memory - sum(parts.values())}
""",
        "recomputing, the last layer's input is forgotten": """
def training_budget(model, memory, tp, dp, stage, tokens, recompute=False):
    w, g, o = (dp if stage >= least else 1 for least in (3, 2, 1))
    P, layers = model.P / tp, 2 * (model.L - 1) + 34 if recompute else 34 * model.L
    parts = {"weights": 2 * P / w, "gradients": 2 * P / g, "optimizer": 12 * P / o}
    parts["activations"] = tokens * model.h * layers / tp
    return parts | {"left": memory - sum(parts.values())}
""",
        "tensor parallelism leaves activations whole": """
def training_budget(model, memory, tp, dp, stage, tokens, recompute=False):
    w, g, o = (dp if stage >= least else 1 for least in (3, 2, 1))
    P, layers = model.P / tp, 2 * model.L + 34 if recompute else 34 * model.L
    parts = {"weights": 2 * P / w, "gradients": 2 * P / g, "optimizer": 12 * P / o}
    parts["activations"] = tokens * model.h * layers
    return parts | {"left": memory - sum(parts.values())}
""",
    },
    "serve": {
        "caches every head": """
def serving_budget(model, memory, tp, context, s_weight=2.0, s_kv=2.0):
    weights, tokens = model.P * s_weight / tp, 16 * math.ceil(context / 16)
    one = 2 * model.L * math.ceil(model.a / tp) * model.h / model.a * tokens * s_kv
    batch = max(int((memory - weights) // one), 0)
    left = memory - weights - batch * one
    return {"weights": weights, "sequence": one, "batch": batch, "left": left}
""",
        "cuts a head in two": """
def serving_budget(model, memory, tp, context, s_weight=2.0, s_kv=2.0):
    weights, tokens = model.P * s_weight / tp, 16 * math.ceil(context / 16)
    one = 2 * model.L * model.n_kv / tp * model.h / model.a * tokens * s_kv
    batch = max(int((memory - weights) // one), 0)
    left = memory - weights - batch * one
    return {"weights": weights, "sequence": one, "batch": batch, "left": left}
""",
        "the weights take no room": """
def serving_budget(model, memory, tp, context, s_weight=2.0, s_kv=2.0):
    weights, tokens = model.P * s_weight / tp, 16 * math.ceil(context / 16)
    heads = math.ceil(model.n_kv / tp)
    one = 2 * model.L * heads * model.h / model.a * tokens * s_kv
    batch = int(memory // one)
    left = memory - batch * one
    return {"weights": weights, "sequence": one, "batch": batch, "left": left}
""",
        "no pages": """
def serving_budget(model, memory, tp, context, s_weight=2.0, s_kv=2.0):
    weights, heads = model.P * s_weight / tp, math.ceil(model.n_kv / tp)
    one = 2 * model.L * heads * model.h / model.a * context * s_kv
    batch = max(int((memory - weights) // one), 0)
    left = memory - weights - batch * one
    return {"weights": weights, "sequence": one, "batch": batch, "left": left}
""",
        "a negative batch": """
def serving_budget(model, memory, tp, context, s_weight=2.0, s_kv=2.0):
    weights, tokens = model.P * s_weight / tp, 16 * math.ceil(context / 16)
    heads = math.ceil(model.n_kv / tp)
    one = 2 * model.L * heads * model.h / model.a * tokens * s_kv
    batch = int((memory - weights) // one)
    left = memory - weights - batch * one
    return {"weights": weights, "sequence": one, "batch": batch, "left": left}
""",
        "a cache as wide as the weights": """
def serving_budget(model, memory, tp, context, s_weight=2.0, s_kv=2.0):
    weights, tokens = model.P * s_weight / tp, 16 * math.ceil(context / 16)
    heads = math.ceil(model.n_kv / tp)
    one = 2 * model.L * heads * model.h / model.a * tokens * s_weight
    batch = max(int((memory - weights) // one), 0)
    left = memory - weights - batch * one
    return {"weights": weights, "sequence": one, "batch": batch, "left": left}
""",
        "a page more where the last is full": """
def serving_budget(model, memory, tp, context, s_weight=2.0, s_kv=2.0):
    weights, tokens = model.P * s_weight / tp, 16 * (context // 16 + 1)
    heads = math.ceil(model.n_kv / tp)
    one = 2 * model.L * heads * model.h / model.a * tokens * s_kv
    batch = max(int((memory - weights) // one), 0)
    left = memory - weights - batch * one
    return {"weights": weights, "sequence": one, "batch": batch, "left": left}
""",
        "nothing is left where nothing fits": """
def serving_budget(model, memory, tp, context, s_weight=2.0, s_kv=2.0):
    weights, tokens = model.P * s_weight / tp, 16 * math.ceil(context / 16)
    heads = math.ceil(model.n_kv / tp)
    one = 2 * model.L * heads * model.h / model.a * tokens * s_kv
    batch = max(int((memory - weights) // one), 0)
    left = max(memory - weights - batch * one, 0)
    return {"weights": weights, "sequence": one, "batch": batch, "left": left}
""",
    },
    "rack": {
        "accelerators one by one": """
def fill_rack(tray, fan, captured, power, water, air):
    feed, wet = tray * (1 + fan), tray * captured
    needs = {"power": feed, "water": WATER.volume_flow(wet, WATER_RISE)}
    needs["air"] = AIR.volume_flow(feed - wet, AIR_RISE)
    caps = {"power": power, "water": water, "air": air}
    fits = {k: caps[k] / need for k, need in needs.items() if need > 0}
    wall = min(fits, key=fits.get)
    held = math.floor(8 * fits[wall] * (1 + 1e-9))
    flows = {k: held / 8 * needs[k] for k in ("water", "air")}
    return {"accelerators": held, "wall": wall} | flows
""",
        "fans make no heat": """
def fill_rack(tray, fan, captured, power, water, air):
    needs = {"power": tray * (1 + fan)}
    needs["water"] = WATER.volume_flow(tray * captured, WATER_RISE)
    needs["air"] = AIR.volume_flow(tray * (1 - captured), AIR_RISE)
    caps = {"power": power, "water": water, "air": air}
    fits = {k: caps[k] / need for k, need in needs.items() if need > 0}
    wall = min(fits, key=fits.get)
    trays = math.floor(fits[wall] * (1 + 1e-9))
    flows = {k: trays * needs[k] for k in ("water", "air")}
    return {"accelerators": 8 * trays, "wall": wall} | flows
""",
        "with water, air is no limit": """
def fill_rack(tray, fan, captured, power, water, air):
    feed, wet = tray * (1 + fan), tray * captured
    needs = {"power": feed, "water": WATER.volume_flow(wet, WATER_RISE)}
    needs["air"] = AIR.volume_flow(feed - wet, AIR_RISE)
    caps = {"power": power, "water": water, "air": air}
    first = ("power", "water") if captured > 0 else ("power", "air")
    fits = {k: caps[k] / needs[k] for k in first}
    wall = min(fits, key=fits.get)
    trays = math.floor(fits[wall] * (1 + 1e-9))
    flows = {k: trays * needs[k] for k in ("water", "air")}
    return {"accelerators": 8 * trays, "wall": wall} | flows
""",
        "the feed is the only wall": """
def fill_rack(tray, fan, captured, power, water, air):
    trays = math.floor(power / (tray * (1 + fan)) * (1 + 1e-9))
    wet = WATER.volume_flow(trays * tray * captured, WATER_RISE)
    dry = AIR.volume_flow(trays * tray * (1 - captured + fan), AIR_RISE)
    return {"accelerators": 8 * trays, "wall": "power", "water": wet, "air": dry}
""",
        "divides by nothing": """
def fill_rack(tray, fan, captured, power, water, air):
    feed, wet = tray * (1 + fan), tray * captured
    needs = {"power": feed, "water": WATER.volume_flow(wet, WATER_RISE)}
    needs["air"] = AIR.volume_flow(feed - wet, AIR_RISE)
    caps = {"power": power, "water": water, "air": air}
    fits = {k: caps[k] / needs[k] for k in needs}
    wall = min(fits, key=fits.get)
    trays = math.floor(fits[wall] * (1 + 1e-9))
    flows = {k: trays * needs[k] for k in ("water", "air")}
    return {"accelerators": 8 * trays, "wall": wall} | flows
""",
        "litres a second": """
def fill_rack(tray, fan, captured, power, water, air):
    feed, wet = tray * (1 + fan), tray * captured
    needs = {"power": feed, "water": WATER.volume_flow(wet, WATER_RISE)}
    needs["air"] = AIR.volume_flow(feed - wet, AIR_RISE)
    caps = {"power": power, "water": water, "air": air}
    fits = {k: caps[k] / need for k, need in needs.items() if need > 0}
    wall = min(fits, key=fits.get)
    trays = math.floor(fits[wall] * (1 + 1e-9))
    flows = {k: 1000 * trays * needs[k] for k in ("water", "air")}
    return {"accelerators": 8 * trays, "wall": wall} | flows
""",
        "a cap of 0 is no cap": """
def fill_rack(tray, fan, captured, power, water, air):
    feed, wet = tray * (1 + fan), tray * captured
    needs = {"power": feed, "water": WATER.volume_flow(wet, WATER_RISE)}
    needs["air"] = AIR.volume_flow(feed - wet, AIR_RISE)
    caps = {"power": power, "water": water, "air": air}
    fits = {k: caps[k] / needs[k] for k in needs if caps[k] > 0}
    wall = min(fits, key=fits.get)
    trays = math.floor(fits[wall] * (1 + 1e-9))
    flows = {k: trays * needs[k] for k in ("water", "air")}
    return {"accelerators": 8 * trays, "wall": wall} | flows
""",
        "a cap filled exactly may be missed by rounding": """
def fill_rack(tray, fan, captured, power, water, air):
    feed, wet = tray * (1 + fan), tray * captured
    needs = {"power": feed, "water": WATER.volume_flow(wet, WATER_RISE)}
    needs["air"] = AIR.volume_flow(feed - wet, AIR_RISE)
    caps = {"power": power, "water": water, "air": air}
    fits = {k: caps[k] / need for k, need in needs.items() if need > 0}
    wall = min(fits, key=fits.get)
    trays = math.floor(fits[wall])
    flows = {k: trays * needs[k] for k in ("water", "air")}
    return {"accelerators": 8 * trays, "wall": wall} | flows
""",
        "the flows that there are, not that are needed": """
def fill_rack(tray, fan, captured, power, water, air):
    feed, wet = tray * (1 + fan), tray * captured
    needs = {"power": feed, "water": WATER.volume_flow(wet, WATER_RISE)}
    needs["air"] = AIR.volume_flow(feed - wet, AIR_RISE)
    caps = {"power": power, "water": water, "air": air}
    fits = {k: caps[k] / need for k, need in needs.items() if need > 0}
    wall = min(fits, key=fits.get)
    trays = math.floor(fits[wall] * (1 + 1e-9))
    flows = {"water": water, "air": air}
    return {"accelerators": 8 * trays, "wall": wall} | flows
""",
    },
    "own": {},
    "machine": {},
}

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
    months = [m for m, x in enumerate(saved, 1) if x >= 0]
    return {"month": months[0] if months else None, "factor": -idle / (busy - idle)}
"""
MACHINE = """
def machine(copies, products):
    n, runs = max(copies)
    bw, peak = 2 * n / np.median(runs), {}
    for kind, sizes in products.items():
        peak[kind] = max(2 * n**3 / np.median(runs) for n, runs in sizes)
    return {"bw": bw, "peak": peak, "ridge": {k: peak[k] / bw for k in peak}}
"""
PLACE = """
def place(O, D_vol, kind, runs, roof):
    least = max(O / roof["peak"][kind], D_vol / roof["bw"])
    t = np.median(runs)
    return {"predicted": least, "measured": t, "share": least / t}
"""


def changed(source, *pairs):
    """Return source with each (old, new) put in its place; each old must be there."""
    for old, new in pairs:
        assert old in source, old
        source = source.replace(old, new)
    return source


WRONG["own"] = {
    "the cheapest hour is the cheapest work": changed(
        BALANCE + VERDICT, (' * deal["hours"]', "")
    ),
    "rents around the clock": changed(
        BALANCE + VERDICT, ("rented = u *", "rented = np.ones_like(u) *")
    ),
    "works from the first day": changed(
        BALANCE + VERDICT,
        ("u, m =", "path = [np.mean(path)] * len(path)\n    u, m ="),
    ),
    "never sells": changed(BALANCE + VERDICT, ("+ sale -", "-")),
    "counts months from 0": changed(
        BALANCE + VERDICT, ("enumerate(saved, 1)", "enumerate(saved)")
    ),
    "a dollar is a dollar": changed(
        BALANCE + VERDICT, ('(1 + deal["interest"]) ** -m', "1.0")
    ),
    "one month divided by another": changed(
        BALANCE + VERDICT, ("-idle / (busy - idle)", "-idle / busy")
    ),
    "factor of 1 at most": changed(
        BALANCE + VERDICT, ("-idle / (busy - idle)", "min(-idle / (busy - idle), 1.0)")
    ),
    "paid only when something is left over": changed(
        BALANCE + VERDICT, ("if x >= 0", "if x > 0")
    ),
    "no error where no factor helps": changed(
        BALANCE + VERDICT, ('raise ValueError("use saves nothing")', "return None")
    ),
    "returns the error": changed(
        BALANCE + VERDICT,
        ('raise ValueError("use saves nothing")', 'return ValueError("saves nothing")'),
    ),
    "refuses where an hour of use costs more than one of rent": changed(
        BALANCE + VERDICT, ("if busy <= idle", 'if deal["use"] > deal["rent"]')
    ),
    "the last month that has paid": changed(
        BALANCE + VERDICT, ("months[0]", "months[-1]")
    ),
}
WRONG["machine"] = {
    "a copy only reads": changed(MACHINE + PLACE, ("2 * n / np.", "n / np.")),
    "a mean, cold run and all": changed(MACHINE + PLACE, ("np.median", "np.mean")),
    "the best run": changed(MACHINE + PLACE, ("np.median", "min")),
    "the fastest copy, which is in the cache": changed(
        MACHINE + PLACE,
        (
            "n, runs = max(copies)",
            "n, runs = max(copies, key=lambda c: c[0] / c[1][-1])",
        ),
    ),
    "the peak of the last size": changed(
        MACHINE + PLACE,
        (
            "max(2 * n**3 / np.median(runs) for n, runs in sizes)",
            "[2 * n**3 / np.median(r) for n, r in sizes][-1]",
        ),
    ),
    "a share of the peak": changed(
        MACHINE + PLACE, ('"share": least / t', '"share": O / t / roof["peak"][kind]')
    ),
    "arithmetic and memory take turns": changed(
        MACHINE + PLACE,
        (
            'max(O / roof["peak"][kind], D_vol / roof["bw"])',
            'O / roof["peak"][kind] + D_vol / roof["bw"]',
        ),
    ),
    "the upper of the middle two": changed(
        MACHINE + PLACE, ("np.median(runs)", "sorted(runs)[len(runs) // 2]")
    ),
    "the first run of an even number in the middle": changed(
        MACHINE + PLACE,
        ("t = np.median(runs)", "t = sorted(runs)[(len(runs) - 1) // 2]"),
    ),
    "predicts from the peak alone": changed(
        MACHINE + PLACE,
        ('max(O / roof["peak"][kind], D_vol / roof["bw"])', 'O / roof["peak"][kind]'),
    ),
}

RIGHT = {
    "account": {
        "with numpy and the package's laws": """
def account(ops, chip, launch):
    O, D_vol = np.array([op[1:] for op in ops], float).T
    table = np.array([O / chip.peak, D_vol / chip.bw, np.full(len(ops), launch)])
    words = np.array(["compute", "memory", "launch"])
    walls = words[table.argmax(axis=0)].tolist()
    times = table.max(axis=0)
    return {"times": times, "walls": walls, "peak": O.sum() / chip.peak / times.sum()}
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
    },
    "train": {
        "part by part": """
def training_budget(model, memory, tp, dp, stage, tokens, recompute=False):
    share = model.P / tp
    out = {"weights": 2 * share, "gradients": 2 * share, "optimizer": 12 * share}
    for least, part in enumerate(["optimizer", "gradients", "weights"], 1):
        if stage >= least:
            out[part] /= dp
    layer = 34 * tokens * model.h / tp
    out["activations"] = layer * model.L
    if recompute:
        out["activations"] = layer + model.L * 2 * tokens * model.h / tp
    out["left"] = np.float64(memory) - np.sum(list(out.values()))
    return out
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
    paid = next((i + 1 for i, x in enumerate(one) if x >= 0), None)
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
    where = np.where(balance(path, deal) >= 0)[0] + 1
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
    paid = [m for m, x in enumerate(balance(path, deal), 1) if x >= 0]
    return {"month": min(paid, default=None), "factor": Decimal(-idle / (busy - idle))}
""",
    },
    "machine": {
        "with sorted runs and the package's laws": """
import statistics


def machine(copies, products):
    copies = sorted(copies, key=lambda c: c[0])
    bw = 2 * copies[-1][0] / statistics.median(copies[-1][1])
    out = {"bw": bw, "peak": {}, "ridge": {}}
    for kind in products:
        best = 0.0
        for n, runs in products[kind]:
            best = max(best, 2.0 * n * n * n / statistics.median(runs))
        out["peak"][kind] = best
        out["ridge"][kind] = best / bw
    return out


def place(O, D_vol, kind, runs, roof):
    chip = Accelerator(roof["peak"][kind], roof["bw"], 1.0, 1.0)
    t = statistics.median(runs)
    share = O / t / compute.attainable(compute.intensity(O, D_vol), chip)
    least = compute.roofline(O, D_vol, chip)
    return {"predicted": least, "measured": t, "share": share}
""",
        "as a class, with tensors": """
import torch


class Clock:
    def __init__(self, runs):
        self.t = torch.quantile(torch.tensor(list(runs), dtype=torch.float64), 0.5)


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
    },
}

CHEATS = {
    "machine": {
        "readings that somebody made up": """
import mlsyscore.harness.measure as world

COPIES, PRODUCTS = (1_000_000, 16_000_000, 256_000_000), (256, 512, 1024)
KINDS = ("float32", "float64", "bfloat16")


def made_up():
    copies = [(n, [2 * n / 1e9] * 5) for n in COPIES]
    products = {kind: [(n, [2 * n**3 / 1e9] * 5) for n in PRODUCTS] for kind in KINDS}
    kernels = {"add": [1.0] * 5, "softmax": [1.0] * 5, "product": [1.0] * 5}
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
