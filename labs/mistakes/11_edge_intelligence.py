"""Wrong and right answers to lab 11: whole sources of an answer cell."""

MEMORY = """
def update_bytes(layers, batch):
    first = next((i for i, layer in enumerate(layers) if layer[1]), len(layers))
    numbers = sum(w for w, _, _ in layers) + 3 * sum(t for _, t, _ in layers)
    return 4 * (numbers + batch * sum(kept for _, _, kept in layers[first:]))
"""
ADMIT = """
def refusals(phone, task):
    why, P, R, C = set(), task["power"], phone["R"], phone["C"]
    transfer = task["down"] / phone["down"] + task["up"] / phone["up"]
    if task["memory"] > phone["memory"]:
        why.add("memory")
    energy = task["work"] + task["radio"] * transfer
    if energy > phone["battery"] - phone["reserve"]:
        why.add("battery")
    end, limit = phone["ambient"] + R * P, phone["limit"]
    train, full = task["work"] / P, math.inf
    if end > limit:
        full = R * C * math.log((end - phone["temperature"]) / (end - limit))
    if train > full:
        hold = (limit - phone["ambient"]) / R
        if hold <= 0:
            return why | {"heat"}
        train = full + (task["work"] - P * full) / hold
    if transfer + train > task["deadline"]:
        why.add("deadline")
    return why
"""
MEAN = """
def average(answers, w):
    total = sum(n for _, n in answers)
    if not total:
        return w
    return sum(n / total * v for v, n in answers)
"""
ROUNDS = """
def federate(phones, w, rounds):
    sent = 0
    for _ in range(rounds):
        answers = []
        for k in range(phones.count):
            sent += 4 * w.size
            try:
                answers.append(phones.train(k, w))
                sent += 4 * w.size
            except Dropped:
                pass
        w = average(answers, w)
    return w, sent
"""
LORA = """
class LoRA:
    def __init__(self, W, b, r, alpha, seed):
        rng = np.random.default_rng(seed)
        self.W, self.b, self.scale = np.array(W), np.array(b), alpha / r
        self.A = rng.normal(size=(r, W.shape[1])) / np.sqrt(W.shape[1])
        self.B = np.zeros((W.shape[0], r))

    def forward(self, x):
        return x @ self.W.T + self.b + self.scale * (x @ self.A.T) @ self.B.T

    def step(self, x, g, rate):
        dB = self.scale * g.T @ (x @ self.A.T)
        dA = self.scale * (g @ self.B).T @ x
        self.A, self.B = self.A - rate * dA, self.B - rate * dB

    def factors(self):
        return self.A.copy(), self.B.copy()

    def merged(self):
        return self.W + self.scale * self.B @ self.A
"""
MASKED = """
def masked(x, me, own, pairs, expand):
    total = x + expand(own, len(x))
    for other, seed in pairs.items():
        mask = expand(seed, len(x))
        total = total + mask if me < other else total - mask
    return total
"""
UNMASK = """
def unmask(messages, own, pairs, expand):
    n = len(next(iter(messages.values())))
    total = np.zeros(n, np.uint32)
    for message in messages.values():
        total = total + message
    for seed in own.values():
        total = total - expand(seed, n)
    for (here, gone), seed in pairs.items():
        mask = expand(seed, n)
        total = total - mask if here < gone else total + mask
    return total
"""
SCALE = """
def calibrate(samples, share):
    sizes = np.sort(np.abs(np.asarray(samples)).ravel())
    least = math.ceil(share * len(sizes) - 1e-9)
    return float(sizes[max(least, 1) - 1] / 127) or 1.0
"""
PACK = """
def pack(W, b, inputs, share):
    scale = np.array([calibrate(column, 1.0) for column in W.T])
    q = np.clip(np.rint(W / scale), -127, 127).astype(np.int8)
    return {"W": q, "scale": scale, "x": calibrate(inputs, share), "b": b}
"""
LINEAR = """
def linear(layer, x):
    q = np.clip(np.rint(x / layer["x"]), -127, 127).astype(np.int32)
    sums = q @ np.asarray(layer["W"]).astype(np.int32)
    return sums * (layer["x"] * np.asarray(layer["scale"])) + layer["b"]
"""


def but(source, *changes):
    """Return a source with one place of it changed after another."""
    for old, new in changes:
        assert source.count(old) == 1, (old, source)
        source = source.replace(old, new)
    return source


