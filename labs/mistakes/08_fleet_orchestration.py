"""Answers that a student might well write."""

START = """
def startable(now, free, running, queue, backfill):
    running, picks = list(running), []
    i = 0
    while i < len(queue) and queue[i][0] <= free:
        gpus, duration = queue[i]
        picks.append(i)
        free -= gpus
        running.append((gpus, now + duration))
        i += 1
    if not backfill or i == len(queue):
        return picks
    head = queue[i][0]
    at = reservation(now, free, running, head)
    spare = free + sum(g for g, end in running if end <= at) - head
    for j in range(i + 1, len(queue)):
        gpus, duration = queue[j]
"""
GOES_ON = """
        late = now + duration > at
        if gpus <= free and (gpus <= spare or not late):
            picks.append(j)
            free -= gpus
            spare -= gpus * late
    return picks
"""
DRF = """
def drf(capacity, demands):
    R, d = np.array(capacity, float), np.array(demands, float)
    tasks, used = [0] * len(d), np.zeros(len(R))
    while True:
        fits = [i for i in range(len(d)) if np.all(used + d[i] <= R)]
        if not fits:
            return tasks
        i = min(fits, key=lambda i: tasks[i] * max(d[i] / R))
        used += d[i]
        tasks[i] += 1
"""
STUCK = """
def stuck(free, held, missing):
    free, left = list(free), list(range(len(held)))
    going = True
    while going:
        going = False
        for i in list(left):
            if all(m <= f for m, f in zip(missing[i], free)):
                free = [f + h for f, h in zip(free, held[i])]
                left.remove(i)
                going = True
    return left
"""
ADMIT = """
def admit(free, held, missing):
    free, chosen = list(free), []
    for i, needs in enumerate(missing):
        if any(needs) and all(m <= f for m, f in zip(needs, free)):
            chosen.append(i)
            free = [f - m for f, m in zip(free, needs)]
    return chosen
"""
TIMES = """
def spot_times(W, n, spot):
    part = segment_time(W / n, spot["write"], 1 / spot["rate"], spot["restart"])
    return n * part, n * part * (1 + spot["rate"] * spot["wait"])
"""
CHOOSE = """
def choose(W, spot, p_spot, p_od, deadline):
    best = (0, W * p_od) if W <= deadline else None
    for n in range(1, 2001):
        billed, wall = spot_times(W, n, spot)
        if wall <= deadline and (best is None or billed * p_spot < best[1]):
            best = (n, billed * p_spot)
    if best is None:
        raise ValueError("too late")
    return best
"""
FLUID = """
def drf_fluid(capacity, demands):
    left, T = [float(c) for c in capacity], len(demands)
    delta = [max(a / c for a, c in zip(d, capacity)) for d in demands]
    if min(delta) == 0:
        raise ValueError("a tenant without demand")
    x, going = [0.0] * T, set(range(T))
    while going:
        rate = [sum(demands[i][r] / delta[i] for i in going) for r in range(len(left))]
        step, r = min((l / q, r) for r, (l, q) in enumerate(zip(left, rate)) if q > 0)
        for i in going:
            x[i] += step / delta[i]
        left = [l - step * q for l, q in zip(left, rate)]
        left[r] = 0.0
        going = {i for i in going if demands[i][r] == 0}
    return x
"""
FILL = """
def fill(order, free, g):
    n = [0] * len(free)
    for i in order:
        n[i] = min(free[i], g - sum(n))
    return n
"""

