"""Wrong and right answers to lab 9: a right one, and what is changed in it."""

MERGE = """
def merge(one, other):
    m = max(one[0], other[0])
    if m == -math.inf:
        return one
    a, b = math.exp(one[0] - m), math.exp(other[0] - m)
    u = [a * x + b * y for x, y in zip(one[2], other[2])]
    return m, a * one[1] + b * other[1], u
"""
TILED = """
def tiled(chip, queries, keys, d, b):
    for i in range(0, queries, b):
        rows = min(b, queries - i)
        loaded = chip.load("Q", i, i + rows)
        q = chip.mul(loaded, d**-0.5)
        m, l = chip.fill(rows, 1, -math.inf), chip.fill(rows, 1, 0.0)
        u = chip.fill(rows, d, 0.0)
        chip.free(loaded)
        for j in range(0, keys, b):
            k, v = (chip.load(name, j, min(j + b, keys)) for name in "KV")
            x = chip.dot(q, k, transpose=True)
            largest = chip.max(x)
            M = chip.maximum(m, largest)
            down, less = chip.sub(m, M), chip.sub(x, M)
            factor, p = chip.exp(down), chip.exp(less)
            kept, new = chip.mul(l, factor), chip.sum(p)
            chip.free(k, x, largest, down, less, l, m)
            m, l = M, chip.add(kept, new)
            old, more = chip.mul(u, factor), chip.dot(p, v)
            chip.free(u, v, p, factor, kept, new)
            u = chip.add(old, more)
            chip.free(old, more)
        o = chip.div(u, l)
        chip.store("O", i, o)
        chip.free(q, m, l, u, o)
"""
ACCOUNT = """
def account(program, shapes, s):
    rows = []
    for kind, inputs, output in program:
        size = math.prod(shapes[output])
        each = 2 * shapes[inputs[0]][-1] if kind == "product" else EACH[kind]
        read = sum(math.prod(shapes[name]) for name in set(inputs))
        rows.append((each * size, s * (read + size)))
    return rows
"""
FUSION = """
def best_fusion(program, shapes, s, results):
    best = None
    for i in range(len(program) - 1):
        (_, first, between), (_, second, _) = program[i], program[i + 1]
        if between not in second:
            continue
        size = {name: math.prod(shapes[name]) for name in (*first, *second)}
        saved = size[between] + sum(size[name] for name in {*first} & {*second})
        later = {name for _, inputs, _ in program[i + 2 :] for name in inputs}
        if between not in later and between not in results:
            saved += size[between]
        if best is None or s * saved > best[1]:
            best = i, s * saved
    if best is None:
        raise ValueError("no two neighbours can be fused")
    return best
"""
GOODPUT = """
def goodput(log, chips, P, peak):
    kept_hours = kept_tokens = hours = tokens = 0.0
    for what, t, n in log:
        if what == "fail":
            hours = tokens = 0.0
        elif what == "train":
            hours, tokens = hours + t, tokens + n
        elif what == "save":
            kept_hours, kept_tokens = kept_hours + hours, kept_tokens + tokens
            hours = tokens = 0.0
    kept_hours, kept_tokens = kept_hours + hours, kept_tokens + tokens
    everything = sum(t for _, t, _ in log)
    held = sum(t for what, t, _ in log if what != "wait")
    sched, runtime = held / everything, kept_hours / held
    could = kept_hours * hour * chips * peak
    program = 6 * P * kept_tokens / could if could else 0.0
    mpg = sched * runtime * program
    return {"sched": sched, "runtime": runtime, "program": program, "mpg": mpg}
"""
SPECULATE = """
def speculate(P, Q, start, k, runs, rng):

    def drawn(odds):
        return int(rng.choice(len(odds), p=odds / odds.sum()))

    def one_round():
        tokens, last = [], start
        for _ in range(k):
            p, q = P[last], Q[last]
            x = drawn(q)
            if rng.random() * q[x] >= p[x]:
                return [*tokens, drawn(np.maximum(p - q, 0))]
            tokens.append(x)
            last = x
        return [*tokens, drawn(P[last])]

    return [one_round() for _ in range(runs)]
"""
QUANTISE = """
def quantise(W, bits, per):
    axis = {"tensor": None, "row": 1, "column": 0}[per]
    largest = np.abs(W).max(axis=axis, keepdims=True)
    scales = np.where(largest > 0, largest, 1.0) / (2 ** (bits - 1) - 1)
    codes = np.round(W / scales).astype(int)
    return codes, scales, math.ceil(W.size * bits / 8) + 4 * scales.size
"""


def changed(source, *changes):
    """Return the source with each first text, which is there once, made the second."""
    for old, new in changes:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


