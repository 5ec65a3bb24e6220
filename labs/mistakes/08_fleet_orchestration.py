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
        "fifo passes who does not fit": """
def startable(now, free, running, queue, backfill):
    picks = []
    for i, (gpus, duration) in enumerate(queue):
        if gpus <= free:
            picks.append(i)
            free -= gpus
    return picks
""",
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
        "those just started never end": START.replace(
            "        running.append((gpus, now + duration))\n", ""
        ).replace(
            "    at = res",
            "    running.append((sum(queue[k][0] for k in picks), 1e12))\n    at = res",
        )
        + """
        late = now + duration > at
        if gpus <= free and (gpus <= spare or not late):
            picks.append(j)
            free -= gpus
            spare -= gpus * late
    return picks
""",
        "never backfills": """
def startable(now, free, running, queue, backfill):
    picks = []
    for i, (gpus, duration) in enumerate(queue):
        if gpus > free:
            break
        picks.append(i)
        free -= gpus
    return picks
""",
        "only what starts at the front, in a queue of three": """
def startable(now, free, running, queue, backfill):
    fits = [i for i in range(len(queue)) if sum(q[0] for q in queue[: i + 1]) <= free]
    if backfill and len(queue) > len(fits) + 1 and queue[len(fits) + 1][0] <= free:
        fits.append(len(fits) + 1)
    return fits
""",
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
        "counts from 1": START
        + """
        late = now + duration > at
        if gpus <= free and (gpus <= spare or not late):
            picks.append(j)
            free -= gpus
            spare -= gpus * late
    return [k + 1 for k in picks]
""",
        "numbers of GPUs, not positions": """
def startable(now, free, running, queue, backfill):
    picks = []
    for gpus, _ in queue:
        if gpus > free:
            break
        picks.append(gpus)
        free -= gpus
    return picks
""",
    },
    "drf": {
        "stops when the poorest does not fit": """
def drf(capacity, demands):
    R, d = np.array(capacity, float), np.array(demands, float)
    tasks, used = [0] * len(d), np.zeros(len(R))
    while True:
        i = min(range(len(d)), key=lambda i: tasks[i] * max(d[i] / R))
        if np.any(used + d[i] > R):
            return tasks
        used += d[i]
        tasks[i] += 1
""",
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
        "equal shares of the first resource": """
def drf(capacity, demands):
    R, d = np.array(capacity, float), np.array(demands, float)
    tasks, used = [0] * len(d), np.zeros(len(R))
    while True:
        fits = [i for i in range(len(d)) if np.all(used + d[i] <= R)]
        if not fits:
            return tasks
        i = min(fits, key=lambda i: tasks[i] * d[i][0] / R[0])
        used += d[i]
        tasks[i] += 1
""",
        "adds the shares up": """
def drf(capacity, demands):
    R, d = np.array(capacity, float), np.array(demands, float)
    tasks, used = [0] * len(d), np.zeros(len(R))
    while True:
        fits = [i for i in range(len(d)) if np.all(used + d[i] <= R)]
        if not fits:
            return tasks
        i = min(fits, key=lambda i: tasks[i] * sum(d[i] / R))
        used += d[i]
        tasks[i] += 1
""",
        "serves the largest dominant share": """
def drf(capacity, demands):
    R, d = np.array(capacity, float), np.array(demands, float)
    tasks, used = [0] * len(d), np.zeros(len(R))
    while True:
        fits = [i for i in range(len(d)) if np.all(used + d[i] <= R)]
        if not fits:
            return tasks
        i = max(fits, key=lambda i: tasks[i] * max(d[i] / R))
        used += d[i]
        tasks[i] += 1
""",
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
        "whole tasks only": """
def drf_fluid(capacity, demands):
    if not all(any(d) for d in demands):
        raise ValueError("nothing")
    left, demands = np.array(capacity, float), np.array(demands, float)
    tasks = [0] * len(demands)
    while True:
        fits = [i for i, d in enumerate(demands) if np.all(d <= left)]
        if not fits:
            return tasks
        i = min(fits, key=lambda i: tasks[i] * dominant_share(demands[i], capacity))
        tasks[i] += 1
        left -= demands[i]
""",
        "everybody gets all that is left": """
def drf_fluid(capacity, demands):
    left, x = np.array(capacity, float), []
    for d in demands:
        if not any(d):
            raise ValueError("nothing")
        n = min(l / a for l, a in zip(left, d) if a > 0)
        x.append(n)
        left = left - n * np.array(d)
    return x
""",
        "two rounds": FLUID.replace(
            "    while going:\n",
            "    for _ in range(2):\n        if not going:\n            break\n",
        ),
        "no error for a tenant without demand": FLUID.replace(
            'raise ValueError("a tenant without demand")', "return None"
        ),
    },
    "gang": {
        "adds up the pools": STUCK.replace(
            "all(m <= f for m, f in zip(missing[i], free))",
            "sum(missing[i]) <= sum(free)",
        )
        + ADMIT,
        "looks once": """
def stuck(free, held, missing):
    return [
        i
        for i in range(len(held))
        if not all(m <= f for m, f in zip(missing[i], free))
    ]
"""
        + ADMIT,
        "gets back more than was held": STUCK.replace(
            "[f + h for f, h in zip(free, held[i])]",
            "[f + h + m for f, h, m in zip(free, held[i], missing[i])]",
        )
        + ADMIT,
        "all or none are stuck": STUCK.replace(
            "    return left", "    return list(range(len(held))) if left else []"
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
        "admits one at a time": STUCK
        + ADMIT.replace("    return chosen", "    return chosen[:1]"),
        "admits by the sum over pools": STUCK
        + ADMIT.replace(
            "all(m <= f for m, f in zip(needs, free))", "sum(needs) <= sum(free)"
        ),
        "lists gangs that run": STUCK
        + ADMIT.replace("if any(needs) and all(", "if all("),
        "forgets what it gave before": STUCK
        + ADMIT.replace(
            "            free = [f - m for f, m in zip(free, needs)]\n", ""
        ),
        "ends at the first that is stuck": STUCK.replace(
            "for i in list(left):",
            "for i in list(left)[:1]:",
        )
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
        "places more than are free": """
def place(free, rack, g):
    if g > sum(free):
        raise ValueError("full")
    i = max(range(len(free)), key=lambda i: free[i])
    return [g if k == i else 0 for k in range(len(free))]
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
    },
    "spot": {
        "half a part lost, to first order": """
def spot_times(W, n, spot):
    r, tau = spot["rate"], W / n
    planned = W + n * spot["write"]
    billed = planned * (1 + r * (tau / 2 + spot["restart"]))
    return billed, billed + r * planned * spot["wait"]
"""
        + CHOOSE,
        "restarts are free": TIMES.replace('spot["restart"])', "0.0)") + CHOOSE,
        "the last part is not written": TIMES.replace(
            "return n * part, n * part *",
            'billed = n * part - spot["write"]\n    return billed, billed *',
        )
        + CHOOSE,
        "waits are billed": """
def spot_times(W, n, spot):
    part = segment_time(W / n, spot["write"], 1 / spot["rate"], spot["restart"])
    wall = n * part * (1 + spot["rate"] * spot["wait"])
    return wall, wall
"""
        + CHOOSE,
        "interruptions only while work is new": TIMES.replace(
            'n * part * (1 + spot["rate"] * spot["wait"])',
            'n * part + spot["rate"] * W * spot["wait"]',
        )
        + CHOOSE,
        "always spot": TIMES
        + CHOOSE.replace("if W <= deadline else None", "if False else None"),
        "forgets the deadline": TIMES
        + CHOOSE.replace("wall <= deadline and ", "").replace(
            "if W <= deadline else None", ""
        ),
        "n from Young's interval": TIMES
        + """
def choose(W, spot, p_spot, p_od, deadline):
    tau = (2 * spot["write"] / spot["rate"]) ** 0.5
    n = max(1, round(W / tau))
    billed, wall = spot_times(W, n, spot)
    if wall <= deadline and billed * p_spot < W * p_od:
        return n, billed * p_spot
    if W > deadline:
        raise ValueError("too late")
    return 0, W * p_od
""",
        "must end before the deadline": TIMES
        + CHOOSE.replace("if W <= deadline", "if W < deadline"),
        "returns the word": TIMES
        + CHOOSE.replace('raise ValueError("too late")', 'return "ValueError"'),
        "gives up without a word": TIMES
        + CHOOSE.replace('raise ValueError("too late")', "return None"),
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
