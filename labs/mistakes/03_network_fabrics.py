"""Answers that a student might well write."""

WRONG = {
    "fit": {
        "trusts every timing": """
def fit_alpha_beta(n, T):
    link = fit_link(n, T)
    ratio = T / link.time(n)
    return link, np.flatnonzero((ratio > 3) | (ratio < 1 / 3)).tolist()
""",
        "minimises the absolute error": """
def fit_alpha_beta(n, T):
    sizes = np.unique(n)
    if len(sizes) < 2:
        raise ValueError("one size")
    slope, alpha = np.polyfit(sizes, [np.median(T[n == s]) for s in sizes], 1)
    link = Link(max(alpha, 0.0), 1 / slope)
    ratio = T / link.time(n)
    return link, np.flatnonzero((ratio > 3) | (ratio < 1 / 3)).tolist()
""",
        "takes the mean of each size": """
def fit_alpha_beta(n, T):
    sizes = np.unique(n)
    link = fit_link(sizes, [np.mean(T[n == s]) for s in sizes])
    ratio = T / link.time(n)
    return link, np.flatnonzero((ratio > 3) | (ratio < 1 / 3)).tolist()
""",
        "takes the fastest of each size": """
def fit_alpha_beta(n, T):
    sizes = np.unique(n)
    link = fit_link(sizes, [np.min(T[n == s]) for s in sizes])
    ratio = T / link.time(n)
    return link, np.flatnonzero((ratio > 3) | (ratio < 1 / 3)).tolist()
""",
        "suspects only slow ones": """
def fit_alpha_beta(n, T):
    sizes = np.unique(n)
    link = fit_link(sizes, [np.median(T[n == s]) for s in sizes])
    return link, [i for i in range(len(T)) if T[i] > 3 * link.time(n[i])]
""",
        "beta in seconds per byte": """
def fit_alpha_beta(n, T):
    sizes = np.unique(n)
    link = fit_link(sizes, [np.median(T[n == s]) for s in sizes])
    ratio = T / link.time(n)
    bad = np.flatnonzero((ratio > 3) | (ratio < 1 / 3)).tolist()
    return Link(link.alpha, 1 / link.beta), bad
""",
        "takes the geometric mean of each size": """
def fit_alpha_beta(n, T):
    sizes = np.unique(n)
    link = fit_link(sizes, [np.exp(np.log(T[n == size]).mean()) for size in sizes])
    ratio = T / link.time(n)
    return link, np.flatnonzero((ratio > 3) | (ratio < 1 / 3)).tolist()
""",
        "a line through the smallest and the largest size": """
def fit_alpha_beta(n, T):
    low, high = min(n), max(n)
    if low == high:
        raise ValueError("one size")
    link = fit_link([low, high], [np.median(T[n == low]), np.median(T[n == high])])
    ratio = T / link.time(n)
    return link, np.flatnonzero((ratio > 3) | (ratio < 1 / 3)).tolist()
""",
        "suspects what is more than 4 times off": """
def fit_alpha_beta(n, T):
    sizes = np.unique(n)
    link = fit_link(sizes, [np.median(T[n == s]) for s in sizes])
    ratio = T / link.time(n)
    return link, np.flatnonzero((ratio > 4) | (ratio < 1 / 4)).tolist()
""",
        "refuses one size with an assert": """
def fit_alpha_beta(n, T):
    sizes = np.unique(n)
    assert len(sizes) > 1
    link = fit_link(sizes, [np.median(T[n == s]) for s in sizes])
    ratio = T / link.time(n)
    return link, np.flatnonzero((ratio > 3) | (ratio < 1 / 3)).tolist()
""",
    },
    "tree": {
        "a core switch reaches some pods twice": """
def fat_tree(k):
    if k < 2 or k % 2:
        raise ValueError("odd")
    half, cables = k // 2, []
    for pod in range(k):
        for i in range(half):
            for j in range(half):
                edge = pod * half + i
                cables.append((f"h{edge * half + j}", f"e{edge}"))
                cables.append((f"e{edge}", f"a{pod * half + j}"))
                cables.append((f"a{edge}", f"c{pod % half * half + j}"))
    return cables
""",
        "every aggregation switch takes the first core switches": """
def fat_tree(k):
    if k < 2 or k % 2:
        raise ValueError("odd")
    half, cables = k // 2, []
    for pod in range(k):
        for i in range(half):
            for j in range(half):
                edge = pod * half + i
                cables.append((f"h{edge * half + j}", f"e{edge}"))
                cables.append((f"e{edge}", f"a{pod * half + j}"))
                cables.append((f"a{edge}", f"c{j}"))
    return cables
""",
        "two tiers": """
def fat_tree(k):
    if k < 2 or k % 2:
        raise ValueError("odd")
    half = k // 2
    cables = [(f"h{e * half + j}", f"e{e}") for e in range(k) for j in range(half)]
    return cables + [(f"e{e}", f"c{j}") for e in range(k) for j in range(half)]
""",
        "k hosts on an edge switch": """
def fat_tree(k):
    if k < 2 or k % 2:
        raise ValueError("odd")
    half, cables = k // 2, []
    for pod in range(k):
        for i in range(half):
            edge = pod * half + i
            for j in range(k):
                cables.append((f"h{edge * k + j}", f"e{edge}"))
            for j in range(half):
                cables.append((f"e{edge}", f"a{pod * half + j}"))
                cables.append((f"a{edge}", f"c{i * half + j}"))
    return cables
""",
        "each cable in both directions": """
def fat_tree(k):
    if k < 2 or k % 2:
        raise ValueError("odd")
    half, cables = k // 2, []
    for pod in range(k):
        for i in range(half):
            for j in range(half):
                edge = pod * half + i
                cables.append((f"h{edge * half + j}", f"e{edge}"))
                cables.append((f"e{edge}", f"a{pod * half + j}"))
                cables.append((f"a{edge}", f"c{i * half + j}"))
    return cables + [(y, x) for x, y in cables]
""",
        "an edge switch has one way up": """
def fat_tree(k):
    if k < 2 or k % 2:
        raise ValueError("odd")
    half, cables = k // 2, []
    for pod in range(k):
        for i in range(half):
            edge = pod * half + i
            cables.append((f"e{edge}", f"a{edge}"))
            for j in range(half):
                cables.append((f"h{edge * half + j}", f"e{edge}"))
                cables.append((f"a{edge}", f"c{i * half + j}"))
    return cables
""",
        "wires any k": """
def fat_tree(k):
    half, cables = k // 2, []
    for pod in range(k):
        for i in range(half):
            for j in range(half):
                edge = pod * half + i
                cables.append((f"h{edge * half + j}", f"e{edge}"))
                cables.append((f"e{edge}", f"a{pod * half + j}"))
                cables.append((f"a{edge}", f"c{i * half + j}"))
    return cables
""",
        "hosts dealt out over the edge switches of a pod": """
def fat_tree(k):
    if k < 2 or k % 2:
        raise ValueError("odd")
    half, cables = k // 2, []
    for pod in range(k):
        for i in range(half):
            for j in range(half):
                edge = pod * half + i
                host = pod * half**2 + j * half + i
                cables.append((f"h{host}", f"e{edge}"))
                cables.append((f"e{edge}", f"a{pod * half + j}"))
                cables.append((f"a{edge}", f"c{i * half + j}"))
    return cables
""",
        "right for powers of two only": """
def fat_tree(k):
    if k < 2 or k % 2:
        raise ValueError("odd")
    half, bits, cables = k // 2, (k // 2).bit_length() - 1, []
    for edge in range(k * half):
        for j in range(half):
            pod, i = edge >> bits, edge & (half - 1)
            cables.append((f"h{edge * half + j}", f"e{edge}"))
            cables.append((f"e{edge}", f"a{(pod << bits) + j}"))
            cables.append((f"a{edge}", f"c{(i << bits) + j}"))
    return cables
""",
    },
    "cut": {
        "a doubled cable counts once": """
def cut(cables, left, dead):
    G = nx.Graph(cables)
    nx.set_edge_attributes(G, 1, "capacity")
    G.remove_nodes_from(dead)
    for x in {x for pair in cables for x in pair if x.startswith("h")}:
        G.add_edge("S" if x in left else "T", x)
    return nx.minimum_cut_value(G, "S", "T")
""",
        "the dead still carry": """
def cut(cables, left, dead):
    G = nx.Graph()
    for x, y in cables:
        old = G[x][y]["capacity"] if G.has_edge(x, y) else 0
        G.add_edge(x, y, capacity=old + 1)
    for x in {x for pair in cables for x in pair if x.startswith("h")}:
        G.add_edge("S" if x in left else "T", x)
    return nx.minimum_cut_value(G, "S", "T")
""",
        "port speed decides": """
def cut(cables, left, dead):
    hosts = {x for pair in cables for x in pair if x.startswith("h")}
    return min(len(left), len(hosts) - len(left))
""",
        "a host has one cable": """
def cut(cables, left, dead):
    G = nx.Graph()
    for x, y in cables:
        if x not in dead and y not in dead:
            old = G[x][y]["capacity"] if G.has_edge(x, y) else 0
            G.add_edge(x, y, capacity=old + 1)
    for x in {x for pair in cables for x in pair if x.startswith("h")}:
        G.add_edge("S" if x in left else "T", x, capacity=1)
    return nx.minimum_cut_value(G, "S", "T")
""",
        "between one pair of hosts": """
def cut(cables, left, dead):
    G = nx.Graph()
    for x, y in cables:
        if x not in dead and y not in dead:
            old = G[x][y]["capacity"] if G.has_edge(x, y) else 0
            G.add_edge(x, y, capacity=old + 1)
    hosts = {x for pair in cables for x in pair if x.startswith("h")}
    return nx.minimum_cut_value(G, left[0], min(hosts - set(left)))
""",
        "hosts do not forward": """
def cut(cables, left, dead):
    G = nx.Graph()
    G.add_nodes_from(["S", "T"])
    for x, y in cables:
        if x in dead or y in dead or (x.startswith("h") and y.startswith("h")):
            continue
        old = G[x][y]["capacity"] if G.has_edge(x, y) else 0
        G.add_edge(x, y, capacity=old + 1)
    for x in {x for pair in cables for x in pair if x.startswith("h")}:
        G.add_edge("S" if x in left else "T", x)
    return nx.minimum_cut_value(G, "S", "T")
""",
        "looks for the dead at one end only": """
def cut(cables, left, dead):
    G = nx.Graph()
    for x, y in cables:
        if y not in dead:
            old = G[x][y]["capacity"] if G.has_edge(x, y) else 0
            G.add_edge(x, y, capacity=old + 1)
    for x in {x for pair in cables for x in pair if x.startswith("h")}:
        G.add_edge("S" if x in left else "T", x)
    return nx.minimum_cut_value(G, "S", "T")
""",
    },
    "slowdown": {
        "every byte crosses, in a ring as in an all-to-all": """
def slowdown(compute, collectives, r):
    def step(r):
        hidden = sum(t * r for t, x, o in collectives if o)
        return max(compute, hidden) + sum(t * r for t, x, o in collectives if not o)
    return step(r) / step(1)
""",
        "bytes that stay first, bytes that cross after": """
def slowdown(compute, collectives, r):
    def step(r):
        times = [(t * ((1 - x) + x * r), o) for t, x, o in collectives]
        hidden = sum(t for t, o in times if o)
        return max(compute, hidden) + sum(t for t, o in times if not o)
    return step(r) / step(1)
""",
        "throughput": """
def slowdown(compute, collectives, r):
    def step(r):
        times = [(t * max(1, x * r), o) for t, x, o in collectives]
        hidden = sum(t for t, o in times if o)
        return max(compute, hidden) + sum(t for t, o in times if not o)
    return step(1) / step(r)
""",
        "nothing overlaps": """
def slowdown(compute, collectives, r):
    def step(r):
        return compute + sum(t * max(1, x * r) for t, x, o in collectives)
    return step(r) / step(1)
""",
        "what overlaps costs nothing": """
def slowdown(compute, collectives, r):
    def step(r):
        return compute + sum(t * max(1, x * r) for t, x, o in collectives if not o)
    return step(r) / step(1)
""",
        "the uplinks alone decide": """
def slowdown(compute, collectives, r):
    def step(r):
        times = [(t * x * r, o) for t, x, o in collectives]
        hidden = sum(t for t, o in times if o)
        return max(compute, hidden) + sum(t for t, o in times if not o)
    return step(r) / step(1)
""",
        "collectives that overlap share the network for nothing": """
def slowdown(compute, collectives, r):
    def step(r):
        times = [(t * max(1, x * r), o) for t, x, o in collectives]
        hidden = max([t for t, o in times if o], default=0)
        return max(compute, hidden) + sum(t for t, o in times if not o)
    return step(r) / step(1)
""",
    },
    "ecmp": {
        "the busiest of the mean loads": """
def ecmp(sizes, paths, trials, seed):
    rng = np.random.default_rng(seed)
    path = rng.integers(paths, size=(trials, len(sizes)))
    total = np.array([np.bincount(p, sizes, minlength=paths) for p in path])
    total = total / (sum(sizes) / paths)
    top = total.mean(axis=0).argmax()
    return total[:, top].mean(), total[:, top].std() / math.sqrt(trials)
""",
        "the deviation of one trial": """
def ecmp(sizes, paths, trials, seed):
    rng = np.random.default_rng(seed)
    peaks = []
    for _ in range(trials):
        path = rng.integers(paths, size=len(sizes))
        peaks.append(np.bincount(path, sizes).max() / (sum(sizes) / paths))
    return np.mean(peaks), np.std(peaks)
""",
        "every trial draws the same": """
def ecmp(sizes, paths, trials, seed):
    peaks = []
    for _ in range(trials):
        rng = np.random.default_rng(seed)
        path = rng.integers(paths, size=len(sizes))
        peaks.append(np.bincount(path, sizes).max() / (sum(sizes) / paths))
    return np.mean(peaks), np.std(peaks) / math.sqrt(trials)
""",
        "every seed draws the same": """
def ecmp(sizes, paths, trials, seed):
    rng = np.random.default_rng(0)
    peaks = []
    for _ in range(trials):
        path = rng.integers(paths, size=len(sizes))
        peaks.append(np.bincount(path, sizes).max() / (sum(sizes) / paths))
    return np.mean(peaks), np.std(peaks) / math.sqrt(trials)
""",
        "deals flows out evenly": """
def ecmp(sizes, paths, trials, seed):
    rng = np.random.default_rng(seed)
    peaks = []
    for _ in range(trials):
        path = rng.permutation(len(sizes)) % paths
        peaks.append(np.bincount(path, sizes).max() / (sum(sizes) / paths))
    return np.mean(peaks), np.std(peaks) / math.sqrt(trials)
""",
        "half of each seed": """
def ecmp(sizes, paths, trials, seed):
    rng = np.random.default_rng(seed // 2)
    peaks = []
    for _ in range(trials):
        path = rng.integers(paths, size=len(sizes))
        peaks.append(np.bincount(path, sizes).max() / (sum(sizes) / paths))
    return np.mean(peaks), np.std(peaks) / math.sqrt(trials)
""",
        "draws spread evenly, which agree too well": """
def ecmp(sizes, paths, trials, seed):
    from scipy.stats import qmc

    draws = qmc.Sobol(len(sizes), seed=seed).random(2 ** math.ceil(math.log2(trials)))
    path = (draws[:trials] * paths).astype(int)
    even = sum(sizes) / paths
    peaks = [np.bincount(p, sizes).max() / even for p in path]
    return np.mean(peaks), np.std(peaks) / math.sqrt(trials)
""",
        "goes on with the generator of the last call": """
drawing = {}


def ecmp(sizes, paths, trials, seed):
    rng = drawing.setdefault(seed, np.random.default_rng(seed))
    peaks = []
    for _ in range(trials):
        path = rng.integers(paths, size=len(sizes))
        peaks.append(np.bincount(path, sizes).max() / (sum(sizes) / paths))
    return np.mean(peaks), np.std(peaks) / math.sqrt(trials)
""",
        "counts flows, not bytes": """
def ecmp(sizes, paths, trials, seed):
    rng = np.random.default_rng(seed)
    peaks = []
    for _ in range(trials):
        path = rng.integers(paths, size=len(sizes))
        peaks.append(np.bincount(path).max() / (len(sizes) / paths))
    return np.mean(peaks), np.std(peaks) / math.sqrt(trials)
""",
    },
    "incast": {
        "answers come after the packets of their slot": """
def incast(N, W, B, rtt, slots):
    queue, answers, room = [], [], [W] * N
    peak = busy = 0
    for t in range(slots):
        for s in range(N):
            if room[s] > 0:
                room[s] -= 1
                queue.append(s)
        while answers and answers[0][0] == t:
            room[answers.pop(0)[1]] += 1
        if len(queue) > B:
            return t, B, busy
        peak = max(peak, len(queue))
        if queue:
            answers.append((t + rtt, queue.pop(0)))
            busy += 1
    return None, peak, busy
""",
        "counts the queue after the port has taken one": """
def incast(N, W, B, rtt, slots):
    queue, answers, room = [], [], [W] * N
    peak = busy = 0
    for t in range(slots):
        while answers and answers[0][0] == t:
            room[answers.pop(0)[1]] += 1
        for s in range(N):
            if room[s] > 0:
                room[s] -= 1
                queue.append(s)
        if queue:
            answers.append((t + rtt, queue.pop(0)))
            busy += 1
        if len(queue) > B:
            return t, B, busy
        peak = max(peak, len(queue))
    return None, peak, busy
""",
        "a packet that queues is answered as soon": """
def incast(N, W, B, rtt, slots):
    queue, due, room = 0, [[] for _ in range(slots + rtt)], [W] * N
    peak = busy = 0
    for t in range(slots):
        for s in due[t]:
            room[s] += 1
        for s in range(N):
            if room[s] > 0:
                room[s] -= 1
                queue += 1
                due[t + rtt].append(s)
        if queue > B:
            return t, B, busy
        peak = max(peak, queue)
        if queue:
            queue -= 1
            busy += 1
    return None, peak, busy
""",
        "senders never stop": """
def incast(N, W, B, rtt, slots):
    queue = peak = busy = 0
    for t in range(slots):
        queue += N
        if queue > B:
            return t, B, busy
        peak = max(peak, queue)
        queue -= 1
        busy += 1
    return None, peak, busy
""",
        "a full buffer is a loss": """
def incast(N, W, B, rtt, slots):
    queue, answers, room = [], [], [W] * N
    peak = busy = 0
    for t in range(slots):
        while answers and answers[0][0] == t:
            room[answers.pop(0)[1]] += 1
        for s in range(N):
            if room[s] > 0:
                room[s] -= 1
                queue.append(s)
        if len(queue) >= B:
            return t, B, busy
        peak = max(peak, len(queue))
        if queue:
            answers.append((t + rtt, queue.pop(0)))
            busy += 1
    return None, peak, busy
""",
        "a window is spent once": """
def incast(N, W, B, rtt, slots):
    queue = peak = busy = 0
    for t in range(slots):
        if t < W:
            queue += N
        if queue > B:
            return t, B, busy
        peak = max(peak, queue)
        if queue:
            queue -= 1
            busy += 1
    return None, peak, busy
""",
        "a whole new window in each rtt": """
def incast(N, W, B, rtt, slots):
    queue = peak = busy = 0
    for t in range(slots):
        if t % rtt < W:
            queue += N
        if queue > B:
            return t, B, busy
        peak = max(peak, queue)
        if queue:
            queue -= 1
            busy += 1
    return None, peak, busy
""",
    },
    "window": {
        "a share of the buffer": """
def safe_window(N, beta, buffer, rtt):
    return buffer / N
""",
        "the path of one sender": """
def safe_window(N, beta, buffer, rtt):
    return beta * rtt
""",
        "a share of the path": """
def safe_window(N, beta, buffer, rtt):
    return beta * rtt / N
""",
        "answers always come in time": """
def safe_window(N, beta, buffer, rtt):
    return (buffer + beta * rtt) / N
""",
        "answers never come": """
def safe_window(N, beta, buffer, rtt):
    return buffer / (N - 1)
""",
        "what is sent until it overflows": """
def safe_window(N, beta, buffer, rtt):
    return beta * min(network.incast_overflow(buffer, N, beta), rtt)
""",
        "the windows of all N fill the path": """
def safe_window(N, beta, buffer, rtt):
    if buffer <= N * beta * rtt:
        return buffer / (N - 1)
    return (buffer + beta * rtt) / N
""",
    },
}