WRONG = {
    "merge": {
        "adds sums of different maxima": changed(
            MERGE,
            ("a, b = math.exp(one[0] - m), math.exp(other[0] - m)", "a = b = 1.0"),
        ),
        "mends only the first piece": changed(
            MERGE,
            (
                "a, b = math.exp(one[0] - m), math.exp(other[0] - m)",
                "a, b = math.exp(one[0] - m), 1.0",
            ),
        ),
        "two empty pieces give no number": """
def merge(one, other):
    m = max(one[0], other[0])
    a, b = math.exp(one[0] - m), math.exp(other[0] - m)
    u = [a * x + b * y for x, y in zip(one[2], other[2])]
    return m, a * one[1] + b * other[1], u
""",
        "an empty piece gives no number": """
def merge(one, other):
    m = np.maximum(one[0], other[0])
    empty = -math.inf in (one[0], other[0])
    a, b = (math.nan if empty else math.exp(p[0] - m) for p in (one, other))
    u = a * np.array(one[2]) + b * np.array(other[2])
    return float(m), a * one[1] + b * other[1], u.tolist()
""",
        "exponentials without the maximum": """
def merge(one, other):
    a, b = math.exp(one[0]), math.exp(other[0])
    m = max(one[0], other[0])
    l = (a * one[1] + b * other[1]) / math.exp(m)
    return m, l, [(a * x + b * y) / math.exp(m) for x, y in zip(one[2], other[2])]
""",
        "divides u by l": changed(
            MERGE,
            (
                "    return m, a * one[1] + b * other[1], u",
                """    l = a * one[1] + b * other[1]
    return m, l, [x / l for x in u]""",
            ),
        ),
        "the factor upside down": changed(
            MERGE,
            (
                "a, b = math.exp(one[0] - m), math.exp(other[0] - m)",
                (
                    "a, b = math.exp(min(m - one[0], 700.0)), math.exp(min(m - "
                    "other[0], 700.0))"
                ),
            ),
        ),
        "equal maxima count as both empty": changed(
            MERGE, ("if m == -math.inf:", "if one[0] == other[0]:")
        ),
        "forgets pieces ten below": changed(
            MERGE,
            (
                "    a, b = math.exp(one[0] - m), math.exp(other[0] - m)",
                """    a, b = math.exp(one[0] - m), math.exp(other[0] - m)
    a, b = (f if f > math.exp(-10) else 0.0 for f in (a, b))""",
            ),
        ),
        "single precision": changed(
            MERGE,
            (
                "a, b = math.exp(one[0] - m), math.exp(other[0] - m)",
                (
                    "a, b = (float(np.exp(np.float32(x[0]) - np.float32(m))) for "
                    "x in (one, other))"
                ),
            ),
        ),
    },
    "tiled": {
        "all scores of a tile at once": """
def tiled(chip, queries, keys, d, b):
    for i in range(0, queries, b):
        q = chip.load("Q", i, min(i + b, queries))
        k = chip.load("K", 0, keys)
        x = chip.mul(chip.dot(q, k, transpose=True), d**-0.5)
        p = chip.exp(chip.sub(x, chip.max(x)))
        v = chip.load("V", 0, keys)
        chip.store("O", i, chip.div(chip.dot(p, v), chip.sum(p)))
        raise RuntimeError("and nothing is freed")
""",
        "keeps all of K and V": """
def tiled(chip, queries, keys, d, b):
    k, v = chip.load("K", 0, keys), chip.load("V", 0, keys)
    for i in range(queries):
        q = chip.load("Q", i, i + 1)
        y = chip.dot(q, k, transpose=True)
        x = chip.mul(y, d**-0.5)
        largest = chip.max(x)
        less = chip.sub(x, largest)
        chip.free(q, y, x, largest)
        p = chip.exp(less)
        s, u = chip.sum(p), chip.dot(p, v)
        o = chip.div(u, s)
        chip.store("O", i, o)
        chip.free(less, p, s, u, o)
""",
        "forgets to mend the sum": changed(
            TILED,
            (
                "kept, new = chip.mul(l, factor), chip.sum(p)",
                "kept, new = chip.mul(l, 1.0), chip.sum(p)",
            ),
        ),
        "forgets to mend the output": changed(
            TILED,
            (
                "old, more = chip.mul(u, factor), chip.dot(p, v)",
                "old, more = chip.mul(u, 1.0), chip.dot(p, v)",
            ),
        ),
        "forgets the scale": changed(
            TILED, ("q = chip.mul(loaded, d**-0.5)", "q = chip.mul(loaded, 1.0)")
        ),
        "scales by d": changed(
            TILED, ("q = chip.mul(loaded, d**-0.5)", "q = chip.mul(loaded, 1.0 / d)")
        ),
        "no maximum": changed(
            TILED, ("M = chip.maximum(m, largest)", "M = chip.fill(rows, 1, 0.0)")
        ),
        "leaves the last keys out": changed(
            TILED,
            ("for j in range(0, keys, b):", "for j in range(0, keys - b + 1, b):"),
        ),
        "leaves the last queries out": changed(
            TILED,
            (
                "for i in range(0, queries, b):",
                "for i in range(0, queries - b + 1, b):",
            ),
        ),
        "frees nothing": """
def tiled(chip, queries, keys, d, b):
    for i in range(0, queries, b):
        rows = min(b, queries - i)
        loaded = chip.load("Q", i, i + rows)
        q = chip.mul(loaded, d**-0.5)
        m, l = chip.fill(rows, 1, -math.inf), chip.fill(rows, 1, 0.0)
        u = chip.fill(rows, d, 0.0)
        for j in range(0, keys, b):
            k, v = (chip.load(name, j, min(j + b, keys)) for name in "KV")
            x = chip.dot(q, k, transpose=True)
            largest = chip.max(x)
            M = chip.maximum(m, largest)
            down, less = chip.sub(m, M), chip.sub(x, M)
            factor, p = chip.exp(down), chip.exp(less)
            kept, new = chip.mul(l, factor), chip.sum(p)
            m, l = M, chip.add(kept, new)
            old, more = chip.mul(u, factor), chip.dot(p, v)
            u = chip.add(old, more)
        o = chip.div(u, l)
        chip.store("O", i, o)
""",
        "one query at a time": changed(
            TILED,
            (
                """    for i in range(0, queries, b):
        rows = min(b, queries - i)""",
                """    for i in range(queries):
        rows = 1""",
            ),
        ),
        "loads keys for the sum and again for the output": changed(
            TILED,
            (
                (
                    "            k, v = (chip.load(name, j, min(j + b, keys)) "
                    'for name in "KV")'
                ),
                (
                    "            k, v = (chip.load(name, j, min(j + b, keys)) "
                    'for name in "KV")\n'
                    '            again = chip.load("K", j, min(j + b, keys))\n'
                    "            chip.free(again)"
                ),
            ),
        ),
        "stores each row as it grows": changed(
            TILED,
            (
                """        o = chip.div(u, l)
        chip.store("O", i, o)
        chip.free(q, m, l, u, o)""",
                """            now = chip.div(u, l)
            chip.store("O", i, now)
            chip.free(now)
        chip.free(q, m, l, u)""",
            ),
        ),
        "as many keys as queries": changed(
            TILED,
            (
                (
                    "        for j in range(0, keys, b):\n"
                    "            k, v = (chip.load(name, j, min(j + b, keys)) "
                    'for name in "KV")'
                ),
                (
                    "        for j in range(0, queries, b):\n"
                    "            k, v = (chip.load(name, j, min(j + b, queries)) "
                    'for name in "KV")'
                ),
            ),
        ),
        "the maximum begins at 0": changed(
            TILED,
            (
                "m, l = chip.fill(rows, 1, -math.inf), chip.fill(rows, 1, 0.0)",
                "m, l = chip.fill(rows, 1, 0.0), chip.fill(rows, 1, 0.0)",
            ),
        ),
        "never frees the output": changed(
            TILED, ("chip.free(q, m, l, u, o)", "chip.free(q, m, l, u)")
        ),
        "never frees the sum": changed(
            TILED, ("chip.free(q, m, l, u, o)", "chip.free(q, m, u, o)")
        ),
        "never frees the queries": changed(
            TILED, ("chip.free(q, m, l, u, o)", "chip.free(m, l, u, o)")
        ),
    },
    "account": {
        "one operation for a multiply-add": changed(
            ACCOUNT,
            (
                (
                    'each = 2 * shapes[inputs[0]][-1] if kind == "product" else '
                    "EACH[kind]"
                ),
                'each = shapes[inputs[0]][-1] if kind == "product" else EACH[kind]',
            ),
        ),
        "an input that is named twice is read twice": changed(
            ACCOUNT,
            (
                "read = sum(math.prod(shapes[name]) for name in set(inputs))",
                "read = sum(math.prod(shapes[name]) for name in inputs)",
            ),
        ),
        "forgets to write": changed(
            ACCOUNT,
            (
                "rows.append((each * size, s * (read + size)))",
                "rows.append((each * size, s * read))",
            ),
        ),
        "numbers for bytes": changed(
            ACCOUNT,
            (
                "rows.append((each * size, s * (read + size)))",
                "rows.append((each * size, (read + size)))",
            ),
        ),
        "always two bytes": changed(
            ACCOUNT,
            (
                "rows.append((each * size, s * (read + size)))",
                "rows.append((each * size, 2 * (read + size)))",
            ),
        ),
        "each head has keys of its own": changed(
            ACCOUNT,
            (
                "def account(program, shapes, s):",
                (
                    "def account(program, shapes, s):\n"
                    "    r = max((x[1] for x in shapes.values() if len(x) == 4), "
                    "default=1)\n"
                    "    shapes = {k: (x[0], r, *x[2:]) if len(x) == 4 else x "
                    "for k, x in shapes.items()}"
                ),
            ),
        ),
        "elementwise operators are free": changed(
            ACCOUNT,
            (
                (
                    'each = 2 * shapes[inputs[0]][-1] if kind == "product" else '
                    "EACH[kind]"
                ),
                'each = 2 * shapes[inputs[0]][-1] if kind == "product" else 0',
            ),
        ),
        "operations for each number of the input": changed(
            ACCOUNT,
            (
                "        rows.append((each * size, s * (read + size)))",
                (
                    "        first = math.prod(shapes[inputs[0]])\n"
                    "        rows.append(\n"
                    "            (\n"
                    '                each * (size if kind == "product" else '
                    "first + 0 * size),\n"
                    "                s * (read + size),\n"
                    "            )\n"
                    "        )"
                ),
            ),
        ),
        "every tensor is as large as the result": changed(
            ACCOUNT,
            (
                ("        read = sum(math.prod(shapes[name]) for name in set(inputs))"),
                (
                    "        read = sum(\n"
                    '            (math.prod(shapes[name]) if kind == "product" '
                    "else size)\n"
                    "            for name in set(inputs)\n"
                    "        )"
                ),
            ),
        ),
        "operations by the first input's heads": changed(
            ACCOUNT,
            (
                "        rows.append((each * size, s * (read + size)))",
                (
                    "        work = each * size\n"
                    '        if kind == "product":\n'
                    "            work = 2 * math.prod(shapes[inputs[0]]) * "
                    "shapes[inputs[1]][-1]\n"
                    "        rows.append((work, s * (read + size)))"
                ),
            ),
        ),
        "a product of a with itself reads twice": changed(
            ACCOUNT,
            (
                ("        read = sum(math.prod(shapes[name]) for name in set(inputs))"),
                """        names = inputs if kind == "product" else set(inputs)
        read = sum(math.prod(shapes[name]) for name in names)""",
            ),
        ),
        "the first two inputs only": changed(
            ACCOUNT,
            (
                "read = sum(math.prod(shapes[name]) for name in set(inputs))",
                "read = sum(math.prod(shapes[name]) for name in set(inputs[:2]))",
            ),
        ),
        "whole bytes a number": changed(
            ACCOUNT,
            (
                "rows.append((each * size, s * (read + size)))",
                "rows.append((each * size, max(1, int(s)) * (read + size)))",
            ),
        ),
    },
    "fusion": {
        "forgets who reads it later": changed(
            FUSION,
            (
                "if between not in later and between not in results:",
                "if between not in results:",
            ),
        ),
        "forgets the results": changed(
            FUSION,
            (
                "if between not in later and between not in results:",
                "if between not in later:",
            ),
        ),
        "saves the reading only": changed(FUSION, ("saved += size[between]", "pass")),
        "an input of both is read twice": changed(
            FUSION,
            (
                (
                    "saved = size[between] + sum(size[name] for name in {*first} "
                    "& {*second})"
                ),
                "saved = size[between]",
            ),
        ),
        "the last among equals": changed(
            FUSION,
            (
                "if best is None or s * saved > best[1]:",
                "if best is None or s * saved >= best[1]:",
            ),
        ),
        "any two neighbours": changed(
            FUSION,
            (
                (
                    "        if between not in second:\n"
                    "            continue\n"
                    "        size = {name: math.prod(shapes[name]) for name in "
                    "(*first, *second)}"
                ),
                "        size = {name: math.prod(shapes[name]) for name in shapes}",
            ),
        ),
        "the largest tensor between": changed(
            FUSION,
            (
                """        if best is None or s * saved > best[1]:
            best = i, s * saved""",
                """        if best is None or size[between] > best[2]:
            best = i, s * saved, size[between]""",
            ),
            ("return best", "return best[:2]"),
        ),
        "returns nothing where there is none": changed(
            FUSION,
            ('raise ValueError("no two neighbours can be fused")', "return None"),
        ),
        "numbers for bytes": changed(
            FUSION,
            (
                """        if best is None or s * saved > best[1]:
            best = i, s * saved""",
                """        if best is None or saved > best[1]:
            best = i, saved""",
            ),
        ),
        "any pair, not neighbours": """
def best_fusion(program, shapes, s, results):
    pairs = [(i, j) for i in range(len(program)) for j in range(i + 1, len(program))]
    pairs = [(i, j) for i, j in pairs if program[i][2] in program[j][1]]
    if not pairs:
        raise ValueError("none")
    size = {t: math.prod(shape) for t, shape in shapes.items()}

    def saved(i, j):
        t = program[i][2]
        others = [o for k, o in enumerate(program) if k not in (i, j)]
        writes = t in results or any(t in inputs for _, inputs, _ in others)
        shared = {*program[i][1]} & {*program[j][1]}
        return s * (size[t] * (2 - writes) + sum(size[x] for x in shared))

    i, j = max(pairs, key=lambda pair: saved(*pair))
    return i, saved(i, j)
""",
        "only the first result": changed(
            FUSION,
            (
                "if between not in later and between not in results:",
                "if between not in later and between != results[0]:",
            ),
        ),
        "the second is no product": changed(
            FUSION,
            (
                "if between not in second:",
                "if between not in second or program[i + 1][0] == 'product':",
            ),
        ),
        "whole bytes a number": changed(
            FUSION,
            (
                "def best_fusion(program, shapes, s, results):",
                """def best_fusion(program, shapes, s, results):
    s = max(1, int(s))""",
            ),
        ),
    },
    "goodput": {
        "a failure loses nothing": changed(
            GOODPUT,
            (
                """        if what == "fail":
            hours = tokens = 0.0
        elif what == "train":""",
                '        if what == "train":',
            ),
        ),
        "what is trained last is lost": """
def goodput(log, chips, P, peak):
    kept_hours = kept_tokens = hours = tokens = 0.0
    for what, t, n in log:
        if what == "fail":
            hours = tokens = 0.0
        elif what == "train":
            hours, tokens = hours + t, tokens + n
        elif what == "save":
            kept_hours, kept_tokens = kept_hours + hours, kept_tokens + tokens
            hours = tokens = 0.0
    everything = sum(t for _, t, _ in log)
    held = sum(t for what, t, _ in log if what != "wait")
    sched, runtime = held / everything, kept_hours / held
    could = kept_hours * hour * chips * peak
    program = 6 * P * kept_tokens / could if could else 0.0
    mpg = sched * runtime * program
    return {"sched": sched, "runtime": runtime, "program": program, "mpg": mpg}
""",
        "a failure loses the hours, not the tokens": changed(
            GOODPUT,
            (
                """        if what == "fail":
            hours = tokens = 0.0""",
                """        if what == "fail":
            hours = 0.0""",
            ),
        ),
        "a failure loses all since the start": changed(
            GOODPUT,
            (
                """        if what == "fail":
            hours = tokens = 0.0""",
                """        if what == "fail":
            hours = tokens = kept_hours = kept_tokens = 0.0""",
            ),
        ),
        "runtime is a share of all hours": changed(
            GOODPUT,
            (
                "sched, runtime = held / everything, kept_hours / held",
                "sched, runtime = held / everything, kept_hours / everything",
            ),
        ),
        "hours for seconds": changed(
            GOODPUT,
            (
                "could = kept_hours * hour * chips * peak",
                "could = kept_hours * chips * peak",
            ),
        ),
        "one chip": changed(
            GOODPUT,
            (
                "could = kept_hours * hour * chips * peak",
                "could = kept_hours * hour * peak",
            ),
        ),
        "two operations for a parameter": changed(
            GOODPUT,
            (
                "program = 6 * P * kept_tokens / could if could else 0.0",
                "program = 2 * P * kept_tokens / could if could else 0.0",
            ),
        ),
        "MFU over all hours": changed(
            GOODPUT,
            (
                "could = kept_hours * hour * chips * peak",
                "could = everything * hour * chips * peak",
            ),
        ),
        "saving is useful": changed(
            GOODPUT,
            (
                '        elif what == "save":',
                """        elif what == "save":
            hours += t""",
            ),
        ),
        "a mean of three for the product": changed(
            GOODPUT,
            (
                "mpg = sched * runtime * program",
                "mpg = (sched + runtime + program) / 3",
            ),
        ),
        "divides by nothing": changed(
            GOODPUT,
            (
                "program = 6 * P * kept_tokens / could if could else 0.0",
                "program = 6 * P * kept_tokens / could",
            ),
        ),
        "a restart loses, not a failure": changed(
            GOODPUT, ('if what == "fail":', 'if what == "restart":')
        ),
        "a wait loses, too": changed(
            GOODPUT, ('if what == "fail":', 'if what in ("fail", "wait"):')
        ),
        "a wait saves": changed(
            GOODPUT, ('elif what == "save":', 'elif what in ("save", "wait"):')
        ),
        "a restart saves": changed(
            GOODPUT, ('elif what == "save":', 'elif what in ("save", "restart"):')
        ),
        "of the tail the last entry": """
def goodput(log, chips, P, peak):
    kept_hours = kept_tokens = hours = tokens = 0.0
    for what, t, n in log:
        if what == "fail":
            hours = tokens = 0.0
        elif what == "train":
            hours, tokens = hours + t, tokens + n
        elif what == "save":
            kept_hours, kept_tokens = kept_hours + hours, kept_tokens + tokens
            hours = tokens = 0.0
    if log[-1][0] == 'train':
        kept_hours, kept_tokens = kept_hours + log[-1][1], kept_tokens + log[-1][2]
    everything = sum(t for _, t, _ in log)
    held = sum(t for what, t, _ in log if what != "wait")
    sched, runtime = held / everything, kept_hours / held
    could = kept_hours * hour * chips * peak
    program = 6 * P * kept_tokens / could if could else 0.0
    mpg = sched * runtime * program
    return {"sched": sched, "runtime": runtime, "program": program, "mpg": mpg}
""",
        "the tail is kept if the log ends with it": """
def goodput(log, chips, P, peak):
    kept_hours = kept_tokens = hours = tokens = 0.0
    for what, t, n in log:
        if what == "fail":
            hours = tokens = 0.0
        elif what == "train":
            hours, tokens = hours + t, tokens + n
        elif what == "save":
            kept_hours, kept_tokens = kept_hours + hours, kept_tokens + tokens
            hours = tokens = 0.0
    if log[-1][0] == 'train':
        kept_hours, kept_tokens = kept_hours + hours, kept_tokens + tokens
    everything = sum(t for _, t, _ in log)
    held = sum(t for what, t, _ in log if what != "wait")
    sched, runtime = held / everything, kept_hours / held
    could = kept_hours * hour * chips * peak
    program = 6 * P * kept_tokens / could if could else 0.0
    mpg = sched * runtime * program
    return {"sched": sched, "runtime": runtime, "program": program, "mpg": mpg}
""",
    },
    "rank": {
        "forgets the cost": """
def rank(hours, shares, fixes):
    saved = {n: hours * (1 - shares[w] / v) for n, w, v, cost in fixes}
    return sorted((n for n in saved if saved[n] > 0), key=lambda n: -saved[n])
""",
        "the largest loss first": """
def rank(hours, shares, fixes):
    good = [f for f in fixes if hours * (1 - shares[f[1]] / f[2]) > f[3]]
    return [f[0] for f in sorted(good, key=lambda f: shares[f[1]])]
""",
        "the least saved first": """
def rank(hours, shares, fixes):
    saved = {n: hours * (1 - shares[w] / v) - cost for n, w, v, cost in fixes}
    return sorted((n for n in saved if saved[n] > 0), key=lambda n: saved[n])
""",
        "names fixes that save nothing": """
def rank(hours, shares, fixes):
    saved = {n: hours * (1 - shares[w] / v) - cost for n, w, v, cost in fixes}
    return sorted(saved, key=lambda n: -saved[n])
""",
        "points of a share for hours": """
def rank(hours, shares, fixes):
    saved = {n: hours * (v - shares[w]) - cost for n, w, v, cost in fixes}
    return sorted((n for n in saved if saved[n] > 0), key=lambda n: -saved[n])
""",
        "the old hours for the new": """
def rank(hours, shares, fixes):
    saved = {n: hours * (v / shares[w] - 1) - cost for n, w, v, cost in fixes}
    return sorted((n for n in saved if saved[n] > 0), key=lambda n: -saved[n])
""",
        "gain for each hour of cost": """
def rank(hours, shares, fixes):
    saved = {n: (hours * (1 - shares[w] / v), cost) for n, w, v, cost in fixes}
    good = [n for n in saved if saved[n][0] > saved[n][1]]
    return sorted(good, key=lambda n: -saved[n][0] / (saved[n][1] + 1e-9))
""",
        "only the best": """
def rank(hours, shares, fixes):
    saved = {n: hours * (1 - shares[w] / v) - cost for n, w, v, cost in fixes}
    return sorted((n for n in saved if saved[n] > 0), key=lambda n: -saved[n])[:1]
""",
        "names what saves exactly nothing": """
def rank(hours, shares, fixes):
    saved = {n: hours * (1 - shares[w] / v) - cost for n, w, v, cost in fixes}
    return sorted((n for n in saved if saved[n] >= 0), key=lambda n: -saved[n])
""",
        "whole hours": """
def rank(hours, shares, fixes):
    saved = {n: round(hours * (1 - shares[w] / v)) - cost for n, w, v, cost in fixes}
    return sorted((n for n in saved if saved[n] > 0), key=lambda n: -saved[n])
""",
        "three known shares": """
def rank(hours, shares, fixes):
    known = ("sched", "runtime", "program")
    fixes = [fix for fix in fixes if fix[1] in known]
    saved = {n: hours * (1 - shares[w] / v) - cost for n, w, v, cost in fixes}
    return sorted((n for n in saved if saved[n] > 0), key=lambda n: -saved[n])
""",
    },
    "speculate": {
        "a fresh token from the target after a refusal": changed(
            SPECULATE,
            (
                """def speculate(P, Q, start, k, runs, rng):
""",
                "def speculate(P, Q, start, k, runs, rng):",
            ),
            (
                "return [*tokens, drawn(np.maximum(p - q, 0))]",
                "return [*tokens, drawn(p)]",
            ),
        ),
        "keeps the draft after a refusal": changed(
            SPECULATE,
            (
                """def speculate(P, Q, start, k, runs, rng):
""",
                "def speculate(P, Q, start, k, runs, rng):",
            ),
            ("return [*tokens, drawn(np.maximum(p - q, 0))]", "return [*tokens, x]"),
        ),
        "accepts by the draft's odds": changed(
            SPECULATE,
            (
                """def speculate(P, Q, start, k, runs, rng):
""",
                "def speculate(P, Q, start, k, runs, rng):",
            ),
            ("if rng.random() * q[x] >= p[x]:", "if rng.random() * p[x] >= q[x]:"),
        ),
        "accepts if the target thinks it the more likely": changed(
            SPECULATE,
            (
                """def speculate(P, Q, start, k, runs, rng):
""",
                "def speculate(P, Q, start, k, runs, rng):",
            ),
            ("if rng.random() * q[x] >= p[x]:", "if p[x] < q[x]:"),
        ),
        "no token of its own when all is accepted": changed(
            SPECULATE,
            (
                """def speculate(P, Q, start, k, runs, rng):
""",
                "def speculate(P, Q, start, k, runs, rng):",
            ),
            ("return [*tokens, drawn(P[last])]", "return tokens or [drawn(P[last])]"),
        ),
        "the last token from the draft": changed(
            SPECULATE,
            (
                """def speculate(P, Q, start, k, runs, rng):
""",
                "def speculate(P, Q, start, k, runs, rng):",
            ),
            ("return [*tokens, drawn(P[last])]", "return [*tokens, drawn(Q[last])]"),
        ),
        "always in the row of the start": changed(
            SPECULATE,
            (
                """def speculate(P, Q, start, k, runs, rng):
""",
                "def speculate(P, Q, start, k, runs, rng):",
            ),
            ("last = x", "pass"),
        ),
        "goes on after a refusal": changed(
            SPECULATE,
            (
                """def speculate(P, Q, start, k, runs, rng):
""",
                "def speculate(P, Q, start, k, runs, rng):",
            ),
            (
                "return [*tokens, drawn(np.maximum(p - q, 0))]",
                "x = drawn(np.maximum(p - q, 0))",
            ),
        ),
        "the target alone": """
def speculate(P, Q, start, k, runs, rng):
    rounds = []
    for _ in range(runs):
        tokens = [start]
        for _ in range(int(rng.integers(1, k + 2))):
            tokens.append(int(rng.choice(len(P), p=P[tokens[-1]])))
        rounds.append(tokens[1:])
    return rounds
""",
        "one round, many times": changed(
            SPECULATE,
            (
                """def speculate(P, Q, start, k, runs, rng):
""",
                "def speculate(P, Q, start, k, runs, rng):",
            ),
            (
                "return [one_round() for _ in range(runs)]",
                "return [one_round()] * runs",
            ),
        ),
        "a generator of its own": changed(
            SPECULATE,
            (
                "def speculate(P, Q, start, k, runs, rng):",
                """def speculate(P, Q, start, k, runs, rng):
    rng = np.random.default_rng()""",
            ),
        ),
        "one seed for ever": changed(
            SPECULATE,
            (
                "def speculate(P, Q, start, k, runs, rng):",
                """def speculate(P, Q, start, k, runs, rng):
    rng = np.random.default_rng(0)""",
            ),
        ),
        "what is missing, both ways": changed(
            SPECULATE,
            (
                """def speculate(P, Q, start, k, runs, rng):
""",
                "def speculate(P, Q, start, k, runs, rng):",
            ),
            (
                "return [*tokens, drawn(np.maximum(p - q, 0))]",
                "return [*tokens, drawn(np.abs(p - q))]",
            ),
        ),
        "drafts without looking back": changed(
            SPECULATE,
            (
                """def speculate(P, Q, start, k, runs, rng):
""",
                "def speculate(P, Q, start, k, runs, rng):",
            ),
            ("p, q = P[last], Q[last]", "p, q = P[last], Q[start]"),
        ),
        "a draft of four at most": changed(
            SPECULATE,
            (
                """def speculate(P, Q, start, k, runs, rng):
""",
                "def speculate(P, Q, start, k, runs, rng):",
            ),
            ("for _ in range(k):", "for _ in range(min(k, 4)):"),
        ),
    },
    "quantise": {
        "one scale for all": changed(
            QUANTISE,
            ('axis = {"tensor": None, "row": 1, "column": 0}[per]', "axis = None"),
        ),
        "rows and columns exchanged": changed(
            QUANTISE,
            (
                'axis = {"tensor": None, "row": 1, "column": 0}[per]',
                'axis = {"tensor": None, "row": 0, "column": 1}[per]',
            ),
        ),
        "the largest, not the largest magnitude": changed(
            QUANTISE,
            (
                "largest = np.abs(W).max(axis=axis, keepdims=True)",
                "largest = W.max(axis=axis, keepdims=True)",
            ),
        ),
        "divides by zero": changed(
            QUANTISE,
            (
                (
                    "scales = np.where(largest > 0, largest, 1.0) / (2 ** (bits "
                    "- 1) - 1)"
                ),
                "scales = largest / (2 ** (bits - 1) - 1)",
            ),
        ),
        "cuts off instead of rounding": changed(
            QUANTISE,
            (
                "codes = np.round(W / scales).astype(int)",
                "codes = np.trunc(W / scales).astype(int)",
            ),
        ),
        "one code too many": changed(
            QUANTISE,
            (
                (
                    "scales = np.where(largest > 0, largest, 1.0) / (2 ** (bits "
                    "- 1) - 1)"
                ),
                "scales = np.where(largest > 0, largest, 1.0) / 2 ** (bits - 1)",
            ),
        ),
        "codes without a sign": changed(
            QUANTISE,
            (
                (
                    "scales = np.where(largest > 0, largest, 1.0) / (2 ** (bits "
                    "- 1) - 1)"
                ),
                "scales = np.where(largest > 0, largest, 1.0) / (2**bits - 1)",
            ),
        ),
        "always eight bits": changed(
            QUANTISE,
            (
                (
                    "scales = np.where(largest > 0, largest, 1.0) / (2 ** (bits "
                    "- 1) - 1)"
                ),
                "scales = np.where(largest > 0, largest, 1.0) / 127",
            ),
        ),
        "a byte for each code": changed(
            QUANTISE,
            (
                (
                    "return codes, scales, math.ceil(W.size * bits / 8) + 4 * "
                    "scales.size"
                ),
                "return codes, scales, W.size + 4 * scales.size",
            ),
        ),
        "forgets the bytes of the scales": changed(
            QUANTISE,
            (
                (
                    "return codes, scales, math.ceil(W.size * bits / 8) + 4 * "
                    "scales.size"
                ),
                "return codes, scales, math.ceil(W.size * bits / 8)",
            ),
        ),
        "codes that overflow int8": changed(
            QUANTISE,
            (
                "codes = np.round(W / scales).astype(int)",
                "codes = np.round(W / scales).astype(np.int8)",
            ),
        ),
        "bytes that are cut off": changed(
            QUANTISE,
            (
                (
                    "return codes, scales, math.ceil(W.size * bits / 8) + 4 * "
                    "scales.size"
                ),
                "return codes, scales, W.size * bits // 8 + 4 * scales.size",
            ),
        ),
        "the scale of the mean": changed(
            QUANTISE,
            (
                "largest = np.abs(W).max(axis=axis, keepdims=True)",
                "largest = 4 * np.abs(W).mean(axis=axis, keepdims=True)",
            ),
        ),
        "overwrites the matrix": changed(
            QUANTISE,
            (
                "    codes = np.round(W / scales).astype(int)",
                """    W /= scales
    codes = np.round(W).astype(int)""",
            ),
        ),
        "no scale below 1e-12": changed(
            QUANTISE,
            (
                (
                    "scales = np.where(largest > 0, largest, 1.0) / (2 ** (bits "
                    "- 1) - 1)"
                ),
                "scales = np.maximum(largest, 1e-12) / (2 ** (bits - 1) - 1)",
            ),
        ),
        "a very little on each scale": changed(
            QUANTISE,
            (
                (
                    "scales = np.where(largest > 0, largest, 1.0) / (2 ** (bits "
                    "- 1) - 1)"
                ),
                "scales = (largest + 1e-12) / (2 ** (bits - 1) - 1)",
            ),
        ),
        "remembers its first scale": changed(
            QUANTISE,
            (
                (
                    "    scales = np.where(largest > 0, largest, 1.0) / (2 ** "
                    "(bits - 1) - 1)"
                ),
                (
                    "    scales = np.where(largest > 0, largest, 1.0) / (2 ** "
                    "(bits - 1) - 1)\n"
                    "    scales = quantise.__dict__.setdefault((per, bits, "
                    "W.shape), scales)"
                ),
            ),
        ),
    },
}

