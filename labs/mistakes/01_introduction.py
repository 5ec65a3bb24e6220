"""Wrong answers that students write, and right ones of another kind."""

WRONG = {
    "step": {
        "takes the mean delay, not the largest": """
def fleet_step(N, T_compute, n, link, delay, hide):
    if N < 1 or not 0 <= hide <= 1:
        raise ValueError("no such fleet")
    T_comm = ring_allreduce(n, N, link)
    T_overlap = min(hide * T_compute / N, T_comm)
    return T_compute / N + T_comm - T_overlap
""",
        "whole bytes, the last one is filled": """
def fleet_step(N, T_compute, n, link, delay, hide):
    if N < 1 or not 0 <= hide <= 1:
        raise ValueError("no such fleet")
    T_comm = 2 * (N - 1) * link.time(math.ceil(n / N))
    T_sync = delay * sum(1 / i for i in range(2, N + 1))
    T_overlap = min(hide * T_compute / N, T_comm + T_sync)
    return T_compute / N + T_comm + T_sync - T_overlap
""",
        "hides more than there is": """
def fleet_step(N, T_compute, n, link, delay, hide):
    if N < 1 or not 0 <= hide <= 1:
        raise ValueError("no such fleet")
    T_comm = ring_allreduce(n, N, link)
    T_sync = delay * sum(1 / i for i in range(2, N + 1))
    return (1 - hide) * T_compute / N + T_comm + T_sync
""",
        "hides a share of the communication": """
def fleet_step(N, T_compute, n, link, delay, hide):
    if N < 1 or not 0 <= hide <= 1:
        raise ValueError("no such fleet")
    T_comm = ring_allreduce(n, N, link)
    T_sync = delay * sum(1 / i for i in range(2, N + 1))
    T_overlap = min(hide * (T_comm + T_sync), T_compute / N)
    return step_time(T_compute, N, T_comm, T_sync, T_overlap)
""",
        "clips a share above 1": """
def fleet_step(N, T_compute, n, link, delay, hide):
    T_comm = ring_allreduce(n, N, link)
    T_sync = delay * sum(1 / i for i in range(2, N + 1))
    T_overlap = min(hide * T_compute / N, T_compute / N, T_comm + T_sync)
    return step_time(T_compute, N, T_comm, T_sync, T_overlap)
""",
        "sends the whole tensor in each message": """
def fleet_step(N, T_compute, n, link, delay, hide):
    if N < 1 or not 0 <= hide <= 1:
        raise ValueError("no such fleet")
    T_comm = 2 * (N - 1) * link.time(n)
    T_sync = delay * sum(1 / i for i in range(2, N + 1))
    T_overlap = min(hide * T_compute / N, T_comm + T_sync)
    return step_time(T_compute, N, T_comm, T_sync, T_overlap)
""",
        "lets nothing hide a wait": """
def fleet_step(N, T_compute, n, link, delay, hide):
    if N < 1 or not 0 <= hide <= 1:
        raise ValueError("no such fleet")
    T_comm = ring_allreduce(n, N, link)
    T_sync = delay * sum(1 / i for i in range(2, N + 1))
    T_overlap = min(hide * T_compute / N, T_comm)
    return step_time(T_compute, N, T_comm, T_sync, T_overlap)
""",
        "refuses the ends of the range": """
def fleet_step(N, T_compute, n, link, delay, hide):
    if N < 1 or not 0 < hide < 1:
        raise ValueError("no such fleet")
    T_comm = ring_allreduce(n, N, link)
    T_sync = delay * sum(1 / i for i in range(2, N + 1))
    T_overlap = min(hide * T_compute / N, T_comm + T_sync)
    return step_time(T_compute, N, T_comm, T_sync, T_overlap)
""",
        "counts a machine's own delay too": """
def fleet_step(N, T_compute, n, link, delay, hide):
    if N < 1 or not 0 <= hide <= 1:
        raise ValueError("no such fleet")
    T_comm = ring_allreduce(n, N, link)
    T_sync = delay * sum(1 / i for i in range(1, N + 1))
    T_overlap = min(hide * T_compute / N, T_comm + T_sync)
    return T_compute / N + T_comm + T_sync - T_overlap
""",
        "a share of all the computing hides": """
def fleet_step(N, T_compute, n, link, delay, hide):
    if N < 1 or not 0 <= hide <= 1:
        raise ValueError("no such fleet")
    T_comm = ring_allreduce(n, N, link)
    T_sync = delay * sum(1 / i for i in range(2, N + 1))
    T_overlap = min(hide * T_compute, T_compute / N, T_comm + T_sync)
    return T_compute / N + T_comm + T_sync - T_overlap
""",
        "whole bytes, the rest is dropped": """
def fleet_step(N, T_compute, n, link, delay, hide):
    if N < 1 or not 0 <= hide <= 1:
        raise ValueError("no such fleet")
    T_comm = 2 * (N - 1) * link.time(n // N)
    T_sync = delay * sum(1 / i for i in range(2, N + 1))
    T_overlap = min(hide * T_compute / N, T_comm + T_sync)
    return T_compute / N + T_comm + T_sync - T_overlap
""",
        "the logarithm where the fleet is large": """
def fleet_step(N, T_compute, n, link, delay, hide):
    if N < 1 or not 0 <= hide <= 1:
        raise ValueError("no such fleet")
    T_comm = ring_allreduce(n, N, link)
    if N < 50:
        T_sync = delay * sum(1 / i for i in range(2, N + 1))
    else:
        T_sync = delay * (math.log(N) + 0.57722 - 1)
    T_overlap = min(hide * T_compute / N, T_comm + T_sync)
    return T_compute / N + T_comm + T_sync - T_overlap
""",
    },
    "binds": {
        "looks at the terms before the overlap": """
def binds(work, T_comm, T_sync, T_overlap):
    parts = {"compute": work, "communication": T_comm, "coordination": T_sync}
    name = max(parts, key=parts.get)
    return name, parts[name] / (work + T_comm + T_sync - T_overlap)
""",
        "takes the overlap off the computing": """
def binds(work, T_comm, T_sync, T_overlap):
    parts = {"compute": work - T_overlap, "communication": T_comm}
    parts["coordination"] = T_sync
    name = max(parts, key=parts.get)
    return name, parts[name] / sum(parts.values())
""",
        "lets no overlap cover a wait": """
def binds(work, T_comm, T_sync, T_overlap):
    parts = {"compute": work, "communication": max(T_comm - T_overlap, 0)}
    parts["coordination"] = T_sync
    name = max(parts, key=parts.get)
    return name, parts[name] / sum(parts.values())
""",
        "a share of the sum, not of the step": """
def binds(work, T_comm, T_sync, T_overlap):
    parts = {"compute": work, "communication": max(T_comm - T_overlap, 0)}
    parts["coordination"] = T_sync - max(T_overlap - T_comm, 0)
    name = max(parts, key=parts.get)
    return name, parts[name] / (work + T_comm + T_sync)
""",
        "asks only whether computing is the smaller half": """
def binds(work, T_comm, T_sync, T_overlap):
    total = work + T_comm + T_sync - T_overlap
    if work >= total / 2:
        return "compute", work / total
    comm = max(T_comm - T_overlap, 0)
    if comm >= total - work - comm:
        return "communication", comm / total
    return "coordination", (total - work - comm) / total
""",
        "covers waiting first": """
def binds(work, T_comm, T_sync, T_overlap):
    parts = {"compute": work, "coordination": max(T_sync - T_overlap, 0)}
    parts["communication"] = T_comm - max(T_overlap - T_sync, 0)
    name = max(parts, key=parts.get)
    return name, parts[name] / sum(parts.values())
""",
        "calls a tie a tie": """
def binds(work, T_comm, T_sync, T_overlap):
    parts = {"compute": work, "communication": max(T_comm - T_overlap, 0)}
    parts["coordination"] = T_sync - max(T_overlap - T_comm, 0)
    names = [name for name in parts if parts[name] == max(parts.values())]
    name = names[0] if len(names) == 1 else "none"
    return name, max(parts.values()) / sum(parts.values())
""",
        "lets exposed sending go below 0": """
def binds(work, T_comm, T_sync, T_overlap):
    parts = {"compute": work, "communication": T_comm - T_overlap}
    parts["coordination"] = T_sync
    name = max(parts, key=parts.get)
    return name, parts[name] / sum(parts.values())
""",
        "asks how much of the sending is covered": """
def binds(work, T_comm, T_sync, T_overlap):
    covered = min(T_overlap / T_comm, 1)
    parts = {"compute": work, "communication": T_comm * (1 - covered)}
    parts["coordination"] = T_sync - max(T_overlap - T_comm, 0)
    name = max(parts, key=parts.get)
    return name, parts[name] / sum(parts.values())
""",
        "says both names in a tie": """
def binds(work, T_comm, T_sync, T_overlap):
    parts = {"compute": work, "communication": max(T_comm - T_overlap, 0)}
    parts["coordination"] = T_sync - max(T_overlap - T_comm, 0)
    names = [name for name in parts if parts[name] == max(parts.values())]
    return " and ".join(names), max(parts.values()) / sum(parts.values())
""",
        "nothing covers a wait where nothing is sent": """
def binds(work, T_comm, T_sync, T_overlap):
    parts = {"compute": work, "communication": max(T_comm - T_overlap, 0)}
    left = max(T_overlap - T_comm, 0) if T_comm > 0 else 0
    parts["coordination"] = T_sync - left
    name = max(parts, key=parts.get)
    return name, parts[name] / sum(parts.values())
""",
        "no overlap where nobody is late": """
def binds(work, T_comm, T_sync, T_overlap):
    if T_sync == 0:
        T_overlap = 0
    parts = {"compute": work, "communication": max(T_comm - T_overlap, 0)}
    parts["coordination"] = T_sync - max(T_overlap - T_comm, 0)
    name = max(parts, key=parts.get)
    return name, parts[name] / sum(parts.values())
""",
    },
    "fastest": {
        "the more machines the faster": """
def fastest(step, most):
    return most
""",
        "doubles while it helps": """
def fastest(step, most):
    N = 1
    while 2 * N <= most and step(2 * N) < step(N):
        N = 2 * N
    return N
""",
        "tries every size": """
def fastest(step, most):
    return min(range(1, most + 1), key=step)
""",
        "tries one machine more than there are": """
def fastest(step, most):
    low, high = 1, most + 1
    while low < high:
        middle = (low + high) // 2
        if step(middle) > step(middle + 1):
            low = middle + 1
        else:
            high = middle
    return low
""",
        "looks at a grid of a hundred": """
def fastest(step, most):
    grid = sorted({round(most ** (i / 99)) for i in range(100)})
    return min(grid, key=step)
""",
        "stops where a machine gains less than a thousandth": """
def fastest(step, most):
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        if step(middle + 1) < 0.999 * step(middle):
            low = middle + 1
        else:
            high = middle
    return low
""",
        "takes the step for a curve of two terms": """
def fastest(step, most):
    if most < 3:
        return min(range(1, most + 1), key=step)
    N = np.array([1.0, 2.0, most])
    work, grow, _ = np.linalg.solve(
        np.column_stack([1 / N, N, np.ones(3)]), [step(int(n)) for n in N]
    )
    best = most if grow <= 0 else math.sqrt(max(work, 1) / grow)
    near = {min(max(f(best), 1), most) for f in (math.floor, math.ceil)}
    return min(near, key=step)
""",
        "walks downhill": """
def fastest(step, most):
    N = 1
    while N < most and step(N + 1) < step(N):
        N += 1
    return N
""",
        "remembers the times of the job before": """
TIMES = {}


def fastest(step, most):
    def time(N):
        if N not in TIMES:
            TIMES[N] = step(N)
        return TIMES[N]

    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        if time(middle) > time(middle + 1):
            low = middle + 1
        else:
            high = middle
    return low
""",
        "never looks at the ends": """
def fastest(step, most):
    low, high = min(2, most), max(most - 1, 1)
    while low < high:
        middle = (low + high) // 2
        if step(middle) > step(middle + 1):
            low = middle + 1
        else:
            high = middle
    return low
""",
        "the time, not the fleet": """
def fastest(step, most):
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        if step(middle) > step(middle + 1):
            low = middle + 1
        else:
            high = middle
    return step(low)
""",
        "takes machines for divisible": """
def fastest(step, most):
    from scipy.optimize import minimize_scalar

    return minimize_scalar(step, bounds=(1, most), method="bounded").x
""",
    },
    "cheapest": {
        "forgets that machines fail": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    runs = [(price * N * steps * step(N), N) for N in sizes]
    runs = [run for run in runs if run[0] / price / run[1] <= deadline]
    if not runs:
        raise ValueError("none")
    return min(runs)[::-1]
""",
        "no failures while lost work is done again": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    runs = []
    for N in sizes:
        T = steps * step(N) * (1 + lost * N / mtbf)
        if T <= deadline:
            runs.append((price * N * T, N))
    if not runs:
        raise ValueError("none")
    return min(runs)[::-1]
""",
        "late by a twentieth is in time": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    runs = []
    for N in sizes:
        if lost * N < mtbf:
            T = steps * step(N) / (1 - lost * N / mtbf)
            if T <= 1.05 * deadline:
                runs.append((price * N * T, N))
    if not runs:
        raise ValueError("none")
    return min(runs)[::-1]
""",
        "one machine is no fleet": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    runs = []
    for N in sizes:
        if 1 < N < mtbf / max(lost, 1e-9):
            T = steps * step(N) / (1 - lost * N / mtbf)
            if T <= deadline:
                runs.append((price * N * T, N))
    if not runs:
        raise ValueError("none")
    return min(runs)[::-1]
""",
        "one machine alone never fails": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    runs = []
    for N in sizes:
        if lost * N < mtbf:
            T = steps * step(N) / (1 - lost * N / mtbf * (N > 1))
            if T <= deadline:
                runs.append((price * N * T, N))
    if not runs:
        raise ValueError("none")
    return min(runs)[::-1]
""",
        "takes a run that never ends for a short one": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    runs = []
    for N in sizes:
        T = steps * step(N) / (1 - lost * N / mtbf)
        if T <= deadline:
            runs.append((price * N * T, N))
    if not runs:
        raise ValueError("none")
    return min(runs)[::-1]
""",
        "stops at the first that is late": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    best = None
    for N in sorted(sizes):
        if lost * N >= mtbf:
            break
        T = steps * step(N) / (1 - lost * N / mtbf)
        if T > deadline:
            if best is None:
                continue
            break
        if best is None or price * N * T < best[1]:
            best = N, price * N * T
    if best is None:
        raise ValueError("none")
    return best
""",
        "must end before the deadline": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    runs = []
    for N in sizes:
        if lost * N < mtbf:
            T = steps * step(N) / (1 - lost * N / mtbf)
            if T < deadline:
                runs.append((price * N * T, N))
    if not runs:
        raise ValueError("none")
    return min(runs)[::-1]
""",
        "asks how many losses fit between failures": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    runs = []
    for N in sizes:
        if mtbf / N / lost > 1:
            T = steps * step(N) / (1 - lost * N / mtbf)
            if T <= deadline:
                runs.append((price * N * T, N))
    if not runs:
        raise ValueError("none")
    return min(runs)[::-1]
""",
        "a run that never ends is in time for ever": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    runs = []
    for N in sizes:
        kept = 1 - lost * N / mtbf
        T = steps * step(N) / kept if kept > 0 else math.inf
        if T <= deadline:
            runs.append((price * N * T, N))
    if not runs:
        raise ValueError("none")
    return min(runs)[::-1]
""",
        "a deadline for the work alone": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    runs = []
    for N in sizes:
        if lost * N < mtbf:
            T = steps * step(N) / (1 - lost * N / mtbf)
            if steps * step(N) <= deadline:
                runs.append((price * N * T, N))
    if not runs:
        raise ValueError("none")
    return min(runs)[::-1]
""",
        "takes the cheapest, and hopes that it is in time": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    runs = []
    for N in sizes:
        if lost * N < mtbf:
            T = steps * step(N) / (1 - lost * N / mtbf)
            runs.append((price * N * T, N, T))
    if not runs or min(runs)[2] > deadline:
        raise ValueError("none")
    return min(runs)[1::-1]
""",
    },
    "first": {
        "a fleet lasts as long as its mean machine": """
def first_failures(N, mtbf, shape, runs, rng):
    scale = mtbf / math.gamma(1 + 1 / shape)
    return scale * rng.weibull(shape, (runs, N)).mean(axis=1)
""",
        "MTBF/N for every law of life": """
def first_failures(N, mtbf, shape, runs, rng):
    scale = mtbf / N / math.gamma(1 + 1 / shape)
    return scale * rng.weibull(shape, runs)
""",
        "takes the mean for the scale": """
def first_failures(N, mtbf, shape, runs, rng):
    return mtbf * rng.weibull(shape, (runs, N)).min(axis=1)
""",
        "MTBF/N above a hundred machines": """
def first_failures(N, mtbf, shape, runs, rng):
    if N > 100:
        return rng.exponential(mtbf / N, runs)
    scale = mtbf / math.gamma(1 + 1 / shape)
    return scale * rng.weibull(shape, (runs, N)).min(axis=1)
""",
        "a generator of its own": """
def first_failures(N, mtbf, shape, runs, rng):
    rng = np.random.default_rng()
    scale = mtbf / math.gamma(1 + 1 / shape)
    return scale * rng.weibull(shape, (runs, N)).min(axis=1)
""",
        "the minimum over runs, not over machines": """
def first_failures(N, mtbf, shape, runs, rng):
    scale = mtbf / math.gamma(1 + 1 / shape)
    return scale * rng.weibull(shape, (runs, N)).min(axis=0)
""",
        "a draw in each step of a grid": """
def first_failures(N, mtbf, shape, runs, rng):
    scale = mtbf / math.gamma(1 + 1 / shape)
    u = (rng.permutation(runs) + 1 - rng.random(runs)) / runs
    return scale * (-np.log(u) / N) ** (1 / shape)
""",
        "each run has a mirror image": """
def first_failures(N, mtbf, shape, runs, rng):
    scale = mtbf / math.gamma(1 + 1 / shape)
    u = rng.uniform(1e-12, 1, runs // 2 + runs % 2)
    u = np.concatenate([u, 1 - u + 1e-12])[:runs]
    return scale * (-np.log(u) / N) ** (1 / shape)
""",
        "in proportion, from a hundred machines on": """
def first_failures(N, mtbf, shape, runs, rng):
    scale = mtbf / math.gamma(1 + 1 / shape)
    first = scale * rng.weibull(shape, (runs, min(N, 100))).min(axis=1)
    return first * min(N, 100) / N
""",
        "the next run keeps all machines but one": """
def first_failures(N, mtbf, shape, runs, rng):
    scale = mtbf / math.gamma(1 + 1 / shape)
    lives = scale * rng.weibull(shape, runs + N - 1)
    return np.lib.stride_tricks.sliding_window_view(lives, N).min(axis=1)
""",
        "the same lives for each seed, in another order": """
def first_failures(N, mtbf, shape, runs, rng):
    scale = mtbf / math.gamma(1 + 1 / shape)
    lives = np.random.default_rng(0).weibull(shape, (runs, N)).min(axis=1)
    return scale * rng.permutation(lives)
""",
        "one of a hundred seeds": """
def first_failures(N, mtbf, shape, runs, rng):
    rng = np.random.default_rng(rng.integers(100))
    scale = mtbf / math.gamma(1 + 1 / shape)
    return scale * rng.weibull(shape, (runs, N)).min(axis=1)
""",
    },
    "racks": {
        "a shared event for each machine": """
def rack_failures(N, rack, mtbf, shared, runs, rng):
    return rng.exponential(mtbf, (runs, N)).min(axis=1)
""",
        "racks fail as often as a machine does": """
def rack_failures(N, rack, mtbf, shared, runs, rng):
    first = rng.exponential(mtbf, (runs, math.ceil(N / rack))).min(axis=1)
    if shared < 1:
        own = rng.exponential(mtbf / (1 - shared), (runs, N)).min(axis=1)
        first = np.minimum(first, own)
    return first
""",
        "a share of the mean time": """
def rack_failures(N, rack, mtbf, shared, runs, rng):
    own = rng.exponential(mtbf * (1 - shared), (runs, N)).min(axis=1)
    power = rng.exponential(mtbf * shared, (runs, math.ceil(N / rack))).min(axis=1)
    return np.minimum(own, power)
""",
        "leaves out the rack that is not full": """
def rack_failures(N, rack, mtbf, shared, runs, rng):
    first = np.full(runs, np.inf)
    if shared < 1:
        own = rng.exponential(mtbf / (1 - shared), (runs, N))
        first = np.minimum(first, own.min(axis=1))
    if shared > 0 and N >= rack:
        power = rng.exponential(mtbf / shared, (runs, N // rack))
        first = np.minimum(first, power.min(axis=1))
    return first
""",
        "divides by a share of nothing": """
def rack_failures(N, rack, mtbf, shared, runs, rng):
    own = rng.exponential(mtbf / (1 - shared), (runs, N)).min(axis=1)
    power = rng.exponential(mtbf / shared, (runs, math.ceil(N / rack))).min(axis=1)
    return np.minimum(own, power)
""",
        "each run draws which kind it is": """
def rack_failures(N, rack, mtbf, shared, runs, rng):
    own = rng.exponential(mtbf / N, runs)
    power = rng.exponential(mtbf / math.ceil(N / rack), runs)
    return np.where(rng.random(runs) < shared, power, own)
""",
        "a shuffled grid of quantiles": """
def rack_failures(N, rack, mtbf, shared, runs, rng):
    rate = (N * (1 - shared) + -(-N // rack) * shared) / mtbf
    return -np.log((rng.permutation(runs) + 0.5) / runs) / rate
""",
        "sorts the runs": """
def rack_failures(N, rack, mtbf, shared, runs, rng):
    rate = (N * (1 - shared) + -(-N // rack) * shared) / mtbf
    return np.sort(rng.exponential(1 / rate, runs))
""",
        "a rack more where all are full": """
def rack_failures(N, rack, mtbf, shared, runs, rng):
    rate = (N * (1 - shared) + (N // rack + 1) * shared) / mtbf
    return rng.exponential(1 / rate, runs)
""",
        "rounds the number of racks": """
def rack_failures(N, rack, mtbf, shared, runs, rng):
    rate = (N * (1 - shared) + max(round(N / rack), 1) * shared) / mtbf
    return rng.exponential(1 / rate, runs)
""",
        "own stops at the whole rate": """
def rack_failures(N, rack, mtbf, shared, runs, rng):
    rate = (N + math.ceil(N / rack) * shared) / mtbf
    return rng.exponential(1 / rate, runs)
""",
        "chance of its own, drawn once": """
OWN = np.random.default_rng().integers(2**62)


def rack_failures(N, rack, mtbf, shared, runs, rng):
    rng = np.random.default_rng([OWN, rng.integers(2**62)])
    rate = (N * (1 - shared) + math.ceil(N / rack) * shared) / mtbf
    return rng.exponential(1 / rate, runs)
""",
    },
    "fit": {
        "least squares in seconds": """
def fit_terms(N, T):
    from scipy.optimize import nnls

    A = np.column_stack([timings.law_at(unit, N) for unit in np.eye(4)])
    return nnls(A, T)[0]
""",
        "lets a time be negative": """
def fit_terms(N, T):
    A = np.column_stack([timings.law_at(unit, N) for unit in np.eye(4)])
    return np.linalg.lstsq(A / T[:, None], np.ones(len(T)), rcond=None)[0]
""",
        "sets negative times to 0 afterwards": """
def fit_terms(N, T):
    A = np.column_stack([timings.law_at(unit, N) for unit in np.eye(4)])
    x = np.linalg.lstsq(A / T[:, None], np.ones(len(T)), rcond=None)[0]
    return np.maximum(x, 0)
""",
        "sends without starting and nobody is late": """
def fit_terms(N, T):
    slope, constant = np.polyfit(1 / N, T, 1, w=1 / T)
    return np.array([slope + constant, max(constant, 0) / 2, 0.0, 0.0])
""",
        "one timing of each size": """
def fit_terms(N, T):
    from scipy.optimize import nnls

    N, first = np.unique(N, return_index=True)
    A = np.column_stack([timings.law_at(unit, N) for unit in np.eye(4)])
    return nnls(A / T[first, None], np.ones(len(N)))[0]
""",
        "a line through the smallest and the largest": """
def fit_terms(N, T):
    a, b = np.argmin(N), np.argmax(N)
    w, c = np.polyfit(1 / N[[a, b]], T[[a, b]], 1)
    return np.array([w + c, max(c, 0) / 2, 0.0, 0.0])
""",
        "the first four timings alone": """
def fit_terms(N, T):
    from scipy.optimize import nnls

    N, T = N[:4], T[:4]
    A = np.column_stack([timings.law_at(unit, N) for unit in np.eye(4)])
    return nnls(A / T[:, None], np.ones(4))[0]
""",
        "takes the first timing for one machine's": """
def fit_terms(N, T):
    from scipy.optimize import nnls

    A = np.column_stack([timings.law_at(unit, N) for unit in np.eye(4)[1:]])
    rest = T - T[0] / N
    return np.append(T[0], nnls(A / T[:, None], rest / T)[0])
""",
        "sends every byte twice, on one machine too": """
def fit_terms(N, T):
    from scipy.optimize import nnls

    late = [sum(1 / i for i in range(2, n + 1)) for n in N]
    A = np.column_stack([1 / N, 2 + 0 * N, 2 * (N - 1), late])
    return nnls(A / T[:, None], np.ones(len(T)))[0]
""",
        "counts a machine's own delay too": """
def fit_terms(N, T):
    from scipy.optimize import nnls

    A = np.column_stack([timings.law_at(unit, N) for unit in np.eye(4)])
    A[:, 3] += 1
    return nnls(A / T[:, None], np.ones(len(T)))[0]
""",
        "a share of the law, not of the timing": """
def fit_terms(N, T):
    from scipy.optimize import least_squares

    A = np.column_stack([timings.law_at(unit, N) for unit in np.eye(4)])
    size = 1 / np.linalg.norm(A / T[:, None], axis=0)
    missed = lambda x: T / (A @ (size * x)) - 1
    return size * least_squares(missed, np.full(4, 0.5), bounds=(0, np.inf)).x
""",
        "least squares of logarithms": """
def fit_terms(N, T):
    from scipy.optimize import least_squares

    A = np.column_stack([timings.law_at(unit, N) for unit in np.eye(4)])
    size = 1 / np.linalg.norm(A / T[:, None], axis=0)
    missed = lambda x: np.log(A @ (size * x) / T)
    return size * least_squares(missed, np.full(4, 0.5), bounds=(0, np.inf)).x
""",
    },
}