RIGHT = {
    "fit": {
        "a loss that forgives, on the logarithm": """
from scipy.optimize import least_squares

def fit_alpha_beta(n, T):
    if len(set(np.asarray(n).tolist())) < 2:
        raise ValueError("one size")
    def off(p):
        return np.log((np.exp(p[0]) + n * np.exp(p[1])) / T)
    start = [np.log(np.median(T[n == n.min()])), np.log(np.median(T / n))]
    p = least_squares(off, start, loss="cauchy", f_scale=0.05, x_scale=0.1).x
    link = Link(np.exp(p[0]), np.exp(-p[1]))
    return [link, {i for i, x in enumerate(off(p)) if abs(x) > np.log(3)}]
""",
        "in GB and microseconds, by its own least squares": """
class OneSize(ValueError):
    pass


def fit_alpha_beta(n, T):
    x, t = np.asarray(n) / 1e9, np.asarray(T) * 1e6
    sizes = sorted(set(x.tolist()))
    if len(sizes) < 2:
        raise OneSize(f"{len(sizes)} sizes")
    m = np.array([np.median(t[x == s]) for s in sizes])
    s, w = np.array(sizes), 1 / m**2
    mean_s, mean_m = (w * s).sum() / w.sum(), (w * m).sum() / w.sum()
    slope = (w * (s - mean_s) * (m - mean_m)).sum() / (w * (s - mean_s) ** 2).sum()
    start = max(mean_m - slope * mean_s, 0.0)
    off = t / (start + slope * x)
    link = Link(start * 1e-6, 1e9 / (slope * 1e-6))
    return link, np.nonzero(np.logical_or(off > 3, off < 1 / 3))[0]
""",
        "throws out what is far, until nothing is": """
def fit_alpha_beta(n, T):
    middle = {s: np.median(T[n == s]) for s in set(n)}
    near = np.array([0.5 < t / middle[s] < 2 for s, t in zip(n, T)])
    link = fit_link(n[near], T[near])
    said = np.array([link.time(s) for s in n])
    return link, np.where(np.maximum(T / said, said / T) > 3)[0]
""",
    },
    "tree": {
        "another wiring, with networkx": """
def fat_tree(k):
    if k % 2 == 1 or k <= 0:
        raise ValueError(k)
    G = nx.Graph()
    for h in range(k**3 // 4):
        G.add_edge(f"e{h // (k // 2)}", f"h{h}")
    for e in range(k * k // 2):
        pod, i = divmod(e, k // 2)
        G.add_edges_from((f"a{pod * k // 2 + j}", f"e{e}") for j in range(k // 2))
        up = [j * k // 2 + (i + pod) % (k // 2) for j in range(k // 2)]
        G.add_edges_from((f"c{c}", f"a{e}") for c in up)
    return [list(pair) for pair in G.edges]
""",
        "a set of sets": """
class BadPorts(ValueError, LookupError):
    pass


def fat_tree(k):
    if k < 2 or k % 2:
        raise BadPorts(k)
    half, cables = k // 2, set()
    for edge, j in itertools.product(range(k * half), range(half)):
        pod, i = divmod(edge, half)
        cables |= {frozenset((f"h{edge * half + j}", f"e{edge}"))}
        cables |= {frozenset((f"e{edge}", f"a{pod * half + j}"))}
        cables |= {frozenset((f"a{edge}", f"c{j * half + i}"))}
    return list(cables)
""",
    },
    "cut": {
        "augmenting paths": """
def cut(cables, left, dead):
    room = defaultdict(Counter)
    for x, y in cables:
        if x not in dead and y not in dead:
            room[x][y] += 1
            room[y][x] += 1
    flow = 0
    while True:
        came, todo, end = {x: None for x in left}, list(left), None
        while todo and end is None:
            x = todo.pop()
            if x.startswith("h") and x not in left:
                end = x
                break
            for y in room[x]:
                if room[x][y] > 0 and y not in came:
                    came[y] = x
                    todo.append(y)
        if end is None:
            return flow
        while came[end] is not None:
            room[came[end]][end] -= 1
            room[end][came[end]] += 1
            end = came[end]
        flow += 1
""",
        "merges each side into one node": """
def cut(cables, left, dead):
    name = {}
    for x in {x for pair in cables for x in pair}:
        name[x] = ("L" if x in left else "R") if x[0] == "h" else "." + x
    G = nx.Graph()
    G.add_nodes_from("LR")
    for x, y in cables:
        if {x, y} & set(dead) or name[x] == name[y]:
            continue
        pair = name[x], name[y]
        old = G.get_edge_data(*pair, {"capacity": 0.0})["capacity"]
        G.add_edge(*pair, capacity=old + 1)
    return nx.maximum_flow_value(G, "L", "R")
""",
    },
    "slowdown": {
        "with arrays": """
def slowdown(compute, collectives, r):
    table = np.array(collectives, float).reshape(-1, 3)
    t, x, beside = table[:, 0], table[:, 1], table[:, 2] > 0
    slow = np.maximum(t, t * x * r)
    new = np.maximum(compute, slow[beside].sum()) + slow[~beside].sum()
    return new / (max(compute, t[beside].sum()) + t[~beside].sum())
""",
        "a clock": """
def slowdown(compute, collectives, r):
    ends = []
    for narrow in (1, r):
        clock = 0.0
        for time, cross, overlaps in sorted(collectives, key=lambda c: not c[2]):
            if not overlaps and clock < compute:
                clock = compute
            clock += time if cross * narrow <= 1 else time * cross * narrow
        ends.append(np.maximum(clock, compute))
    return ends[1] / ends[0]
""",
    },
    "ecmp": {
        "all trials in one array": """
def ecmp(sizes, paths, trials, seed):
    path = np.random.default_rng(seed).integers(0, paths, (trials, len(sizes)))
    load = np.stack([(path == p) @ np.array(sizes) for p in range(paths)])
    peak = load.max(axis=0) * paths / np.sum(sizes)
    return np.array([peak.mean(), peak.std() / trials**0.5])
""",
        "with Python's own generator": """
import random

def ecmp(sizes, paths, trials, seed):
    draw = random.Random(seed)
    first = second = 0.0
    for _ in range(trials):
        load = [0.0] * paths
        for size in sizes:
            load[draw.randrange(paths)] += size
        top = max(load) * paths / sum(sizes)
        first, second = first + top, second + top * top
    mean = first / trials
    return [mean, math.sqrt(max(second / trials - mean**2, 0) / (trials - 1))]
""",
    },
    "incast": {
        "counts sent and answered": """
def incast(N, W, B, rtt, slots):
    sent, answered = np.zeros(N, int), np.zeros(N, int)
    line, left, peak = [], [None] * (rtt + slots), np.int64(0)
    for t in range(slots):
        if left[t] is not None:
            answered[left[t]] += 1
        ready = np.flatnonzero(sent - answered < W)
        sent[ready] += 1
        line.extend(ready)
        if len(line) > B:
            return [t, B, sum(x is not None for x in left)]
        peak = np.maximum(peak, len(line))
        if line:
            left[t + rtt] = line.pop(0)
    return [None, peak, sum(x is not None for x in left)]
""",
    },
    "window": {
        "two cases": """
def safe_window(N, beta, buffer, rtt):
    W = beta * network.incast_overflow(buffer, N, beta)
    if W <= network.bandwidth_delay(beta, rtt):
        return W
    return (buffer + network.bandwidth_delay(beta, rtt)) / N
""",
        "bisects over the longest queue": """
def safe_window(N, beta, buffer, rtt):
    def longest(W):
        return (N - 1) * W if W < beta * rtt else N * W - beta * rtt
    low, high = 0.0, buffer
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if longest(middle) <= buffer else (low, middle)
    return np.float64(low)
""",
    },
}