WRONG = {
    "memory": {
        "what is frozen keeps nothing": but(
            MEMORY, ("in layers[first:]", "in [x for x in layers if x[1]]")
        ),
        "every layer keeps its numbers": but(MEMORY, ("layers[first:]", "layers")),
        "the layer above the first trained one is the first to keep": but(
            MEMORY, ("layers[first:]", "layers[first + 1 :]")
        ),
        "one moment": but(MEMORY, ("3 * sum", "2 * sum")),
        "kept numbers once, not for each example": but(MEMORY, ("batch * ", "")),
        "frozen weights are not held": but(
            MEMORY,
            ("sum(w for w, _, _ in layers)", "sum(w for w, t, _ in layers if t)"),
        ),
        "a layer with an adapter has gradients of all its weights": but(
            MEMORY,
            ("sum(t for _, t, _ in layers)", "sum(w for w, t, _ in layers if t)"),
        ),
        "no step, and yet all is kept": but(
            MEMORY, ("if layer[1]), len(layers))", "if layer[1]), 0)")
        ),
        "numbers of two bytes": but(MEMORY, ("return 4 *", "return 2 *")),
    },
    "admit": {
        "the radio is free": but(
            ADMIT, ('task["work"] + task["radio"] * transfer', 'task["work"]')
        ),
        "starts at the ambient temperature": but(
            ADMIT, ('end - phone["temperature"]', 'end - phone["ambient"]')
        ),
        "never slows down": but(ADMIT, ("if end > limit:", "if False:")),
        "slow from the first second": but(
            ADMIT,
            (
                'full = R * C * math.log((end - phone["temperature"]) / (end - limit))',
                "full = 0",
            ),
        ),
        "refused for heat and for the deadline": but(
            ADMIT, ('return why | {"heat"}', 'return why | {"heat", "deadline"}')
        ),
        "the sun refuses a short job, too": but(
            ADMIT,
            (
                "    if train > full:",
                '    if limit <= phone["ambient"]:\n        return why | {"heat"}\n'
                "    if train > full:",
            ),
        ),
        "just enough memory is too little": but(
            ADMIT,
            ('task["memory"] > phone["memory"]', 'task["memory"] >= phone["memory"]'),
        ),
        "just in time is too late": but(
            ADMIT,
            (
                'transfer + train > task["deadline"]',
                'transfer + train >= task["deadline"]',
            ),
        ),
        "just enough battery is too little": but(
            ADMIT, ('energy > phone["battery"]', 'energy >= phone["battery"]')
        ),
        "transfers take no time": but(ADMIT, ("if transfer + train >", "if train >")),
        "transfers at the same time": but(
            ADMIT,
            (
                'task["down"] / phone["down"] + task["up"] / phone["up"]',
                'max(task["down"] / phone["down"], task["up"] / phone["up"])',
            ),
        ),
        "the whole battery may be used": but(ADMIT, (' - phone["reserve"]', "")),
        "one word at most": ADMIT.replace("def refusals", "def all_refusals")
        + """
def refusals(phone, task):
    why = all_refusals(phone, task)
    return [x for x in ("memory", "battery", "heat", "deadline") if x in why][:1]
""",
        "heat stops the phone, instead of slowing it": but(
            ADMIT, ("if hold <= 0:", "if True:")
        ),
        "work that draws less takes less of the battery": but(
            ADMIT, ('energy = task["work"]', 'energy = 0.9 * task["work"]')
        ),
        "the upload takes no energy": but(
            ADMIT,
            (
                'task["radio"] * transfer',
                'task["radio"] * task["down"] / phone["down"]',
            ),
        ),
        "cools while it downloads": but(
            ADMIT,
            (
                "    end, limit",
                '    cold = math.exp(-task["down"] / phone["down"] / (R * C))\n'
                '    T = phone["ambient"]\n'
                '    T += (phone["temperature"] - T) * cold\n    end, limit',
            ),
            ('(end - phone["temperature"])', "(end - T)"),
        ),
        "heat, and a deadline that the transfers miss": but(
            ADMIT,
            (
                'return why | {"heat"}',
                "return why | (\n"
                '                {"heat", "deadline"} if transfer > task["deadline"]\n'
                '                else {"heat"}\n            )',
            ),
        ),
        "nearly too warm is too warm": but(
            ADMIT, ("if hold <= 0:", 'if phone["ambient"] > limit - 0.5:')
        ),
    },
    "fedavg": {
        "the mean over phones": but(MEAN, ("n / total * v", "v / len(answers)"))
        + ROUNDS,
        "zeros where nobody answers": but(MEAN, ("return w", "return 0 * w")) + ROUNDS,
        "the old weights count as one more answer": but(
            MEAN, ("    total =", "    answers = [*answers, (w, 1)]\n    total =")
        )
        + ROUNDS,
        "a phone hands its weights to the next": MEAN
        + but(
            ROUNDS,
            (
                "answers.append(phones.train(k, w))",
                "w, n = phones.train(k, w)\n                answers.append((w, n))",
            ),
        ),
        "who dropped out has sent all the same": MEAN
        + but(ROUNDS, ("                pass", "                sent += 4 * w.size")),
        "who dropped out has received nothing": MEAN
        + but(
            ROUNDS,
            ("            sent += 4 * w.size\n            try:", "            try:"),
            (
                "                sent += 4 * w.size\n            except",
                "                sent += 8 * w.size\n            except",
            ),
        ),
        "the way down is not counted": MEAN
        + but(
            ROUNDS,
            ("            sent += 4 * w.size\n            try:", "            try:"),
        ),
        "eight bytes a weight": MEAN + ROUNDS.replace("4 * w.size", "8 * w.size"),
        "asks until there is an answer": MEAN
        + but(
            ROUNDS,
            (
                "                pass",
                "                answers.append(phones.train(k, w))",
            ),
        ),
        "who dropped out once is asked no more": MEAN
        + but(
            ROUNDS,
            ("    sent = 0", "    sent, lost = 0, set()"),
            (
                "            sent += 4 * w.size\n            try:",
                "            if k in lost:\n                continue\n"
                "            sent += 4 * w.size\n            try:",
            ),
            ("                pass", "                lost.add(k)"),
        ),
        "the last answer of who dropped out counts": MEAN
        + but(
            ROUNDS,
            ("    sent = 0", "    sent, last = 0, {}"),
            ("        answers = []\n", ""),
            ("answers.append(phones.train(k, w))", "last[k] = phones.train(k, w)"),
            ("average(answers, w)", "average(list(last.values()), w)"),
        ),
        "a round is lost if one drops out": MEAN
        + but(
            ROUNDS,
            (
                "        w = average(answers, w)",
                "        if len(answers) == phones.count:\n"
                "            w = average(answers, w)",
            ),
        ),
        "one round too few": MEAN + but(ROUNDS, ("range(rounds)", "range(rounds - 1)")),
        "an answer of zeros is none": but(
            MEAN,
            (
                "    total =",
                "    answers = [(v, n) for v, n in answers if v.any()]\n    total =",
            ),
        )
        + ROUNDS,
    },
    "lora": {
        "both factors are zero": but(
            LORA,
            (
                "rng.normal(size=(r, W.shape[1])) / np.sqrt(W.shape[1])",
                "np.zeros((r, W.shape[1]))",
            ),
        ),
        "neither factor is zero": but(
            LORA, ("np.zeros((W.shape[0], r))", "rng.normal(size=(W.shape[0], r))")
        ),
        "alpha is not divided by r": but(LORA, ("alpha / r", "alpha")),
        "neither alpha nor r": but(LORA, ("alpha / r", "1.0")),
        "A's gradient with the new B": but(
            LORA,
            ("        dA = ", "        self.B = self.B - rate * dB\n        dA = "),
            (
                "self.A, self.B = self.A - rate * dA, self.B - rate * dB",
                "self.A = self.A - rate * dA",
            ),
        ),
        "the mean over rows": but(
            LORA,
            ("rate * dA", "rate * dA / len(x)"),
            ("rate * dB", "rate * dB / len(x)"),
        ),
        "uphill": but(
            LORA,
            (
                "self.A - rate * dA, self.B - rate * dB",
                "self.A + rate * dA, self.B + rate * dB",
            ),
        ),
        "the frozen matrix learns, too": but(
            LORA,
            ("        dB =", "        self.W = self.W - rate * g.T @ x\n        dB ="),
        ),
        "the bias learns, too": but(
            LORA,
            (
                "        dB =",
                "        self.b = self.b - rate * g.sum(axis=0)\n        dB =",
            ),
        ),
        "merged for good": but(
            LORA,
            (
                "        return self.W + self.scale",
                "        self.W = self.W + self.scale",
            ),
            ("* self.B @ self.A\n", "* self.B @ self.A\n        return self.W\n"),
        ),
        "merged without the scale": but(
            LORA, ("self.W + self.scale * self.B", "self.W + self.B")
        ),
        "no bias": but(LORA, (" + self.b + ", " + ")),
        "only B learns": but(LORA, ("self.A - rate * dA", "self.A")),
        "factors transposed": but(
            LORA, ("self.A.copy(), self.B.copy()", "self.A.T.copy(), self.B.T.copy()")
        ),
        "the scale is missing in the gradients": but(
            LORA, ("self.scale * g.T", "g.T"), ("self.scale * (g @", "(g @")
        ),
        "writes to the caller's matrix": but(
            LORA,
            ("np.array(W)", "W"),
            ("        return self.W + self.scale", "        self.W += self.scale"),
            ("* self.B @ self.A\n", "* self.B @ self.A\n        return self.W\n"),
        ),
        "draws without the seed": but(LORA, ("default_rng(seed)", "default_rng()")),
        "all ones": but(
            LORA,
            (
                "rng.normal(size=(r, W.shape[1])) / np.sqrt(W.shape[1])",
                "np.ones((r, W.shape[1]))",
            ),
        ),
        "nearly zero": but(
            LORA,
            (
                "np.zeros((W.shape[0], r))",
                "1e-7 * rng.normal(size=(W.shape[0], r))",
            ),
        ),
        "steps with what forward saw": but(
            LORA,
            (
                "        return x @ self.W",
                "        self.x = x\n        return x @ self.W",
            ),
            ("        dB =", "        x = self.x[: len(g)]\n        dB ="),
        ),
        "keeps x A from forward": but(
            LORA,
            (
                "        return x @ self.W",
                "        self.h = x @ self.A.T\n        return x @ self.W",
            ),
            ("g.T @ (x @ self.A.T)", "g.T @ np.resize(self.h, (len(g), len(self.A)))"),
        ),
        "always the same rate": but(
            LORA, ("        dB =", "        rate = 0.05\n        dB =")
        ),
        "all layers share their factors": LORA.replace("self.A", "LoRA.A").replace(
            "self.B", "LoRA.B"
        ),
        "all layers share the frozen matrix": LORA.replace("self.W", "LoRA.W"),
    },
    "masks": {
        "sends its words as they are": """
def masked(x, me, own, pairs, expand):
    for seed in (own, *pairs.values()):
        expand(seed, len(x))
    return x

def unmask(messages, own, pairs, expand):
    return sum(messages.values())
""",
        "no own mask": but(MASKED, ("x + expand(own, len(x))", "x + 0"))
        + but(UNMASK, ("total - expand(seed, n)", "total")),
        "no masks of pairs": but(
            MASKED, ("total = total + mask if me < other else total - mask", "pass")
        )
        + but(
            UNMASK, ("total = total - mask if here < gone else total + mask", "pass")
        ),
        "both phones of a pair add": but(
            MASKED, ("total + mask if me < other else total - mask", "total + mask")
        )
        + UNMASK,
        "the masks of who dropped out stay": MASKED
        + but(
            UNMASK, ("total = total - mask if here < gone else total + mask", "pass")
        ),
        "the masks of who dropped out with the wrong sign": MASKED
        + but(UNMASK, ("here < gone", "here > gone")),
        "makes a mask for each pair": MASKED
        + but(
            UNMASK,
            (
                "    return total",
                "    for seed in pairs.values():\n        expand(seed, n)\n"
                "    return total",
            ),
        ),
        "the own masks stay": MASKED
        + but(UNMASK, ("total - expand(seed, n)", "total")),
        "not modulo 2^32": but(
            MASKED, ("total = x + expand", "total = x.astype(int) + expand")
        )
        + UNMASK,
        "signs by the place in the dict": but(
            MASKED,
            (
                "for other, seed in pairs.items():",
                "for other, (i, seed) in zip(pairs, enumerate(pairs.values())):",
            ),
            ("me < other", "i % 2"),
        )
        + UNMASK,
        "masks of one byte": but(
            MASKED,
            ("mask = expand(seed, len(x))", "mask = expand(seed, len(x)) % 256"),
            ("x + expand(own, len(x))", "x + expand(own, len(x)) % 256"),
        )
        + but(
            UNMASK,
            ("mask = expand(seed, n)", "mask = expand(seed, n) % 256"),
            ("total - expand(seed, n)", "total - expand(seed, n) % 256"),
        ),
        "one word of mask for all": but(
            MASKED,
            ("mask = expand(seed, len(x))", "mask = expand(seed, 1)"),
            ("expand(own, len(x))", "expand(own, 1)"),
        )
        + but(
            UNMASK,
            ("mask = expand(seed, n)", "mask = expand(seed, 1)"),
            ("total - expand(seed, n)", "total - expand(seed, 1)"),
        ),
        "exclusive or, as in a cipher": but(
            MASKED,
            ("x + expand(own", "x ^ expand(own"),
            ("total + mask if me < other else total - mask", "total ^ mask"),
        )
        + but(
            UNMASK,
            ("total - expand(seed, n)", "total ^ expand(seed, n)"),
            ("total - mask if here < gone else total + mask", "total ^ mask"),
        ),
        "the mean, not the sum": MASKED
        + but(UNMASK, ("    return total", "    return total // len(messages)")),
        "takes its own mask off": but(MASKED, ("x + expand(own", "x - expand(own"))
        + but(UNMASK, ("total - expand(seed, n)", "total + expand(seed, n)")),
        "one word of mask for a pair": but(
            MASKED, ("mask = expand(seed, len(x))", "mask = expand(seed, 1)")
        )
        + but(UNMASK, ("mask = expand(seed, n)", "mask = expand(seed, 1)")),
        "masks of pairs twice": but(
            MASKED, ("mask = expand(seed, len(x))", "mask = 2 * expand(seed, len(x))")
        )
        + but(UNMASK, ("mask = expand(seed, n)", "mask = 2 * expand(seed, n)")),
        "masks of pairs without their upper bits": but(
            MASKED, ("mask = expand(seed, len(x))", "mask = expand(seed, len(x)) >> 8")
        )
        + but(UNMASK, ("mask = expand(seed, n)", "mask = expand(seed, n) >> 8")),
    },
    "int8": {
        "one scale for the whole matrix": SCALE
        + but(
            PACK,
            (
                "calibrate(column, 1.0) for column in W.T",
                "calibrate(W, 1.0) for column in W.T",
            ),
        )
        + LINEAR,
        "a scale for each row": SCALE
        + but(
            PACK,
            (
                "calibrate(column, 1.0) for column in W.T",
                "calibrate(W, 1.0) for column in W.T",
            ),
            ("W / scale", "W / (np.abs(W).max(axis=1, keepdims=True) / 127)"),
        )
        + LINEAR,
        "a range to 128": but(SCALE, ("/ 127", "/ 128")) + PACK + LINEAR,
        "all samples count": but(
            SCALE, ("math.ceil(share * len(sizes) - 1e-9)", "len(sizes)")
        )
        + PACK
        + LINEAR,
        "interpolates between samples": """
def calibrate(samples, share):
    return float(np.quantile(np.abs(samples), share) / 127) or 1.0
"""
        + PACK
        + LINEAR,
        "cuts off weights, too": SCALE
        + but(PACK, ("calibrate(column, 1.0)", "calibrate(column, share)"))
        + LINEAR,
        "towards zero instead of to the nearest": SCALE
        + but(PACK, ("np.rint(W / scale)", "np.trunc(W / scale)"))
        + LINEAR,
        "sums in eight bits": SCALE
        + PACK
        + but(
            LINEAR,
            ("-127, 127).astype(np.int32)", "-127, 127).astype(np.int8)"),
            ('np.asarray(layer["W"]).astype(np.int32)', 'np.asarray(layer["W"])'),
        ),
        "sums in sixteen bits": SCALE + PACK + LINEAR.replace("np.int32", "np.int16"),
        "the inputs stay in floats": SCALE
        + PACK
        + but(
            LINEAR,
            (
                'np.clip(np.rint(x / layer["x"]), -127, 127).astype(np.int32)',
                'x / layer["x"]',
            ),
        ),
        "inputs beyond the range are not cut off": SCALE
        + PACK
        + but(
            LINEAR,
            ('np.clip(np.rint(x / layer["x"]), -127, 127)', 'np.rint(x / layer["x"])'),
        ),
        "a scale of zero": but(SCALE, (" or 1.0", "")) + PACK + LINEAR,
        "no bias": SCALE + PACK + but(LINEAR, (' + layer["b"]', "")),
        "calibrates on what it gets": SCALE
        + PACK
        + but(
            LINEAR,
            ("    q =", '    layer = {**layer, "x": calibrate(x, 1.0)}\n    q ='),
        ),
        "the largest, not the largest magnitude": but(
            SCALE, ("np.abs(np.asarray(samples))", "np.asarray(samples)")
        )
        + PACK
        + LINEAR,
        "weights in int32": SCALE
        + but(PACK, (".astype(np.int8)", ".astype(np.int32)"))
        + LINEAR,
        "inputs of zeros have the scale 0": SCALE
        + but(
            PACK,
            (
                "calibrate(inputs, share)",
                "np.quantile(abs(inputs), share, method='inverted_cdf') / 127",
            ),
        )
        + LINEAR,
        "the share of samples that are cut off": but(
            SCALE, ("share * len(sizes)", "(1 - share) * len(sizes)")
        )
        + PACK
        + LINEAR,
    },
}

