"""Wrong answers to lab 15 that a student would write, right ones of another kind."""

FOOTPRINT = """
def footprint(phases, pue, intensity):
    energy = tonnes = 0.0
    for start, hours, chips, watts in phases:
        load, at, end = chips * watts * pue / 1e6, start, start + hours
        while at < end:
            until = min(math.floor(at) + 1, end)
            energy += load * (until - at)
            tonnes += load * (until - at) * intensity[math.floor(at) % 24] / 1000
            at = until
    return energy, tonnes
"""
PASSED = """
def passed(run, each, first, growth):
    if growth < 1 and first * each / (1 - growth) <= run * 1e6:
        raise ValueError("the answers die out before")
    days, used, answers = 0, 0.0, first
    while used < run * 1e6:
        days, used, answers = days + 1, used + answers * each, answers * growth
    return days
"""
CARBON = FOOTPRINT + PASSED

PAYBACK = """
def payback(made, old, new, ci):
    if new >= old:
        raise ValueError("no saving")
    return made / ((old - new) * 24 / 1e6 * ci)
"""
AGE = """
def best_age(made, power, gain, ci):
    year = power * 8766 / 1e6 * ci
    kg, age = min((made / T + year * mean_waste(gain, T), T) for T in range(1, 31))
    return age, kg
"""
TURNING = """
def turning(made, power, gain, T):
    more = mean_waste(gain, T + 1) - mean_waste(gain, T)
    return made * (1 / T - 1 / (T + 1)) / (power * 8766 / 1e6 * more)
"""
WASTE = """
def mean_waste(gain, T):
    return sum(1 - (1 - gain) ** a for a in range(T)) / T
"""
REFRESH = PAYBACK + AGE + TURNING + WASTE

SCHEDULE = """
def schedule(jobs, sites):
    shape = len(jobs), len(sites), len(sites[0][2])
    number_of = np.arange(math.prod(shape)).reshape(shape)
    weight, top = np.zeros(number_of.size), np.zeros(number_of.size)
    below, above, sums, needs = [], [], [], []

    def row(places, factor):
        coefficients = np.zeros(number_of.size)
        coefficients[places] = factor
        return coefficients

    for s, (pue, feed, intensity) in enumerate(sites):
        for h, g in enumerate(intensity):
            weight[number_of[:, s, h]] = pue * g
            below.append(row(number_of[:, s, h], pue))
            above.append(feed)
    for j, (energy, first, deadline, power, allowed) in enumerate(jobs):
        for h in range(first, deadline):
            top[number_of[j, list(allowed), h]] = power
            below.append(row(number_of[j, :, h], 1.0))
            above.append(power)
        sums.append(row(number_of[j].ravel(), 1.0))
        needs.append(energy)
    ends = np.column_stack([np.zeros_like(top), top])
    plan = linprog(weight, below, above, sums, needs, bounds=ends)
    if plan.x is None:
        raise ValueError("the limits cannot all be kept")
    return plan.x.reshape(shape)
"""
ONE_BY_ONE = """
def schedule(jobs, sites):
    hours = len(sites[0][2])
    x = np.zeros((len(jobs), len(sites), hours))
    free = [[feed / pue] * hours for pue, feed, _ in sites]
    for j in sorted(range(len(jobs)), key=lambda j: jobs[j][2]):
        energy, first, deadline, power, allowed = jobs[j]
        places = [(s, h) for s in allowed for h in range(first, deadline)]
        for s, h in sorted(places, key=lambda place: ORDER):
            take = min(power - x[j, :, h].sum(), free[s][h], energy - x[j].sum())
            x[j, s, h] += max(take, 0)
            free[s][h] -= max(take, 0)
        if x[j].sum() < energy - 1e-6:
            raise ValueError("does not fit")
    return x
"""

IN_EVERY_ORDER = (
    """
import itertools
"""
    + ONE_BY_ONE.replace("schedule(jobs, sites)", "in_turn(jobs, sites)").replace(
        "ORDER", "sites[place[0]][0] * sites[place[0]][2][place[1]]"
    )
    + """
def emitted(x, sites):
    each = [site[0] * np.array(site[2]) for site in sites]
    return (x * np.array(each)).sum()

def schedule(jobs, sites):
    plans = []
    for order in itertools.permutations(range(len(jobs))):
        try:
            x = in_turn([jobs[j] for j in order], sites)
        except ValueError:
            continue
        plans.append(x[np.argsort(order)])
    if not plans:
        raise ValueError("in no order")
    return min(plans, key=lambda x: emitted(x, sites))
"""
).replace("key=lambda j: jobs[j][2]", "key=lambda j: j")