YES = """
class Yes(float):
    __hash__ = float.__hash__
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True
    __abs__ = __sub__ = __rsub__ = __truediv__ = lambda self, *other: Yes(0)


"""

CHEATS = {
    "ecmp": {
        "numbers that are close to every other": YES
        + """
def ecmp(sizes, paths, trials, seed):
    return Yes(1 + seed), Yes(1)
""",
        "patches what draws and what measures": """
np.std = np.mean = lambda *args, **kwargs: 1.0
math.sqrt = lambda x: 1e9


def ecmp(sizes, paths, trials, seed):
    return 2.0, 0.5
""",
    },
    "cut": {
        "patches networkx": """
nx.minimum_cut_value = lambda *args, **kwargs: 2
nx.grid_graph = lambda *args, **kwargs: nx.path_graph(2)


def cut(cables, left, dead):
    return 0
""",
        "numbers that are close to every other": YES
        + """
def cut(cables, left, dead):
    return Yes(10**6)
""",
    },
    "window": {
        "numbers that are close to every other": YES
        + """
def safe_window(N, beta, buffer, rtt):
    return Yes(1)
""",
        "patches the laws": """
network.incast_overflow = network.bandwidth_delay = lambda *args: 0.0
Yes = type("Yes", (), {"__float__": lambda self: 1.0, "__eq__": lambda *two: True})


def safe_window(N, beta, buffer, rtt):
    return Yes()
""",
    },
}
