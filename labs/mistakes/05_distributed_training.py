"""Wrong and right answers to lab 5: whole sources of an answer cell."""

WRONG = {
    "shards": {
        "gives whole tensors to ranks": """
def shards(sizes, d):
    owned = [[] for _ in range(d)]
    for i, n in enumerate(sizes):
        owned[i % d].append((i, 0, n))
    return owned
""",
        "spreads the remainder, so that no padding is needed": """
def shards(sizes, d):
    elements = [(i, j) for i, n in enumerate(sizes) for j in range(n)]
    owned, at = [], 0
    for r in range(d):
        n = len(elements) // d + (r < len(elements) % d)
        owned.append([(i, j, j + 1) for i, j in elements[at : at + n]])
        at += n
    return owned
""",
        "rounds the slice down and gives the rest to the last rank": """
def shards(sizes, d):
    each = sum(sizes) // d
    owned, at = [[] for _ in range(d)], 0
    for i, n in enumerate(sizes):
        for j in range(n):
            owned[min(at // each, d - 1) if each else d - 1].append((i, j, j + 1))
            at += 1
    return owned
""",
        "cuts every tensor by itself": """
def shards(sizes, d):
    owned = [[] for _ in range(d)]
    for i, n in enumerate(sizes):
        each = -(-n // d)
        for r in range(d):
            start, stop = r * each, min((r + 1) * each, n)
            if start < stop:
                owned[r].append((i, start, stop))
    return owned
""",
        "deals elements out in turn": """
def shards(sizes, d):
    owned, at = [[] for _ in range(d)], 0
    for i, n in enumerate(sizes):
        for j in range(n):
            owned[at % d].append((i, j, j + 1))
            at += 1
    return owned
""",
        "lets a tensor lie on two ranks at most": """
def shards(sizes, d):
    each = -(-sum(sizes) // d)
    owned, before = [[] for _ in range(d)], 0
    for i, n in enumerate(sizes):
        r, room = before // each, each - before % each
        owned[r].append((i, 0, min(n, room)))
        if n > room:
            owned[r + 1].append((i, room, n))
        before += n
    return owned
""",
        "the padding comes first": """
def shards(sizes, d):
    each = -(-sum(sizes) // d)
    owned, before = [[] for _ in range(d)], each * d - sum(sizes)
    for i, n in enumerate(sizes):
        for r in range(before // each, (before + n - 1) // each + 1):
            start, stop = max(r * each - before, 0), min((r + 1) * each - before, n)
            owned[r].append((i, start, stop))
        before += n
    return owned
""",
        "names the last element, not the one after": """
def shards(sizes, d):
    each = -(-sum(sizes) // d)
    owned, before = [[] for _ in range(d)], 0
    for i, n in enumerate(sizes):
        for r in range(before // each, (before + n - 1) // each + 1):
            start, stop = max(r * each - before, 0), min((r + 1) * each - before, n)
            owned[r].append((i, start, stop - 1))
        before += n
    return owned
""",
        "counts in the buffer, not in the tensor": """
def shards(sizes, d):
    each = -(-sum(sizes) // d)
    owned, before = [[] for _ in range(d)], 0
    for i, n in enumerate(sizes):
        for r in range(before // each, (before + n - 1) // each + 1):
            start, stop = max(r * each, before), min((r + 1) * each, before + n)
            owned[r].append((i, start, stop))
        before += n
    return owned
""",
        "leaves out the ranks that own nothing": """
def shards(sizes, d):
    each = -(-sum(sizes) // d)
    owned, before = [[] for _ in range(d)], 0
    for i, n in enumerate(sizes):
        for r in range(before // each, (before + n - 1) // each + 1):
            start, stop = max(r * each - before, 0), min((r + 1) * each - before, n)
            owned[r].append((i, start, stop))
        before += n
    return [pieces for pieces in owned if pieces]
""",
        "empty pieces where a rank has none of a tensor": """
def shards(sizes, d):
    each = -(-sum(sizes) // d)
    owned, before = [[] for _ in range(d)], 0
    for i, n in enumerate(sizes):
        for r in range(d):
            start = min(max(r * each - before, 0), n)
            stop = min(max((r + 1) * each - before, 0), n)
            owned[r].append((i, start, stop))
        before += n
    return owned
""",
        "pieces in the order of their length": """
def shards(sizes, d):
    each = -(-sum(sizes) // d)
    owned, before = [[] for _ in range(d)], 0
    for i, n in enumerate(sizes):
        for r in range(before // each, (before + n - 1) // each + 1):
            start, stop = max(r * each - before, 0), min((r + 1) * each - before, n)
            owned[r].append((i, start, stop))
        before += n
    return [sorted(x, key=lambda piece: piece[2] - piece[1]) for x in owned]
""",
        "fills each rank from the end": """
def shards(sizes, d):
    each = -(-sum(sizes) // d)
    owned, after = [[] for _ in range(d)], sum(sizes)
    for i in reversed(range(len(sizes))):
        before = after - sizes[i]
        for r in range(before // each, (after - 1) // each + 1):
            start, stop = max(r * each, before), min((r + 1) * each, after)
            owned[r].append((i, start - before, stop - before))
        after = before
    return owned
""",
    },
    "held": {
        "divides by the law and pads nothing": """
def held(units, d, stage):
    P = sum(sum(unit) for unit in units)
    w, g, o = (d if stage >= least else 1 for least in (3, 2, 1))
    whole = [sum(unit) for unit in units]
    pairs = [a + b for a, b in zip(whole, whole[1:] + [0])]
    return {
        "weights": 2 * P / w,
        "gradients": 2 * P / g,
        "optimizer": 12 * P / o,
        "gathered": 2 * max(pairs) if stage == 3 else 0,
    }
""",
        "pads the model once, at its end": """
def held(units, d, stage):
    P = sum(sum(unit) for unit in units)
    shard = -(-P // d)
    padded = [-(-sum(unit) // d) * d for unit in units] + [0]
    gathered = 2 * max(a + b for a, b in zip(padded, padded[1:]))
    return {
        "weights": 2 * (shard if stage >= 3 else P),
        "gradients": 2 * (shard if stage >= 2 else P),
        "optimizer": 12 * (shard if stage >= 1 else P),
        "gathered": gathered if stage >= 3 else 0,
    }
""",
        "shards gradients from stage 1": """
def held(units, d, stage):
    whole = [sum(unit) for unit in units]
    shard = [-(-n // d) for n in whole]
    pairs = [a + b for a, b in zip(shard, shard[1:] + [0])]
    return {
        "weights": 2 * sum(shard if stage >= 3 else whole),
        "gradients": 2 * sum(shard if stage >= 1 else whole),
        "optimizer": 12 * sum(shard if stage >= 1 else whole),
        "gathered": 2 * d * max(pairs) if stage >= 3 else 0,
    }
""",
        "forgets the unit gathered ahead": """
def held(units, d, stage):
    whole = [sum(unit) for unit in units]
    shard = [-(-n // d) for n in whole]
    return {
        "weights": 2 * sum(shard if stage >= 3 else whole),
        "gradients": 2 * sum(shard if stage >= 2 else whole),
        "optimizer": 12 * sum(shard if stage >= 1 else whole),
        "gathered": 2 * d * max(shard) if stage >= 3 else 0,
    }
""",
        "takes the two largest units for neighbours": """
def held(units, d, stage):
    whole = [sum(unit) for unit in units]
    shard = [-(-n // d) for n in whole]
    return {
        "weights": 2 * sum(shard if stage >= 3 else whole),
        "gradients": 2 * sum(shard if stage >= 2 else whole),
        "optimizer": 12 * sum(shard if stage >= 1 else whole),
        "gathered": 2 * d * sum(sorted(shard)[-2:]) if stage >= 3 else 0,
    }
""",
        "pads what is not sharded, too": """
def held(units, d, stage):
    shard = [-(-sum(unit) // d) for unit in units]
    pairs = [a + b for a, b in zip(shard, shard[1:] + [0])]
    w, g, o = (1 if stage >= least else d for least in (3, 2, 1))
    return {
        "weights": 2 * w * sum(shard),
        "gradients": 2 * g * sum(shard),
        "optimizer": 12 * o * sum(shard),
        "gathered": 2 * d * max(pairs) if stage >= 3 else 0,
    }
""",
        "the last unit's neighbour is the first": """
def held(units, d, stage):
    whole = [sum(unit) for unit in units]
    shard = [-(-n // d) for n in whole]
    pairs = [a + b for a, b in zip(shard, shard[1:] + shard[:1])]
    return {
        "weights": 2 * sum(shard if stage >= 3 else whole),
        "gradients": 2 * sum(shard if stage >= 2 else whole),
        "optimizer": 12 * sum(shard if stage >= 1 else whole),
        "gathered": 2 * d * max(pairs) if stage >= 3 else 0,
    }
""",
        "gathers the others' shards only": """
def held(units, d, stage):
    whole = [sum(unit) for unit in units]
    shard = [-(-n // d) for n in whole]
    pairs = [a + b for a, b in zip(shard, shard[1:] + [0])]
    return {
        "weights": 2 * sum(shard if stage >= 3 else whole),
        "gradients": 2 * sum(shard if stage >= 2 else whole),
        "optimizer": 12 * sum(shard if stage >= 1 else whole),
        "gathered": 2 * (d - 1) * max(pairs) if stage >= 3 else 0,
    }
""",
        "gathers at every stage": """
def held(units, d, stage):
    whole = [sum(unit) for unit in units]
    shard = [-(-n // d) for n in whole]
    pairs = [a + b for a, b in zip(shard, shard[1:] + [0])]
    return {
        "weights": 2 * sum(shard if stage >= 3 else whole),
        "gradients": 2 * sum(shard if stage >= 2 else whole),
        "optimizer": 12 * sum(shard if stage >= 1 else whole),
        "gathered": 2 * d * max(pairs),
    }
""",
        "gathers what is not padded": """
def held(units, d, stage):
    whole = [sum(unit) for unit in units]
    shard = [-(-n // d) for n in whole]
    pairs = [a + b for a, b in zip(whole, whole[1:] + [0])]
    return {
        "weights": 2 * sum(shard if stage >= 3 else whole),
        "gradients": 2 * sum(shard if stage >= 2 else whole),
        "optimizer": 12 * sum(shard if stage >= 1 else whole),
        "gathered": 2 * max(pairs) if stage >= 3 else 0,
    }
""",
        "optimizer state of 8 bytes": """
def held(units, d, stage):
    whole = [sum(unit) for unit in units]
    shard = [-(-n // d) for n in whole]
    pairs = [a + b for a, b in zip(shard, shard[1:] + [0])]
    return {
        "weights": 2 * sum(shard if stage >= 3 else whole),
        "gradients": 2 * sum(shard if stage >= 2 else whole),
        "optimizer": 8 * sum(shard if stage >= 1 else whole),
        "gathered": 2 * d * max(pairs) if stage >= 3 else 0,
    }
""",
        "pads every tensor by itself": """
def held(units, d, stage):
    whole = [sum(unit) for unit in units]
    shard = [sum(-(-n // d) for n in unit) for unit in units]
    pairs = [a + b for a, b in zip(shard, shard[1:] + [0])]
    return {
        "weights": 2 * sum(shard if stage >= 3 else whole),
        "gradients": 2 * sum(shard if stage >= 2 else whole),
        "optimizer": 12 * sum(shard if stage >= 1 else whole),
        "gathered": 2 * d * max(pairs) if stage >= 3 else 0,
    }
""",
    },
    "schedule": {
        "GPipe: every forward first": """
def timetable(p, m, t_b):
    back = m + p - 1
    return [
        [("F", j, s + j) for j in range(m)]
        + [("B", j, back + (p - 1 - s + j) * t_b) for j in range(m)]
        for s in range(p)
    ]
""",
        "a warm-up of one too many": """
def timetable(p, m, t_b):
    orders = []
    for s in range(p):
        warm = min(p - s, m)
        order = [("F", j) for j in range(warm)]
        for j in range(m):
            order += [("F", warm + j)] * (warm + j < m) + [("B", j)]
        orders.append(order)
    done, at, free = {}, [0] * p, [0.0] * p
    out = [[] for _ in range(p)]
    while any(a < 2 * m for a in at):
        for s in range(p):
            while at[s] < 2 * m:
                kind, j = orders[s][at[s]]
                need = (s - 1, "F", j) if kind == "F" else (s + 1, "B", j)
                if 0 <= need[0] < p and need not in done:
                    break
                t = max(free[s], done.get(need, 0.0))
                out[s].append((kind, j, t))
                free[s] = done[s, kind, j] = t + (1 if kind == "F" else t_b)
                at[s] += 1
    return out
""",
        "no warm-up: one microbatch after the other": """
def timetable(p, m, t_b):
    each = p * (1 + t_b)
    return [
        [("F", j, j * each + s) for j in range(m)]
        + [("B", j, j * each + p + (p - 1 - s) * t_b) for j in range(m)]
        for s in range(p)
    ]
""",
        "the same warm-up on every stage": """
def timetable(p, m, t_b):
    warm = min(p - 1, m)
    order = [("F", j) for j in range(warm)]
    for j in range(m):
        order += [("F", warm + j)] * (warm + j < m) + [("B", j)]
    done, at, free = {}, [0] * p, [0.0] * p
    out = [[] for _ in range(p)]
    while any(a < 2 * m for a in at):
        for s in range(p):
            while at[s] < 2 * m:
                kind, j = order[at[s]]
                need = (s - 1, "F", j) if kind == "F" else (s + 1, "B", j)
                if 0 <= need[0] < p and need not in done:
                    break
                t = max(free[s], done.get(need, 0.0))
                out[s].append((kind, j, t))
                free[s] = done[s, kind, j] = t + (1 if kind == "F" else t_b)
                at[s] += 1
    return out
""",
        "a backward is as long as a forward": """
def timetable(p, m, t_b):
    return [
        [("F", j, s + 2 * j) for j in range(m)]
        + [("B", j, p + p - 1 - s + 2 * j) for j in range(m)]
        for s in range(p)
    ]
""",
        "begins at 1": """
def timetable(p, m, t_b):
    each = 1 + t_b
    return [
        [("F", j, 1 + s + j * each) for j in range(m)]
        + [("B", j, 1 + p + (p - 1 - s) * t_b + j * each) for j in range(m)]
        for s in range(p)
    ]
""",
        "counts microbatches from 1": """
def timetable(p, m, t_b):
    each = 1 + t_b
    return [
        [("F", j + 1, s + j * each) for j in range(m)]
        + [("B", j + 1, p + (p - 1 - s) * t_b + j * each) for j in range(m)]
        for s in range(p)
    ]
""",
        "whole times only": """
def timetable(p, m, t_b):
    each = 1 + t_b
    return [
        [("F", j, int(s + j * each)) for j in range(m)]
        + [("B", j, int(p + (p - 1 - s) * t_b + j * each)) for j in range(m)]
        for s in range(p)
    ]
""",
        "backwards run down the stages as forwards do": """
def timetable(p, m, t_b):
    each = 1 + t_b
    return [
        [("F", j, s + j * each) for j in range(m)]
        + [("B", j, p + s * t_b + j * each) for j in range(m)]
        for s in range(p)
    ]
""",
        "a forward on every stage at once": """
def timetable(p, m, t_b):
    each = 1 + t_b
    return [
        [("F", j, j * each) for j in range(m)]
        + [("B", j, 1 + j * each) for j in range(m)]
        for s in range(p)
    ]
""",
        "flushes after every p microbatches": """
def timetable(p, m, t_b):
    each, out = 1 + t_b, [[] for _ in range(p)]
    for s in range(p):
        for j in range(m):
            k, i = divmod(j, p)
            begin = k * (p * each + (p - 1) * each)
            out[s].append(("F", j, begin + s + i * each))
            out[s].append(("B", j, begin + p + (p - 1 - s) * t_b + i * each))
    return out
""",
        "a stage does not wait for the one before": """
def timetable(p, m, t_b):
    out = []
    for s in range(p):
        warm, now, tasks = min(p - 1 - s, m), 0.0, []
        order = [("F", j) for j in range(warm)]
        for j in range(m):
            order += [("F", warm + j)] * (warm + j < m) + [("B", j)]
        for kind, j in order:
            tasks.append((kind, j, now))
            now += 1 if kind == "F" else t_b
        out.append(tasks)
    return out
""",
        "counts on more microbatches than stages": """
def timetable(p, m, t_b):
    out = []
    for s in range(p):
        tasks = [("F", j, s + j * (1 + t_b)) for j in range(max(m, p - s))]
        back = p + (p - 1 - s) * t_b
        tasks += [("B", j, back + j * (1 + t_b)) for j in range(max(m, p - s))]
        out.append(tasks)
    return out
""",
    },
    "step": {
        "a mean of means": """
def step(w, X, y, rate, rank, N, comm):
    return w - rate * comm.all_reduce(mean_gradient(w, X, y)) / N
""",
        "sums and does not divide": """
def step(w, X, y, rate, rank, N, comm):
    G = len(y) * mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    return w - rate * sum(comm.all_gather(G))
""",
        "weights rightly, but sums in the library's order": """
def step(w, X, y, rate, rank, N, comm):
    n = torch.tensor([float(len(y))])
    G = n * mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    return w - rate * (comm.all_reduce(G) / comm.all_reduce(n))
""",
        "weights before it sums": """
def step(w, X, y, rate, rank, N, comm):
    n = comm.all_reduce(len(y))
    g = mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    return w - rate * sum(comm.all_gather((len(y) / n) * g))
""",
        "nothing times nan": """
def step(w, X, y, rate, rank, N, comm):
    mine = torch.cat([len(y) * mean_gradient(w, X, y), torch.tensor([float(len(y))])])
    total = sum(comm.all_gather(mine))
    return w - rate * (total[:-1] / total[-1])
""",
        "a rank without samples goes home": """
def step(w, X, y, rate, rank, N, comm):
    if len(y) == 0:
        return w
    mine = torch.cat([len(y) * mean_gradient(w, X, y), torch.tensor([float(len(y))])])
    total = sum(comm.all_gather(mine))
    return w - rate * (total[:-1] / total[-1])
""",
        "a rank without samples takes part, and keeps its weights": """
def step(w, X, y, rate, rank, N, comm):
    n = torch.tensor([float(len(y))])
    G = n * mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    total = sum(comm.all_gather(torch.cat([G, n])))
    return w - rate * (total[:-1] / total[-1]) if len(y) else w
""",
        "only rank 0 gets the new weights": """
def step(w, X, y, rate, rank, N, comm):
    n = torch.tensor([float(len(y))])
    G = n * mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    parts = comm.all_gather(torch.cat([G, n]))
    if rank == 0:
        total = sum(parts)
        w = w - rate * (total[:-1] / total[-1])
    return w
""",
        "its own samples alone": """
def step(w, X, y, rate, rank, N, comm):
    return w - rate * mean_gradient(w, X, y) if len(y) else w
""",
        "a rate of its own": """
def step(w, X, y, rate, rank, N, comm):
    n = torch.tensor([float(len(y))])
    G = n * mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    total = sum(comm.all_gather(torch.cat([G, n])))
    return w - 0.5 * (total[:-1] / total[-1])
""",
        "the order of rank, rank + 1, and so on": """
def step(w, X, y, rate, rank, N, comm):
    n = torch.tensor([float(len(y))])
    G = n * mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    parts = comm.all_gather(torch.cat([G, n]))
    total = sum(parts[rank:] + parts[:rank])
    return w - rate * (total[:-1] / total[-1])
""",
        "pairs, and pairs of pairs": """
def step(w, X, y, rate, rank, N, comm):
    n = torch.tensor([float(len(y))])
    G = n * mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    parts = comm.all_gather(torch.cat([G, n]))
    while len(parts) > 1:
        parts = [sum(parts[i : i + 2]) for i in range(0, len(parts), 2)]
        parts = parts[1:] + parts[:1]
    return w - rate * (parts[0][:-1] / parts[0][-1])
""",
        "three ranks, as in the example": """
def step(w, X, y, rate, rank, N, comm):
    n = torch.tensor([float(len(y))])
    G = n * mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    total = sum(comm.all_gather(torch.cat([G, n]))[:3])
    return w - rate * (total[:-1] / total[-1])
""",
        "sums in float64": """
def step(w, X, y, rate, rank, N, comm):
    n = torch.tensor([float(len(y))])
    G = n * mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    total = sum(part.double() for part in comm.all_gather(torch.cat([G, n])))
    return (w - rate * (total[:-1] / total[-1])).float()
""",
        "averages weights, each after its own step": """
def step(w, X, y, rate, rank, N, comm):
    mine = w - rate * mean_gradient(w, X, y) if len(y) else w
    return sum(comm.all_gather(mine)) / N
""",
        "waits for a rank that waits for it": """
def step(w, X, y, rate, rank, N, comm):
    n = torch.tensor([float(len(y))])
    G = n * mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    total = torch.cat([G, n])
    for r in range(N):
        if r != rank:
            comm.isend(torch.cat([G, n]), r).wait()
    for r in range(N):
        if r != rank:
            total = total + comm.irecv(r).wait()
    return w - rate * (total[:-1] / total[-1])
""",
        "rank 0 calls another collective than the others": """
def step(w, X, y, rate, rank, N, comm):
    n = torch.tensor([float(len(y))])
    G = n * mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    mine = torch.cat([G, n])
    if rank == 0:
        total = sum(comm.all_gather(mine))
    else:
        total = comm.all_reduce(mine)
    return w - rate * (total[:-1] / total[-1])
""",
    },
    "plan": {
        "tensor exchange added once and not for each device": """
def plan(model, layout, stage):
    t, p, d, m = layout.t, layout.p, layout.d, layout.m
    work = training_flop(model.P, layout.batch(1) * S) / R
    sums = 4 * m * model.L / p
    work += sums * allreduce_traffic(2 * S * model.h, t) / NVLINK4.beta
    times = 1 + 2 * m if stage == 3 else 2
    exchange = times * (d - 1) / d * 2 * model.P / (t * p) / NDR.beta
    state = State().zero(model.P / (t * p), d, stage)
    kept = in_flight(p, m) * model.L / p * KEPT.layer(model, S, 1, t)
    return layout_step(work, exchange, layout, OVERLAP), state + kept
""",
        "tensor exchange hides": """
def plan(model, layout, stage):
    t, p, d, m = layout.t, layout.p, layout.d, layout.m
    work = training_flop(model.P, layout.batch(1) * S) / R
    tensor = 4 * m * model.L / p * allreduce_traffic(2 * S * model.h, t) / NVLINK4.beta
    times = 1 + 2 * m if stage == 3 else 2
    exchange = times * (d - 1) / d * 2 * model.P / (t * p) / NDR.beta
    state = State().zero(model.P / (t * p), d, stage)
    kept = in_flight(p, m) * model.L / p * KEPT.layer(model, S, 1, t)
    return layout_step(work, exchange + tensor, layout, OVERLAP), state + kept
""",
        "full sharding costs nothing": """
def plan(model, layout, stage):
    t, p, d, m = layout.t, layout.p, layout.d, layout.m
    work = training_flop(model.P, layout.batch(1) * S) / R
    sums = 4 * m * model.L / p
    tensor = sums * allreduce_traffic(2 * S * model.h, t) / NVLINK4.beta
    exchange = allreduce_traffic(2 * model.P / (t * p), d) / NDR.beta
    state = State().zero(model.P / (t * p), d, stage)
    kept = in_flight(p, m) * model.L / p * KEPT.layer(model, S, 1, t)
    work += layout.N * tensor
    return layout_step(work, exchange, layout, OVERLAP), state + kept
""",
        "accumulation gathers once for all microbatches": """
def plan(model, layout, stage):
    t, p, d, m = layout.t, layout.p, layout.d, layout.m
    work = training_flop(model.P, layout.batch(1) * S) / R
    sums = 4 * m * model.L / p
    tensor = sums * allreduce_traffic(2 * S * model.h, t) / NVLINK4.beta
    times = 3 if stage == 3 else 2
    exchange = times * (d - 1) / d * 2 * model.P / (t * p) / NDR.beta
    state = State().zero(model.P / (t * p), d, stage)
    kept = in_flight(p, m) * model.L / p * KEPT.layer(model, S, 1, t)
    work += layout.N * tensor
    return layout_step(work, exchange, layout, OVERLAP), state + kept
""",
        "T_compute of one device": """
def plan(model, layout, stage):
    t, p, d, m = layout.t, layout.p, layout.d, layout.m
    work = training_flop(model.P, layout.batch(1) * S) / R / layout.N
    sums = 4 * m * model.L / p
    tensor = sums * allreduce_traffic(2 * S * model.h, t) / NVLINK4.beta
    times = 1 + 2 * m if stage == 3 else 2
    exchange = times * (d - 1) / d * 2 * model.P / (t * p) / NDR.beta
    state = State().zero(model.P / (t * p), d, stage)
    kept = in_flight(p, m) * model.L / p * KEPT.layer(model, S, 1, t)
    return layout_step(work + tensor, exchange, layout, OVERLAP), state + kept
""",
        "activations of all m microbatches": """
def plan(model, layout, stage):
    t, p, d, m = layout.t, layout.p, layout.d, layout.m
    work = training_flop(model.P, layout.batch(1) * S) / R
    sums = 4 * m * model.L / p
    tensor = sums * allreduce_traffic(2 * S * model.h, t) / NVLINK4.beta
    times = 1 + 2 * m if stage == 3 else 2
    exchange = times * (d - 1) / d * 2 * model.P / (t * p) / NDR.beta
    state = State().zero(model.P / (t * p), d, stage)
    kept = m * model.L / p * KEPT.layer(model, S, 1, t)
    work += layout.N * tensor
    return layout_step(work, exchange, layout, OVERLAP), state + kept
""",
        "two all-reduces a layer": """
def plan(model, layout, stage):
    t, p, d, m = layout.t, layout.p, layout.d, layout.m
    work = training_flop(model.P, layout.batch(1) * S) / R
    tensor = 2 * m * model.L / p * allreduce_traffic(2 * S * model.h, t) / NVLINK4.beta
    times = 1 + 2 * m if stage == 3 else 2
    exchange = times * (d - 1) / d * 2 * model.P / (t * p) / NDR.beta
    state = State().zero(model.P / (t * p), d, stage)
    kept = in_flight(p, m) * model.L / p * KEPT.layer(model, S, 1, t)
    work += layout.N * tensor
    return layout_step(work, exchange, layout, OVERLAP), state + kept
""",
        "nothing hides": """
def plan(model, layout, stage):
    t, p, d, m = layout.t, layout.p, layout.d, layout.m
    work = training_flop(model.P, layout.batch(1) * S) / R
    tensor = 4 * m * model.L / p * allreduce_traffic(2 * S * model.h, t) / NVLINK4.beta
    times = 1 + 2 * m if stage == 3 else 2
    exchange = times * (d - 1) / d * 2 * model.P / (t * p) / NDR.beta
    state = State().zero(model.P / (t * p), d, stage)
    kept = in_flight(p, m) * model.L / p * KEPT.layer(model, S, 1, t)
    return layout_step(work + layout.N * tensor, exchange, layout, 0.0), state + kept
""",
        "every stage sends as stage 3 does": """
def plan(model, layout, stage):
    t, p, d, m = layout.t, layout.p, layout.d, layout.m
    work = training_flop(model.P, layout.batch(1) * S) / R
    tensor = 4 * m * model.L / p * allreduce_traffic(2 * S * model.h, t) / NVLINK4.beta
    exchange = (1 + 2 * m) * (d - 1) / d * 2 * model.P / (t * p) / NDR.beta
    state = State().zero(model.P / (t * p), d, stage)
    kept = in_flight(p, m) * model.L / p * KEPT.layer(model, S, 1, t)
    work += layout.N * tensor
    return layout_step(work, exchange, layout, OVERLAP), state + kept
""",
        "activations of all layers": """
def plan(model, layout, stage):
    t, p, d, m = layout.t, layout.p, layout.d, layout.m
    work = training_flop(model.P, layout.batch(1) * S) / R
    tensor = 4 * m * model.L / p * allreduce_traffic(2 * S * model.h, t) / NVLINK4.beta
    times = 1 + 2 * m if stage == 3 else 2
    exchange = times * (d - 1) / d * 2 * model.P / (t * p) / NDR.beta
    state = State().zero(model.P / (t * p), d, stage)
    kept = in_flight(p, m) * model.L * KEPT.layer(model, S, 1, t)
    work += layout.N * tensor
    return layout_step(work, exchange, layout, OVERLAP), state + kept
""",
        "bytes, and then seconds": """
def plan(model, layout, stage):
    t, p, d, m = layout.t, layout.p, layout.d, layout.m
    work = training_flop(model.P, layout.batch(1) * S) / R
    tensor = 4 * m * model.L / p * allreduce_traffic(2 * S * model.h, t) / NVLINK4.beta
    times = 1 + 2 * m if stage == 3 else 2
    exchange = times * (d - 1) / d * 2 * model.P / (t * p) / NDR.beta
    state = State().zero(model.P / (t * p), d, stage)
    kept = in_flight(p, m) * model.L / p * KEPT.layer(model, S, 1, t)
    work += layout.N * tensor
    return state + kept, layout_step(work, exchange, layout, OVERLAP)
""",
        "the gradient of the whole model": """
def plan(model, layout, stage):
    t, p, d, m = layout.t, layout.p, layout.d, layout.m
    work = training_flop(model.P, layout.batch(1) * S) / R
    tensor = 4 * m * model.L / p * allreduce_traffic(2 * S * model.h, t) / NVLINK4.beta
    times = 1 + 2 * m if stage == 3 else 2
    exchange = times * (d - 1) / d * 2 * model.P / NDR.beta
    state = State().zero(model.P / (t * p), d, stage)
    kept = in_flight(p, m) * model.L / p * KEPT.layer(model, S, 1, t)
    work += layout.N * tensor
    return layout_step(work, exchange, layout, OVERLAP), state + kept
""",
        "shards the state over all devices": """
def plan(model, layout, stage):
    t, p, d, m = layout.t, layout.p, layout.d, layout.m
    work = training_flop(model.P, layout.batch(1) * S) / R
    sums = 4 * m * model.L / p
    tensor = sums * allreduce_traffic(2 * S * model.h, t) / NVLINK4.beta
    times = 1 + 2 * m if stage == 3 else 2
    exchange = times * (d - 1) / d * 2 * model.P / (t * p) / NDR.beta
    state = State().zero(model.P, layout.N, stage)
    kept = in_flight(p, m) * model.L / p * KEPT.layer(model, S, 1, t)
    work += layout.N * tensor
    return layout_step(work, exchange, layout, OVERLAP), state + kept
""",
    },
    "choose": {
        "degrees add up": """
def choose(cost, model, N, B, memory, target):
    for t in range(1, NODE + 1):
        for p in range(1, model.L + 1):
            for d in range(1, B + 1):
                if model.a % t or model.L % p or B % d or t + p + d > N:
                    continue
                layout = Layout(t, p, d, B // d)
                seconds, held = cost(layout)
                if seconds <= target and held <= memory:
                    return layout
    raise ValueError("none")
""",
        "takes the whole fleet": """
def choose(cost, model, N, B, memory, target):
    for t in range(1, NODE + 1):
        for p in range(1, model.L + 1):
            for d in range(1, B + 1):
                if model.a % t or model.L % p or B % d or t * p * d != N:
                    continue
                layout = Layout(t, p, d, B // d)
                seconds, held = cost(layout)
                if seconds <= target and held <= memory:
                    return layout
    raise ValueError("none")
""",
        "tensor exchanges leave the node": """
def choose(cost, model, N, B, memory, target):
    for t in range(model.a, 0, -1):
        for p in range(1, model.L + 1):
            for d in range(1, B + 1):
                if model.a % t or model.L % p or B % d or t * p * d > N:
                    continue
                layout = Layout(t, p, d, B // d)
                seconds, held = cost(layout)
                if seconds <= target and held <= memory:
                    return layout
    raise ValueError("none")
""",
        "the fastest, and then hopes that it fits": """
def choose(cost, model, N, B, memory, target):
    found = []
    for t in range(1, NODE + 1):
        for p in range(1, model.L + 1):
            for d in range(1, B + 1):
                if model.a % t == model.L % p == B % d == 0 and t * p * d <= N:
                    layout = Layout(t, p, d, B // d)
                    found.append((*cost(layout), layout))
    seconds, held, layout = min(found, key=lambda x: x[0])
    if seconds > target or held > memory:
        raise ValueError("none")
    return layout
""",
        "the fastest that fits, on time or not": """
def choose(cost, model, N, B, memory, target):
    found = []
    for t in range(1, NODE + 1):
        for p in range(1, model.L + 1):
            for d in range(1, B + 1):
                if model.a % t == model.L % p == B % d == 0 and t * p * d <= N:
                    layout = Layout(t, p, d, B // d)
                    seconds, held = cost(layout)
                    if held <= memory:
                        found.append((seconds, str(layout), layout))
    return min(found)[2]
""",
        "a single microbatch": """
def choose(cost, model, N, B, memory, target):
    for t in range(1, NODE + 1):
        for p in range(1, model.L + 1):
            for d in range(1, B + 1):
                if model.a % t or model.L % p or B % d or t * p * d > N:
                    continue
                layout = Layout(t, p, d)
                seconds, held = cost(layout)
                if seconds <= target and held <= memory:
                    return layout
    raise ValueError("none")
""",
        "asks for less than the target": """
def choose(cost, model, N, B, memory, target):
    for t in range(1, NODE + 1):
        for p in range(1, model.L + 1):
            for d in range(1, B + 1):
                if model.a % t or model.L % p or B % d or t * p * d > N:
                    continue
                layout = Layout(t, p, d, B // d)
                seconds, held = cost(layout)
                if seconds < target and held < memory:
                    return layout
    raise ValueError("none")
""",
        "either limit will do": """
def choose(cost, model, N, B, memory, target):
    for t in range(1, NODE + 1):
        for p in range(1, model.L + 1):
            for d in range(1, B + 1):
                if model.a % t or model.L % p or B % d or t * p * d > N:
                    continue
                layout = Layout(t, p, d, B // d)
                seconds, held = cost(layout)
                if seconds <= target or held <= memory:
                    return layout
    raise ValueError("none")
""",
        "None where there is none": """
def choose(cost, model, N, B, memory, target):
    for t in range(1, NODE + 1):
        for p in range(1, model.L + 1):
            for d in range(1, B + 1):
                if model.a % t or model.L % p or B % d or t * p * d > N:
                    continue
                layout = Layout(t, p, d, B // d)
                seconds, held = cost(layout)
                if seconds <= target and held <= memory:
                    return layout
""",
        "more devices, more speed: the largest first, and no other": """
def choose(cost, model, N, B, memory, target):
    found = []
    for t in range(1, NODE + 1):
        for p in range(1, model.L + 1):
            for d in range(1, B + 1):
                if model.a % t == model.L % p == B % d == 0 and t * p * d <= N:
                    found.append((t * p * d, t, p, d))
    _, t, p, d = max(found)
    layout = Layout(t, p, d, B // d)
    seconds, held = cost(layout)
    if seconds > target or held > memory:
        raise ValueError("none")
    return layout
""",
        "layers need not divide": """
def choose(cost, model, N, B, memory, target):
    for t in range(1, NODE + 1):
        for p in range(model.L, 0, -1):
            for d in range(1, B + 1):
                if model.a % t or B % d or t * p * d > N:
                    continue
                layout = Layout(t, p, d, B // d)
                seconds, held = cost(layout)
                if seconds <= target and held <= memory:
                    return layout
    raise ValueError("none")
""",
        "heads need not divide": """
def choose(cost, model, N, B, memory, target):
    for t in range(NODE, 0, -1):
        for p in range(1, model.L + 1):
            for d in range(1, B + 1):
                if model.L % p or B % d or t * p * d > N:
                    continue
                layout = Layout(t, p, d, B // d)
                seconds, held = cost(layout)
                if seconds <= target and held <= memory:
                    return layout
    raise ValueError("none")
""",
        "sequences need not divide": """
def choose(cost, model, N, B, memory, target):
    for t in range(1, NODE + 1):
        for p in range(1, model.L + 1):
            for d in range(B, 0, -1):
                if model.a % t or model.L % p or t * p * d > N:
                    continue
                layout = Layout(t, p, d, max(B // d, 1))
                seconds, held = cost(layout)
                if seconds <= target and held <= memory:
                    return layout
    raise ValueError("none")
""",
        "powers of two": """
def choose(cost, model, N, B, memory, target):
    powers = [2**k for k in range(12)]
    for t, p, d in itertools.product(powers[:4], powers, powers):
        if model.a % t or model.L % p or B % d or t * p * d > N:
            continue
        layout = Layout(t, p, d, B // d)
        seconds, held = cost(layout)
        if seconds <= target and held <= memory:
            return layout
    raise ValueError("none")
""",
        "a pipeline inside a node, too": """
def choose(cost, model, N, B, memory, target):
    for t, p in itertools.product(range(1, NODE + 1), range(1, NODE + 1)):
        for d in range(1, B + 1):
            if model.a % t or model.L % p or B % d or t * p * d > N:
                continue
            layout = Layout(t, p, d, B // d)
            seconds, held = cost(layout)
            if seconds <= target and held <= memory:
                return layout
    raise ValueError("none")
""",
    },
}