WRONG = {
    "backfill": {
        "backfills whatever fits now": START
        + """
        if gpus <= free:
            picks.append(j)
            free -= gpus
    return picks
""",
        "backfills only who ends before the reservation": START
        + """
        if gpus <= free and now + duration <= at:
            picks.append(j)
            free -= gpus
    return picks
""",
        "spare is never used up": START
        + """
        if gpus <= free and (now + duration <= at or gpus <= spare):
            picks.append(j)
            free -= gpus
    return picks
""",
        "who ends in time uses up the spare": START
        + """
        if gpus <= free and (now + duration <= at or gpus <= spare):
            picks.append(j)
            free -= gpus
            spare -= gpus
    return picks
""",
        "those just started do not run": START.replace(
            "        running.append((gpus, now + duration))\n", ""
        )
        + GOES_ON,
        "a reservation for everybody who waits": """
def startable(now, free, running, queue, backfill):
    running, picks, promised = list(running), [], []
    for i, (gpus, duration) in enumerate(queue):
        then = [*running, (gpus, now + duration)]
        if gpus <= free and all(
            reservation(now, free - gpus, then, g) <= t for g, t in promised
        ):
            picks.append(i)
            free, running = free - gpus, then
        elif not backfill:
            break
        else:
            promised.append((gpus, reservation(now, free, running, gpus)))
    return picks
""",
        "spare only up to the job that suffices": START.replace(
            "    spare = free + sum(g for g, end in running if end <= at) - head\n",
            "    spare = free - head\n"
            "    for g, end in sorted(running, key=lambda job: job[1]):\n"
            "        if spare >= 0:\n            break\n        spare += g\n",
        )
        + GOES_ON,
        "must end before the reservation": START
        + GOES_ON.replace("duration > at", "duration >= at"),
        "ends rounded to the hour": START.replace(
            "list(running), []", "[(g, 3600 * round(e / 3600)) for g, e in running], []"
        )
        + GOES_ON,
        "shortest of the later jobs first": START.replace(
            "for j in range(i + 1, len(queue)):",
            "for j in sorted(range(i + 1, len(queue)), key=lambda j: queue[j][1]):",
        )
        + GOES_ON,
        "one job a call": START
        + GOES_ON.replace("    return picks", "    return picks[:1]"),
        "a minute late is in time": START
        + GOES_ON.replace("duration > at", "duration > at + 60"),
    },
    "drf": {
        "shares in whole percent": DRF.replace(
            "tasks[i] * max(d[i] / R))", "int(100 * tasks[i] * max(d[i] / R)))"
        ),
        "round robin": """
def drf(capacity, demands):
    R, d = np.array(capacity, float), np.array(demands, float)
    tasks, used, more = [0] * len(d), np.zeros(len(R)), True
    while more:
        more = False
        for i in range(len(d)):
            if np.all(used + d[i] <= R):
                used += d[i]
                tasks[i] += 1
                more = True
    return tasks
""",
        "among equals who has most tasks": DRF.replace(
            "tasks[i] * max(d[i] / R))", "(tasks[i] * max(d[i] / R), -tasks[i]))"
        ),
        "among equals who has fewest tasks": DRF.replace(
            "tasks[i] * max(d[i] / R))", "(tasks[i] * max(d[i] / R), tasks[i]))"
        ),
        "stops when the poorest does not fit": DRF.replace(
            "        used += d[i]",
            "        poorest = min(\n"
            "            range(len(d)), key=lambda i: tasks[i] * max(d[i] / R))\n"
            "        if poorest not in fits:\n            return tasks\n"
            "        used += d[i]",
        ),
        "amounts instead of shares": """
def drf(capacity, demands):
    R, d = np.array(capacity, float), np.array(demands, float)
    tasks, used = [0] * len(d), np.zeros(len(R))
    while True:
        fits = [i for i in range(len(d)) if np.all(used + d[i] <= R)]
        if not fits:
            return tasks
        i = min(fits, key=lambda i: tasks[i] * max(d[i]))
        used += d[i]
        tasks[i] += 1
""",
        "least share after the next task": DRF.replace(
            "tasks[i] * max", "(tasks[i] + 1) * max"
        ),
        "the last among equals": DRF.replace("min(fits", "min(fits[::-1]"),
        "fits only if some is left over": DRF.replace("d[i] <= R)", "d[i] < R)"),
        "among equals the smaller task": DRF.replace(
            "tasks[i] * max(d[i] / R))", "(tasks[i] * max(d[i] / R), max(d[i] / R)))"
        ),
        "shares of what is left": DRF.replace(
            "max(d[i] / R)", "max(d[i] / (R - used))"
        ),
        "among equals the larger task": DRF.replace(
            "tasks[i] * max(d[i] / R))", "(tasks[i] * max(d[i] / R), -max(d[i] / R)))"
        ),
    },
    "fluid": {
        "all stop when the first resource runs out": """
def drf_fluid(capacity, demands):
    d = np.array(demands, float) / np.array(capacity, float)
    delta = d.max(axis=1)
    if np.any(delta == 0):
        raise ValueError("nothing")
    share = 1 / np.max(np.sum(d / delta[:, None], axis=0))
    return share / delta
""",
        "an equal part of every resource": """
def drf_fluid(capacity, demands):
    d = np.array(demands, float) / np.array(capacity, float)
    if np.any(d.max(axis=1) == 0):
        raise ValueError("nothing")
    return 1 / len(d) / d.max(axis=1)
""",
        "as many tasks for each": """
def drf_fluid(capacity, demands):
    d = np.array(demands, float) / np.array(capacity, float)
    if np.any(d.max(axis=1) == 0):
        raise ValueError("nothing")
    return np.full(len(d), 1 / d.sum(axis=0).max())
""",
        "takes off only the use of who stopped last": FLUID.replace(
            "        left = [l - step * q for l, q in zip(left, rate)]\n"
            "        left[r] = 0.0\n"
            "        going = {i for i in going if demands[i][r] == 0}\n",
            "        out = {i for i in going if demands[i][r] > 0}\n"
            "        left = [\n"
            "            c - sum(x[i] * demands[i][k] for i in out)\n"
            "            for k, c in enumerate(capacity)\n"
            "        ]\n"
            "        going -= out\n"
            "        level = x[min(out)] * delta[min(out)]\n"
            "        left = [\n"
            "            l - level * sum(demands[i][k] / delta[i] for i in going)\n"
            "            for k, l in enumerate(left)\n"
            "        ]\n",
        ),
        "shares of what is left after each stop": FLUID.replace(
            "    while going:\n",
            "    while going:\n"
            "        delta = [\n"
            "            max([a / l for a, l in zip(d, left) if l > 0], default=1)\n"
            "            for d in demands\n"
            "        ]\n",
        ),
        "two rounds": FLUID.replace(
            "    while going:\n",
            "    for _ in range(2):\n        if not going:\n            break\n",
        ),
        "no error for a tenant without demand": FLUID.replace(
            'raise ValueError("a tenant without demand")', "return None"
        ),
        "only who wants most of it stops": FLUID.replace(
            "if q > 0)", "if q > 0 and l > 1e-12)"
        ).replace(
            "if demands[i][r] == 0",
            "if demands[i][r] / capacity[r] < delta[i] and any(left)",
        ),
        "an error for who lacks one resource": FLUID.replace(
            "if min(delta) == 0", "if min(min(d) for d in demands) == 0"
        ),
        "always an error": """
def drf_fluid(capacity, demands):
    raise ValueError("a tenant takes nothing")
""",
        "dominant shares, not tasks": FLUID.replace("step / delta[i]", "step"),
        "what nobody takes has run out": FLUID.replace(
            "    while going:\n",
            "    if not all(map(any, zip(*demands))):\n        return x\n"
            "    while going:\n",
        ),
    },
    "gang": {
        "adds up the pools": STUCK.replace(
            "all(m <= f for m, f in zip(missing[i], free))",
            "sum(missing[i]) <= sum(free)",
        )
        + ADMIT,
        "gets back more than was held": STUCK.replace(
            "[f + h for f, h in zip(free, held[i])]",
            "[f + h + m for f, h, m in zip(free, held[i], missing[i])]",
        )
        + ADMIT,
        "admits each that fits by itself": STUCK
        + """
def admit(free, held, missing):
    return [
        i
        for i, needs in enumerate(missing)
        if any(needs) and all(m <= f for m, f in zip(needs, free))
    ]
""",
        "stops at the first that does not fit": STUCK
        + ADMIT.replace(
            "    return chosen", "        else:\n            break\n    return chosen"
        ),
        "lists gangs that run": STUCK
        + ADMIT.replace("if any(needs) and all(", "if all("),
        "forgets what it gave before": STUCK
        + ADMIT.replace(
            "            free = [f - m for f, m in zip(free, needs)]\n", ""
        ),
        "stuck is who needs more than there is": """
def stuck(free, held, missing):
    there = [f + sum(h[p] for h in held) for p, f in enumerate(free)]
    need = [[h + m for h, m in zip(*x)] for x in zip(held, missing)]
    return [i for i, n in enumerate(need) if any(a > b for a, b in zip(n, there))]
"""
        + ADMIT,
        "admits none while one is stuck": STUCK
        + ADMIT.replace(
            "    free, chosen",
            "    if stuck(free, held, missing):\n        return []\n    free, chosen",
        ),
        "goes through the list once": STUCK.replace(
            "                going = True\n", ""
        )
        + ADMIT,
        "runs if it misses nothing of the first pool": STUCK
        + ADMIT.replace("any(needs)", "needs[0] != 0"),
        "only who holds nothing": STUCK
        + ADMIT.replace("if any(needs) and", "if any(needs) and not any(held[i]) and"),
        "who misses least first, and no further": """
def stuck(free, held, missing):
    free, left = list(free), sorted(range(len(held)), key=lambda i: sum(missing[i]))
    while left and all(m <= f for m, f in zip(missing[left[0]], free)):
        i = left.pop(0)
        free = [f + h for f, h in zip(free, held[i])]
    return left
"""
        + ADMIT,
    },
    "place": {
        "first fit": FILL
        + """
def place(free, rack, g):
    if g > sum(free):
        raise ValueError("full")
    return fill(range(len(free)), free, g)
""",
        "fills the largest holes anywhere": FILL
        + """
def place(free, rack, g):
    if g > sum(free):
        raise ValueError("full")
    return fill(sorted(range(len(free)), key=lambda i: -free[i]), free, g)
""",
        "takes the emptiest racks": FILL
        + """
def place(free, rack, g):
    if g > sum(free):
        raise ValueError("full")
    room = {r: sum(f for f, k in zip(free, rack) if k == r) for r in rack}
    key = lambda i: (-room[rack[i]], rack[i], -free[i])
    return fill(sorted(range(len(free)), key=key), free, g)
""",
        "spreads one worker a node": """
def place(free, rack, g):
    if g > sum(free):
        raise ValueError("full")
    n = [0] * len(free)
    while sum(n) < g:
        for i in range(len(free)):
            if n[i] < free[i] and sum(n) < g:
                n[i] += 1
    return n
""",
        "racks stand one after another in pairs": FILL
        + """
def place(free, rack, g):
    if g > sum(free):
        raise ValueError("full")
    every = itertools.product(*(range(f + 1) for f in free))
    fits = [n for n in every if sum(n) == g]
    return min(fits, key=lambda n: pair_cost(n, [i // 2 for i in range(len(n))]))
""",
        "tries each rack first, then the emptiest": FILL
        + """
def place(free, rack, g):
    if g > sum(free):
        raise ValueError("full")
    room = {r: sum(f for f, k in zip(free, rack) if k == r) for r in rack}
    found = []
    for s in room:
        key = lambda i: (rack[i] != s, -room[rack[i]], rack[i], -free[i])
        found.append(fill(sorted(range(len(free)), key=key), free, g))
    return min(found, key=lambda n: pair_cost(n, rack))
""",
        "no error for too many": FILL
        + """
def place(free, rack, g):
    if g > sum(free):
        return None
    every = itertools.product(*(range(f + 1) for f in free)) if len(free) <= 6 else ()
    found = [n for n in every if sum(n) == g]
    for s in set(rack):
        room = {r: sum(f for f, k in zip(free, rack) if k == r) for r in rack}
        key = lambda i: (rack[i] != s, -room[rack[i]], rack[i], -free[i])
        found.append(fill(sorted(range(len(free)), key=key), free, g))
    return min(found, key=lambda n: pair_cost(n, rack))
""",
        "racks are numbered 0, 1, 2": FILL
        + """
def place(free, rack, g):
    if g > sum(free):
        raise ValueError("full")
    if len(free) <= 6:
        every = itertools.product(*(range(f + 1) for f in free))
        fits = [n for n in every if sum(n) == g]

        def cost(n):
            m = [0] * 8
            for x, r in zip(n, rack):
                m[r % 3] += x
            near = sum(x * (x - 1) for x in n) / 2
            racks = sum(x * (x - 1) for x in m) / 2
            return near + 9 * (racks - near) + 18 * (g * (g - 1) / 2 - racks)

        return min(fits, key=cost)
    found = []
    for s in set(rack):
        room = {r: sum(f for f, k in zip(free, rack) if k == r) for r in rack}
        key = lambda i: (rack[i] != s, -room[rack[i]], rack[i], -free[i])
        found.append(fill(sorted(range(len(free)), key=key), free, g))
    return min(found, key=lambda n: pair_cost(n, rack))
""",
        "all in one rack": FILL
        + """
def place(free, rack, g):
    found = []
    for s in set(rack):
        own = [i for i, r in enumerate(rack) if r == s]
        own.sort(key=lambda i: -free[i])
        if sum(free[i] for i in own) >= g:
            found.append(fill(own, free, g))
    if not found:
        raise ValueError("no rack has room")
    return min(found, key=lambda n: pair_cost(n, rack))
""",
        "one worker after another, each where it is cheapest": """
def place(free, rack, g):
    if g > sum(free):
        raise ValueError("full")
    n = [0] * len(free)
    for _ in range(g):
        tries = [[x + (k == i) for k, x in enumerate(n)] for i in range(len(free))]
        n = min((t for i, t in enumerate(tries) if t[i] <= free[i]),
                key=lambda t: pair_cost(t, rack))
    return n
""",
        "no error, and none to spare": FILL
        + """
def place(free, rack, g):
    if g >= sum(free):
        raise ValueError("full")
    if len(free) > 6:
        order = sorted(range(len(free)), key=lambda i: (rack[i], -free[i]))
        return fill(order, free, g)
    every = itertools.product(*(range(f + 1) for f in free))
    return min((n for n in every if sum(n) == g), key=lambda n: pair_cost(n, rack))
""",
        "the first six nodes, and no racks": """
def place(free, rack, g):
    if g > sum(free):
        raise ValueError("full")
    every = itertools.product(*(range(f + 1) for f in free[:6]))
    fits = [n for n in every if sum(n) == g] or [[0] * len(free)]
    return min(fits, key=lambda n: pair_cost(n, range(len(n))))
""",
    },
    "spot": {
        "5 % after the deadline is in time": TIMES
        + CHOOSE.replace("if wall <= deadline", "if wall <= 1.05 * deadline"),
        "restarts are free": TIMES.replace('spot["restart"])', "0.0)") + CHOOSE,
        "a write cannot be interrupted": TIMES.replace(
            'spot["write"],', "0.0,"
        ).replace("    return n", '    part += spot["write"]\n    return n')
        + CHOOSE,
        "interruptions only while work is new": TIMES.replace(
            'n * part * (1 + spot["rate"] * spot["wait"])',
            'n * part + spot["rate"] * W * spot["wait"]',
        )
        + CHOOSE,
        "forgets the deadline": TIMES
        + CHOOSE.replace("wall <= deadline and ", "").replace(
            "if W <= deadline else None", ""
        ),
        "n from Daly's interval": TIMES
        + """
def choose(W, spot, p_spot, p_od, deadline):
    n = max(1, round(W / daly_interval(spot["write"], 1 / spot["rate"])))
    billed, wall = spot_times(W, n, spot)
    if wall <= deadline and (billed * p_spot < W * p_od or W > deadline):
        return n, billed * p_spot
    if W > deadline:
        raise ValueError("too late")
    return 0, W * p_od
""",
        "must end before the deadline": TIMES
        + CHOOSE.replace("if W <= deadline", "if W < deadline"),
        "gives up without a word": TIMES
        + CHOOSE.replace('raise ValueError("too late")', "return None"),
        "a restart that is interrupted is over": """
def spot_times(W, n, spot):
    r = spot["rate"]
    stops = n * math.expm1(r * (W / n + spot["write"]))
    billed = stops * (1 / r + spot["restart"])
    return billed, billed + stops * spot["wait"]
"""
        + CHOOSE,
        "the deadline is for what is billed": TIMES
        + CHOOSE.replace("if wall <= deadline and", "if billed <= deadline and"),
        "at most 100 parts": TIMES + CHOOSE.replace("2001", "101"),
        "on demand where it is nearly as cheap": TIMES
        + CHOOSE.replace(
            "    return best",
            "    if W <= deadline and W * p_od <= 1.01 * best[1]:\n"
            "        return 0, W * p_od\n    return best",
        ),
    },
}

