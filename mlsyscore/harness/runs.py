"""Logs of training runs: what was done, for how long, and with how many tokens."""

from typing import Any

import numpy as np

from .answers import fields, values

SHARES = ("sched", "runtime", "program", "mpg")
Entry = tuple[str, float, float]  # what, hours, tokens trained


def drawn_log(seed: int, parts: int, tail: bool = True) -> list[Entry]:
    """Return a run's log; it may end with training that was not saved.

    Waits, stalls and restarts come anywhere; not each failure is followed by a restart.
    """
    rng = np.random.default_rng(seed)
    log: list[Entry] = [("wait", float(rng.uniform(1, 30)), 0.0)]
    for _ in range(parts):
        for _ in range(int(rng.integers(1, 4))):
            t = float(rng.uniform(0.5, 5))
            log.append(("train", t, t * float(rng.uniform(0.8e9, 1.2e9))))
            for what, often in (("stall", 0.4), ("wait", 0.15), ("restart", 0.1)):
                if rng.random() < often:
                    log.append((what, float(rng.uniform(0.05, 0.5)), 0.0))
        if rng.random() < 0.4:
            log.append(("fail", 0.0, 0.0))
            if rng.random() < 0.6:
                log.append(("restart", float(rng.uniform(0.1, 1)), 0.0))
        else:
            log.append(("save", float(rng.uniform(0.02, 0.2)), 0.0))
        if rng.random() < 0.2:
            log.append(("wait", float(rng.uniform(0.5, 5)), 0.0))
    if not tail:
        return [*log, ("save", 0.1, 0.0)]
    end: list[Entry] = [("train", 1.5, 1.5e9), ("stall", 0.2, 0.0)]
    if parts % 2:
        end += [("train", 0.5, 6e8), ("wait", 0.3, 0.0)]
    return log + end


def shares_of(name: str, answer: Any) -> dict[str, Any]:
    """Return the four shares in an answer; AssertionError if one lacks."""
    return fields(name, answer, SHARES)


def names_of(name: str, answer: Any) -> list[str]:
    """Return the names in an answer, in order; AssertionError if there are others."""
    found = values(name, answer)
    for x in found:
        assert isinstance(x, str), f"{name}: names are expected, not {x!r:.40}"
    return [str(x) for x in found]