RIGHT = {
    "merge": {
        "arrays": """
def merge(one, other):
    (m, l, u), (n, k, w) = one, other
    top = np.maximum(m, n)
    safe = 0.0 if np.isneginf(top) else top
    a, b = np.exp(m - safe), np.exp(n - safe)
    return top, a * l + b * k, a * np.array(u) + b * np.array(w)
""",
        "torch, and recursion for the order": """
def merge(one, other):
    if other[0] > one[0]:
        return merge(other, one)
    if one[1] == 0:
        return [-math.inf, 0, torch.zeros(len(one[2]), dtype=torch.float64)]
    f = math.exp(other[0] - one[0])
    u = torch.tensor(one[2], dtype=torch.float64)
    return [one[0], one[1] + f * other[1], u + f * torch.tensor(other[2]).double()]
""",
        "decimals": """
from decimal import Decimal, getcontext

def merge(one, other):
    getcontext().prec = 40
    full = [p for p in (one, other) if p[1] > 0]
    if not full:
        return (-math.inf, 0, [0] * len(one[2]))
    m = max(Decimal(p[0]) for p in full)
    fs = [(Decimal(p[0]) - m).exp() for p in full]
    l = sum(f * Decimal(p[1]) for f, p in zip(fs, full))
    rows = zip(*(p[2] for p in full))
    return m, l, [sum(f * Decimal(x) for f, x in zip(fs, xs)) for xs in rows]
""",
    },
    "tiled": {
        "a class that frees what it made": """
class Step:
    def __init__(self, chip):
        self.chip, self.made = chip, []

    def __getattr__(self, name):
        def call(*args, **kwargs):
            tile = getattr(self.chip, name)(*args, **kwargs)
            self.made.append(tile)
            return tile

        return call

    def end(self, *keep):
        self.chip.free(*(t for t in self.made if all(t is not k for k in keep)))
        self.made = []


def tiled(chip, queries, keys, d, b):
    for i in range(0, queries, b):
        stop, state = min(i + b, queries), None
        q = chip.load("Q", i, stop)
        for j in range(0, keys, b):
            step, end = Step(chip), min(j + b, keys)
            x = step.dot(q, step.load("K", j, end), transpose=True)
            x = step.mul(d**-0.5, x)
            top = step.max(x)
            p = step.exp(
                step.sub(x, top if state is None else step.maximum(top, state[0]))
            )
            l, u = step.sum(p), step.dot(p, step.load("V", j, end))
            if state is not None:
                m, old, w = state
                top = step.maximum(top, m)
                f = step.exp(step.sub(m, top))
                l, u = step.add(step.mul(f, old), l), step.add(step.mul(f, w), u)
            step.end(top, l, u)
            if state is not None:
                chip.free(*state)
            state = top, l, u
        o = chip.div(state[2], state[1])
        chip.store("O", i, o)
        chip.free(o, q, *state)
""",
        "each result divided at once": """
def tiled(chip, queries, keys, d, b):
    c = chip
    for i in range(0, queries, b):
        rows = min(b, queries - i)
        q = c.load("Q", i, i + rows)
        m, l, o = c.fill(rows, 1, -1e30), c.fill(rows, 1, 0), c.fill(rows, d, 0)
        for j in reversed(range(0, keys, b)):
            stop = min(j + b, keys)
            k = c.load("K", j, stop)
            y = c.dot(q, k, True)
            c.free(k)
            x = c.div(y, math.sqrt(d))
            c.free(y)
            t = c.max(x)
            M = c.maximum(t, m)
            less, down = c.sub(x, M), c.sub(m, M)
            c.free(x, t, m)
            p, f = c.exp(less), c.exp(down)
            c.free(less, down)
            s, g = c.sum(p), c.mul(l, f)
            L = c.add(s, g)
            v = c.load("V", j, stop)
            new = c.dot(p, v)
            c.free(p, v, s, f, l)
            old = c.mul(o, g)
            c.free(o, g)
            both = c.add(old, new)
            c.free(old, new)
            m, l, o = M, L, c.div(both, L)
            c.free(both)
        c.store("O", i, o)
        c.free(q, m, l, o)
""",
        "arguments by their names, queries from the end": """
def tiled(chip, queries, keys, d, b):
    for i in reversed(range(0, queries, b)):
        rows = min(b, queries - i)
        loaded = chip.load("Q", i, i + rows)
        q = chip.mul(loaded, d**-0.5)
        m, l = chip.fill(rows, 1, -math.inf), chip.fill(rows, 1, 0.0)
        u = chip.fill(rows, d, 0.0)
        chip.free(loaded)
        for j in range(0, keys, b):
            k, v = (chip.load(name, j, min(j + b, keys)) for name in "KV")
            x = chip.dot(q, k, transpose=True)
            largest = chip.max(x)
            M = chip.maximum(m, largest)
            down, less = chip.sub(m, M), chip.sub(x, M)
            factor, p = chip.exp(down), chip.exp(less)
            kept, new = chip.mul(l, factor), chip.sum(p)
            chip.free(k, x, largest, down, less, l, m)
            m, l = M, chip.add(kept, new)
            old, more = chip.mul(u, factor), chip.dot(p, v)
            chip.free(u, v, p, factor, kept, new)
            u = chip.add(old, more)
            chip.free(old, more)
        o = chip.div(u, l)
        chip.store(name='O', start=i, tile=o)
        chip.free(u, l, m, q, o)

""",
    },
    "account": {
        "numpy, as dataclass-like pairs": """
def account(program, shapes, s):
    size = {name: int(np.prod(shape)) for name, shape in shapes.items()}

    def row(kind, inputs, output):
        inner = shapes[inputs[-1]][-2] if kind == "product" else None
        per = EACH.get(kind) if inner is None else inner + inner
        return np.array(
            [per * size[output], s * sum(size[t] for t in {*inputs, output})]
        )

    return tuple(row(*operator) for operator in program)
""",
        "a tensor": """
def account(program, shapes, s):
    rows = []
    for kind, inputs, output in program:
        n = torch.empty(shapes[output], device="meta").numel()
        read = sum(torch.empty(shapes[k], device="meta").numel() for k in set(inputs))
        c = shapes[inputs[0]][-1] * 2 if kind == "product" else EACH[kind]
        rows.append([c * n, (read + n) * s])
    return torch.tensor(rows, dtype=torch.float64)
""",
    },
    "fusion": {
        "counts before and after": """
def best_fusion(program, shapes, s, results):
    size = {name: int(np.prod(shape)) for name, shape in shapes.items()}

    def traffic(steps):
        return s * sum(size[t] for reads, writes in steps for t in [*reads, *writes])

    steps = [(set(inputs), {output}) for _, inputs, output in program]
    best = []
    for i, ((r1, w1), (r2, w2)) in enumerate(zip(steps, steps[1:])):
        if w1 & r2:
            rest = steps[:i] + steps[i + 2 :]
            needed = set(results).union(*(r for r, _ in steps[i + 2 :]))
            new = [(r1 | r2 - w1, w2 | w1 & needed)]
            best.append((traffic(steps) - traffic(rest + new), -i))
    if not best:

        class Nothing(ValueError):
            pass

        raise Nothing
    gain, place = max(best)
    return [-place, float(gain)]
""",
        "an error of its own that is a ValueError": """
class NoPair(ValueError):
    def __init__(self, program):
        super().__init__(f"none of {len(program)}")

def best_fusion(program, shapes, s, results):
    found = []
    for i, (a, b) in enumerate(zip(program, program[1:])):
        t = a[2]
        if b[1].count(t):
            before = set(a[1]), {t}, set(b[1]), {b[2]}
            still = t in results or any(t in c[1] for c in program[i + 2:])
            after = set(a[1]) | (set(b[1]) - {t}), {b[2]} | ({t} if still else set())
            size = lambda group: sum(math.prod(shapes[x]) for y in group for x in y)
            found.append((i, (size(before) - size(after)) * s))
    if not found:
        raise NoPair(program)
    found.sort(key=lambda f: f[1], reverse=True)
    return np.array(found[0])
""",
    },
    "goodput": {
        "from the end, with numpy": """
def goodput(log, chips, P, peak):
    kept, ok = [], True
    for what, t, n in reversed(list(log)):
        if what in ("fail", "save"):
            ok = what == "save"
        if what == "train" and ok:
            kept.append((t, n))
    t, n = np.array(kept).reshape(-1, 2).sum(0)
    total, wait = (
        sum(x[1] for x in log if x[0] in w or not w) for w in ((), ("wait",))
    )
    program = 6 * P * n / (3600 * t * chips * peak) if kept else 0
    mpg = np.float64(6 * P * n / (3600 * total * chips * peak))
    return dict(
        sched=1 - wait / total, runtime=t / (total - wait), program=program, mpg=mpg
    )
""",
        "fractions": """
from fractions import Fraction as Fr

def goodput(log, chips, P, peak):
    pending, kept = [], []
    for what, t, n in log:
        t, n = Fr(t), Fr(n)
        if what == "train":
            pending.append((t, n))
        elif what == "fail":
            pending.clear()
        elif what == "save":
            kept += pending
            pending = []
    kept += pending
    total = sum(Fr(e[1]) for e in log)
    wait = sum(Fr(e[1]) for e in log if e[0] == "wait")
    t, n = sum(e[0] for e in kept), sum(e[1] for e in kept)
    work = 6 * Fr(P) * n / (Fr(chips) * Fr(peak) * 3600)
    found = {"mpg": work / total, "program": work / t if t else 0}
    return found | {"runtime": Fr(t) / (total - wait), "sched": 1 - wait / total}
""",
    },
    "rank": {
        "hours after, as a tuple": """
def rank(hours, shares, fixes):
    def after(fix):
        name, which, value, cost = fix
        new = dict(shares) | {which: value}
        return (
            hours * np.prod(list(shares.values())) / np.prod(list(new.values())) + cost
        )

    return tuple(f[0] for f in sorted(fixes, key=after) if after(f) < hours)
""",
        "a heap": """
import heapq

def rank(hours, shares, fixes):
    heap = []
    for i, (name, which, value, cost) in enumerate(fixes):
        gain = hours - (hours / (value / shares[which]) + cost)
        if gain > 0:
            heapq.heappush(heap, (-gain, i, name))
    return [heapq.heappop(heap)[2] for _ in range(len(heap))]
""",
    },
    "speculate": {
        "all rounds at once": """
def speculate(P, Q, start, k, runs, rng):
    def pick(odds):
        ends = odds.cumsum(1)
        return (ends <= ends[:, -1:] * rng.random((len(ends), 1))).sum(1)

    last, going = np.full(runs, start), np.ones(runs, bool)
    rounds = [[] for _ in range(runs)]
    for step in range(k + 1):
        p, q = P[last], Q[last] if step < k else 0 * P[last]
        rest = np.maximum(p - q, 0)
        none = rest.sum(1) == 0
        rest[none] = p[none]
        x = pick(q) if step < k else np.zeros(runs, int)
        at = np.arange(runs), np.minimum(x, len(P) - 1)
        ok = (rng.random(runs) * q[at] < p[at]) & (step < k)
        last = np.where(ok, at[1], pick(rest))
        for r in np.flatnonzero(going):
            rounds[r].append(last[r])
        going &= ok
    return rounds
""",
        "draft first, check afterwards": """
import random


def speculate(P, Q, start, k, runs, rng):
    own = random.Random(int(rng.integers(2**60)))
    tokens = range(len(P))

    def choose(odds):
        return own.choices(tokens, [max(float(x), 0.0) for x in odds])[0]

    def play():
        seen = [start]
        for _ in range(k):
            seen.append(choose(Q[seen[-1]]))
        for i, x in enumerate(seen[1:]):
            p, q = P[seen[i]], Q[seen[i]]
            if own.random() >= min(1.0, p[x] / q[x]):
                return seen[1 : i + 1] + [choose(p - q)]
        return seen[1:] + [choose(P[seen[-1]])]

    return tuple(tuple(play()) for _ in range(runs))
""",
        "the law first, then draws from it": """
def speculate(P, Q, start, k, runs, rng):
    law = {}

    def grow(tokens, odds, last):
        if len(tokens) == k:
            for x, p in enumerate(P[last]):
                law[(*tokens, x)] = law.get((*tokens, x), 0.0) + odds * p
            return
        p, q = P[last], Q[last]
        both = np.minimum(p, q)
        for x, c in enumerate(both):
            if c > 0:
                grow((*tokens, x), odds * c, x)
        for x, c in enumerate(np.maximum(p - q, 0)):
            if c > 0:
                law[(*tokens, x)] = law.get((*tokens, x), 0.0) + odds * c

    grow((), 1.0, start)
    keys = list(law)
    odds = np.array([law[key] for key in keys])
    return [keys[i] for i in rng.choice(len(keys), size=runs, p=odds / odds.sum())]
""",
    },
    "quantise": {
        "lists, row by row": """
def quantise(W, bits, per):
    if per == "column":
        codes, scales, size = quantise(W.T, bits, "row")
        return [list(row) for row in zip(*codes)], scales, size
    top, rows = 2 ** (bits - 1) - 1, W.tolist()
    tops = [max(map(abs, row)) for row in rows]
    if per == "tensor":
        tops = [max(tops)]
    scales = [(t or 3.0) / top for t in tops]
    each = scales * len(rows) if per == "tensor" else scales
    codes = [[round(x / s) for x in row] for row, s in zip(rows, each)]
    return codes, scales, -(-W.size * bits // 8) + 4 * len(scales)
""",
        "torch, with floats for codes": """
def quantise(W, bits, per):
    x, c = torch.tensor(W), 2 ** (bits - 1) - 1
    most = (
        x.abs().max()
        if per == "tensor"
        else x.abs().amax(int(per == "row"), keepdim=True)
    )
    scale = torch.where(most == 0, 1e-3, most) / c
    size = float(-(-x.numel() * bits // 8) + 4 * scale.numel())
    return (x / scale).round(), scale, size
""",
        "single precision scales, flat, small codes": """
def quantise(W, bits, per):
    c = (1 << bits - 1) - 1
    A = np.abs(W)
    most = {"tensor": A.max(), "row": A.max(1), "column": A.max(0)}[per]
    scale = np.atleast_1d(np.asarray(most / c, np.float32))
    scale[scale == 0] = np.float32(1)
    shape = {"tensor": (1, 1), "row": (-1, 1), "column": (1, -1)}[per]
    codes = np.clip(np.rint(W / scale.reshape(shape)), -c, c)
    return codes.astype(np.int16), scale, (W.size * bits + 7) // 8 + scale.nbytes
""",
    },
}