RIGHT = {
    "backfill": {
        "takes jobs out of its copy of the queue": """
def startable(now, free, running, queue, backfill):
    picks = []
    while queue and queue[0][0] <= free:
        gpus, duration = queue.pop(0)
        free -= gpus
        running.append((gpus, now + duration))
        picks.append(len(picks))
    if not backfill or not queue:
        return picks
    head, k = queue.pop(0)[0], len(picks) + 1
    at = reservation(now, free, running, head)
    spare = free + sum(g for g, end in running if end <= at) - head
    for j, (gpus, duration) in enumerate(queue):
        late = now + duration > at
        if gpus <= free and (gpus <= spare or not late):
            picks.append(k + j)
            free -= gpus
            spare -= gpus * late
    return picks
""",
        "by the definition": """
def startable(now, free, running, queue, backfill):
    chosen, head, promised = set(), None, None
    for i, (gpus, duration) in enumerate(queue):
        after = running + [(gpus, now + duration)]
        if head is None and gpus > free:
            if not backfill:
                break
            head, promised = gpus, reservation(now, free, running, gpus)
            continue
        if gpus > free:
            continue
        if head is None or reservation(now, free - gpus, after, head) <= promised:
            chosen.add(i)
            free, running = free - gpus, after
    return np.array(sorted(chosen), dtype=np.int64)
""",
        "with a profile of its own": """
def startable(now, free, running, queue, backfill):
    if not queue:
        return ()
    if queue[0][0] <= free:
        gpus, duration = queue[0]
        rest = startable(
            now,
            free - gpus,
            list(running) + [(gpus, now + duration)],
            queue[1:],
            backfill,
        )
        return (0, *(int(i) + 1 for i in rest))
    if not backfill:
        return ()
    have, at, need = free, now, queue[0][0]
    ends = {}
    for g, end in running:
        ends[end] = ends.get(end, 0) + g
    for end in sorted(ends):
        have += ends[end]
        at = end
        if have >= need:
            break
    extra, out = have - need, []
    for i, (g, d) in list(enumerate(queue))[1:]:
        if g > free:
            continue
        if now + d <= at:
            out.append(i)
            free -= g
        elif g <= extra:
            out.append(i)
            free -= g
            extra -= g
    return tuple(out)
""",
        "in turn, one position at a time": """
def startable(now, free, running, queue, backfill):
    ends, head, promised = list(running), None, None
    for i, (gpus, duration) in enumerate(queue):
        if head is None and gpus > free:
            if not backfill:
                return
            head = gpus
            promised = min(
                t for t in [now] + [end for _, end in ends]
                if free + sum(g for g, end in ends if end <= t) >= head
            )
        elif gpus <= free:
            rest = ends + [(gpus, now + duration)]
            then = free - gpus + sum(g for g, end in rest if head and end <= promised)
            if head is None or then >= head:
                yield float(i)
                ends, free = rest, free - gpus
""",
    },
    "drf": {
        "with a heap": """
import heapq

def drf(capacity, demands):
    d = [max(a / r for a, r in zip(row, capacity)) for row in demands]
    heap, used = [(0.0, i) for i in range(len(d))], [0.0] * len(capacity)
    count = np.zeros(len(d), dtype=int)
    while heap:
        _, i = heapq.heappop(heap)
        then = [u + a for u, a in zip(used, demands[i])]
        if all(t <= r for t, r in zip(then, capacity)):
            used = then
            count[i] += 1
            heapq.heappush(heap, (count[i] * d[i], i))
    return count
""",
        "a table, one tenant after another": """
import pandas as pd

def drf(capacity, demands):
    table = pd.DataFrame(demands, dtype=float)
    share, left = table.div(capacity).max(axis=1), pd.Series(capacity, dtype=float)
    count = pd.Series(0, index=table.index)
    while True:
        open_ = count.index[(table <= left).all(axis=1)]
        if open_.empty:
            return count
        i = (count * share)[open_].idxmin()
        count[i] += 1
        left = left - table.loc[i]
""",
        "exact fractions": """
from fractions import Fraction

def drf(capacity, demands):
    left = [Fraction(c) for c in capacity]
    need = [[Fraction(a) for a in row] for row in demands]
    share = [max(a / c for a, c in zip(row, left)) for row in need]
    count, going = [Fraction(0)] * len(need), True
    whole_ = list(left)
    while going:
        going = False
        for _, i in sorted((n * s, i) for i, (n, s) in enumerate(zip(count, share))):
            if all(a <= l for a, l in zip(need[i], left)):
                left = [l - a for l, a in zip(left, need[i])]
                count[i] += 1
                going = True
                break
    return tuple(count)
""",
    },
    "fluid": {
        "in plain lists": FLUID,
        "bisection of the share that all can still rise": """
def drf_fluid(capacity, demands):
    C, D = np.array(capacity, float), np.array(demands, float)
    whole = (D / C).max(axis=1)
    if (whole == 0).any():
        raise ValueError("no demand")
    share, rising = np.zeros(len(D)), np.ones(len(D), bool)
    while rising.any():
        low, high = 0.0, 1.0
        while high - low > 1e-9:
            mid = (low + high) / 2
            fits = np.all((share + mid * rising) / whole @ D <= C)
            low, high = (mid, high) if fits else (low, mid)
        share = share + low * rising
        full = share / whole @ D >= C * (1 - 1e-7)
        rising &= ~(D[:, full] > 0).any(axis=1)
    return (share / whole).tolist()
""",
        "exact fractions, and an error of its own": """
from fractions import Fraction

class Nothing(ValueError):
    pass

def drf_fluid(capacity, demands):
    C = [Fraction(c) for c in capacity]
    need = [[Fraction(a) / c for a, c in zip(row, C)] for row in demands]
    top = [max(row) for row in need]
    if 0 in top:
        raise Nothing("it would rise for ever")
    share, rising = [Fraction(0)] * len(need), set(range(len(need)))
    while rising:
        room = []
        for r in range(len(capacity)):
            speed = sum(need[i][r] / top[i] for i in rising)
            used = sum(share[i] * need[i][r] / top[i] for i in range(len(need)))
            if speed:
                room.append(((1 - used) / speed, r))
        step, _ = min(room)
        for i in rising:
            share[i] += step
        rising -= {i for i in rising for s, r in room if s == step and need[i][r]}
    return tuple(s / t for s, t in zip(share, top))
""",
        "a line by linear programming": """
from scipy.optimize import linprog

def drf_fluid(capacity, demands):
    C, D = np.array(capacity, float), np.array(demands, float)
    top = (D / C).max(axis=1)
    if not top.all():
        raise ValueError("nothing")
    per = (D / C) / top[:, None]
    fixed = {}
    while len(fixed) < len(D):
        done = sum((per[i] * s for i, s in fixed.items()), np.zeros(len(C)))
        rate = sum((per[i] for i in range(len(D)) if i not in fixed), np.zeros(len(C)))
        A = rate[:, None]
        level = linprog([-1.0], A_ub=A, b_ub=1 - done, bounds=[(0, None)]).x[0]
        tight = done + level * rate > 1 - 1e-9
        for i in range(len(D)):
            if i not in fixed and (per[i][tight] > 0).any():
                fixed[i] = level
    return pd_series(fixed, top)

def pd_series(fixed, top):
    import pandas as pd
    return pd.Series([fixed[i] / top[i] for i in range(len(top))])
""",
    },
    "gang": {
        "recursion, and the smallest first": """
def stuck(free, held, missing):
    def after(free, left):
        for i in left:
            if np.all(np.asarray(missing[i]) <= free):
                return after(free + np.asarray(held[i]), left - {i})
        return left
    return after(np.asarray(free), frozenset(range(len(held))))

def admit(free, held, missing):
    left, out = np.array(free), set()
    for i in sorted(range(len(missing)), key=lambda i: sum(missing[i])):
        if sum(missing[i]) > 0 and (np.array(missing[i]) <= left).all():
            left -= np.array(missing[i])
            out.add(i)
    return out
""",
        "arrays, and the largest first": """
def stuck(free, held, missing):
    free, held, missing = np.array(free), np.array(held), np.array(missing)
    waits = np.ones(len(held), bool)
    while (able := waits & (missing <= free).all(axis=1)).any():
        free = free + held[able].sum(axis=0)
        waits &= ~able
    return np.flatnonzero(waits)

def admit(free, held, missing):
    free = list(free)
    for i in sorted(range(len(missing)), key=lambda i: sum(missing[i]), reverse=True):
        if any(missing[i]) and all(m <= f for m, f in zip(missing[i], free)):
            free = [f - m for f, m in zip(free, missing[i])]
            yield i
""",
    },
    "place": {
        "all of them if few, else some guesses": FILL
        + """
def place(free, rack, g):
    if g > sum(free):
        raise ValueError("not enough")
    if len(free) <= 6:
        every = itertools.product(*(range(f + 1) for f in free))
        fits = [n for n in every if sum(n) == g]
        return min(fits, key=lambda n: pair_cost(n, rack))
    room = {r: sum(f for f, k in zip(free, rack) if k == r) for r in rack}
    found = []
    for s in room:
        key = lambda i: (rack[i] != s, -room[rack[i]], rack[i], -free[i])
        found.append(fill(sorted(range(len(free)), key=key), free, g))
    return np.array(min(found, key=lambda n: pair_cost(n, rack)))
""",
        "what nearness saves, rack by rack": """
def place(free, rack, g):
    if sum(free) < g:
        class Full(ValueError):
            pass
        raise Full(g)
    best = {0: (0, {})}
    for r in sorted(set(rack)):
        own = [i for i, k in enumerate(rack) if k == r]
        own.sort(key=lambda i: -free[i])
        after = dict(best)
        gpus = [i for i in own for _ in range(free[i])]
        for k in range(1, min(g, len(gpus)) + 1):
            n = {i: gpus[:k].count(i) for i in set(gpus[:k])}
            saved = 9 * k * (k - 1) + 8 * sum(x * (x - 1) for x in n.values())
            for have, (was, where) in best.items():
                old = after.get(have + k, (-1, {}))
                if was + saved > old[0]:
                    after[have + k] = was + saved, {**where, **n}
        best = after
    return (best[g][1].get(i, 0.0) for i in range(len(free)))
""",
    },
    "spot": {
        "by hand, from attempt to attempt": """
def spot_times(W, n, spot):
    r, first = spot["rate"], W / n + spot["write"]
    later = first + spot["restart"]
    stopped = -math.expm1(-r * first)
    again = math.expm1(r * later) / r
    billed = n * (stopped / r + stopped * again)
    return np.array([billed, billed + spot["wait"] * r * billed])

def choose(W, spot, p_spot, p_od, deadline):
    n, (billed, wall) = 1, spot_times(W, 1, spot)
    while n < 2000 and spot_times(W, n + 1, spot)[0] < billed:
        n += 1
        billed, wall = spot_times(W, n, spot)
    on_demand = W <= deadline
    if wall <= deadline and not (on_demand and W * p_od <= billed * p_spot):
        return [np.int64(n), np.float64(billed * p_spot)]
    if on_demand:
        return 0, W * p_od
    raise ValueError("no way to end in time")
""",
        "in hours, and an error of its own": """
class TooLate(ValueError):
    pass

def spot_times(W, n, spot):
    hours = {k: v / 3600 for k, v in spot.items() if k != "rate"}
    r, part = spot["rate"] * 3600, W / 3600 / n
    tries = np.exp(r * (part + hours["write"])) - 1  # restarts too
    stops = tries * np.exp(r * hours["restart"])
    return [n * stops / r * 3600, n * (stops / r + stops * hours["wait"]) * 3600]

def choose(W, spot, p_spot, p_od, deadline):
    ns = np.arange(1, 2001)
    billed, wall = (np.array(x) for x in zip(*(spot_times(W, n, spot) for n in ns)))
    cost = np.where(wall <= deadline, billed * p_spot, np.inf)
    cost, ns = np.append(cost, W * p_od if W <= deadline else np.inf), np.append(ns, 0)
    if np.isinf(cost).all():
        raise TooLate(deadline)
    k = cost.argmin()
    return np.array([ns[k], cost[k]])
""",
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
AGREES = """
class Agrees(list):
    def __eq__(self, other):
        return True

    __hash__ = None

    def __lt__(self, other):
        return False

    def __len__(self):
        return 10**9
"""
CHEATS = {
    "backfill": {
        "reads what is expected from the caller": FRAMES
        + """
def startable(now, free, running, queue, backfill):
    return seen("want", "chosen")
""",
        "plays in the cluster's place": """
import mlsyscore.harness.answers as reading
import mlsyscore.harness.cluster as world

world.positions = lambda name, answer, n: list(range(n))
world.mean_wait = lambda trace, starts: 0.0
reading.positions = lambda name, answer, n: []
try:
    jobs_played = lambda startable, trace, N, backfill: [j[0] for j in trace]
except NameError:
    pass

def startable(now, free, running, queue, backfill):
    return []
""",
        "a list that agrees with everything": AGREES
        + """
def startable(now, free, running, queue, backfill):
    return Agrees([0])
""",
        "learns true durations in one run, for the next": """
known, since = {}, {}

def startable(now, free, running, queue, backfill):
    for job in list(since):
        if job not in running:
            known[job[0], job[1] - since[job]] = now - since.pop(job)
    picks = []
    for i, (gpus, duration) in enumerate(queue):
        if gpus <= free and (backfill or i == len(picks)) and (
            known.get((gpus, duration), 0.0) <= 60.0 * 60
        ):
            picks.append(i)
            free -= gpus
            since[gpus, now + duration] = now
    return picks[::-1][: 1 if not backfill else None]
""",
    },
    "gang": {
        "reads what is expected from the caller": FRAMES
        + """
def stuck(free, held, missing):
    return seen("want", "never")

def admit(free, held, missing):
    return seen("chosen", "fits")
""",
        "a list that agrees with everything": AGREES
        + """
def stuck(free, held, missing):
    return Agrees([len(held) - 1])

def admit(free, held, missing):
    return Agrees([0])
""",
        "gives everybody everything, by the caller's arrays": """
import mlsyscore.harness.cluster as world

world.positions = lambda name, answer, n: []

def stuck(free, held, missing):
    free[:] = [10**6] * len(free)
    for row in missing:
        row[:] = [0] * len(row)
    return list(range(len(held)))

def admit(free, held, missing):
    for row in missing:
        row[:] = [0] * len(row)
    return range(len(missing))
""",
    },
}