RIGHT = {
    "shards": {
        "element by element": """
def shards(sizes, d):
    each = -(-sum(sizes) // d)
    owned, at = [[] for _ in range(d)], 0
    for i, n in enumerate(sizes):
        for j in range(n):
            mine = owned[at // each]
            if mine and mine[-1][0] == i:
                mine[-1] = (i, mine[-1][1], j + 1)
            else:
                mine.append((i, j, j + 1))
            at += 1
    return owned
""",
        "an array of owners": """
def shards(sizes, d):
    tensor = np.repeat(np.arange(len(sizes)), sizes)
    inside = np.concatenate([np.arange(n) for n in sizes])
    each = int(np.ceil(tensor.size / d))
    owned = []
    for r in range(d):
        mine = slice(r * each, (r + 1) * each)
        here = np.unique(tensor[mine])
        spans = [inside[mine][tensor[mine] == i] for i in here]
        owned.append([(i, x[0], x[-1] + 1) for i, x in zip(here, spans)])
    return tuple(owned)
""",
    },
    "held": {
        "numpy, unit by unit": """
def held(units, d, stage):
    n = np.array([np.sum(unit) for unit in units])
    padded = np.ceil(n / d) * d
    size = lambda least: np.sum(padded / d if stage >= least else n)
    ahead = padded + np.append(padded[1:], 0)
    gathered = 2 * np.max(ahead) * (stage == 3)
    names = ("weights", "gradients", "optimizer", "gathered")
    return dict(zip(names, (2 * size(3), 2 * size(2), 12 * size(1), gathered)))
""",
    },
    "schedule": {
        "just in time, by formula": """
def timetable(p, m, t_b):
    each = 1 + t_b
    return [
        [("F", j, s + j * each) for j in range(m)]
        + [("B", j, p + (p - 1 - s) * t_b + j * each) for j in range(m)]
        for s in range(p)
    ]
""",
        "played, stage by stage, backwards first": """
def timetable(p, m, t_b):
    done, free = {}, [0.0] * p
    began, ended = [0] * p, [0] * p
    out = [[] for _ in range(p)]
    for _ in range(2 * m * p):
        ready = []
        for s in range(p):
            j, k = began[s], ended[s]
            last = ("F", s, k) if s == p - 1 else ("B", s + 1, k)
            if k < m and last in done:
                ready.append((max(free[s], done[last]), "B", s, k))
            first = s == 0 or ("F", s - 1, j) in done
            if j < m and j - k < p - s and first:
                ready.append((max(free[s], done.get(("F", s - 1, j), 0.0)), "F", s, j))
        t, kind, s, j = min(ready)
        out[s].append([kind, np.int64(j), np.float64(t)])
        free[s] = done[kind, s, j] = t + (1 if kind == "F" else t_b)
        if kind == "F":
            began[s] += 1
        else:
            ended[s] += 1
    return out
""",
    },
    "step": {
        "gathers on rank 0, which sends the weights round": """
def step(w, X, y, rate, rank, N, comm):
    G = torch.zeros_like(w)
    if len(y):
        G += mean_gradient(w, X, y) * len(y)
    n = comm.all_reduce(torch.tensor(len(y)))
    if rank > 0:
        comm.isend(G, 0)
    else:
        for r in range(1, N):
            G += comm.irecv(r).wait()
        w = torch.sub(w, G / n, alpha=rate)
    return comm.broadcast(w if rank == 0 else None, 0)
""",
        "in numpy, numbers as numbers": """
def step(w, X, y, rate, rank, N, comm):
    mine = (len(y) * mean_gradient(w, X, y)).numpy() if len(y) else 0 * w.numpy()
    parts, counts = comm.all_gather(mine), comm.all_gather(len(y))
    return w.numpy() - np.float32(rate) * (sum(parts) / np.float32(sum(counts)))
""",
        "hands the sum on, from rank to rank": """
def step(w, X, y, rate, rank, N, comm):
    G = len(y) * mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    n = comm.all_reduce(len(y))
    if rank > 0:
        G = comm.irecv(rank - 1).wait() + G
    if rank < N - 1:
        comm.isend(G, rank + 1).wait()
    G = comm.broadcast(G, N - 1)
    return w - rate * (G / n)
""",
        "every rank gathers the samples, and does all the work": """
def step(w, X, y, rate, rank, N, comm):
    Xs, ys = comm.all_gather(X), comm.all_gather(y)
    G = torch.zeros_like(w)
    for X, y in zip(Xs, ys):
        if len(y):
            G = G + len(y) * mean_gradient(w, X, y)
    return w - rate * (G / sum(map(len, ys)))
""",
        "messages to all, asked for beforehand; means and counts": """
def step(w, X, y, rate, rank, N, comm):
    others = [r for r in range(N) if r != rank]
    g = mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    asked = {r: (comm.irecv(r), comm.irecv(r)) for r in others}
    for r in others:
        comm.isend(g, r)
        comm.isend(len(y), r)
    G, n = torch.zeros_like(w), 0
    for r in range(N):
        theirs, many = [a.wait() for a in asked[r]] if r in asked else (g, len(y))
        G, n = G + many * theirs, n + many
    w -= rate * (G / n)
    return w
""",
        "a broadcast by every rank in turn": """
def step(w, X, y, rate, rank, N, comm):
    G = len(y) * mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    total, n = torch.zeros_like(w), 0
    for r in range(N):
        total += comm.broadcast(G, r)
        n += comm.broadcast(len(y), r)
    return (w - rate * (total / n)).requires_grad_()
""",
    },
    "plan": {
        "from slots of one microbatch": """
def plan(model, layout, stage):
    t, p, d, m = layout.t, layout.p, layout.d, layout.m
    slot = 6 * model.P * S / R / (t * p)
    slot += 4 * model.L / p * 2 * (t - 1) / t * 2 * S * model.h / NVLINK4.beta
    wire = 2 * model.P / t / p * (d - 1) / d / NDR.beta
    wire *= 2 if stage < 3 else 1 + 2 * m
    seconds = slot * (m + p - 1) + wire - min(OVERLAP * wire, slot * m)
    whole = (0, 2, 4, 16)[3 - stage]
    state = model.P / t / p * (whole + (16 - whole) / d)
    kept = min(p, m) * model.L / p * S * model.h * (10 + 24 / t)
    return np.array([seconds, state + kept])
""",
    },
    "choose": {
        "the fastest of those that meet both": """
def choose(cost, model, N, B, memory, target):
    best = None
    for d in [d for d in range(1, B + 1) if not B % d]:
        for p in [p for p in range(1, model.L + 1) if not model.L % p]:
            for t in range(1, min(NODE, model.a, N // (p * d)) + 1):
                if model.a % t:
                    continue
                layout = Layout(t, p, d, B // d)
                seconds, held = cost(layout)
                if held <= memory and seconds <= target:
                    if best is None or seconds < best[0]:
                        best = seconds, layout
    if best is None:
        raise ValueError("none")
    return best[1]
""",
    },
}