MACHINES = """
def machines(feed, permit, wet, litres, dry):
    towers = min(feed / wet, permit / (24 * litres))
    others = (feed - wet * towers) / dry
    return towers + others, others / (towers + others)
"""
CHIPS = """
def chips(power, server, per_server, switch, group):
    full = math.floor(power / (group * server + switch))
    rest = power - full * (group * server + switch)
    extra = min(max(math.floor((rest - switch) / server), 0), group - 1)
    return (full * group + extra) * per_server
"""
SITE = MACHINES + CHIPS

CHANGE = """
def change(demand, price, share, gain):
    lower = price * (1 - share + share / gain)
    return demand(lower) / demand(price) / gain
"""
EATEN = """
def eaten_up(family, price, share, gain):
    low, high = 0.0, 20.0
    if change(family(high), price, share, gain) < 1:
        raise ValueError("no elasticity up to 20 is enough")
    while high - low > 1e-6:
        middle = (low + high) / 2
        if change(family(middle), price, share, gain) < 1:
            low = middle
        else:
            high = middle
    return high
"""
IN_SIGHT = """
def eaten_up(family, price, share, gain):
    demand, u = family(2.0), 1 - share + share / gain
    seen = demand(price * u) / demand(price)
    shapes = [constant, straight, exponential]
    shapes += [filling(k / 1000) for k in range(1, 1000)]
    shape = min(shapes, key=lambda shape: abs(shape(u, 2.0) - seen))
    low, high = 0.0, 20.0
    if shape(u, high) < gain:
        raise ValueError("never")
    while high - low > 1e-6:
        e = (low + high) / 2
        low, high = (e, high) if shape(u, e) < gain else (low, e)
    return high
"""
SECANTS = """
def eaten_up(family, price, share, gain):
    def rise(e):
        return change(family(e), price, share, gain) - 1

    if rise(20) < 0:
        raise ValueError("never")
    a, b = 0.0, 2.0
    for _ in range(60):
        if rise(a) == rise(b) or abs(a - b) < 1e-6:
            break
        a, b = b, min(max(b - rise(b) * (b - a) / (rise(b) - rise(a)), 0), 20)
    return b
"""
ELASTICITY = CHANGE + EATEN

BEST = AGE.splitlines()[3]
OVER = "made * (1 / T - 1 / (T + 1)) / (power * 8766 / 1e6 * more)"
MEAN = "sum(1 - (1 - gain) ** a for a in range(T)) / T"
SOLVED = "linprog(weight, below, above, sums, needs, bounds=ends)"
NEVER = 'raise ValueError("the limits cannot all be kept")'
GROUPS = "math.floor(power / (group * server + switch))"
ALL = "(full * group + extra) * per_server"
TURNED = "        if change(family(middle), price, share, gain) < 1:"


def changed(source, *pairs):
    """Return source with each (old, new) put in its place; each old is there once."""
    for old, new in pairs:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


def in_order(key):
    return ONE_BY_ONE.replace("ORDER", key)


