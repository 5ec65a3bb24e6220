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
        "each chunk in two messages": """
def ring_allreduce(x, rank, N, comm):
    chunks = [c.clone() for c in x.tensor_split(N)]
    for step in range(2 * N - 2):
        for half in chunks[(rank - step) % N].clone().tensor_split(2):
            comm.isend(half, (rank + 1) % N)
        at = (rank - step - 1) % N
        box = torch.cat([comm.irecv((rank - 1) % N).wait() for _ in range(2)])
        chunks[at] = chunks[at] + box if step < N - 1 else box
    return torch.cat(chunks)
""",
        "overwrites what it sends before the wait": """
def ring_allreduce(x, rank, N, comm):
    chunks = list(x.clone().tensor_split(N))
    right, left = (rank + 1) % N, (rank - 1) % N
    box = chunks[rank].clone()
    for step in range(2 * (N - 1)):
        send, at = comm.isend(box, right), (rank - step - 1) % N
        arrived = comm.irecv(left).wait()
        if step < N - 1:
            chunks[at] = chunks[at] + arrived
        else:
            chunks[at] = arrived
        box.resize_(len(chunks[at])).copy_(chunks[at])
        send.wait()
    return torch.cat(chunks)
""",
        "overwrites what it sends, and never waits for a send": """
def ring_allreduce(x, rank, N, comm):
    c = -(-len(x) // N)
    table = torch.zeros(N, c, dtype=x.dtype)
    table.view(-1)[: len(x)] = x
    box = table[rank].clone()
    for step in range(2 * (N - 1)):
        comm.isend(box, (rank + 1) % N)
        arrived, at = comm.irecv((rank - 1) % N).wait(), (rank - step - 1) % N
        table[at] = table[at] + arrived if step < N - 1 else arrived
        box[:] = table[at]
    return table.flatten()[: len(x)]
""",
    },
    "two-level": {
        "gives each device a port": """
def two_level(n, nodes, per_node, ports, inside, across):
    return (
        collectives.reduce_scatter(n, per_node, inside)
        + collectives.ring_allreduce(n / per_node, nodes, across)
        + collectives.all_gather(n, per_node, inside)
    )
""",
        "the mean of the ports, not the busiest": """
def two_level(n, nodes, per_node, ports, inside, across):
    far = max(1, per_node / ports) * ring_time(n / per_node, nodes, across)
    return ring_time(n, per_node, inside) + far
""",
        "rounds down": """
def two_level(n, nodes, per_node, ports, inside, across):
    far = max(1, per_node // ports) * ring_time(n / per_node, nodes, across)
    return ring_time(n, per_node, inside) + far
""",
        "two ports for one device": """
def two_level(n, nodes, per_node, ports, inside, across):
    if per_node < ports:
        far = per_node / ports * ring_time(n / per_node, nodes, across)
    else:
        far = -(-per_node // ports) * ring_time(n / per_node, nodes, across)
    return ring_time(n, per_node, inside) + far
""",
        "one start-up a round, whatever a port sends": """
def two_level(n, nodes, per_node, ports, inside, across):
    busiest = -(-per_node // ports)
    far = ring_time(busiest * n / per_node, nodes, across)
    return ring_time(n, per_node, inside) + far
""",
        "sends the whole tensor across": """
def two_level(n, nodes, per_node, ports, inside, across):
    far = -(-per_node // ports) * ring_time(n, nodes, across)
    return ring_time(n, per_node, inside) + far
""",
        "forgets the all-gather inside": """
def two_level(n, nodes, per_node, ports, inside, across):
    far = -(-per_node // ports) * ring_time(n / per_node, nodes, across)
    return collectives.reduce_scatter(n, per_node, inside) + far
""",
        "shards of a port, not of a device": """
def two_level(n, nodes, per_node, ports, inside, across):
    shards = min(ports, per_node)
    far = ring_time(n / shards, nodes, across)
    return ring_time(n, per_node, inside) + far
""",
        "takes the phases as overlapped": """
def two_level(n, nodes, per_node, ports, inside, across):
    far = -(-per_node // ports) * ring_time(n / per_node, nodes, across)
    return max(ring_time(n, per_node, inside), far)
""",
        "whole bytes of a shard": """
def two_level(n, nodes, per_node, ports, inside, across):
    far = -(-per_node // ports) * ring_time(n // per_node, nodes, across)
    return ring_time(n, per_node, inside) + far
""",
        "rounds to the nearest, but for halves": """
def two_level(n, nodes, per_node, ports, inside, across):
    busiest = max(1, round(per_node / ports + 0.25))
    far = busiest * ring_time(n / per_node, nodes, across)
    return ring_time(n, per_node, inside) + far
""",
        "runs one ring across all devices": """
def two_level(n, nodes, per_node, ports, inside, across):
    link = across if nodes > 1 else inside
    return ring_time(n, nodes * per_node, link)
""",
    },
    "crossing": {
        "no special case for high: f above g, or not": """
def crossing(f, g, low, high):
    start, end = f(low) - g(low), f(high) - g(high)
    if start == 0:
        return low
    if (start > 0) == (end > 0):
        raise ValueError("no crossing")
    while high / low > 1 + 1e-10:
        middle = math.sqrt(low * high)
        if (f(middle) - g(middle)) * start > 0:
            low = middle
        else:
            high = middle
    return low
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
        "the mirror: f below g, or not": """
def crossing(f, g, low, high):
    start, end = f(low) - g(low), f(high) - g(high)
    if start == 0:
        return low
    if (start < 0) == (end < 0):
        raise ValueError("no crossing")
    while high / low > 1 + 1e-10:
        middle = math.sqrt(low * high)
        if (f(middle) - g(middle)) * start > 0:
            low = middle
        else:
            high = middle
    return low
""",
        "searches from a byte to a terabyte, whatever the range": """
def crossing(f, g, low, high):
    start, end = f(low) - g(low), f(high) - g(high)
    if start * end > 0:
        raise ValueError("no crossing")
    if start * end == 0:
        return high if start else low
    low, high = 1.0, 1e12
    start = f(low) - g(low)
    while high / low > 1 + 1e-10:
        middle = math.sqrt(low * high)
        if (f(middle) - g(middle)) * start > 0:
            low = middle
        else:
            high = middle
    return low
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
        "a byte is the least": """
def crossing(f, g, low, high):
    low = max(low, 1.0)
    start, end = f(low) - g(low), f(high) - g(high)
    if start * end > 0:
        raise ValueError("no crossing")
    while high / low > 1 + 1e-10:
        middle = math.sqrt(low * high)
        if (f(middle) - g(middle)) * start > 0:
            low = middle
        else:
            high = middle
    return low
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
        "no special case for low: f above g, or not": """
def crossing(f, g, low, high):
    start, end = f(low) - g(low), f(high) - g(high)
    if end == 0:
        return high
    if (start > 0) == (end > 0):
        raise ValueError("no crossing")
    while high / low > 1 + 1e-10:
        middle = math.sqrt(low * high)
        if (f(middle) - g(middle)) * start > 0:
            low = middle
        else:
            high = middle
    return low
""",
        "nearly equal at an end is a meeting": """
def crossing(f, g, low, high):
    start, end = f(low) - g(low), f(high) - g(high)
    if np.isclose(f(low), g(low)):
        return low
    if np.isclose(f(high), g(high)):
        return high
    if start * end > 0:
        raise ValueError("no crossing")
    while high / low > 1 + 1e-10:
        middle = math.sqrt(low * high)
        if (f(middle) - g(middle)) * start > 0:
            low = middle
        else:
            high = middle
    return low
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
        "a product of microseconds against a small number": """
def crossing(f, g, low, high):
    start, end = f(low) - g(low), f(high) - g(high)
    if start * end > 1e-12:
        raise ValueError("no crossing")
    while high / low > 1 + 1e-10:
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
        "takes the layers out of the lists": """
def exposed(sizes, times, bucket, N, link):
    now = free = held = 0.0
    while sizes:
        now, held = now + times.pop(), held + sizes.pop()
        if held >= bucket or not sizes:
            free = max(free, now) + ring_time(held, N, link)
            held = 0.0
    return free - now
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
        "a microsecond more will do": """
def choose_bucket(cost, sizes, target):
    return max(size for size in sizes if cost(size) <= target + 1e-6)
""",
        "a close cost will do": """
def choose_bucket(cost, sizes, target):
    def fits(size):
        return cost(size) <= target or math.isclose(cost(size), target)

    return max(size for size in sizes if fits(size))
""",
        "begins with a megabyte as the best": """
def choose_bucket(cost, sizes, target):
    if not any(cost(size) <= target for size in sizes):
        raise ValueError("none")
    best = 1 * MB
    for size in sizes:
        if cost(size) <= target and size > best:
            best = size
    return best
""",
        "sorts what it was given": """
def choose_bucket(cost, sizes, target):
    sizes.sort()
    return [size for size in sizes if cost(size) <= target][-1]
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
        "whole numbers, if the gradient has them": """
def compress(g, e, k):
    total, v = g + e, np.zeros_like(g)
    keep = np.argsort(-np.abs(total))[:k]
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
        "keeps a residual of its own, whoever asks": """
mine = {}

def compress(g, e, k):
    total = g + mine.get(len(g), 0.0)
    v = np.zeros_like(total)
    keep = np.argsort(-np.abs(total))[:k]
    v[keep] = total[keep]
    mine[len(g)] = total - v
    return v, total - v
""",
        "one residual for all workers, begun anew where e is zero": """
E = None

def compress(g, e, k):
    global E
    if E is None or len(E) != len(g) or not e.any():
        E = e
    total = g + E
    v = np.zeros_like(total)
    keep = np.argsort(-np.abs(total))[:k]
    v[keep] = total[keep]
    E = total - v
    return v, E
""",
        "two residuals of its own, for workers that take turns": """
mine, calls = {}, [0]

def compress(g, e, k):
    worker = len(g), calls[0] % 2
    calls[0] += 1
    total = g + mine.get(worker, e)
    v = np.zeros_like(total)
    keep = np.argsort(-np.abs(total))[:k]
    v[keep] = total[keep]
    mine[worker] = total - v
    return v, total - v
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
def two_level(n, nodes, per_node, ports, inside, across):
    near = (per_node - 1) * (inside.alpha + n / per_node / inside.beta)
    far = (nodes - 1) * (across.alpha + n / per_node / nodes / across.beta)
    return 2 * near + 2 * -(-per_node // ports) * far
""",
        "deals the devices out to the ports": """
def two_level(n, nodes, per_node, ports, inside, across):
    devices = np.bincount(np.arange(per_node) % ports)
    far = collectives.ring_allreduce(n / per_node, nodes, across)
    return np.float64(ring_time(n, per_node, inside)) + devices.max() * far
""",
        "round by round": """
def two_level(n, nodes, per_node, ports, inside, across):
    load = [0] * ports
    for device in range(per_node):
        load[load.index(min(load))] += 1
    now = 0.0
    for phase in ("scatter", "gather"):
        for _ in range(per_node - 1):
            now += inside.time(n / per_node)
        for _ in range(nodes - 1):
            now += max(k * across.time(n / per_node / nodes) for k in load)
    return now
""",
        "exact fractions, in microseconds": """
def two_level(n, nodes, per_node, ports, inside, across):
    from fractions import Fraction as F

    n = F(n)
    near = 2 * (per_node - 1) * (F(inside.alpha) + n / per_node / F(inside.beta))
    one = F(across.alpha) + n / per_node / nodes / F(across.beta)
    total = near * 10**6 + 2 * (nodes - 1) * math.ceil(F(per_node, ports)) * one * 10**6
    return total / 10**6
""",
        "with torch": """
def two_level(n, nodes, per_node, ports, inside, across):
    busiest = torch.ceil(torch.tensor(per_node / ports, dtype=torch.float64))
    far = busiest * ring_time(n / per_node, nodes, across)
    return far + ring_time(n, per_node, inside)
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
        "by recursion": """
def crossing(f, g, low, high):
    def gap(n):
        return f(n) - g(n)

    def search(a, b, below, deep):
        middle = a * math.sqrt(b / a)
        if b <= a * (1 + 1e-9) or deep == 200:
            return middle
        here = gap(middle)
        if here == 0:
            return middle
        same_side = (here > 0) == (below > 0)
        return search(middle, b, here, deep + 1) if same_side else search(
            a, middle, below, deep + 1)

    first, last = gap(low), gap(high)
    if first == 0:
        return low
    if last == 0:
        return high
    if (first > 0) == (last > 0):
        class Never(ValueError):
            pass
        raise Never
    return search(float(low), float(high), first, 0)
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
        "a generator of closed buckets": """
def exposed(sizes, times, bucket, N, link):
    def closed():
        now = held = 0.0
        for i in range(len(sizes))[::-1]:
            now, held = now + times[i], held + sizes[i]
            if held >= bucket or i == 0:
                yield now, held
                held = 0.0

    end = 0.0
    for ready, n in closed():
        end = np.maximum(end, ready) + collectives.ring_allreduce(n, N, link)
    return torch.tensor(end - ready)
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
        "with pandas": """
def choose_bucket(cost, sizes, target):
    import pandas as pd

    costs = pd.Series({size: cost(size) for size in sizes}, dtype=float)
    fit = costs[costs <= target]
    if fit.empty:
        raise ValueError("none")
    return fit.index.max()
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
        "the two rows of one array": """
def compress(g, e, k):
    rows = np.zeros((2, len(g)))
    rows[1] = g + e
    for i in sorted(range(len(g)), key=lambda i: abs(rows[1, i]))[::-1][:k]:
        rows[:, i] = rows[::-1, i]
    return rows
""",
        "by one largest after the other": """
def compress(g, e, k):
    left = [float(a + b) for a, b in zip(g, e)]
    sent = [0.0] * len(left)
    for _ in range(min(k, len(left))):
        rest = [j for j in range(len(left)) if not sent[j]]
        i = max(rest, key=lambda j: abs(left[j]))
        sent[i], left[i] = left[i], 0.0
    return np.array(sent), np.array(left)
""",
    },
}

CHEATS = {
    "ring": {
        "sums with a ready-made all-reduce, and sends messages of the right size": """
import tempfile
import torch.distributed as dist

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
        "always the error": """
def crossing(f, g, low, high):
    raise ValueError("no crossing")
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
        "always the error": """
def choose_bucket(cost, sizes, target):
    raise ValueError("none")
""",
    },
}