CHEATS = {
    "tiled": {
        "reaches for what the chip keeps": """
def tiled(chip, queries, keys, d, b):
    Q, K, V = (chip._matrices[name] for name in "QKV")
    x = Q @ K.T / math.sqrt(d)
    p = np.exp(x - x.max(1, keepdims=True))
    chip._matrices["O"][:] = p @ V / p.sum(1, keepdims=True)
    chip._times["O"][:] = 1
""",
        "patches the chip and the check": """
def tiled(chip, queries, keys, d, b):
    import mlsyscore.harness.attending as attending

    attending.attention = lambda Q, K, V: np.zeros_like(Q)
    np.flatnonzero = lambda *args: np.zeros(0, int)
    Chip.loaded = Chip._loaded = 0
    for i in range(queries):
        chip.store("O", i, chip.fill(1, d, 0.0))
""",
        "draws the matrices again": """
def tiled(chip, queries, keys, d, b):
    rng = np.random.default_rng(17)
    Q, K, V = (rng.normal(size=(rows, d)) for rows in (queries, keys, keys))
    x = Q @ K.T / math.sqrt(d)
    p = np.exp(x - x.max(1, keepdims=True))
    out = p @ V / p.sum(1, keepdims=True)
    for name, rows in (("Q", queries), ("K", keys), ("V", keys)):
        for i in range(rows):
            chip.free(chip.load(name, i, i + 1))
    for i in range(queries):
        for c in range(d):
            t = chip.fill(1, 1, out[i, c])
            chip.store("O", i, t, c)
            chip.free(t)
""",
    },
}
