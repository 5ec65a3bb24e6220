"""A chip that serves requests, an iteration at a time, as a plan tells it to.

It keeps the time, the prompts and the answers to itself: a plan sees lists, made anew
for each iteration, and what it returns is read once.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..units import ms
from .answers import values, whole

Request = tuple[float, int, int, int]  # arrival (s), tokens: prompt, answer, longest
Plan = Callable[..., Any]
T_FIX, T_VAR, T_READ = 7 * ms, 0.4 * ms, 0.075 * ms  # the chapter's chip, rounded
BUDGET, ROOM = 512, 20_000  # tokens of an iteration, and of the cache
LONGEST = 600  # tokens that an answer may have


def trace_of(seed: int, rate: float, count: int = 30) -> list[Request]:
    """Return requests that come at random moments, so many a second."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1 / rate, count))
    prompts = np.minimum(rng.lognormal(math.log(1000), 0.5, count), 3400).astype(int)
    answers = np.interp(rng.random(count), (0, 0.5, 1), (2, 100, 500)).astype(int)
    rows = zip(arrivals.tolist(), prompts.tolist(), answers.tolist(), strict=True)
    return [(t, prompt, answer, LONGEST) for t, prompt, answer in rows]


def shares(name: str, answer: Any) -> dict[int, int]:
    """Return request -> tokens of an answer: pairs, or a dict; all of them whole."""
    pairs = answer.items() if isinstance(answer, dict) else values(name, answer)
    found: dict[int, int] = {}
    for pair in pairs:
        i, tokens = whole(f"{name}: pairs of request and tokens", pair, 2)
        assert i not in found, f"{name}: request {i} is there twice"
        text = f"{name}: request {i} gets {tokens} tokens; leave out who gets none"
        assert tokens > 0, text
        found[i] = tokens
    return found


def served(
    plan: Plan, label: str, trace: Sequence[Request]
) -> tuple[list[float], list[float]]:
    """Serve a trace; return each request's time to first token, and its longest gap.

    plan: is asked with (budget, room, active, waiting) before each iteration
    AssertionError where it exceeds the budget or the room, gives a request tokens that
    it does not have, makes who writes wait, or does nothing.
    """
    now, room = 0.0, ROOM
    first, gap, last = ([math.inf] * len(trace), [0.0] * len(trace), [0.0] * len(trace))
    left = {i: r[1] for i, r in enumerate(trace)}  # of the prompt
    wrote = dict.fromkeys(left, 0)
    active: list[int] = []
    todo = list(left)
    while todo or active:
        waiting = [i for i in todo if trace[i][0] <= now]
        if not active and not waiting:
            now = trace[todo[0]][0]
            continue
        rows = [(i, trace[i][1], trace[i][1] + trace[i][3]) for i in waiting]
        answer = plan(BUDGET, room, [(i, left[i]) for i in active], rows)
        got = shares(label, answer)
        _allowed(label, got, active, waiting, left)
        new = [i for i in waiting if i in got]
        room -= sum(trace[i][1] + trace[i][3] for i in new)
        assert room >= 0, f"{label}: requests {new} start, and the room is {room} then"
        active += new
        todo = [i for i in todo if i not in got]
        writers = [i for i in active if not left[i]]
        read = sum(n for i, n in got.items() if left[i])
        now += T_FIX + len(writers) * T_VAR + read * T_READ
        for i in writers:
            gap[i], last[i] = max(gap[i], now - last[i]), now
        for i, n in got.items():
            left[i] -= n if left[i] else 0
            if not left[i]:
                wrote[i] += 1
                first[i] = min(first[i], now - trace[i][0])
                last[i] = now
        ended = [i for i in active if wrote[i] == trace[i][2]]
        active = [i for i in active if i not in ended]
        room += sum(trace[i][1] + trace[i][3] for i in ended)
    return first, gap


def _allowed(
    label: str,
    got: dict[int, int],
    active: Sequence[int],
    waiting: Sequence[int],
    left: dict[int, int],
) -> None:
    strange = set(got) - {*active, *waiting}
    assert not strange, f"{label}: request {min(strange, default=0)} is not there"
    total = sum(got.values())
    assert total <= BUDGET, f"{label}: {total} tokens; the budget is {BUDGET}"
    for i, n in got.items():
        most = left[i] or 1
        what = f"has {most} of its prompt left" if left[i] else "writes, one at a time"
        assert n <= most, f"{label}: request {i} {what}, and gets {n} tokens"
    stopped = [i for i in active if not left[i] and i not in got]
    assert not stopped, f"{label}: request {stopped[:1]} writes, and gets no token"
    assert got, f"{label}: there is work, and nobody gets a token"


def static_first(trace: Sequence[Request]) -> list[float]:
    """Return each time to first token in static batches on the same chip.

    A batch takes whoever waits, in order, while the room lasts; it reads its prompts
    together, then writes until its longest answer ends.
    """
    now, k, first = 0.0, 0, []
    while k < len(trace):
        now = max(now, trace[k][0])
        batch: list[Request] = []
        room = ROOM
        while k < len(trace) and trace[k][0] <= now and room >= trace[k][1] + LONGEST:
            batch.append(trace[k])
            room -= trace[k][1] + LONGEST
            k += 1
        now += T_FIX + T_READ * sum(r[1] for r in batch)
        first += [now - r[0] for r in batch]
        now += (max(r[2] for r in batch) - 1) * (T_FIX + len(batch) * T_VAR)
    return first


def p99(times: Sequence[float]) -> float:
    """Return what 99 of 100 times do not exceed: of 30, the longest."""
    return sorted(times)[math.ceil(0.99 * len(times)) - 1]