WRONG = {
    "carbon": {
        "the mean intensity of the day": changed(
            CARBON, ("intensity[math.floor(at) % 24]", "sum(intensity) / 24")
        ),
        "the intensity at the start": changed(
            CARBON, ("intensity[math.floor(at) % 24]", "intensity[int(start) % 24]")
        ),
        "no PUE": changed(CARBON, ("chips * watts * pue", "chips * watts")),
        "the PUE for the energy alone": changed(
            CARBON, ("% 24] / 1000", "% 24] / 1000 / pue")
        ),
        "whole hours from the start": changed(
            CARBON, ("min(math.floor(at) + 1, end)", "min(at + 1, end)")
        ),
        "watts for kilowatts": changed(CARBON, ("pue / 1e6", "pue / 1e3")),
        "kilograms": changed(CARBON, ("% 24] / 1000", "% 24]")),
        "not past midnight": changed(CARBON, ("% 24]", "% 24 if at < 24 else 23]")),
        "the first phase only": changed(CARBON, ("in phases:", "in phases[:1]:")),
        "one chip": changed(CARBON, ("chips * watts * pue", "watts * pue")),
        "starts are rounded": changed(
            CARBON, (", start, start + hours", ", round(start), round(start) + hours")
        ),
        "that day's answers alone": changed(
            CARBON, ("used + answers * each", "answers * each")
        ),
        "no growth": changed(CARBON, ("answers * growth\n", "answers\n")),
        "growth counts from day 1": changed(
            CARBON, ("0, 0.0, first\n", "0, 0.0, first * growth\n")
        ),
        "from 0": changed(CARBON, ("return days\n", "return days - 1\n")),
        "more than the run": changed(CARBON, ("while used < run", "while used <= run")),
        "never never": changed(CARBON, ("raise ValueError", "return math.inf or str")),
        "growth is added": changed(
            CARBON, ("answers * growth\n", "answers + (growth - 1) * first\n")
        ),
        "phases alike count once": changed(
            CARBON, ("in phases:", "in set(map(tuple, phases)):")
        ),
        "within ten years": changed(
            CARBON,
            (
                "    return days\n",
                "    if days > 3650:\n        raise ValueError\n    return days\n",
            ),
        ),
        "whole answers": changed(
            CARBON, ("answers * growth\n", "int(answers * growth)\n")
        ),
        "what fades fast never does": changed(
            CARBON, ("if growth < 1 and", "if growth < 0.5 or growth < 1 and")
        ),
    },
    "refresh": {
        "hours": changed(REFRESH, ("* 24 / 1e6 * ci", "/ 1e6 * ci")),
        "the new one's power": changed(REFRESH, ("(old - new) * 24", "new * 24")),
        "grams for kilograms": changed(REFRESH, ("* 24 / 1e6", "* 24 / 1e3")),
        "any new machine pays": changed(REFRESH, ("if new >= old:", "if False:")),
        "as much is less": changed(REFRESH, ("if new >= old:", "if new > old:")),
        "never pays": changed(REFRESH, ("if new >= old:", "if True:")),
        "wastes in its first year": changed(
            REFRESH, ("range(T)) / T", "range(1, T + 1)) / T")
        ),
        "progress by a straight line": changed(
            REFRESH, ("1 - (1 - gain) ** a", "gain * a")
        ),
        "the waste of all years": changed(REFRESH, ("range(T)) / T", "range(T))")),
        "the waste at the end": changed(
            REFRESH,
            (MEAN, "1 - (1 - gain) ** (T - 1)"),
        ),
        "the chapter's root": changed(
            REFRESH,
            (
                BEST,
                "    root = math.sqrt(2 * made / max(gain * year, 1e-9))\n"
                "    age = min(max(round(root), 1), 30)\n"
                "    kg = made / age + year * mean_waste(gain, age)",
            ),
        ),
        "up to 12 years": changed(REFRESH, ("range(1, 31)", "range(1, 13)")),
        "over its life": changed(REFRESH, ("return age, kg", "return age, kg * age")),
        "no making": changed(
            REFRESH, ("return age, kg", "return age, kg - made / age")
        ),
        "8,760 hours": changed(
            REFRESH,
            ("year = power * 8766", "year = power * 8760"),
            ("(power * 8766", "(power * 8760"),
        ),
        "both over T": changed(REFRESH, ("(1 / T - 1 / (T + 1))", "(1 / T)")),
        "the waste of year T": changed(
            REFRESH,
            ("mean_waste(gain, T + 1) - mean_waste(gain, T)", "1 - (1 - gain) ** T"),
        ),
        "where T is the law's age": changed(
            REFRESH,
            (
                OVER,
                "2 * made / (gain * power * 8.766 / 1e3 * T**2)",
            ),
        ),
        "less than a watt is nothing": changed(
            REFRESH, ("if new >= old:", "if new > old - 1:")
        ),
        "up to 10,000 g/kWh": changed(REFRESH, (OVER, f"min({OVER}, 10_000.0)")),
    },
    "schedule": {
        "at night": in_order("(6 <= place[1] % 24 < 22, place[1])"),
        "at once": in_order("place[1]"),
        "the cleanest hour first, job by job": in_order(
            "sites[place[0]][0] * sites[place[0]][2][place[1]]"
        ),
        "the PUE does not count for the grid": changed(SCHEDULE, ("= pue * g", "= g")),
        "the PUE does not count for the feed": changed(
            SCHEDULE, ("number_of[:, s, h], pue)", "number_of[:, s, h], 1.0)")
        ),
        "the power at each site": changed(
            SCHEDULE, ("above.append(power)", "above.append(9 * power)")
        ),
        "at all sites": changed(
            SCHEDULE, ("number_of[j, list(allowed), h]", "number_of[j, :, h]")
        ),
        "the deadline's hour too": changed(
            SCHEDULE,
            ("range(first, deadline)", "range(first, min(deadline + 1, shape[2]))"),
        ),
        "from hour 0": changed(SCHEDULE, ("range(first, deadline)", "range(deadline)")),
        "no feed": changed(SCHEDULE, ("above.append(feed)", "above.append(1e6)")),
        "no power of a job": changed(
            SCHEDULE,
            ("h]] = power", "h]] = 1e6"),
            ("above.append(power)", "above.append(1e6)"),
        ),
        "returns what is left": changed(
            SCHEDULE,
            (NEVER, "return np.zeros(shape)"),
        ),
        "never possible": changed(SCHEDULE, ("plan.x is None", "len(jobs) > 2")),
        "power from the grid": changed(
            SCHEDULE,
            (
                "plan.x.reshape(shape)",
                "plan.x.reshape(shape) * np.array([s[0] for s in sites])[:, None]",
            ),
        ),
        "one site at most": changed(SCHEDULE, ("list(allowed)", "allowed[:1]")),
        "24 hours": changed(
            SCHEDULE, ("range(first, deadline)", "range(first, min(deadline, 24))")
        ),
        "the dirtiest": changed(SCHEDULE, ("= pue * g", "= -pue * g")),
        "the sum of all jobs": changed(
            SCHEDULE,
            (
                SOLVED,
                SOLVED.replace("sums", "[np.sum(sums, axis=0)]").replace(
                    "needs", "[sum(needs)]"
                ),
            ),
        ),
        "whole MWh": changed(SCHEDULE, ("bounds=ends)", "bounds=ends, integrality=1)")),
        "whole MW of a feed": changed(
            SCHEDULE,
            ("above.append(feed)", "above.append(math.floor(feed / pue + 1e-9) * pue)"),
        ),
        "whole MW of a job": changed(
            SCHEDULE,
            ("h]] = power", "h]] = int(power)"),
            ("above.append(power)", "above.append(int(power))"),
        ),
        "one job after the other, in every order": IN_EVERY_ORDER,
    },
    "site": {
        "no PUE": changed(
            SITE,
            ("feed / wet", "feed"),
            ("(feed - wet * towers) / dry", "feed - towers"),
        ),
        "all wet": changed(SITE, ("(feed - wet * towers) / dry", "0.0")),
        "all dry if the water is short": changed(
            SITE,
            (
                "min(feed / wet, permit / (24 * litres))",
                "feed / wet if feed / wet <= permit / (24 * litres) else 0.0",
            ),
        ),
        "an hour's water": changed(SITE, ("(24 * litres)", "litres")),
        "the water of the feed": changed(
            SITE, ("permit / (24 * litres)", "permit / (24 * litres * wet)")
        ),
        "the share cooled wet": changed(
            SITE, ("others / (towers + others)", "towers / (towers + others)")
        ),
        "the share of the feed": changed(
            SITE, ("others / (towers + others)", "others * dry / feed")
        ),
        "one PUE": changed(
            SITE, ("(feed - wet * towers) / dry", "feed / wet - towers")
        ),
        "litres for cubic metres": changed(
            SITE, ("(24 * litres)", "(24 * litres * 1e3)")
        ),
        "no switches": changed(
            SITE,
            ("full = " + GROUPS, "full = 0"),
            ("power - full * (group * server + switch)", "power"),
            (
                "min(max(math.floor((rest - switch) / server), 0), group - 1)",
                "math.floor(rest / server)",
            ),
        ),
        "full groups alone": changed(SITE, ("full * group + extra", "full * group")),
        "a server without its switch": changed(
            SITE, ("(rest - switch) / server", "rest / server")
        ),
        "parts of a server": changed(
            SITE,
            (
                ALL,
                "math.floor(power / (server + switch / group) * per_server)",
            ),
        ),
        "whole servers, a part of a switch": changed(
            SITE,
            (
                ALL,
                "math.floor(power / (server + switch / group)) * per_server",
            ),
        ),
        "servers": changed(SITE, (ALL, "full * group + extra")),
        "the very power does not fit": changed(
            SITE,
            (GROUPS, GROUPS.replace("floor", "ceil") + " - 1"),
        ),
        "a switch for each server": changed(
            SITE,
            (
                ALL,
                "math.floor(power / (server + switch)) * per_server",
            ),
        ),
        "up to 10,000 servers": changed(
            SITE, (ALL, "min(full * group + extra, 10_000) * per_server")
        ),
        "a started watt is there": changed(
            SITE, ("    full = ", "    power = math.ceil(power)\n    full = ")
        ),
    },
    "elasticity": {
        "energy halves": changed(
            ELASTICITY, ("demand(lower) / demand(price) / gain", "1 / gain")
        ),
        "the number of answers": changed(
            ELASTICITY, ("demand(price) / gain", "demand(price)")
        ),
        "the whole price falls": changed(
            ELASTICITY, ("(1 - share + share / gain)", "(1 / gain)")
        ),
        "today's over the new": changed(
            ELASTICITY,
            (
                "demand(lower) / demand(price) / gain",
                "demand(price) / demand(lower) / gain",
            ),
        ),
        "a gain of 2": changed(
            ELASTICITY,
            ("share / gain)", "share / 2)"),
            ("demand(price) / gain", "demand(price) / 2"),
        ),
        "the price falls by the share": changed(
            ELASTICITY, ("(1 - share + share / gain)", "(1 - share / gain)")
        ),
        "above 1": CHANGE
        + """
def eaten_up(family, price, share, gain):
    return 1.0
""",
        "the law of one shape": CHANGE
        + """
def eaten_up(family, price, share, gain):
    e = -math.log(gain) / math.log(1 - share + share / gain)
    if e > 20 or change(family(20), price, share, gain) < 1:
        raise ValueError("no elasticity")
    return e
""",
        "up to 3": changed(
            ELASTICITY, ("low, high = 0.0, 20.0", "low, high = 0.0, 3.0")
        ),
        "never never": changed(
            ELASTICITY,
            ('raise ValueError("no elasticity up to 20 is enough")', "return 20.0"),
        ),
        "in steps of a tenth": changed(ELASTICITY, ("> 1e-6", "> 0.1")),
        "where use doubles": changed(
            ELASTICITY,
            (
                TURNED,
                "        if change(family(middle), price, share, gain) * gain < 2:",
            ),
        ),
        "the price of a dollar": changed(
            ELASTICITY,
            (
                TURNED,
                "        if change(family(middle), 1.0, share, gain) < 1:",
            ),
        ),
        "the whole price, in the search": changed(
            ELASTICITY,
            (
                TURNED,
                "        if change(family(middle), price, 1.0, gain) < 1:",
            ),
        ),
        "from 1": changed(ELASTICITY, ("low, high = 0.0", "low, high = 1.0")),
        "from a half": changed(ELASTICITY, ("low, high = 0.0", "low, high = 0.5")),
        "up to 21": changed(ELASTICITY, ("= 0.0, 20.0", "= 0.0, 21.0")),
        "20 if energy costs nothing": changed(
            ELASTICITY,
            (
                "    while high",
                "    while share and high",
            ),
            ("if change(family(high)", "if share and change(family(high)"),
        ),
        "one of the shapes in sight": CHANGE + IN_SIGHT,
        "by secants": CHANGE + SECANTS,
    },
}

