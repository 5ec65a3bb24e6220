"""Logs of training runs: what was done, for how long, and with how many tokens."""

from typing import Any

import numpy as np

from .answers import fields, values

SHARES = ("sched", "runtime", "program", "mpg")
Entry = tuple[str, float, float]  # what, hours, tokens trained


def drawn_log(seed: int, parts: int, tail: bool = True) -> list[Entry]:
    """Return a run's log; it may end with training that was not saved."""
    rng = np.random.default_rng(seed)
    log: list[Entry] = [("wait", float(rng.uniform(1, 30)), 0.0)]
    for _ in range(parts):
        for _ in range(int(rng.integers(1, 4))):
            t = float(rng.uniform(0.5, 5))
            log.append(("train", t, t * float(rng.uniform(0.8e9, 1.2e9))))
            if rng.random() < 0.4:
                log.append(("stall", float(rng.uniform(0.05, 0.5)), 0.0))
        if rng.random() < 0.4:
            log += [("fail", 0.0, 0.0), ("restart", float(rng.uniform(0.1, 1)), 0.0)]
        else:
            log.append(("save", float(rng.uniform(0.02, 0.2)), 0.0))
        if rng.random() < 0.2:
            log.append(("wait", float(rng.uniform(0.5, 5)), 0.0))
    return [*log, ("train", 1.5, 1.5e9)] if tail else [*log, ("save", 0.1, 0.0)]


def shares_of(name: str, answer: Any) -> dict[str, Any]:
    """Return the four shares in an answer; AssertionError if one lacks."""
    return fields(name, answer, SHARES)


def names_of(name: str, answer: Any) -> list[str]:
    """Return the names in an answer, in order; AssertionError if there are others."""
    found = values(name, answer)
    for x in found:
        assert isinstance(x, str), f"{name}: names are expected, not {x!r:.40}"
    return [str(x) for x in found]
