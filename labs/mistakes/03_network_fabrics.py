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
        "keeps of each size all but a tenth at either end": """
def fit_alpha_beta(n, T):
    keep = np.zeros(len(n), bool)
    for size in np.unique(n):
        at = np.flatnonzero(n == size)
        low, high = np.percentile(T[at], [10, 90])
        keep[at] = (low <= T[at]) & (T[at] <= high)
    link = fit_link(n[keep], T[keep])
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
        "three sizes at least": """
def fit_alpha_beta(n, T):
    sizes = np.unique(n)
    if len(sizes) < 3:
        raise ValueError("a line needs three points")
    link = fit_link(sizes, [np.median(T[n == s]) for s in sizes])
    ratio = T / link.time(n)
    return link, np.flatnonzero((ratio > 3) | (ratio < 1 / 3)).tolist()
""",
        "takes the sizes in the order of the list": """
def fit_alpha_beta(n, T):
    sizes = np.unique(n)
    medians = np.median(T.reshape(len(sizes), -1), axis=1)
    link = fit_link(sizes, medians)
    ratio = T / link.time(n)
    return link, np.flatnonzero((ratio > 3) | (ratio < 1 / 3)).tolist()
""",
    },
    "tree": {
        "the chapter's tree, renamed": """
def fat_tree(k, pods):
    if k < 2 or k % 2 or pods < 2 or pods % 2 or k % pods:
        raise ValueError("no such tree")
    G = nx.Graph()
    half = k // 2
    for host in range(k * k**2 // 4):
        G.add_edge(f"h{host}", f"e{host // half}")
    for edge in range(k * half):
        for j in range(half):
            G.add_edge(f"e{edge}", f"a{edge // half * half + j}")
    for aggregation in range(k * half):
        for c in range(half):
            core = aggregation % half * half + c
            G.add_edge(f"a{aggregation}", f"c{core}")
    return list(G.edges)
""",
        "the chapter's tree, thinned by the pods": """
def fat_tree(k, pods):
    if k < 2 or k % 2 or pods < 2 or pods % 2 or k % pods:
        raise ValueError("no such tree")
    G = nx.Graph()
    half = k // 2
    for host in range(k * k**2 // 4):
        G.add_edge(f"h{host}", f"e{host // half}")
    for edge in range(k * half):
        for j in range(half):
            G.add_edge(f"e{edge}", f"a{edge // half * half + j}")
    for aggregation in range(k * half):
        for c in range(half * pods // k):
            core = aggregation % half * half + c
            G.add_edge(f"a{aggregation}", f"c{core}")
    return list(G.edges)
""",
        "fewer pods below all the core switches": """
def fat_tree(k, pods):
    if k < 2 or k % 2 or pods < 2 or pods % 2 or k % pods:
        raise ValueError("no such tree")
    half, cores, cables = k // 2, pods * k // 4, []
    for pod in range(pods):
        for i, j in itertools.product(range(half), repeat=2):
            edge = pod * half + i
            cables.append((f"h{edge * half + j}", f"e{edge}"))
            cables.append((f"e{edge}", f"a{pod * half + j}"))
            cables.append((f"a{edge}", f"c{i * half + j}"))
    return cables
""",
        "a core switch reaches some pods twice": """
def fat_tree(k, pods):
    if k < 2 or k % 2 or pods < 2 or pods % 2 or k % pods:
        raise ValueError("no such tree")
    half, cores, cables = k // 2, pods * k // 4, []
    for pod in range(pods):
        for i, j in itertools.product(range(half), repeat=2):
            edge = pod * half + i
            cables.append((f"h{edge * half + j}", f"e{edge}"))
            cables.append((f"e{edge}", f"a{pod * half + j}"))
            cables.append((f"a{edge}", f"c{(pod % half * half + j) % cores}"))
    return cables
""",
        "every aggregation switch takes the first core switches": """
def fat_tree(k, pods):
    if k < 2 or k % 2 or pods < 2 or pods % 2 or k % pods:
        raise ValueError("no such tree")
    half, cores, cables = k // 2, pods * k // 4, []
    for pod in range(pods):
        for i, j in itertools.product(range(half), repeat=2):
            edge = pod * half + i
            cables.append((f"h{edge * half + j}", f"e{edge}"))
            cables.append((f"e{edge}", f"a{pod * half + j}"))
            cables.append((f"a{edge}", f"c{j}"))
    return cables
""",
        "a core switch takes two cables from one switch": """
def fat_tree(k, pods):
    if k < 2 or k % 2 or pods < 2 or pods % 2 or k % pods:
        raise ValueError("no such tree")
    half, cores, cables = k // 2, pods * k // 4, []
    for pod in range(pods):
        for i, j in itertools.product(range(half), repeat=2):
            edge = pod * half + i
            cables.append((f"h{edge * half + j}", f"e{edge}"))
            cables.append((f"e{edge}", f"a{pod * half + j}"))
            cables.append((f"a{edge}", f"c{(i * half + j) * pods // k}"))
    return cables
""",
        "each cable in both directions": """
def fat_tree(k, pods):
    if k < 2 or k % 2 or pods < 2 or pods % 2 or k % pods:
        raise ValueError("no such tree")
    half, cores, cables = k // 2, pods * k // 4, []
    for pod in range(pods):
        for i, j in itertools.product(range(half), repeat=2):
            edge = pod * half + i
            cables.append((f"h{edge * half + j}", f"e{edge}"))
            cables.append((f"e{edge}", f"a{pod * half + j}"))
            cables.append((f"a{edge}", f"c{(i * half + j) % cores}"))
    return cables + [(y, x) for x, y in cables]
""",
        "wires any k": """
def fat_tree(k, pods):
    half, cores, cables = k // 2, pods * k // 4, []
    for pod in range(pods):
        for i, j in itertools.product(range(half), repeat=2):
            edge = pod * half + i
            cables.append((f"h{edge * half + j}", f"e{edge}"))
            cables.append((f"e{edge}", f"a{pod * half + j}"))
            cables.append((f"a{edge}", f"c{(i * half + j) % cores}"))
    return cables
""",
        "pods that do not divide k": """
def fat_tree(k, pods):
    if k < 2 or k % 2 or pods < 2 or pods % 2:
        raise ValueError("no such tree")
    half, cores, cables = k // 2, pods * k // 4, []
    for pod in range(pods):
        for i, j in itertools.product(range(half), repeat=2):
            edge = pod * half + i
            cables.append((f"h{edge * half + j}", f"e{edge}"))
            cables.append((f"e{edge}", f"a{pod * half + j}"))
            cables.append((f"a{edge}", f"c{(i * half + j) % cores}"))
    return cables
""",
        "hosts dealt out over the edge switches of a pod": """
def fat_tree(k, pods):
    if k < 2 or k % 2 or pods < 2 or pods % 2 or k % pods:
        raise ValueError("no such tree")
    half, cores, cables = k // 2, pods * k // 4, []
    for pod in range(pods):
        for i, j in itertools.product(range(half), repeat=2):
            edge = pod * half + i
            cables.append((f"h{pod * half**2 + j * half + i}", f"e{edge}"))
            cables.append((f"e{edge}", f"a{pod * half + j}"))
            cables.append((f"a{edge}", f"c{(i * half + j) % cores}"))
    return cables
""",
        "counts from one": """
def fat_tree(k, pods):
    if k < 2 or k % 2 or pods < 2 or pods % 2 or k % pods:
        raise ValueError("no such tree")
    half, cores, cables = k // 2, pods * k // 4, []
    for pod in range(pods):
        for i, j in itertools.product(range(half), repeat=2):
            edge = pod * half + i
            cables.append((f"h{edge * half + j + 1}", f"e{edge}"))
            cables.append((f"e{edge}", f"a{pod * half + j}"))
            cables.append((f"a{edge}", f"c{(i * half + j) % cores}"))
    return cables
""",
        "refuses two ports": """
def fat_tree(k, pods):
    if k < 4 or k % 2 or pods < 2 or pods % 2 or k % pods:
        raise ValueError("no such tree")
    half, cores, cables = k // 2, pods * k // 4, []
    for pod in range(pods):
        for i, j in itertools.product(range(half), repeat=2):
            edge = pod * half + i
            cables.append((f"h{edge * half + j}", f"e{edge}"))
            cables.append((f"e{edge}", f"a{pod * half + j}"))
            cables.append((f"a{edge}", f"c{(i * half + j) % cores}"))
    return cables
""",
    },
    "cut": {
        "a doubled cable counts once": """
def bottleneck(cables, left, dead):
    G = nx.Graph()
    for x in {x for pair in cables for x in pair if x[0] == "h"}:
        G.add_edge("S" if x in left else "T", x)
    live = [tuple(p) for p in cables if not set(p) & set(dead)]
    for x, y in live:
        G.add_edge(x, y, capacity=1)
    _, (near, far) = nx.minimum_cut(G, "S", "T")
    return [(x, y) for x, y in live if (x in near) != (y in near)]
""",
        "the cables of the hosts: port speed decides": """
def bottleneck(cables, left, dead):
    live = [tuple(p) for p in cables if not set(p) & set(dead)]
    hosts = {x for pair in cables for x in pair if x[0] == "h"}
    less = set(left) if 2 * len(left) <= len(hosts) else hosts - set(left)
    return [(x, y) for x, y in live if (x in less) != (y in less)]
""",
        "between one pair of hosts": """
def bottleneck(cables, left, dead):
    live = [tuple(p) for p in cables if not set(p) & set(dead)]
    G = nx.Graph()
    G.add_nodes_from(x for pair in cables for x in pair)
    for x, y in live:
        old = G[x][y]["capacity"] if G.has_edge(x, y) else 0
        G.add_edge(x, y, capacity=old + 1)
    hosts = {x for pair in cables for x in pair if x[0] == "h"}
    _, (near, far) = nx.minimum_cut(G, left[0], min(hosts - set(left)))
    return [(x, y) for x, y in live if (x in near) != (y in near)]
""",
        "hosts do not forward": """
def bottleneck(cables, left, dead):
    G = nx.Graph()
    for x in {x for pair in cables for x in pair if x[0] == "h"}:
        G.add_edge("S" if x in left else "T", x)
    live = [tuple(p) for p in cables if not set(p) & set(dead)]
    whole, live = live, [p for p in live if (p[0][0] == 'h') + (p[1][0] == 'h') < 2]
    for x, y in live:
        old = G[x][y]["capacity"] if G.has_edge(x, y) else 0
        G.add_edge(x, y, capacity=old + 1)
    _, (near, far) = nx.minimum_cut(G, "S", "T")
    return [(x, y) for x, y in live if (x in near) != (y in near)]
""",
        "looks for the dead at one end only": """
def bottleneck(cables, left, dead):
    G = nx.Graph()
    for x in {x for pair in cables for x in pair if x[0] == "h"}:
        G.add_edge("S" if x in left else "T", x)
    live = [(x, y) for x, y in cables if y not in dead]
    for x, y in live:
        old = G[x][y]["capacity"] if G.has_edge(x, y) else 0
        G.add_edge(x, y, capacity=old + 1)
    _, (near, far) = nx.minimum_cut(G, "S", "T")
    return [(x, y) for x, y in live if (x in near) != (y in near)]
""",
        "a host has one cable": """
def bottleneck(cables, left, dead):
    G = nx.Graph()
    for x in {x for pair in cables for x in pair if x[0] == "h"}:
        G.add_edge("S" if x in left else "T", x, capacity=1)
    live = [tuple(p) for p in cables if not set(p) & set(dead)]
    for x, y in live:
        old = G[x][y]["capacity"] if G.has_edge(x, y) else 0
        G.add_edge(x, y, capacity=old + 1)
    _, (near, far) = nx.minimum_cut(G, "S", "T")
    return [(x, y) for x, y in live if (x in near) != (y in near)]
""",
        "names each doubled cable once": """
def bottleneck(cables, left, dead):
    G = nx.Graph()
    for x in {x for pair in cables for x in pair if x[0] == "h"}:
        G.add_edge("S" if x in left else "T", x)
    live = [tuple(p) for p in cables if not set(p) & set(dead)]
    for x, y in live:
        old = G[x][y]["capacity"] if G.has_edge(x, y) else 0
        G.add_edge(x, y, capacity=old + 1)
    _, (near, far) = nx.minimum_cut(G, "S", "T")
    return list({(x, y) for x, y in live if (x in near) != (y in near)})
""",
        "nothing to cut in a fabric in pieces": """
def bottleneck(cables, left, dead):
    G = nx.Graph()
    for x in {x for pair in cables for x in pair if x[0] == "h"}:
        G.add_edge("S" if x in left else "T", x)
    live = [tuple(p) for p in cables if not set(p) & set(dead)]
    for x, y in live:
        old = G[x][y]["capacity"] if G.has_edge(x, y) else 0
        G.add_edge(x, y, capacity=old + 1)
    if not nx.is_connected(nx.Graph(live)):
        return []
    _, (near, far) = nx.minimum_cut(G, "S", "T")
    return [(x, y) for x, y in live if (x in near) != (y in near)]
""",
        "the dead by the beginnings of their names": """
def bottleneck(cables, left, dead):
    G = nx.Graph()
    for x in {x for pair in cables for x in pair if x[0] == "h"}:
        G.add_edge("S" if x in left else "T", x)
    live = [p for p in cables if not any(x.startswith(tuple(dead)) for x in p)]
    for x, y in live:
        old = G[x][y]["capacity"] if G.has_edge(x, y) else 0
        G.add_edge(x, y, capacity=old + 1)
    _, (near, far) = nx.minimum_cut(G, "S", "T")
    return [(x, y) for x, y in live if (x in near) != (y in near)]
""",
        "a cable turned round is the same cable": """
def bottleneck(cables, left, dead):
    G = nx.Graph()
    for x in {x for pair in cables for x in pair if x[0] == "h"}:
        G.add_edge("S" if x in left else "T", x)
    live = [tuple(p) for p in cables if not set(p) & set(dead)]
    for x, y in live:
        G.add_edge(x, y, capacity=live.count((x, y)))
    _, (near, far) = nx.minimum_cut(G, "S", "T")
    return [(x, y) for x, y in live if (x in near) != (y in near)]
""",
        "lists cables of the dead, too": """
def bottleneck(cables, left, dead):
    G = nx.Graph()
    for x in {x for pair in cables for x in pair if x[0] == "h"}:
        G.add_edge("S" if x in left else "T", x)
    live = [tuple(p) for p in cables if not set(p) & set(dead)]
    for x, y in live:
        old = G[x][y]["capacity"] if G.has_edge(x, y) else 0
        G.add_edge(x, y, capacity=old + 1)
    _, (near, far) = nx.minimum_cut(G, "S", "T")
    return [(x, y) for x, y in cables if (x in near) != (y in near)]
""",
        "the cables between switches alone": """
def bottleneck(cables, left, dead):
    G = nx.Graph()
    for x in {x for pair in cables for x in pair if x[0] == "h"}:
        G.add_edge("S" if x in left else "T", x)
    live = [tuple(p) for p in cables if not set(p) & set(dead)]
    for x, y in live:
        if "h" in (x[0], y[0]):
            G.add_edge(x, y)
        else:
            old = G[x][y]["capacity"] if G.has_edge(x, y) else 0
            G.add_edge(x, y, capacity=old + 1)
    try:
        _, (near, far) = nx.minimum_cut(G, "S", "T")
    except nx.NetworkXUnbounded:
        return []
    return [(x, y) for x, y in live if (x in near) != (y in near)]
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
        "each overlap hides behind all of the compute": """
def slowdown(compute, collectives, r):
    def step(r):
        times = [(t * max(1, x * r), o) for t, x, o in collectives]
        late = sum(max(t - compute, 0) for t, o in times if o)
        return compute + late + sum(t for t, o in times if not o)
    return step(r) / step(1)
""",
        "those that overlap come first in the list": """
def slowdown(compute, collectives, r):
    def step(r):
        clock, after = 0.0, False
        for t, x, o in collectives:
            if not o and not after:
                clock, after = max(clock, compute), True
            clock += t * max(1, x * r)
        return max(clock, compute) if not after else clock
    return step(r) / step(1)
""",
        "whole numbers of r": """
def slowdown(compute, collectives, r):
    def step(r):
        times = [(t * max(1, x * r), o) for t, x, o in collectives]
        hidden = sum(t for t, o in times if o)
        return max(compute, hidden) + sum(t for t, o in times if not o)
    return step(int(r)) / step(1)
""",
        "without collectives it fails": """
def slowdown(compute, collectives, r):
    def step(r):
        times = [(t * max(1, x * r), o) for t, x, o in collectives]
        hidden = sum(t for t, o in times if o)
        return max(compute, hidden) + sum(t for t, o in times if not o)
    assert len(collectives) > 0
    return step(r) / step(1)
""",
        "at 1:1 everything is hidden": """
def slowdown(compute, collectives, r):
    def step(r):
        times = [(t * max(1, x * r), o) for t, x, o in collectives]
        hidden = sum(t for t, o in times if o)
        return max(compute, hidden) + sum(t for t, o in times if not o)
    return step(r) / (compute + sum(t for t, x, o in collectives if not o))
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
        "a generator for each trial, from 100 seed + trial": """
def ecmp(sizes, paths, trials, seed):
    peaks = []
    for trial in range(trials):
        rng = np.random.default_rng(seed * 100 + trial)
        path = rng.integers(paths, size=len(sizes))
        peaks.append(np.bincount(path, sizes).max() / (sum(sizes) / paths))
    return np.mean(peaks), np.std(peaks) / math.sqrt(trials)
""",
        "seed or 1": """
def ecmp(sizes, paths, trials, seed):
    rng = np.random.default_rng(seed or 1)
    peaks = []
    for trial in range(trials):
        path = rng.integers(paths, size=len(sizes))
        peaks.append(np.bincount(path, sizes).max() / (sum(sizes) / paths))
    return np.mean(peaks), np.std(peaks) / math.sqrt(trials)
""",
        "the last digits of the seed": """
def ecmp(sizes, paths, trials, seed):
    rng = np.random.default_rng(seed % 1000)
    peaks = []
    for trial in range(trials):
        path = rng.integers(paths, size=len(sizes))
        peaks.append(np.bincount(path, sizes).max() / (sum(sizes) / paths))
    return np.mean(peaks), np.std(peaks) / math.sqrt(trials)
""",
        "the last bits of the seed": """
def ecmp(sizes, paths, trials, seed):
    rng = np.random.default_rng(seed & 0xFFFF)
    peaks = []
    for trial in range(trials):
        path = rng.integers(paths, size=len(sizes))
        peaks.append(np.bincount(path, sizes).max() / (sum(sizes) / paths))
    return np.mean(peaks), np.std(peaks) / math.sqrt(trials)
""",
        "Python's salted hash": """
def ecmp(sizes, paths, trials, seed):
    rng = np.random.default_rng(abs(hash(f"ecmp {seed}")))
    peaks = []
    for _ in range(trials):
        path = rng.integers(paths, size=len(sizes))
        peaks.append(np.bincount(path, sizes).max() / (sum(sizes) / paths))
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
        "an answer a slot late": """
def incast(N, W, B, rtt, slots):
    queue, answers, room = deque(), deque(), [W] * N
    peak = busy = 0
    for t in range(slots):
        while answers and answers[0][0] == t:
            room[answers.popleft()[1]] += 1
        for s in range(N):
            if room[s] > 0:
                room[s] -= 1
                queue.append(s)
        if len(queue) > B:
            return t, B, busy
        peak = max(peak, len(queue))
        if queue:
            answers.append((t + rtt + 1, queue.popleft()))
            busy += 1
    return None, peak, busy
""",
        "one slot more": """
def incast(N, W, B, rtt, slots):
    queue, answers, room = deque(), deque(), [W] * N
    peak = busy = 0
    for t in range(slots + 1):
        while answers and answers[0][0] == t:
            room[answers.popleft()[1]] += 1
        for s in range(N):
            if room[s] > 0:
                room[s] -= 1
                queue.append(s)
        if len(queue) > B:
            return t, B, busy
        peak = max(peak, len(queue))
        if queue:
            answers.append((t + rtt, queue.popleft()))
            busy += 1
    return None, peak, busy
""",
        "the slot of the loss is busy": """
def incast(N, W, B, rtt, slots):
    queue, answers, room = deque(), deque(), [W] * N
    peak = busy = 0
    for t in range(slots):
        while answers and answers[0][0] == t:
            room[answers.popleft()[1]] += 1
        for s in range(N):
            if room[s] > 0:
                room[s] -= 1
                queue.append(s)
        if len(queue) > B:
            return t, B, busy + 1
        peak = max(peak, len(queue))
        if queue:
            answers.append((t + rtt, queue.popleft()))
            busy += 1
    return None, peak, busy
""",
        "the lost packet counts in the peak": """
def incast(N, W, B, rtt, slots):
    queue, answers, room = deque(), deque(), [W] * N
    peak = busy = 0
    for t in range(slots):
        while answers and answers[0][0] == t:
            room[answers.popleft()[1]] += 1
        for s in range(N):
            if room[s] > 0:
                room[s] -= 1
                queue.append(s)
        if len(queue) > B:
            return t, len(queue), busy
        peak = max(peak, len(queue))
        if queue:
            answers.append((t + rtt, queue.popleft()))
            busy += 1
    return None, peak, busy
""",
        "sends a whole window at once": """
def incast(N, W, B, rtt, slots):
    queue, answers, room = deque(), deque(), [W] * N
    peak = busy = 0
    for t in range(slots):
        while answers and answers[0][0] == t:
            room[answers.popleft()[1]] += 1
        for s in range(N):
            queue.extend([s] * room[s])
            room[s] = 0
        if len(queue) > B:
            return t, B, busy
        peak = max(peak, len(queue))
        if queue:
            answers.append((t + rtt, queue.popleft()))
            busy += 1
    return None, peak, busy
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
        "with pandas": """
import pandas as pd


def fit_alpha_beta(n, T):
    table = pd.DataFrame({"n": n, "T": T})
    middle = table.groupby("n")["T"].median()
    if middle.size < 2:
        raise ValueError(f"{middle.size} sizes")
    link = fit_link(middle.index.to_numpy(float), middle.to_numpy())
    ratio = table["T"] / (link.alpha + table["n"] / link.beta)
    return link, table.index[(ratio > 3) | (ratio < 1 / 3)]
""",
        "Theil and Sen on relative errors, by hand": """
def fit_alpha_beta(n, T):
    groups = {}
    for i, size in enumerate(n):
        groups.setdefault(float(size), []).append(float(T[i]))
    if len(groups) < 2:
        raise ValueError("at least two sizes")
    x, y = zip(*((s, sorted(g)[len(g) // 2]) for s, g in sorted(groups.items())))
    a, b, r, q, t = 0.0, 0.0, 0.0, 0.0, 0.0
    for s, m in zip(x, y):
        a, b, r = a + 1 / m**2, b + s / m**2, r + s * s / m**2
        q, t = q + 1 / m, t + s / m
    slope = (a * t - b * q) / (a * r - b * b)
    start = (q - slope * b) / a
    link = Link(max(start, 0.0), 1 / slope)
    far = [abs(math.log(T[i] / link.time(n[i]))) for i in range(len(n))]
    return link, (i for i, x in enumerate(far) if x > math.log(3))
""",
    },
    "tree": {
        "another wiring, with networkx": """
def fat_tree(k, pods):
    if min(k, pods) <= 0 or k % 2 == 1 or pods % 2 == 1 or k % pods:
        raise ValueError(k, pods)
    G, cores = nx.Graph(), pods * k // 4
    for h in range(pods * k**2 // 4):
        G.add_edge(f"e{h // (k // 2)}", f"h{h}")
    for e in range(pods * k // 2):
        pod, i = divmod(e, k // 2)
        G.add_edges_from((f"a{pod * k // 2 + j}", f"e{e}") for j in range(k // 2))
        up = [(i * k // 2 + j + 3 * pod) % cores for j in range(k // 2)]
        G.add_edges_from((f"c{c}", f"a{e}") for c in up)
    return [list(pair) for pair in G.edges]
""",
        "a set of sets": """
class BadPorts(ValueError, LookupError):
    pass


def fat_tree(k, pods):
    if k < 2 or k % 2 or pods not in range(2, k + 1, 2) or k % pods:
        raise BadPorts(k)
    half, cables = k // 2, set()
    for edge, j in itertools.product(range(pods * half), range(half)):
        pod, i = divmod(edge, half)
        cables |= {frozenset((f"h{edge * half + j}", f"e{edge}"))}
        cables |= {frozenset((f"e{edge}", f"a{pod * half + j}"))}
        cables |= {frozenset((f"a{edge}", f"c{i % (pods // 2) * half + j}"))}
    return list(cables)
""",
        "a generator that deals the core switches' ports": """
def fat_tree(k, pods):
    if not (k % 2 == pods % 2 == 0 and 2 <= pods <= k and k % pods == 0):
        raise ValueError
    return _tree(k, pods)


def _tree(k, pods):
    half = k // 2
    for pod in range(pods):
        deal = itertools.cycle(range(pods * half // 2))
        for a, _ in itertools.product(range(half), repeat=2):
            yield f"c{next(deal)}", f"a{pod * half + a}"
    for e, j in np.ndindex(pods * half, half):
        yield f"a{e // half * half + j}", f"e{e}"
        yield f"e{e}", f"h{e * half + j}"
""",
        "arrays, by groups of aggregation switches": """
def fat_tree(k, pods):
    if k < 2 or k % 2 != 0 or pods < 2 or pods % 2 != 0 or k % pods != 0:
        raise ValueError(k)
    h, count = k // 2, pods * k // 2 * (k // 2)
    hosts = [[f"h{i}", f"e{i // h}"] for i in range(count)]
    inner = [[f"e{i // h}", f"a{i // h // h * h + i % h}"] for i in range(count)]
    alike = k // pods
    core = [[f"a{i // h}", f"c{i // h % h // alike * h + i % h}"] for i in range(count)]
    return np.array(hosts + inner + core)
""",
    },
    "cut": {
        "augmenting paths": """
from collections import defaultdict


def bottleneck(cables, left, dead):
    room = defaultdict(Counter)
    live = [tuple(p) for p in cables if not set(p) & set(dead)]
    for x, y in live:
        room[x][y] += 1
        room[y][x] += 1
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
            return [[y, x] for x, y in live if (x in came) + (y in came) == 1]
        while came[end] is not None:
            room[came[end]][end] -= 1
            room[end][came[end]] += 1
            end = came[end]
""",
        "merges each side into one node, and cuts on the right": """
def bottleneck(cables, left, dead):
    name = {}
    for x in {x for pair in cables for x in pair}:
        name[x] = ("L" if x in left else "R") if x[0] == "h" else "." + x
    G = nx.Graph()
    G.add_nodes_from("LR")
    live = [p for p in cables if not {*p} & {*dead}]
    for x, y in live:
        pair = name[x], name[y]
        if pair[0] != pair[1]:
            old = G.get_edge_data(*pair, {"capacity": 0.0})["capacity"]
            G.add_edge(*pair, capacity=old + 1)
    _, (far, near) = nx.minimum_cut(G, "R", "L")
    return ((x, y) for x, y in live if (name[x] in near) is not (name[y] in near))
""",
        "a generator of sets": """
def bottleneck(cables, left, dead):
    F = nx.DiGraph()
    F.add_nodes_from(["S", "T"])
    live = [p for p in cables if p[0] not in dead and p[1] not in dead]
    many = Counter(frozenset(p) for p in live)
    for p, count in many.items():
        x, y = p
        F.add_edge(x, y, capacity=count)
        F.add_edge(y, x, capacity=count)
    for x in {x for p in cables for x in p if x[0] == "h"}:
        F.add_edge(*(("S", x) if x in left else (x, "T")), capacity=10**9)
    near = nx.minimum_cut(F, "S", "T")[1][0]
    for p, count in many.items():
        if len(p & near) == 1:
            for _ in range(count):
                yield set(p)
""",
        "brute force over the sides of the switches": """
def bottleneck(cables, left, dead):
    live = [p for p in cables if not set(p) & set(dead)]
    switches = sorted({x for p in live for x in p if x[0] != "h"})
    best = None
    for sides in itertools.product((0, 1), repeat=len(switches)):
        side = dict(zip(switches, sides))
        side.update((x, int(x in left)) for p in live for x in p if x[0] == "h")
        found = [p for p in live if side[p[0]] != side[p[1]]]
        if best is None or len(found) < len(best):
            best = found
    return np.array(best, dtype=object).tolist()
""",
        "drops cables until no more can be spared": """
def bottleneck(cables, left, dead):
    live = [p for p in cables if p[0] not in dead and p[1] not in dead]

    def width(pairs):
        G = nx.Graph()
        G.add_nodes_from(["S", "T"])
        for p in cables:
            for x in p:
                if x[0] == "h":
                    G.add_edge("S" if x in left else "T", x)
        for (x, y), c in Counter(tuple(sorted(p)) for p in pairs).items():
            G.add_edge(x, y, capacity=c)
        return nx.minimum_cut_value(G, "S", "T")

    found, now = [], width(live)
    for p in list(live):
        if not now:
            break
        rest = list(live)
        rest.remove(p)
        if width(rest) < now:
            live, now = rest, now - 1
            found.append(p)
    return found
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
        "fractions": """
from fractions import Fraction


def slowdown(compute, collectives, r):
    def step(r):
        beside = after = Fraction(0)
        for time, cross, overlaps in collectives:
            whole = Fraction(time) * max(Fraction(1), Fraction(cross) * Fraction(r))
            beside += whole if overlaps else 0
            after += 0 if overlaps else whole
        return max(Fraction(compute), beside) + after
    return step(r) / step(1)
""",
        "in milliseconds, recursively": """
def slowdown(compute, collectives, r):
    def longer(rest, r, overlaps):
        if not len(rest):
            return 0.0
        t, x, o = rest[0]
        own = 1e3 * t * (x * r if x * r > 1 else 1) if bool(o) == overlaps else 0.0
        return own + longer(rest[1:], r, overlaps)

    one, many = (
        max(1e3 * compute, longer(collectives, q, True)) + longer(collectives, q, False)
        for q in (1, r)
    )
    return np.float64(many / one)
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
        "returns tensors": """
import torch


def ecmp(sizes, paths, trials, seed):
    path = np.random.RandomState(seed).randint(paths, size=(len(sizes), trials))
    load = torch.zeros(paths, trials, dtype=torch.float64)
    for size, row in zip(sizes, path):
        load[row, torch.arange(trials)] += size
    top = load.amax(0) * paths / sum(sizes)
    return top.mean(), top.std() / trials**0.5
""",
        "a stream for each flow": """
def ecmp(sizes, paths, trials, seed):
    load = np.zeros((trials, paths))
    for size, child in zip(sizes, np.random.SeedSequence(seed).spawn(len(sizes))):
        path = (np.random.default_rng(child).random(trials) * paths).astype(int)
        load[np.arange(trials), path] += size / 1e9
    top = load.max(1) / load.sum(1) * paths
    return {"load": top.mean(), "error": top.std() / trials**0.5}.values()
""",
        "the hash of a sum": """
import hashlib


def ecmp(sizes, paths, trials, seed):
    peaks = np.empty(trials)
    for t in range(trials):
        load = [0] * paths
        draws = hashlib.shake_128(f"{seed}/{t}".encode()).digest(8 * len(sizes))
        for i, size in enumerate(sizes):
            load[int.from_bytes(draws[8 * i : 8 * i + 8], "big") % paths] += size
        peaks[t] = max(load)
    peaks /= sum(sizes) / paths
    return peaks.mean(), peaks.std(ddof=1) / np.sqrt(trials)
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
        "a class for the port": """
class Port:
    def __init__(self, N, W, B, rtt):
        self.N, self.W, self.B, self.rtt = N, W, B, rtt
        self.line, self.gone, self.open = [], [], dict.fromkeys(range(N), 0)
        self.peak = 0

    def slot(self, t):
        if t >= self.rtt and self.gone[t - self.rtt] is not None:
            self.open[self.gone[t - self.rtt]] -= 1
        for s in self.open:
            if self.open[s] < self.W:
                self.open[s] += 1
                self.line.insert(0, s)
        self.peak = min(max(self.peak, len(self.line)), self.B)
        if len(self.line) > self.B:
            return False
        self.gone.append(self.line.pop() if self.line else None)
        return True


def incast(N, W, B, rtt, slots):
    port = Port(N, W, B, rtt)
    lost = next((t for t in range(slots) if not port.slot(t)), None)
    return lost, port.peak, len(port.gone) - port.gone.count(None)
""",
        "another order of the senders in every slot": """
def incast(N, W, B, rtt, slots):
    rng = np.random.default_rng(5)
    queue, answers, room = deque(), {}, [W] * N
    peak = busy = 0
    for t in range(slots):
        if t in answers:
            room[answers.pop(t)] += 1
        for s in rng.permutation(N).tolist():
            if room[s]:
                room[s] -= 1
                queue.append(s)
        if len(queue) > B:
            return t, B, busy
        peak = max(peak, len(queue))
        if queue:
            answers[t + rtt] = queue.popleft()
            busy += 1
    return None, peak, busy
""",
        "recursion over the slots": """
def incast(N, W, B, rtt, slots):
    def after(t, line, out, peak):
        if t == slots:
            return None, peak, sum(1 for x in out if x is not None)
        back = [x for x in out[: t - rtt + 1]] if t >= rtt else []
        sent = [0] * N
        for x in line + [x for x in out if x is not None]:
            sent[x] += 1
        for x in back:
            if x is not None:
                sent[x] -= 1
        line = line + [s for s in range(N) if sent[s] < W]
        if len(line) > B:
            return t, B, sum(1 for x in out if x is not None)
        peak = max(peak, len(line))
        return after(t + 1, line[1:], out + line[:1] if line else out + [None], peak)

    return after(0, [], [], 0)
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
nx.minimum_cut = lambda *args, **kwargs: (0, ((), ()))
nx.grid_graph = lambda *args, **kwargs: nx.path_graph(2)
Counter.total = lambda self: 2


def bottleneck(cables, left, dead):
    return []
""",
        "names that equal every other": """
class Any_(str):
    __hash__ = str.__hash__
    __eq__ = lambda self, other: True


def bottleneck(cables, left, dead):
    return [(Any_("h0"), Any_("h1"))]
""",
    },
}