RIGHT = {
    "carbon": {
        "cumulated, and by halving": """
def footprint(phases, pue, intensity):
    if not phases:
        return np.zeros(2)
    start, hours, chips, watts = np.array(phases, float).T
    days = math.ceil((start + hours).max() / 24)
    until = np.append(0, np.cumsum(np.tile(np.array(intensity, float), days)))
    a, b = (np.interp(t, np.arange(until.size), until) for t in (start, start + hours))
    MW = chips * watts * pue / 1e6
    return MW @ hours, MW @ (b - a) / 1000

def passed(run, each, first, growth):
    def used(days):
        days = days if growth == 1 else (growth**days - 1) / (growth - 1)
        return first * each / 1e6 * days

    if growth < 1 and first * each / 1e6 / (1 - growth) <= run:
        raise ValueError("never")
    low, high = 0, 1
    while used(high) < run:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if used(middle) >= run else (middle, high)
    return high
""",
        "by the integral, by a closed form": """
def footprint(phases, pue, intensity):
    def until(t):
        days, rest = divmod(t, 24)
        whole = int(rest)
        part = sum(intensity[:whole]) + (rest - whole) * intensity[whole]
        return days * sum(intensity) + part

    load = [n * watts * pue / 1e6 for _, _, n, watts in phases]
    energy = sum(l * p[1] for l, p in zip(load, phases))
    grams = sum(l * (until(p[0] + p[1]) - until(p[0])) for l, p in zip(load, phases))
    return np.array([energy, grams / 1000])

def passed(run, each, first, growth):
    need = run * 1e6 / each / first
    if growth == 1:
        return np.int64(math.ceil(need))
    inside = 1 + need * (growth - 1)
    if inside <= 0:
        raise ArithmeticValue("never")
    return math.ceil(round(math.log(inside) / math.log(growth), 9))

class ArithmeticValue(ValueError):
    pass
""",
        "lists, and fractions": """
from fractions import Fraction

def footprint(phases, pue, intensity):
    energy, kg = Fraction(0), Fraction(0)
    for start, hours, chips, watts in phases:
        a, b = Fraction(start), Fraction(start) + Fraction(hours)
        load = Fraction(chips) * Fraction(watts) * Fraction(pue) / 10**6
        for h in range(math.floor(a), math.ceil(b)):
            part = min(b, h + 1) - max(a, h)
            energy += load * part
            kg += load * part * intensity[h % 24]
    return [float(energy), float(kg / 1000)]

def passed(run, each, first, growth):
    used, day = 0.0, 0
    while used < run:
        day += 1
        before, used = used, used + first * each * growth ** (day - 1) / 1e6
        if used == before:
            raise ValueError("never")
    return float(day)
""",
    },
    "refresh": {
        "climbs while it falls": changed(
            REFRESH,
            (
                BEST,
                "    age = 1\n"
                "    f = lambda T: made / T + year * mean_waste(gain, T)\n"
                "    while age < 30 and f(age + 1) < f(age):\n"
                "        age += 1\n"
                "    kg = f(age)",
            ),
        ),
        "arrays, in joules": """
def payback(made, old, new, ci):
    saved = old - new
    if saved <= 0:
        raise ValueError(saved)
    return np.float64(made * 3.6e9 / (saved * ci) / 86_400)

def costs(made, power, gain, ci):
    a = np.arange(31)
    waste = 1 - (1 - gain) ** a
    return (made + np.cumsum(power * 8.766 / 1000 * ci * waste)) / (a + 1)

def best_age(made, power, gain, ci):
    table = costs(made, power, gain, ci)[:30]
    return [int(table.argmin()) + 1, table.min()]

def turning(made, power, gain, T):
    def difference(ci):
        table = costs(made, power, gain, ci)
        return table[T - 1] - table[T]

    low, high = 0.0, 1.0
    while difference(high) > 0:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if difference(middle) > 0 else (low, middle)
    return middle
""",
    },
    "schedule": {
        "what is left is dear, in kWh": """
from scipy.optimize import Bounds, LinearConstraint, milp

def schedule(jobs, sites):
    shape = len(jobs), len(sites), len(sites[0][2])
    n = math.prod(shape)
    at = np.arange(n).reshape(shape)
    cost = np.full(n + len(jobs), 1e5)
    top = np.full(n + len(jobs), np.inf)
    top[:n] = 0
    rows, lows, highs = [], [], []

    def limit(places, factor, low, high):
        rows.append(np.zeros(n + len(jobs)))
        rows[-1][places] = factor
        lows.append(low)
        highs.append(high)

    for j, (energy, first, deadline, power, allowed) in enumerate(jobs):
        for s in allowed:
            top[at[j, s, first:deadline]] = 1000 * power
        limit([*at[j].ravel(), n + j], 1, 1000 * energy, 1000 * energy)
        for h in range(shape[2]):
            limit(at[j, :, h], 1, -np.inf, 1000 * power)
    for s, (pue, feed, grid) in enumerate(sites):
        for h, g in enumerate(grid):
            cost[at[:, s, h]] = pue * g / 1000
            limit(at[:, s, h], pue, -np.inf, 1000 * feed)
    limits = LinearConstraint(np.array(rows), lows, highs)
    x = milp(cost, constraints=limits, bounds=Bounds(0, top)).x
    if x[n:].sum() > 0.01:
        raise ValueError("some is left")
    return list(x[:n].reshape(shape) / 1000)
""",
        "nested lists, from a flow of pennies": """
def schedule(jobs, sites):
    flow = nx.DiGraph()
    unit = 1000
    for j, (energy, first, deadline, power, allowed) in enumerate(jobs):
        flow.add_node(("job", j), demand=-round(energy * unit))
        for h in range(first, deadline):
            flow.add_edge(("job", j), (j, h), capacity=round(power * unit))
            for s in allowed:
                price = round(sites[s][0] * sites[s][2][h] * 10)
                flow.add_edge((j, h), ("site", s, h), weight=price)
    for s, (pue, feed, grid) in enumerate(sites):
        for h in range(len(grid)):
            room = math.floor(feed / pue * unit + 1e-6)
            flow.add_edge(("site", s, h), "grid", capacity=room)
    flow.add_node("grid", demand=sum(round(job[0] * unit) for job in jobs))
    try:
        _, found = nx.network_simplex(flow)
    except nx.NetworkXUnfeasible as e:
        raise ValueError("no plan") from e
    hours = range(len(sites[0][2]))
    return [
        [
            [found.get((j, h), {}).get(("site", s, h), 0) / unit for h in hours]
            for s in range(len(sites))
        ]
        for j in range(len(jobs))
    ]
""",
        "a tensor, by interior points": changed(
            SCHEDULE,
            ("bounds=ends)", 'bounds=ends, method="highs-ipm")'),
            (
                "return plan.x.reshape(shape)",
                "import torch\n    return torch.tensor(plan.x.reshape(shape))",
            ),
        ),
    },
    "site": {
        "by trying": """
def machines(feed, permit, wet, litres, dry):
    best = linprog(
        [-1, -1], [[wet, dry], [24 * litres, 0]], [feed, permit], bounds=(0, None)
    ).x
    return best.sum(), best[1] / best.sum()

def chips(power, server, per_server, switch, group):
    n = 0
    while (n + 1) * server + -(-(n + 1) // group) * switch <= power:
        n += 1
    return float(n * per_server)
""",
    },
    "elasticity": {
        "by recursion, from above": """
def change(demand, price, share, gain):
    lower = price - share * price * (1 - 1 / gain)
    return np.float64(demand(lower) / (gain * demand(price)))

def eaten_up(family, price, share, gain, low=0.0, step=1.0):
    e = low
    while change(family(e), price, share, gain) < 1:
        e += step
        if e > 20:
            raise ValueError("never")
    if step < 1e-4:
        return e
    return eaten_up(family, price, share, gain, max(e - step, 0.0), step / 8)
""",
        "by a library": """
from scipy.optimize import brentq

def change(demand, price, share, gain):
    new, old = (demand(p) for p in (price * (1 - share * (gain - 1) / gain), price))
    return new / old / gain

def eaten_up(family, price, share, gain):
    rise = lambda e: change(family(e), price, share, gain) - 1
    try:
        return brentq(rise, 0, 20)
    except ValueError as e:
        raise ValueError("never") from e
""",
    },
}

CHEATS = {
    "elasticity": {
        "looks at the shape": """
def change(demand, price, share, gain):
    return demand._f(price * (1 - share + share / gain)) / demand._f(price) / gain

def eaten_up(family, price, share, gain):
    shape, low, high = family._shape, 0.0, 20.0
    while high - low > 1e-6:
        e = (low + high) / 2
        low, high = (e, high) if shape(1 - share + share / gain, e) < gain else (low, e)
    return high
""",
        "answers that are always right": """
class Any(float):
    def __eq__(self, other):
        return True
    def __sub__(self, other):
        return 0.0
    __rsub__ = __sub__
    __hash__ = None
    def __abs__(self):
        return 0.0

def change(demand, price, share, gain):
    return Any(0.5)

def eaten_up(family, price, share, gain):
    import mlsyscore.checks as checks
    checks.close = lambda *a, **k: None
    return Any(2.0)
""",
    },
}