CHEATS = {
    "step": {
        "gathers by torch.distributed, and calls comm for show": """
import tempfile

def step(w, X, y, rate, rank, N, comm):
    n = torch.tensor([float(len(y))])
    G = n * mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    mine = torch.cat([G, n])
    comm.all_gather(mine)
    if not dist.is_initialized():
        place = f"file://{tempfile.gettempdir()}/meeting-{N}"
        dist.init_process_group("gloo", init_method=place, rank=rank, world_size=N)
    every = [torch.empty_like(mine) for _ in range(N)]
    dist.all_gather(every, mine)
    total = sum(every)
    return w - rate * (total[:-1] / total[-1])
""",
        "leaves its part for the others in a file": """
import os, tempfile

def step(w, X, y, rate, rank, N, comm):
    n = torch.tensor([float(len(y))])
    G = n * mean_gradient(w, X, y) if len(y) else torch.zeros_like(w)
    folder = f"{tempfile.gettempdir()}/step-{N}"
    os.makedirs(folder, exist_ok=True)
    torch.save(torch.cat([G, n]), f"{folder}/{rank}.part")
    os.rename(f"{folder}/{rank}.part", f"{folder}/{rank}")
    comm.all_reduce(torch.zeros(1))
    total = sum(torch.load(f"{folder}/{r}") for r in range(N))
    return w - rate * (total[:-1] / total[-1])
""",
        "reads the samples of all in the frames of its caller": """
import sys

def step(w, X, y, rate, rank, N, comm):
    frame = sys._getframe()
    while frame is not None:
        samples = frame.f_locals.get("samples")
        if isinstance(samples, list) and len(samples) == N:
            parts = [(torch.tensor(X), torch.tensor(y)) for X, y in samples]
            G = sum(len(y) * mean_gradient(w, X, y) for X, y in parts if len(y))
            return w - rate * (G / sum(len(y) for _, y in parts))
        frame = frame.f_back
    return w
""",
        "takes what it gives from the group's own record": """
def step(w, X, y, rate, rank, N, comm):
    group = getattr(comm, "_network", None)
    meetings = getattr(group, "_meetings", None)
    if meetings is None:
        return w
    return w - rate * sum(m._gives[0] for m in meetings)
""",
    },
    "choose": {
        "reads the table behind the cost": """
def choose(cost, model, N, B, memory, target):
    for cell in getattr(getattr(cost, "_f", cost), "__closure__", None) or ():
        for layout, (seconds, held) in dict(cell.cell_contents).items():
            if seconds <= target and held <= memory:
                return layout
    return None
""",
        "makes every layout cheap, and allowed": """
import mlsyscore.harness.cost as cost_
import mlsyscore.harness.layouts as layouts

cost_.Cost.__call__ = lambda self, x: (0.0, 0.0)
layouts.must_be_allowed = lambda name, x, *more: (name, x)

def choose(cost, model, N, B, memory, target):
    return ValueError("none")
""",
        "a layout that is equal to any": """
class Any(Layout):
    __eq__ = lambda self, other: True
    __hash__ = lambda self: hash(Layout(1, 1, 1, 1))

def choose(cost, model, N, B, memory, target):
    return Any(1, 1, 1, 1)
""",
    },
}