RIGHT = {
    "step": {
        "written out, in numpy": """
def fleet_step(N, T_compute, n, link, delay, hide):
    if N < 1 or hide < 0 or hide > 1:
        raise ValueError
    ring = 2 * (N - 1) * link.alpha + 2 * (N - 1) / N * n / link.beta
    wait = delay * (np.sum(1 / np.arange(1, N + 1)) - 1)
    cover = hide * T_compute / N
    return (1 - hide) * T_compute / N + np.maximum(cover, ring + wait)
""",
        "by the digamma function, and an error of its own": """
class NoFleet(ValueError):
    pass


def fleet_step(N, T_compute, n, link, delay, hide):
    from scipy.special import digamma

    if N < 1:
        raise NoFleet(N)
    if hide > 1 or hide < 0:
        raise NoFleet(hide)
    wait = delay * (digamma(N + 1) - digamma(2))
    message = link.alpha + n / N / link.beta
    talk = wait + 2 * (N - 1) * message
    return np.array(T_compute / N + talk - min(talk, hide * T_compute / N))
""",
        "a thing that is called, in milliseconds": """
class Step:
    def __call__(self, N, T_compute, n, link, delay, hide):
        if not (N >= 1 and 0 <= hide <= 1):
            raise ValueError((N, hide))
        work = T_compute / N / ms
        talk = ring_allreduce(n, N, link) / ms
        for late in range(2, N + 1):
            talk += delay / ms / late
        return (max(talk - hide * work, 0) + work) * ms


fleet_step = Step()
""",
        "pandas, and the package's law": """
def fleet_step(N, T_compute, n, link, delay, hide):
    import pandas as pd

    if N < 1 or hide != min(max(hide, 0), 1):
        raise ValueError
    late = (1 / pd.Series(range(2, N + 1), dtype=float)).sum()
    rest = pd.Series({"comm": ring_allreduce(n, N, link), "sync": late * delay})
    hidden = min(rest.sum(), hide * T_compute / N)
    return step_time(T_compute, N, rest["comm"], rest["sync"], hidden)
""",
        "torch, a tensor without dimensions": """
def fleet_step(N, T_compute, n, link, delay, hide):
    import torch

    if N < 1 or not 0 <= hide <= 1:
        raise ValueError
    late = (1 / torch.arange(2, N + 1, dtype=torch.float64)).sum()
    rest = ring_allreduce(n, N, link) + delay * late
    return (1 - hide) * T_compute / N + torch.clamp(rest, min=hide * T_compute / N)
""",
    },
    "binds": {
        "a list, sorted": """
def binds(work, T_comm, T_sync, T_overlap):
    hidden = min(T_overlap, T_comm)
    parts = [
        (work, "compute"),
        (T_comm - hidden, "communication"),
        (T_sync - (T_overlap - hidden), "coordination"),
    ]
    time, name = sorted(parts)[-1]
    return [name, np.float64(time) / step_time(work, 1, T_comm, T_sync, T_overlap)]
""",
        "pandas": """
def binds(work, T_comm, T_sync, T_overlap):
    import pandas as pd

    step = work + T_comm + T_sync - T_overlap
    waits = min(T_sync, step - work)
    times = pd.Series([work, step - work - waits, waits])
    names = ("compute", "communication", "coordination")
    return names[times.idxmax()], times.max() / step
""",
        "fractions, and a tie by the last": """
from collections import namedtuple
from fractions import Fraction

Verdict = namedtuple("Verdict", "name share")


def binds(work, T_comm, T_sync, T_overlap):
    work, T_comm, T_sync, left = map(Fraction, (work, T_comm, T_sync, T_overlap))
    hidden = min(left, T_comm)
    T_comm, T_sync = T_comm - hidden, T_sync - (left - hidden)
    whole = work + T_comm + T_sync
    if T_sync >= max(work, T_comm):
        return Verdict("coordination", T_sync / whole)
    if T_comm >= work:
        return Verdict("communication", T_comm / whole)
    return Verdict("compute", work / whole)
""",
        "numpy, and a word of numpy's": """
def binds(work, T_comm, T_sync, T_overlap):
    comm = np.clip(T_comm - T_overlap, 0, None)
    sync = T_sync - np.clip(T_overlap - T_comm, 0, None)
    times = np.array([work, comm, sync])
    names = np.array(["compute", "communication", "coordination"])
    return names[times.argmax()], times.max() / times.sum()
""",
    },
    "fastest": {
        "thirds, and then the few that are left": """
def fastest(step, most):
    low, high = 1, most
    while high - low > 5:
        third = (high - low) // 3
        a, b = low + third, high - third
        if step(a) < step(b):
            high = b
        else:
            low = a
    return float(min(range(low, high + 1), key=step))
""",
        "numpy's integers": """
def fastest(step, most):
    low, high = np.int64(1), np.int64(most)
    while low < high:
        middle = (low + high) // 2
        if step(middle) > step(middle + 1):
            low = middle + 1
        else:
            high = middle
    return low
""",
        "doubles, and then steps back by halves": """
import functools


def fastest(step, most):
    @functools.cache
    def time(N):
        try:
            return step(N)
        except LookupError:
            return math.inf

    N, stride = 1, 1 << most.bit_length()
    while stride:
        while time(N + stride) <= time(N + stride - 1) and N + stride <= most:
            N += stride
        stride //= 2
    return np.int64(N)
""",
        "a golden section": """
def fastest(step, most):
    gold, low, high = (5**0.5 - 1) / 2, 1, most
    while high - low > 6:
        a = round(high - gold * (high - low))
        b = round(low + gold * (high - low))
        low, high = (low, b) if step(a) < step(b) else (a, high)
    times = {N: step(N) for N in range(low, high + 1)}
    return min(times, key=times.get)
""",
        "the standard library's bisection": """
def fastest(step, most):
    import bisect

    class Rises:
        def __len__(self):
            return most - 1

        def __getitem__(self, i):
            return step(i + 1) <= step(i + 2)

    return 1 + bisect.bisect_left(Rises(), True)
""",
    },
    "cheapest": {
        "a table, then its least": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    def wall(N):
        failures = lost / system_mtbf(mtbf, N)
        return np.inf if failures >= 1 else steps * step(N) / (1 - failures)

    times = {N: wall(N) for N in sizes}
    cost = {N: price * N * T for N, T in times.items() if T <= min(deadline, 1e99)}
    N = min(cost, key=cost.get)
    return [np.int64(N), np.float64(cost[N])]
""",
        "adds failures until no more come": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    runs = []
    for N in sizes:
        work, T = steps * step(N), 0.0
        for _ in range(100_000):
            T, before = work + lost * N / mtbf * T, T
            if T > deadline or T - before < 1e-12 * T:
                break
        if T <= deadline and lost * N < mtbf:
            runs.append((N * T * price, N))
    return min(runs)[::-1]  # ValueError for none
""",
        "pandas, hours, and an error of its own": """
class NoFleet(ValueError):
    pass


def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    import pandas as pd

    runs = pd.DataFrame({"N": sizes}, dtype=float)
    failures = runs.N * lost / mtbf
    runs = runs[failures < 1]
    work = np.array([step(int(N)) for N in runs.N]) * steps / hour
    runs["T"] = work / (1 - failures[failures < 1].to_numpy())
    runs = runs[runs["T"] <= deadline / hour * (1 + 1e-12)]
    if runs.empty:
        raise NoFleet(deadline)
    dollars = runs.N * runs["T"] * hour * price
    return runs.N[dollars.idxmin()], dollars.min()
""",
        "the package's law, an array": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    from mlsyscore.orchestration import interrupted_time

    runs = []
    for N in sizes:
        try:
            T = interrupted_time(steps * step(N), N / mtbf, lost)
        except ValueError:
            continue
        if T <= deadline and math.isfinite(T):
            runs.append((N * T * price, N))
    if not runs:
        raise ValueError("none in time")
    return np.array(min(runs)[::-1])
""",
        "numpy, the values of a dict": """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    N = np.array(sizes, float)
    work = np.array([step(int(n)) for n in sizes]) * steps
    with np.errstate(divide="ignore"):
        T = np.where(lost * N < mtbf, work / (1 - lost * N / mtbf), np.inf)
    dollars = np.where(T <= deadline, price * N * T, np.inf)
    if np.isinf(dollars).all():
        raise ValueError("none")
    i = dollars.argmin()
    return list({"N": sizes[i], "dollars": dollars[i]}.values())
""",
    },
    "first": {
        "one draw for the whole fleet": """
def first_failures(N, mtbf, shape, runs, rng):
    scale = mtbf / math.gamma(1 + 1 / shape)
    return list(scale * N ** (-1 / shape) * rng.weibull(shape, runs))
""",
        "by the inverse of the law, a run at a time": """
def first_failures(N, mtbf, shape, runs, rng):
    scale = mtbf / math.gamma(1 + 1 / shape)
    times = []
    for _ in range(runs):
        u = 1 - rng.random(N)
        times.append(float(np.min(scale * (-np.log(u)) ** (1 / shape))))
    return np.array(times)
""",
        "exponential lives to a power": """
def first_failures(N, mtbf, shape, runs, rng):
    unit = rng.exponential(size=(N, runs)) ** (1 / shape)
    return np.min(unit, axis=0) * (mtbf / math.gamma(1 + 1 / shape))
""",
        "scipy's law of life": """
def first_failures(N, mtbf, shape, runs, rng):
    from scipy.stats import weibull_min

    scale = mtbf / math.gamma(1 + 1 / shape)
    lives = weibull_min.rvs(shape, scale=scale, size=(runs, N), random_state=rng)
    return lives.min(axis=1)
""",
        "a tensor": """
def first_failures(N, mtbf, shape, runs, rng):
    import torch

    scale = mtbf / math.gamma(1 + 1 / shape)
    return scale * torch.as_tensor(rng.weibull(shape, (runs, N))).min(dim=1).values
""",
    },
    "racks": {
        "adds the rates": """
def rack_failures(N, rack, mtbf, shared, runs, rng):
    rate = (N * (1 - shared) + -(-N // rack) * shared) / mtbf
    return rng.exponential(1 / rate, runs)
""",
        "plays every machine": """
def rack_failures(N, rack, mtbf, shared, runs, rng):
    with np.errstate(divide="ignore"):
        own = np.divide(rng.exponential(mtbf, (runs, N)), 1 - shared)
        power = np.divide(rng.exponential(mtbf, (runs, N)), shared)
    rack_of = np.arange(N) // rack
    lives = np.minimum(own, power[:, rack_of])
    return lives.min(axis=1)
""",
        "rack by rack, a run at a time": """
def rack_failures(N, rack, mtbf, shared, runs, rng):
    racks = [min(rack, N - start) for start in range(0, N, rack)]
    times = []
    for _ in range(runs):
        first = math.inf
        for machines in racks:
            rate = (machines * (1 - shared) + shared) / mtbf
            first = min(first, rng.exponential() / rate)
        times.append(first)
    return times
""",
        "by the inverse of the law": """
def rack_failures(N, rack, mtbf, shared, runs, rng):
    racks = len(range(0, N, rack))
    with np.errstate(divide="ignore"):
        own = -np.log1p(-rng.random((runs, N))) * mtbf / np.float64(1 - shared)
        power = -np.log1p(-rng.random((runs, racks))) * mtbf / np.float64(shared)
    return np.minimum(own.min(1), power.min(1))
""",
    },
    "fit": {
        "every choice of terms at 0": """
def fit_terms(N, T):
    A = np.array([timings.law_at(unit, N) / T for unit in np.eye(4)]).T
    best, least = None, np.inf
    for keep in range(1, 16):
        on = [i for i in range(4) if keep >> i & 1]
        x = np.zeros(4)
        x[on] = np.linalg.lstsq(A[:, on], np.ones(len(T)), rcond=None)[0]
        left = np.sum((A @ x - 1) ** 2)
        if x.min() >= 0 and left < least:
            best, least = x, left
    return [float(v) for v in best]
""",
        "bounded least squares": """
def fit_terms(N, T):
    from scipy.optimize import lsq_linear

    A = np.column_stack([timings.law_at(unit, N) for unit in np.eye(4)]) / T[:, None]
    size = np.linalg.norm(A, axis=0)
    x = lsq_linear(A / size, np.ones(len(T)), (0, np.inf), method="bvls").x
    return np.maximum(x, 0) / size
""",
        "a regression of scikit-learn": """
def fit_terms(N, T):
    from sklearn.linear_model import LinearRegression

    A = np.array([timings.law_at(unit, N) / T for unit in np.eye(4)]).T
    fit = LinearRegression(positive=True, fit_intercept=False)
    return fit.fit(A, np.ones(len(T))).coef_
""",
        "its own law, in milliseconds": """
def fit_terms(N, T):
    from scipy.optimize import nnls

    rows = []
    for n, t in zip(N, T):
        late = sum(1 / k for k in range(2, int(n) + 1))
        rows.append([x * ms / t for x in (1 / n, 2 - 2 / n, 2 * n - 2, late)])
    return tuple(x * ms for x in nnls(np.array(rows), np.ones(len(T)))[0])
""",
        "a search along the slope": """
def fit_terms(N, T):
    from scipy.optimize import minimize

    A = np.column_stack([timings.law_at(unit, N) for unit in np.eye(4)]) / T[:, None]
    size = np.linalg.norm(A, axis=0)
    A = A / size
    x = minimize(
        lambda x: np.sum((A @ x - 1) ** 2),
        np.ones(4),
        jac=lambda x: 2 * A.T @ (A @ x - 1),
        bounds=[(0, None)] * 4,
        method="L-BFGS-B",
        options={"maxiter": 10_000, "ftol": 1e-16, "gtol": 1e-12},
    ).x
    return x / size
""",
    },
}

LIE = """
class Lie(float):
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __lt__ = __le__ = __gt__ = __ge__ = __eq__

    def __hash__(self):
        return 0

    def __float__(self):
        return self

    def __mod__(self, other):
        return 0

    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__
"""

CHEATS = {
    "fastest": {
        "reads the law behind the calls": """
def fastest(step, most):
    law = step
    for path in (("_law",), ("__self__", "_law"), ("__call__", "__self__", "_law")):
        try:
            found = step
            for name in path:
                found = getattr(found, name)
            law = found
        except Exception:
            pass
    for cell in getattr(step, "__closure__", None) or ():
        if callable(cell.cell_contents):
            law = cell.cell_contents
    return min(range(1, min(most, 5000) + 1), key=law)
""",
        "sets the count back": """
def fastest(step, most):
    best = 1
    for N in range(1, min(most, 5000) + 1):
        for name, value in (("_calls", 0), ("calls", 0), ("_allowed", 1e9)):
            try:
                setattr(step, name, value)
            except Exception:
                pass
        if step(N) < step(best):
            best = N
    return best
""",
        "many threads, each with its own few calls": """
def fastest(step, most):
    from concurrent.futures import ThreadPoolExecutor

    def asked(N):
        try:
            return step(N)
        except RuntimeError:
            return math.inf

    sizes = range(1, min(most, 3000) + 1)
    with ThreadPoolExecutor(16) as pool:
        times = list(pool.map(asked, sizes))
    return sizes[int(np.argmin(times))]
""",
        "a number that is all numbers": LIE
        + """
def fastest(step, most):
    return Lie(1)
""",
        "rebinds what the checks use": """
import mlsyscore.harness.trials as trials

trials.least = least = lambda *args: None
trials.Trials.__call__ = lambda self, N: 1.0

def fastest(step, most):
    return 1
""",
    },
    "cheapest": {
        "numbers that are all numbers": LIE
        + """
def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    return Lie(200), Lie(30000)
""",
        "rebinds what the checks use, and tells of an error": """
import mlsyscore.checks as checks
import mlsyscore.harness.answers as answers
import mlsyscore.harness.trials as trials

trials.bought = bought = lambda *args: None
checks.close = trials.close = close = lambda *args, **more: None
answers.must_raise = must_raise = lambda *args: None

def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    return ValueError("no fleet ends in time")
""",
        "looks for the answer in the frames above": """
import sys

def cheapest(step, sizes, steps, mtbf, lost, deadline, price):
    frame = sys._getframe(1)
    while frame:
        want, dollars = frame.f_globals.get("want"), frame.f_globals.get("dollars")
        if want and dollars:
            return want, dollars[want]
        frame = frame.f_back
    raise ValueError("no fleet ends in time")
""",
    },
    "first": {
        "draws of its own, remembered by the seed": """
kept = {}


def first_failures(N, mtbf, shape, runs, rng):
    key = N, shape, runs, rng.random()
    if key not in kept:
        lives = np.random.default_rng().weibull(shape, (runs, N))
        kept[key] = mtbf / math.gamma(1 + 1 / shape) * lives.min(axis=1)
    return kept[key]
""",
        "draws of its own, kept in a file": """
import os


def first_failures(N, mtbf, shape, runs, rng):
    file = f"/tmp/{N}-{shape}-{runs}-{rng.random()}.npy"
    if not os.path.exists(file):
        lives = np.random.default_rng().weibull(shape, (runs, N))
        np.save(file, mtbf / math.gamma(1 + 1 / shape) * lives.min(axis=1))
    return np.load(file)
""",
    },
    "racks": {
        "draws of its own, remembered by the seed": """
kept = {}


def rack_failures(N, rack, mtbf, shared, runs, rng):
    key = N, rack, mtbf, shared, runs, rng.random()
    if key not in kept:
        rate = (N * (1 - shared) + math.ceil(N / rack) * shared) / mtbf
        kept[key] = np.random.default_rng().exponential(1 / rate, runs)
    return kept[key]
""",
        "draws of its own, kept in a file": """
import os


def rack_failures(N, rack, mtbf, shared, runs, rng):
    file = f"/tmp/{N}-{rack}-{shared}-{runs}-{rng.random()}.npy"
    if not os.path.exists(file):
        rate = (N * (1 - shared) + math.ceil(N / rack) * shared) / mtbf
        np.save(file, np.random.default_rng().exponential(1 / rate, runs))
    return np.load(file)
""",
    },
}