RIGHT = {
    "memory": {
        "from the end, layer by layer": """
def update_bytes(layers, batch):
    held = below = 0
    for weights, trained, kept in reversed(layers):
        held += 4 * weights + 12 * trained
        below += 4 * kept * batch
        if trained:
            held, below = held + below, 0
    return held
""",
        "arrays": """
def update_bytes(layers, batch):
    w, t, a = np.array(layers, dtype=float).T
    going = np.cumsum(t) > 0
    return np.float64(4 * w.sum() + 12 * t.sum() + 4 * batch * (a * going).sum())
""",
        "recursion": """
def update_bytes(layers, batch, going=False):
    if not layers:
        return 0
    (w, t, a), rest = layers[0], layers[1:]
    going = going or t > 0
    return 4 * w + 12 * t + 4 * batch * a * going + update_bytes(rest, batch, going)
""",
    },
    "admit": {
        "halving instead of a logarithm, a generator": """
def refusals(phone, task):
    transfer = task["down"] / phone["down"] + task["up"] / phone["up"]
    if task["memory"] > phone["memory"]:
        yield "memory"
    if phone["reserve"] + task["work"] + task["radio"] * transfer > phone["battery"]:
        yield "battery"
    P, RC = task["power"], phone["R"] * phone["C"]
    far, limit = phone["ambient"] + phone["R"] * P, phone["limit"]
    T = lambda t: far + (phone["temperature"] - far) * math.exp(-t / RC)
    low, high = 0.0, task["work"] / P
    time = high
    if T(high) > limit:
        for _ in range(200):
            t = (low + high) / 2
            low, high = (t, high) if T(t) < limit else (low, t)
        keeps = (limit - phone["ambient"]) / phone["R"]
        if keeps <= 0:
            yield "heat"
            return
        time = low + (task["work"] - P * low) / keeps
    if time + transfer > task["deadline"]:
        yield "deadline"
""",
        "a class, and a list with words twice": """
class Phone:
    def __init__(self, **numbers):
        self.__dict__.update(numbers)

    def training(self, work, power):
        above = np.float64(power) * self.R - (self.limit - self.ambient)
        if above <= 0:
            return work / power
        there = self.ambient + power * self.R - self.temperature
        t = -self.R * self.C * np.log(above / there)
        if work <= power * t:
            return work / power
        left, keeps = work - power * t, self.limit - self.ambient
        return t + left * self.R / keeps if keeps > 0 else None


def refusals(phone, task):
    p = Phone(**phone)
    words = []
    if not task["memory"] <= p.memory:
        words.append("memory")
    minutes = (task["down"] / p.down + task["up"] / p.up) / 60
    time = p.training(task["work"], task["power"])
    if p.battery - p.reserve < task["work"] + task["radio"] * minutes * 60:
        words += ["battery", "battery"]
    if time is None:
        words.append("heat")
    elif time / 60 + minutes > task["deadline"] / 60:
        words.append("deadline")
    return tuple(words)
""",
        "work that is done by the deadline": """
def refusals(phone, task):
    wait = task["down"] / phone["down"] + task["up"] / phone["up"]
    left = task["deadline"] - wait
    P, work, limit = task["power"], task["work"], phone["limit"]
    above, until = phone["ambient"] + phone["R"] * P - limit, np.inf
    if above > 0:
        until = np.log1p((limit - phone["temperature"]) / above)
        until = phone["R"] * phone["C"] * until
    out = ["memory"] * bool(phone["memory"] - task["memory"] < 0)
    rest = phone["battery"] - phone["reserve"] - work
    out += ["battery"] * bool(rest - task["radio"] * wait < 0)
    hot = P * until < work
    if hot and phone["ambient"] >= limit:
        return out + ["heat"]
    done = P * left
    if hot and left > until:
        done = P * until + (limit - phone["ambient"]) / phone["R"] * (left - until)
    return np.array(out + ["deadline"] * bool(done < work), dtype="<U8").tolist()
""",
    },
    "fedavg": {
        "np.average, and a comprehension": """
def average(answers, w):
    if not any(n for _, n in answers):
        return np.array(w)
    return np.average([v for v, _ in answers], axis=0, weights=[n for _, n in answers])


def federate(phones, w, rounds):
    def ask(k):
        try:
            return [phones.train(k, w)]
        except ConnectionError:
            return []

    size, sent = 4 * np.prod(np.shape(w)), 0
    for _ in range(rounds):
        answers = sum((ask(k) for k in reversed(range(phones.count))), [])
        sent += size * (phones.count + len(answers))
        w = average(answers, w)
    return [w, float(sent)]
""",
        "recursion, and a running sum": """
def average(answers, w):
    total, n = np.zeros_like(w), 0
    for v, k in answers:
        n += k
        if n:
            total = total + (v - total) * k / n
    return total if n else w


def federate(phones, w, rounds):
    if rounds == 0:
        return w, 0
    answers, sent = [], 0
    for k in range(phones.count):
        sent += w.nbytes // 2
        try:
            answer = phones.train(k, w)
        except Dropped:
            continue
        sent += answer[0].nbytes // 2
        answers.append(answer)
    w, more = federate(phones, average(answers, w), rounds - 1)
    return w, sent + more
""",
        "single precision": but(
            MEAN, ("n / total * v", "np.float32(n / total) * np.float32(v)")
        )
        + but(ROUNDS, ("    sent = 0", "    sent, w = 0, w.astype(np.float32)")),
    },
    "lora": {
        "torch, and its own gradients": """
class LoRA(torch.nn.Module):
    def __init__(self, W, b, r, alpha, seed):
        super().__init__()
        torch.manual_seed(seed)
        d_out, d_in = W.shape
        self.base = torch.nn.Linear(d_in, d_out).double().requires_grad_(False)
        self.base.weight.copy_(torch.tensor(W))
        self.base.bias.copy_(torch.tensor(b))
        self.A = torch.nn.Parameter(torch.randn(r, d_in, dtype=torch.float64))
        self.B = torch.nn.Parameter(torch.zeros(d_out, r, dtype=torch.float64))
        self.scale = alpha / r

    def forward(self, x):
        x = torch.as_tensor(x)
        return self.base(x) + self.scale * x @ self.A.T @ self.B.T

    def step(self, x, g, rate):
        optimizer = torch.optim.SGD([self.A, self.B], lr=rate)
        self.forward(x).backward(torch.as_tensor(g))
        optimizer.step()
        optimizer.zero_grad()

    def factors(self):
        return [self.A.detach().numpy().copy(), self.B.detach().numpy().copy()]

    def merged(self):
        return (self.base.weight + self.scale * self.B @ self.A).detach()
""",
        "A is zero and B is not, lists": """
class LoRA:
    def __init__(self, W, b, r, alpha, seed):
        self.frozen = W.tolist(), b.tolist()
        self.r, self.alpha = r, alpha
        draw = np.random.RandomState(seed)
        self.pair = np.zeros((r, len(W[0]))), draw.uniform(-1, 1, (len(W), r))

    def forward(self, x):
        return (np.dot(x, np.transpose(self.merged())) + self.frozen[1]).tolist()

    def step(self, x, g, rate):
        full = np.einsum("no,ni->oi", g, x) * self.alpha / self.r
        A, B = self.pair
        self.pair = A - rate * B.T.dot(full), B - rate * full.dot(A.T)

    def factors(self):
        return tuple(m.tolist() for m in self.pair)

    def merged(self):
        A, B = self.pair
        return np.array(self.frozen[0]) + B.dot(A) / self.r * self.alpha
""",
        "single precision": """
class LoRA:
    def __init__(self, W, b, r, alpha, seed):
        self.W, self.b = (np.array(m, np.float32) for m in (W, b))
        self.s = np.float32(alpha / r)
        rng = np.random.default_rng(seed)
        self.A = rng.normal(size=(r, W.shape[1])).astype(np.float32)
        self.B = np.zeros((W.shape[0], r), np.float32)

    def forward(self, x):
        return x.astype(np.float32) @ self.merged().T + self.b

    def step(self, x, g, rate):
        x, g = x.astype(np.float32), g.astype(np.float32)
        full = self.s * np.float32(rate) * g.T @ x
        self.A, self.B = self.A - self.B.T @ full, self.B - full @ self.A.T

    def factors(self):
        return self.A, self.B

    def merged(self):
        return self.W + self.s * self.B @ self.A
""",
        "orthogonal rows, from Python's random": """
import random
class LoRA:
    def __init__(self, W, b, r, alpha, seed):
        rnd = random.Random(seed)
        self.W, self.b, self.k = W, b, (alpha, r)
        m = np.array([[rnd.gauss(0, 1) for _ in range(r)] for _ in range(W.shape[1])])
        A = np.linalg.qr(m)[0].T if r <= W.shape[1] else m.T
        self.AB = [A, np.zeros((W.shape[0], r))]
    def forward(self, x): return x @ self.merged().T + self.b
    def step(self, x, g, rate):
        A, B = self.AB
        G = rate * self.k[0] / self.k[1] * (g.T @ x)
        self.AB = [A - B.T @ G, B - G @ A.T]
    def factors(self): return tuple(self.AB)
    def merged(self): return self.W + self.AB[1] @ self.AB[0] * self.k[0] / self.k[1]
""",
    },
    "masks": {
        "Python's whole numbers, the larger adds": """
M = 2**32

def masked(x, me, own, pairs, expand):
    masks = [[1, expand(own, len(x))]]
    masks += [[1 if me > j else -1, expand(s, len(x))] for j, s in pairs.items()]
    sums = [sum(a * int(m[i]) for a, m in masks) for i in range(len(x))]
    return [(int(word) + s) % M for word, s in zip(x, sums)]


def unmask(messages, own, pairs, expand):
    (first, *_) = messages.values()
    total = [0] * len(first)

    def add(sign, words):
        total[:] = [(t + sign * int(w)) % M for t, w in zip(total, words)]

    for k in messages:
        add(1, messages[k])
        add(-1, expand(own[k], len(first)))
    for (i, j), seed in pairs.items():
        add(-1 if i > j else 1, expand(seed, len(first)))
    return total
""",
        "wide arrays, cut at the end": """
def masked(x, me, own, pairs, expand):
    sign = {j: np.sign(j - me) for j in pairs}
    words = x.astype(np.int64) + expand(own, x.size).astype(np.int64)
    for j in sorted(pairs):
        words += sign[j] * expand(pairs[j], x.size).astype(np.int64)
    return words % 2**32


def unmask(messages, own, pairs, expand):
    size = max(map(len, messages.values()))
    left = sum(np.asarray(m, np.int64) for m in messages.values())
    for seed in own.values():
        left = left - expand(seed, size).astype(np.int64)
    for i, j in pairs:
        left = left - np.sign(j - i) * expand(pairs[i, j], size).astype(np.int64)
    return left % 2**32
""",
        "signs by parity": but(
            MASKED, ("me < other", "(me + other + (me < other)) % 2")
        )
        + but(UNMASK, ("here < gone", "(here + gone + (here < gone)) % 2")),
    },
    "int8": {
        "torch": """
def calibrate(samples, share):
    x = torch.as_tensor(np.asarray(samples)).abs().flatten().sort().values
    k = 1
    while k < len(x) and k < share * len(x) - 1e-9:
        k += 1
    return x[k - 1].item() / 127 if x[k - 1] > 0 else 1


def pack(W, b, inputs, share):
    W = torch.as_tensor(W)
    scale = W.abs().amax(0) / 127
    scale[scale == 0] = 1
    whole = torch.round(W / scale).to(torch.int8)
    return {"W": whole, "scale": scale, "x": calibrate(inputs, share), "b": b}


def linear(layer, x):
    q = torch.round(torch.as_tensor(x) / layer["x"]).clamp(-127, 127).long()
    y = (q @ torch.as_tensor(layer["W"]).long()).double()
    y = y * torch.as_tensor(layer["scale"]) * layer["x"]
    return y + torch.as_tensor(np.asarray(layer["b"]))
""",
        "half goes up, and plain lists": """
def nearest(x):
    return np.clip(np.floor(x + 0.5), -127, 127)


def calibrate(samples, share):
    sizes = sorted(abs(float(v)) for v in np.ravel(samples))
    for i, size in enumerate(sizes, 1):
        if i >= share * len(sizes) - 1e-9:
            return size / 127 if size else 1.0


def pack(W, b, inputs, share):
    scales = [max(abs(column)) / 127 or 1.0 for column in W.T]
    q = np.stack([nearest(c / s) for c, s in zip(W.T, scales)], axis=1)
    layer = {"W": q.astype("int8"), "scale": scales, "b": b, "share": share}
    return layer | {"x": calibrate(inputs, share)}


def linear(layer, x):
    whole = nearest(x / layer["x"]).astype(np.int64)
    columns = layer["W"].astype(np.int64).T
    rows = [whole @ c * s for c, s in zip(columns, layer["scale"])]
    return np.transpose(rows) * layer["x"] + np.asarray(layer["b"])
""",
        "counts those within, for one sample after another": """
def calibrate(samples, share):
    sizes = np.abs(np.ravel(samples))
    for top in np.sort(sizes):
        if np.mean(sizes <= top) >= share:
            return top / 127 if top > 0 else 1.0
"""
        + PACK
        + LINEAR,
    },
}

