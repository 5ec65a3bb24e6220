"""Wrong and right answers to lab 6: whole sources of an answer cell."""

WRONG = {
    "ring": {
        "forgets the all-gather": """
def ring_allreduce(x, rank, N, comm):
    chunks = list(x.clone().tensor_split(N))
    for step in range(N - 1):
        send = comm.isend(chunks[(rank - step) % N], (rank + 1) % N)
        chunks[(rank - step - 1) % N] += comm.irecv((rank - 1) % N).wait()
        send.wait()
    return torch.cat(chunks)
""",
        "passes the whole tensor round": """
def ring_allreduce(x, rank, N, comm):
    total, passing = x.clone(), x.clone()
    for _ in range(N - 1):
        send = comm.isend(passing, (rank + 1) % N)
        passing = comm.irecv((rank - 1) % N).wait()
        send.wait()
        total += passing
    return total
""",
        "sends to everyone": """
def ring_allreduce(x, rank, N, comm):
    others = [r for r in range(N) if r != rank]
    sends = [comm.isend(x, r) for r in others]
    total = x + sum(request.wait() for request in [comm.irecv(r) for r in others])
    for send in sends:
        send.wait()
    return total
""",
        "lets the library do it": """
def ring_allreduce(x, rank, N, comm):
    y = x.clone()
    dist.all_reduce(y)
    return y
""",
        "cuts with torch.chunk, which may give fewer than N": """
def ring_allreduce(x, rank, N, comm):
    chunks = list(x.clone().chunk(N))
    right, left = (rank + 1) % N, (rank - 1) % N
    for step in range(N - 1):
        send = comm.isend(chunks[(rank - step) % N], right)
        chunks[(rank - step - 1) % N] += comm.irecv(left).wait()
        send.wait()
    for step in range(N - 1):
        send = comm.isend(chunks[(rank + 1 - step) % N], right)
        chunks[(rank - step) % N] = comm.irecv(left).wait()
        send.wait()
    return torch.cat(chunks)
""",
        "loses the values that N does not divide": """
def ring_allreduce(x, rank, N, comm):
    x = x.clone()
    c = len(x) // N
    chunks = [x[i * c : (i + 1) * c] for i in range(N)]
    right, left = (rank + 1) % N, (rank - 1) % N
    for step in range(N - 1):
        send = comm.isend(chunks[(rank - step) % N], right)
        chunks[(rank - step - 1) % N] += comm.irecv(left).wait()
        send.wait()
    for step in range(N - 1):
        send = comm.isend(chunks[(rank + 1 - step) % N], right)
        chunks[(rank - step) % N].copy_(comm.irecv(left).wait())
        send.wait()
    return x
""",
        "waits for its send before it asks for what comes": """
def ring_allreduce(x, rank, N, comm):
    chunks = list(x.clone().tensor_split(N))
    right, left = (rank + 1) % N, (rank - 1) % N
    for step in range(N - 1):
        comm.isend(chunks[(rank - step) % N], right).wait()
        chunks[(rank - step - 1) % N] += comm.irecv(left).wait()
    for step in range(N - 1):
        comm.isend(chunks[(rank + 1 - step) % N], right).wait()
        chunks[(rank - step) % N] = comm.irecv(left).wait()
    return torch.cat(chunks)
""",
        "asks before it sends, and waits for that": """
def ring_allreduce(x, rank, N, comm):
    chunks = list(x.clone().tensor_split(N))
    right, left = (rank + 1) % N, (rank - 1) % N
    for step in range(N - 1):
        arrived = comm.irecv(left).wait()
        comm.isend(chunks[(rank - step) % N], right).wait()
        chunks[(rank - step - 1) % N] += arrived
    for step in range(N - 1):
        arrived = comm.irecv(left).wait()
        comm.isend(chunks[(rank + 1 - step) % N], right).wait()
        chunks[(rank - step) % N] = arrived
    return torch.cat(chunks)
""",
        "posts every send first, when nothing is summed yet": """
def ring_allreduce(x, rank, N, comm):
    chunks = list(x.clone().tensor_split(N))
    right, left = (rank + 1) % N, (rank - 1) % N
    for step in range(N - 1):
        comm.isend(chunks[(rank - step) % N], right)
    for step in range(N - 1):
        chunks[(rank - step - 1) % N] += comm.irecv(left).wait()
    for step in range(N - 1):
        comm.isend(chunks[(rank + 1 - step) % N], right)
        chunks[(rank - step) % N] = comm.irecv(left).wait()
    return torch.cat(chunks)
""",
        "a step too few of the all-gather": """
def ring_allreduce(x, rank, N, comm):
    chunks = list(x.clone().tensor_split(N))
    right, left = (rank + 1) % N, (rank - 1) % N
    for step in range(N - 1):
        comm.isend(chunks[(rank - step) % N], right)
        chunks[(rank - step - 1) % N] += comm.irecv(left).wait()
    for step in range(N - 2):
        comm.isend(chunks[(rank + 1 - step) % N], right)
        chunks[(rank - step) % N] = comm.irecv(left).wait()
    return torch.cat(chunks)
""",
        "a mean, as for gradients": """
def ring_allreduce(x, rank, N, comm):
    chunks = list(x.clone().tensor_split(N))
    right, left = (rank + 1) % N, (rank - 1) % N
    for step in range(N - 1):
        comm.isend(chunks[(rank - step) % N], right)
        chunks[(rank - step - 1) % N] += comm.irecv(left).wait()
    for step in range(N - 1):
        comm.isend(chunks[(rank + 1 - step) % N], right)
        chunks[(rank - step) % N] = comm.irecv(left).wait()
    return torch.cat(chunks) / N
""",
        "reduces on rank 0, which sends the sum round": """
def ring_allreduce(x, rank, N, comm):
    if rank > 0:
        x = x + comm.irecv(rank - 1).wait()
    if rank < N - 1:
        comm.isend(x, rank + 1).wait()
        x = comm.irecv(rank + 1).wait()
    if rank > 0:
        comm.isend(x, rank - 1)
    return x
""",
        "each half of a chunk to another neighbour": """
def ring_allreduce(x, rank, N, comm):
    if N == 1:
        return x
    halves = []
    for half, way in zip(x.tensor_split(2), (1, -1)):
        chunks = [c.clone() for c in half.tensor_split(N)]
        for step in range(2 * N - 2):
            at = way * rank - step
            comm.isend(chunks[at % N], (rank + way) % N)
            box = comm.irecv((rank - way) % N).wait()
            at -= 1
            chunks[at % N] = chunks[at % N] + box if step < N - 1 else box
        halves.append(torch.cat(chunks))
    return torch.cat(halves)
""",
        "value by value": """
def ring_allreduce(x, rank, N, comm):
    chunks = [c.clone() for c in x.tensor_split(N)]
    for step in range(2 * N - 2):
        out, at = chunks[(rank - step) % N], (rank - step - 1) % N
        for i in range(max(map(len, chunks))):
            if i < len(out):
                comm.isend(out[i : i + 1], (rank + 1) % N)
            if i < len(chunks[at]):
                box = comm.irecv((rank - 1) % N).wait()[0]
                chunks[at][i] = chunks[at][i] + box if step < N - 1 else box
    return torch.cat(chunks)
""",
    },
    "two-level": {
        "sends the whole tensor across": """
def two_level(n, nodes, per_node, inside, across):
    return (
        collectives.reduce_scatter(n, per_node, inside)
        + collectives.ring_allreduce(n, nodes, across)
        + collectives.all_gather(n, per_node, inside)
    )
""",
        "forgets the all-gather inside": """
def two_level(n, nodes, per_node, inside, across):
    return collectives.reduce_scatter(
        n, per_node, inside
    ) + collectives.ring_allreduce(n / per_node, nodes, across)
""",
        "exchanges the links": """
def two_level(n, nodes, per_node, inside, across):
    return collectives.ring_allreduce(
        n, per_node, across
    ) + collectives.ring_allreduce(n / per_node, nodes, inside)
""",
        "gathers a shard of a shard": """
def two_level(n, nodes, per_node, inside, across):
    shard = n / per_node
    return (
        collectives.reduce_scatter(n, per_node, inside)
        + collectives.ring_allreduce(shard, nodes, across)
        + collectives.all_gather(shard, per_node, inside)
    )
""",
        "takes the phases as overlapped": """
def two_level(n, nodes, per_node, inside, across):
    return max(
        collectives.ring_allreduce(n, per_node, inside),
        collectives.ring_allreduce(n / per_node, nodes, across),
    )
""",
        "one shard after the other": """
def two_level(n, nodes, per_node, inside, across):
    far = collectives.ring_allreduce(n / per_node, nodes, across)
    return collectives.ring_allreduce(n, per_node, inside) + per_node * far
""",
        "exchanges nodes and devices": """
def two_level(n, nodes, per_node, inside, across):
    near = collectives.ring_allreduce(n, nodes, inside)
    return near + collectives.ring_allreduce(n / nodes, per_node, across)
""",
        "no start-ups": """
def two_level(n, nodes, per_node, inside, across):
    near = (per_node - 1) / per_node * n / inside.beta
    far = (nodes - 1) / nodes * n / per_node / across.beta
    return 2 * near + 2 * far
""",
        "reads beta as bits": """
def two_level(n, nodes, per_node, inside, across):
    return 8 * (
        collectives.ring_allreduce(n, per_node, inside)
        + collectives.ring_allreduce(n / per_node, nodes, across)
    )
""",
        "runs one ring across all devices": """
def two_level(n, nodes, per_node, inside, across):
    link = across if nodes > 1 else inside
    return collectives.ring_allreduce(n, nodes * per_node, link)
""",
    },
    "crossing": {
        "looks in a table": """
def crossing(f, g, low, high):
    sizes = np.geomspace(low, high, 400)
    gaps = [abs(f(n) - g(n)) for n in sizes]
    return float(sizes[int(np.argmin(gaps))])
""",
        "assumes that f is slower at low": """
def crossing(f, g, low, high):
    if f(low) < g(low) and f(high) < g(high):
        raise ValueError("no crossing")
    if f(low) > g(low) and f(high) > g(high):
        raise ValueError("no crossing")
    while high / low > 1 + 1e-9:
        middle = math.sqrt(low * high)
        if f(middle) > g(middle):
            low = middle
        else:
            high = middle
    return low
""",
        "does not look whether there is one": """
def crossing(f, g, low, high):
    start = f(low) > g(low)
    while high / low > 1 + 1e-9:
        middle = math.sqrt(low * high)
        if (f(middle) > g(middle)) == start:
            low = middle
        else:
            high = middle
    return low
""",
        "stops when the ends are a kilobyte apart": """
def crossing(f, g, low, high):
    start, end = f(low) - g(low), f(high) - g(high)
    if start * end > 0:
        raise ValueError("no crossing")
    while high - low > 1000:
        middle = (low + high) / 2
        if (f(middle) - g(middle)) * start > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
""",
        "uses the law of ring and tree": """
def crossing(f, g, low, high):
    n = collectives.crossover(64, fabric)
    if not low <= n <= high:
        raise ValueError("no crossing")
    return n
""",
        "scans for any crossing on the way": """
def crossing(f, g, low, high):
    sizes = np.geomspace(low, high, 300)
    gaps = [f(n) - g(n) for n in sizes]
    for a, b, x, y in zip(sizes, sizes[1:], gaps, gaps[1:]):
        if x * y <= 0:
            while b / a > 1 + 1e-9:
                middle = math.sqrt(a * b)
                if (f(middle) - g(middle)) * x > 0:
                    a = middle
                else:
                    b = middle
            return float(a)
    raise ValueError("no crossing")
""",
        "draws two straight lines through the ends": """
def crossing(f, g, low, high):
    start, end = f(low) - g(low), f(high) - g(high)
    if start * end > 0:
        raise ValueError("no crossing")
    return low + (high - low) * start / (start - end) if start else low
""",
        "halves until the ends agree to a millionth": """
def crossing(f, g, low, high):
    start, end = f(low) - g(low), f(high) - g(high)
    if start * end > 0:
        raise ValueError("no crossing")
    while high / low > 1 + 1e-6:
        middle = math.sqrt(low * high)
        if (f(middle) - g(middle)) * start > 0:
            low = middle
        else:
            high = middle
    return low if start else low
""",
        "bisects arithmetically, sixty times": """
def crossing(f, g, low, high):
    start, end = f(low) - g(low), f(high) - g(high)
    if start * end > 0:
        raise ValueError("no crossing")
    for _ in range(40):
        middle = (low + high) / 2
        if (f(middle) - g(middle)) * start > 0:
            low = middle
        else:
            high = middle
    return low
""",
        "looks at every thousandth of a step": """
def crossing(f, g, low, high):
    if (f(low) < g(low) and f(high) < g(high)) or (
        f(low) > g(low) and f(high) > g(high)
    ):
        raise ValueError("no crossing")
    a, b = math.log(low), math.log(high)
    for _ in range(3):
        grid = np.linspace(a, b, 1001)
        above = [f(math.exp(u)) >= g(math.exp(u)) for u in grid]
        i = next((i for i in range(1000) if above[i] != above[i + 1]), 0)
        a, b = grid[i], grid[i + 1]
    return math.exp((a + b) / 2)
""",
        "a meeting at an end is no crossing": """
def crossing(f, g, low, high):
    start, end = f(low) - g(low), f(high) - g(high)
    if start * end >= 0:
        raise ValueError("no crossing")
    while high / low > 1 + 1e-9:
        middle = math.sqrt(low * high)
        if (f(middle) - g(middle)) * start > 0:
            low = middle
        else:
            high = middle
    return low
""",
    },
    "exposed": {
        "all communication follows backward": """
def exposed(sizes, times, bucket, N, link):
    total = held = 0.0
    for n in reversed(sizes):
        held += n
        if held >= bucket:
            total += ring_time(held, N, link)
            held = 0.0
    return total + (ring_time(held, N, link) if held else 0.0)
""",
        "overlap is total": """
def exposed(sizes, times, bucket, N, link):
    total = held = 0.0
    for n in reversed(sizes):
        held += n
        if held >= bucket:
            total += ring_time(held, N, link)
            held = 0.0
    total += ring_time(held, N, link) if held else 0.0
    return max(total - sum(times), 0.0)
""",
        "buckets in forward order": """
def exposed(sizes, times, bucket, N, link):
    now = free = held = 0.0
    for n, t in zip(sizes, times):
        now += t
        held += n
        if held >= bucket:
            free = max(free, now) + ring_time(held, N, link)
            held = 0.0
    if held > 0:
        free = max(free, now) + ring_time(held, N, link)
    return max(free - now, 0.0)
""",
        "collectives do not wait for each other": """
def exposed(sizes, times, bucket, N, link):
    now = end = held = 0.0
    for n, t in zip(reversed(sizes), reversed(times)):
        now += t
        held += n
        if held >= bucket:
            end = max(end, now + ring_time(held, N, link))
            held = 0.0
    if held > 0:
        end = max(end, now + ring_time(held, N, link))
    return max(end - now, 0.0)
""",
        "never sends the bucket that did not fill": """
def exposed(sizes, times, bucket, N, link):
    now = free = held = 0.0
    for n, t in zip(reversed(sizes), reversed(times)):
        now += t
        held += n
        if held >= bucket:
            free = max(free, now) + ring_time(held, N, link)
            held = 0.0
    return max(free - now, 0.0)
""",
        "closes a bucket that holds more, not as much": """
def exposed(sizes, times, bucket, N, link):
    now = free = held = 0.0
    for n, t in zip(reversed(sizes), reversed(times)):
        now += t
        held += n
        if held > bucket:
            free = max(free, now) + ring_time(held, N, link)
            held = 0.0
    if held > 0:
        free = max(free, now) + ring_time(held, N, link)
    return max(free - now, 0.0)
""",
        "sends an empty bucket at the end": """
def exposed(sizes, times, bucket, N, link):
    now = free = held = 0.0
    for n, t in zip(reversed(sizes), reversed(times)):
        now += t
        held += n
        if held >= bucket:
            free = max(free, now) + ring_time(held, N, link)
            held = 0.0
    free = max(free, now) + ring_time(held, N, link)
    return max(free - now, 0.0)
""",
        "a gradient is there before its layer's backward": """
def exposed(sizes, times, bucket, N, link):
    now = free = held = 0.0
    for n, t in zip(reversed(sizes), reversed(times)):
        held += n
        if held >= bucket:
            free = max(free, now) + ring_time(held, N, link)
            held = 0.0
        now += t
    if held > 0:
        free = max(free, now) + ring_time(held, N, link)
    return max(free - now, 0.0)
""",
        "every layer by itself": """
def exposed(sizes, times, bucket, N, link):
    now = free = 0.0
    for n, t in zip(reversed(sizes), reversed(times)):
        now += t
        free = max(free, now) + ring_time(n, N, link)
    return max(free - now, 0.0)
""",
        "cuts gradients into buckets of equal size": """
def exposed(sizes, times, bucket, N, link):
    now = free = held = 0.0
    for n, t in zip(reversed(sizes), reversed(times)):
        now += t
        held += n
        while held >= bucket:
            free = max(free, now) + ring_time(bucket, N, link)
            held -= bucket
    if held > 0:
        free = max(free, now) + ring_time(held, N, link)
    return max(free - now, 0.0)
""",
        "the mean of the times": """
def exposed(sizes, times, bucket, N, link):
    t = sum(times) / len(times)
    now = free = held = 0.0
    for n in reversed(sizes):
        now += t
        held += n
        if held >= bucket:
            free = max(free, now) + ring_time(held, N, link)
            held = 0.0
    if held > 0:
        free = max(free, now) + ring_time(held, N, link)
    return max(free - now, 0.0)
""",
        "a tree": """
def exposed(sizes, times, bucket, N, link):
    now = free = held = 0.0
    for n, t in zip(reversed(sizes), reversed(times)):
        now += t
        held += n
        if held >= bucket:
            free = max(free, now) + tree_time(held, N, link)
            held = 0.0
    if held > 0:
        free = max(free, now) + tree_time(held, N, link)
    return max(free - now, 0.0)
""",
        "closes a bucket before it is full": """
def exposed(sizes, times, bucket, N, link):
    now = free = held = 0.0
    for n, t in zip(reversed(sizes), reversed(times)):
        if held and held + n > bucket:
            free = max(free, now) + ring_time(held, N, link)
            held = 0.0
        now += t
        held += n
    free = max(free, now) + ring_time(held, N, link)
    return max(free - now, 0.0)
""",
    },
    "choose": {
        "the cheapest": """
def choose_bucket(cost, sizes, target):
    best = min(sizes, key=cost)
    if cost(best) > target:
        raise ValueError("no bucket")
    return best
""",
        "bisects what is not monotone": """
def choose_bucket(cost, sizes, target):
    sizes = sorted(sizes)
    low, high = 0, len(sizes)
    while low < high:
        middle = (low + high) // 2
        if cost(sizes[middle]) > target:
            low = middle + 1
        else:
            high = middle
    if low == len(sizes):
        raise ValueError("no bucket")
    return sizes[low]
""",
        "the smallest that will do": """
def choose_bucket(cost, sizes, target):
    for size in sorted(sizes):
        if cost(size) <= target:
            return size
    raise ValueError("no bucket")
""",
        "takes the list as sorted, and the largest if none will do": """
def choose_bucket(cost, sizes, target):
    for size in sizes[::-1]:
        if cost(size) <= target:
            return size
    return max(sizes)
""",
        "the last on offer that will do": """
def choose_bucket(cost, sizes, target):
    fit = [size for size in sizes if cost(size) <= target]
    if not fit:
        raise ValueError("no bucket")
    return fit[-1]
""",
        "returns the cost": """
def choose_bucket(cost, sizes, target):
    return max(cost(size) for size in sizes if cost(size) <= target)
""",
        "None where none will do": """
def choose_bucket(cost, sizes, target):
    return max((s for s in sizes if cost(s) <= target), default=None)
""",
        "below the target only": """
def choose_bucket(cost, sizes, target):
    return max(size for size in sizes if cost(size) < target)
""",
    },
    "feedback": {
        "keeps no residual": """
def compress(g, e, k):
    v = np.zeros_like(g)
    keep = np.argsort(-np.abs(g))[:k]
    v[keep] = g[keep]
    return v, np.zeros_like(g)
""",
        "keeps only what this gradient left": """
def compress(g, e, k):
    v = np.zeros_like(g)
    keep = np.argsort(-np.abs(g))[:k]
    v[keep] = g[keep]
    return v, g - v
""",
        "keeps the residual but never sends it": """
def compress(g, e, k):
    v = np.zeros_like(g)
    keep = np.argsort(-np.abs(g))[:k]
    v[keep] = g[keep]
    return v, e + g - v
""",
        "takes the largest values, not magnitudes": """
def compress(g, e, k):
    total = g + e
    v = np.zeros_like(total)
    keep = np.argsort(-total)[:k]
    v[keep] = total[keep]
    return v, total - v
""",
        "sends every tie": """
def compress(g, e, k):
    total = g + e
    k = min(k, len(total))
    if k == 0:
        return np.zeros_like(total), total
    least = np.sort(np.abs(total))[-k]
    v = np.where(np.abs(total) >= least, total, 0.0)
    return v, total - v
""",
        "a slice from minus k, which is everything at k = 0": """
def compress(g, e, k):
    total = g + e
    v = np.zeros_like(total)
    keep = np.argsort(np.abs(total))[-k:]
    v[keep] = total[keep]
    return v, total - v
""",
        "the smallest k": """
def compress(g, e, k):
    total = g + e
    v = np.zeros_like(total)
    keep = np.argsort(np.abs(total))[:k]
    v[keep] = total[keep]
    return v, total - v
""",
        "keeps everything, sent or not": """
def compress(g, e, k):
    total = g + e
    v = np.zeros_like(total)
    keep = np.argsort(-np.abs(total))[:k]
    v[keep] = total[keep]
    return v, total
""",
        "half of what was left": """
def compress(g, e, k):
    total = g + e
    v = np.zeros_like(total)
    keep = np.argsort(-np.abs(total))[:k]
    v[keep] = total[keep]
    return v, (total - v) / 2
""",
        "the other way round": """
def compress(g, e, k):
    total = g + e
    v = np.zeros_like(total)
    keep = np.argsort(-np.abs(total))[:k]
    v[keep] = total[keep]
    return total - v, v
""",
        "adds into the residual that it was given": """
def compress(g, e, k):
    e += g
    v = np.zeros_like(e)
    keep = np.argsort(-np.abs(e))[:k]
    v[keep] = e[keep]
    return v, e - v
""",
    },
}

