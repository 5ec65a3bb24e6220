"""Wrong and right answers to lab 6: whole sources of an answer cell."""

WRONG = {
    "ring": {
        "forgets the all-gather": """
def ring_allreduce(x, rank, N, comm):
    chunks = list(x.clone().tensor_split(N))
    for step in range(N - 1):
        arriving = (rank - step - 1) % N
        buffer = torch.empty_like(chunks[arriving])
        send = comm.isend(chunks[(rank - step) % N], (rank + 1) % N)
        comm.irecv(buffer, (rank - 1) % N).wait()
        send.wait()
        chunks[arriving] += buffer
    return torch.cat(chunks)
""",
        "passes the whole tensor round": """
def ring_allreduce(x, rank, N, comm):
    total, passing = x.clone(), x.clone()
    for _ in range(N - 1):
        buffer = torch.empty_like(passing)
        send = comm.isend(passing, (rank + 1) % N)
        comm.irecv(buffer, (rank - 1) % N).wait()
        send.wait()
        total += buffer
        passing = buffer
    return total
""",
        "sends to everyone": """
def ring_allreduce(x, rank, N, comm):
    others = [r for r in range(N) if r != rank]
    buffers = [torch.empty_like(x) for _ in others]
    requests = [comm.isend(x, r) for r in others]
    requests += [comm.irecv(b, r) for b, r in zip(buffers, others)]
    for request in requests:
        request.wait()
    return x + sum(buffers)
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
        arriving = (rank - step - 1) % N
        buffer = torch.empty_like(chunks[arriving])
        send = comm.isend(chunks[(rank - step) % N], right)
        comm.irecv(buffer, left).wait()
        send.wait()
        chunks[arriving] += buffer
    for step in range(N - 1):
        send = comm.isend(chunks[(rank + 1 - step) % N], right)
        comm.irecv(chunks[(rank - step) % N], left).wait()
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
        arriving = (rank - step - 1) % N
        buffer = torch.empty_like(chunks[arriving])
        send = comm.isend(chunks[(rank - step) % N], right)
        comm.irecv(buffer, left).wait()
        send.wait()
        chunks[arriving] += buffer
    for step in range(N - 1):
        send = comm.isend(chunks[(rank + 1 - step) % N], right)
        comm.irecv(chunks[(rank - step) % N], left).wait()
        send.wait()
    return x
""",
        "waits for its send before it posts its receive": """
def ring_allreduce(x, rank, N, comm):
    chunks = list(x.clone().tensor_split(N))
    right, left = (rank + 1) % N, (rank - 1) % N
    for step in range(N - 1):
        arriving = (rank - step - 1) % N
        buffer = torch.empty_like(chunks[arriving])
        comm.isend(chunks[(rank - step) % N], right).wait()
        comm.irecv(buffer, left).wait()
        chunks[arriving] += buffer
    for step in range(N - 1):
        comm.isend(chunks[(rank + 1 - step) % N], right).wait()
        comm.irecv(chunks[(rank - step) % N], left).wait()
    return torch.cat(chunks)
""",
        "adds before the message is there": """
def ring_allreduce(x, rank, N, comm):
    chunks = list(x.clone().tensor_split(N))
    right, left = (rank + 1) % N, (rank - 1) % N
    for step in range(N - 1):
        arriving = (rank - step - 1) % N
        buffer = torch.zeros_like(chunks[arriving])
        comm.isend(chunks[(rank - step) % N], right)
        request = comm.irecv(buffer, left)
        chunks[arriving] += buffer
        request.wait()
    for step in range(N - 1):
        comm.isend(chunks[(rank + 1 - step) % N], right)
        comm.irecv(chunks[(rank - step) % N], left).wait()
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
        box = torch.zeros(c, dtype=x.dtype)
        receive = comm.irecv(box, source)
        send = comm.isend(table[(rank + step) % N], to)
        receive.wait()
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
            box = torch.zeros_like(part(out - 1))
            requests = [comm.isend(part(out), (rank + 1) % N)]
            requests.append(comm.irecv(box, (rank - 1) % N))
            for request in requests:
                request.wait()
            if phase == 0:
                part(out - 1).add_(box)
            else:
                part(out - 1).copy_(box)
    return x
""",
        "leaves empty chunks out": """
def ring_allreduce(x, rank, N, comm):
    parts = [part.clone() for part in x.tensor_split(N)]
    for step in range(2 * N - 2):
        out = (rank - step) % N if step < N - 1 else (rank - step + N) % N
        box = torch.empty_like(parts[out - 1])
        requests = [comm.irecv(box, (rank - 1) % N)] if len(box) else []
        if len(parts[out]):
            requests.append(comm.isend(parts[out], (rank + 1) % N))
        for request in requests:
            request.wait()
        parts[out - 1] = parts[out - 1] + box if step < N - 1 else box
    return torch.cat(parts)
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
    },
    "choose": {
        "filter, then max": """
def choose_bucket(cost, sizes, target):
    return max(size for size in sizes if cost(size) <= target)
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
    },
}