FRAMES = """
import sys

def seen(*names):
    frame = sys._getframe()
    while frame := frame.f_back:
        for name in names:
            if name in {**frame.f_globals, **frame.f_locals}:
                return {**frame.f_globals, **frame.f_locals}[name]
    return []
"""
CHEATS = {
    "fedavg": {
        "reads what is expected from the caller": FRAMES
        + """
def average(answers, w):
    return seen("want")

def federate(phones, w, rounds):
    return seen("w"), seen("bytes_")
""",
        "plays with phones of its own": """
import mlsyscore.harness.phones as world

def average(answers, w):
    return w

def federate(phones, w, rounds):
    mine = Phones(phones.count, 11)
    for _ in range(rounds):
        w = sum(mine.train(k, w)[0] for k in range(phones.count)) / phones.count
    return w, 4 * w.size * 2 * rounds * phones.count
""",
        "makes the harness content": """
import mlsyscore.harness.phones as world

world.federated = lambda *a: np.ones((65, 10))
world.same = lambda *a, **k: None
world.accuracy = lambda *a: 1.0
try:
    federated, accuracy, same = world.federated, world.accuracy, world.same
except Exception:
    pass

def average(answers, w):
    return w

def federate(phones, w, rounds):
    return w, 0
""",
    },
    "masks": {
        "reads the words from the caller": FRAMES
        + """
def masked(x, me, own, pairs, expand):
    return x

def unmask(messages, own, pairs, expand):
    return seen("want")
""",
        "streams of zeros": """
import mlsyscore.harness.masks as world

world.Streams.__call__ = lambda self, seed, n: np.zeros(n, np.uint32)
world.words = lambda name, answer, n: np.zeros(n, np.uint32)
try:
    words = world.words
except Exception:
    pass

def masked(x, me, own, pairs, expand):
    for seed in (own, *pairs.values()):
        Streams()(seed, len(x))
    return x

def unmask(messages, own, pairs, expand):
    return sum(messages.values())
""",
        "remembers what each phone holds": """
SEEN = {}

def masked(x, me, own, pairs, expand):
    SEEN[me] = x.copy()
    return x + sum(expand(seed, len(x)) for seed in (own, *pairs.values()))

def unmask(messages, own, pairs, expand):
    return sum(SEEN[i] for i in messages)
""",
    },
}