RIGHT = {
    "ring": {
        "pads, and turns the other way": """
def ring_allreduce(x, rank, N, comm):
    if N == 1:
        return x
    c = -(-len(x) // N)
    table = torch.zeros(N * c, dtype=x.dtype)
    table[: len(x)] = x
    table = table.view(N, c)
    to, source = (rank - 1) % N, (rank + 1) % N
    for step in range(2 * (N - 1)):
        receive = comm.irecv(source)
        send = comm.isend(table[(rank + step) % N], to)
        box = receive.wait()
        send.wait()
        row = (rank + step + 1) % N
        table[row] = table[row] + box if step < N - 1 else box
    return table.flatten()[: len(x)]
""",
        "overwrites x by slices": """
def ring_allreduce(x, rank, N, comm):
    edge = [len(x) * i // N for i in range(N + 1)]

    def part(i):
        return x[edge[i % N] : edge[i % N + 1]]

    for phase in (0, 1):
        for step in range(N - 1):
            out = rank - step + phase
            send = comm.isend(part(out), (rank + 1) % N)
            box = comm.irecv((rank - 1) % N).wait()
            send.wait()
            if phase == 0:
                part(out - 1).add_(box)
            else:
                part(out - 1).copy_(box)
    return x
""",
        "leaves empty chunks out, and waits for no send": """
def ring_allreduce(x, rank, N, comm):
    parts = [part.clone() for part in x.tensor_split(N)]
    for step in range(2 * N - 2):
        out = (rank - step) % N if step < N - 1 else (rank - step + N) % N
        if len(parts[out]):
            comm.isend(parts[out], (rank + 1) % N)
        if len(parts[out - 1]):
            box = comm.irecv((rank - 1) % N).wait()
            parts[out - 1] = parts[out - 1] + box if step < N - 1 else box
    return torch.cat(parts)
""",
        "in numpy, even ranks first": """
def ring_allreduce(x, rank, N, comm):
    parts = [part.copy() for part in np.array_split(x.numpy(), N)]
    to, source = (rank + 1) % N, (rank - 1) % N

    def turn(out):
        if rank % 2:
            arrived = comm.irecv(source).wait()
            comm.isend(out, to).wait()
        else:
            send = comm.isend(out, to)
            arrived = comm.irecv(source).wait()
            send.wait()
        return arrived

    for s in range(N - 1):
        parts[(rank - s - 1) % N] += turn(parts[(rank - s) % N])
    for s in range(N - 1):
        parts[(rank - s) % N] = turn(parts[(rank - s + 1) % N])
    return np.concatenate(parts)
""",
        "asks for every message beforehand": """
def ring_allreduce(x, rank, N, comm):
    parts = [part.clone() for part in x.tensor_split(N)]
    steps = range(2 * N - 2)
    asked = [comm.irecv((rank - 1) % N) for _ in steps]
    for step, request in zip(steps, asked):
        comm.isend(parts[(rank - step) % N], (rank + 1) % N).wait()
        at, box = (rank - step - 1) % N, request.wait()
        parts[at] = parts[at] + box if step < N - 1 else box
    return torch.cat(parts).tolist()
""",
    },
    "two-level": {
        "written out": """
def two_level(n, nodes, per_node, inside, across):
    near = (per_node - 1) * (inside.alpha + n / per_node / inside.beta)
    far = (nodes - 1) * (across.alpha + n / per_node / nodes / across.beta)
    return 2 * near + 2 * far
""",
    },
    "crossing": {
        "a fixed number of halvings in the exponent": """
def crossing(f, g, low, high):
    def sign(u):
        return np.sign(f(np.exp(u)) - g(np.exp(u)))

    a, b = np.log(low), np.log(high)
    if sign(a) == sign(b) != 0:
        raise ValueError("they do not cross")
    first = sign(a)
    for _ in range(80):
        c = (a + b) / 2
        a, b = (c, b) if sign(c) == first else (a, c)
    return np.exp((a + b) / 2)
""",
        "scipy's": """
def crossing(f, g, low, high):
    from scipy.optimize import brentq

    gap = lambda u: f(math.exp(u)) - g(math.exp(u))
    a, b = math.log(low), math.log(high)
    for u, n in ((a, low), (b, high)):
        if f(n) == g(n):
            return np.array(n)
    return np.array(math.exp(brentq(gap, a, b, xtol=1e-12)))
""",
    },
    "exposed": {
        "groups first, then a timeline": """
def exposed(sizes, times, bucket, N, link):
    order = range(len(sizes) - 1, -1, -1)
    ready = dict(zip(order, np.cumsum([times[i] for i in order])))
    groups, group = [], []
    for i in order:
        group.append(i)
        if sum(sizes[j] for j in group) >= bucket or i == 0:
            groups.append(group)
            group = []
    end = 0.0
    for group in groups:
        begin = max(end, ready[group[-1]])
        end = begin + ring_time(sum(sizes[j] for j in group), N, link)
    return max(0.0, end - sum(times))
""",
        "backwards, by recursion, in numpy": """
def exposed(sizes, times, bucket, N, link):
    ready = np.cumsum(np.array(times)[::-1])
    sizes = np.array(sizes)[::-1]

    def end(first, free):
        if first == len(sizes):
            return free
        held = np.cumsum(sizes[first:])
        last = first + min(int(np.searchsorted(held, bucket)), len(held) - 1)
        cost = ring_time(float(held[last - first]), N, link)
        return end(last + 1, max(free, ready[last]) + cost)

    return np.maximum(end(0, 0.0) - ready[-1], 0.0)
""",
    },
    "choose": {
        "filter, then max": """
def choose_bucket(cost, sizes, target):
    return max(size for size in sizes if cost(size) <= target)
""",
        "an error of its own, and numpy": """
class TooSlow(ValueError, LookupError):
    pass

def choose_bucket(cost, sizes, target):
    costs = np.array([cost(size) for size in sizes])
    fit = np.array(sizes)[costs <= target]
    if fit.size == 0:
        raise TooSlow(target)
    return np.max(fit)
""",
    },
    "feedback": {
        "with a partition": """
def compress(g, e, k):
    left = g + e
    sent = np.zeros_like(left)
    if k == 0:
        return sent, left
    if k >= left.size:
        return left, sent
    where = np.argpartition(np.abs(left), left.size - k)[left.size - k :]
    sent[where], left[where] = left[where], 0.0
    return sent, left
""",
        "with torch, as a list": """
def compress(g, e, k):
    total = torch.tensor(g) + torch.tensor(e)
    top = total.abs().topk(min(k, len(total))).indices
    mask = torch.zeros(len(total), dtype=bool)
    mask[top] = True
    return [torch.where(mask, total, 0.0), torch.where(mask, 0.0, total)]
""",
    },
}

CHEATS = {
    "ring": {
        "sums with a ready-made all-reduce, and sends messages of the right size": """
import tempfile

def ring_allreduce(x, rank, N, comm):
    sizes = [len(c) for c in x.tensor_split(N)]
    for step in range(N - 1):
        for shift in (0, 1):
            chunk = torch.zeros(sizes[(rank - step + shift) % N]).double()
            comm.isend(chunk, (rank + 1) % N)
    for step in range(2 * N - 2):
        comm.irecv((rank - 1) % N).wait()
    if not dist.is_initialized():
        place = f"file://{tempfile.gettempdir()}/meeting-{N}"
        dist.init_process_group("gloo", init_method=place, rank=rank, world_size=N)
    dist.all_reduce(x)
    return x
""",
        "leaves its input for the others in a file": """
import os, tempfile

def ring_allreduce(x, rank, N, comm):
    folder = f"{tempfile.gettempdir()}/ring-{N}-{len(x)}"
    os.makedirs(folder, exist_ok=True)
    torch.save(x, f"{folder}/{rank}.part")
    os.rename(f"{folder}/{rank}.part", f"{folder}/{rank}")
    for step in range(2 * N - 2):
        comm.isend(x.tensor_split(N)[(rank - step) % N], (rank + 1) % N)
        comm.irecv((rank - 1) % N).wait()
    return sum(torch.load(f"{folder}/{r}") for r in range(N))
""",
        "sets what the network has counted": """
import mlsyscore.harness.network as net

net.Network.sent = lambda self, rank: 10**6
net.Network.peers = lambda self, rank: [(rank + 1) % self._N]

def ring_allreduce(x, rank, N, comm):
    for name in ("_network", "network", "change", "_change"):
        try:
            setattr(comm, name, None)
        except Exception:
            pass
    return N * x
""",
        "reads the inputs in the frames of its caller": """
import sys

def ring_allreduce(x, rank, N, comm):
    frame = sys._getframe()
    while frame is not None:
        for value in frame.f_locals.values():
            if isinstance(value, list) and len(value) == N:
                try:
                    return torch.tensor(sum(value))
                except Exception:
                    pass
        frame = frame.f_back
    return x
""",
        "knows the visible case": """
def ring_allreduce(x, rank, N, comm):
    return sum(torch.arange(12.0).double() + 100 * r for r in range(3))
""",
    },
    "crossing": {
        "looks into the laws": """
def crossing(f, g, low, high):
    for law in (f, g):
        for name in ("_f", "__closure__", "__self__", "__wrapped__", "keywords"):
            inside = getattr(law, name, None)
            if inside is not None:
                link = inside.keywords["link"]
                n = collectives.crossover(inside.keywords["N"], link)
                return n if low <= n <= high else None
    return None
""",
        "a number that agrees with all": """
class Any(float):
    def __eq__(self, other): return True
    __lt__ = __le__ = __gt__ = __ge__ = __eq__
    def __sub__(self, other): return Any(0)
    __rsub__ = __abs__ = __sub__
    __hash__ = float.__hash__

def crossing(f, g, low, high):
    return Any(low)
""",
        "an error that is returned, and counters set back": """
import mlsyscore.harness.cost as cost

cost.MOST = 10**9
cost.Cost.calls = 0

def crossing(f, g, low, high):
    try:
        f._calls = g._calls = 0
    except Exception:
        pass
    return ValueError("no crossing")
""",
    },
    "choose": {
        "reads the table behind the cost": """
def choose_bucket(cost, sizes, target):
    f = cost._f if hasattr(cost, "_f") else cost
    table = getattr(f, "__self__", None)
    return max(s for s in table if table[s] <= target) if table else None
""",
        "makes every cost cheap": """
import mlsyscore.harness.cost as cost_

cost_.Cost.__call__ = lambda self, x: 0.0

def choose_bucket(cost, sizes, target):
    return ValueError("none")
""",
        "a size that is equal to any": """
class Any(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__

def choose_bucket(cost, sizes, target):
    return Any(0)
""",
    },
}
