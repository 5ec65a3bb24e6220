"""Times drawn at random: do they follow a law, and is each drawn for itself?

Each test fails a right sampler less than once in 10^8 times.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..units import Seconds, hour

Times = NDArray[np.float64]


def sample(
    name: str,
    f: Callable[..., Any],
    *args: Any,
    runs: int,
    again: Callable[..., Any] | None = None,
) -> Times:
    """Call a sampler twice with one seed, once with another; return its times.

    AssertionError unless they are times, repeat with the seed, and with nothing else.
    The second call goes to `again`, where given: f in another process.
    """
    x, y, z = (
        np.asarray(g(*args, runs, np.random.default_rng(seed)))
        for g, seed in ((f, 17), (f if again is None else again, 17), (f, 18))
    )
    for got in (x, y, z):
        assert got.shape == (runs,), f"{name}: the shape is {got.shape}, not {(runs,)}"
        real = got.dtype.kind in "iuf" and bool(np.all(np.isfinite(got) & (got > 0)))
        assert real, f"{name}: every time must be a finite number above 0"
    x, z = x.astype(float), z.astype(float)
    assert np.array_equal(x, y), f"{name}: one seed gives two answers; use only rng"
    assert not np.array_equal(x, z), f"{name}: two seeds give one answer; use rng"
    repeated = 2 * runs - len(np.unique([x, z]))
    assert repeated < runs / 100, (
        f"{name}: {repeated} times repeat, in one answer or with two seeds; each run "
        "must draw its own"
    )
    apart(name, x, z)
    return x


def apart(name: str, x: Times, z: Times) -> None:
    """AssertionError if a run of x tells about another one of x, or of z.

    The ranks of independent runs are as good as uncorrelated, at every distance and
    from both ends.
    """
    n = len(x)
    F, G = (np.fft.fft(_scores(times)) for times in (x, z))
    own = np.fft.ifft([F * F.conj(), F * F]).real / n
    own[0, 0] = 0  # a run and itself
    others = np.fft.ifft([F * G.conj(), F * G]).real / n
    limit = 10.5 / math.sqrt(n)
    for rows, what in ((own, "another run"), (others, "a run with another seed")):
        worst = float(np.abs(rows).max())
        assert worst < limit, (
            f"{name}: a run tells the time of {what} (correlation {worst:.2f}); each "
            "must draw its own, and the order of the runs says nothing"
        )


def _scores(x: Times) -> Times:
    ranks = np.argsort(np.argsort(x, kind="stable"), kind="stable")
    scores: Times = (ranks - ranks.mean()) / ranks.std()
    return scores


def agrees(
    name: str,
    x: Times,
    scale: Seconds,
    shape: float = 1.0,
    slips: Mapping[float, str] = {},
) -> None:
    """AssertionError unless times x could follow a Weibull law, and be independent.

    The largest gap of a right sample passes sqrt(ln(2 10^9) / (2 n)) once in 10^9 times
    (Dvoretzky, Kiefer and Wolfowitz; the constant is Massart's), and falls below
    0.23 / sqrt(n) as rarely (Kolmogorov): a grid of quantiles agrees too well.
    """
    x, n, k = np.sort(x), len(x), np.arange(len(x))
    law, limit = np.exp(-((x / scale) ** shape)), math.sqrt(math.log(2e9) / (2 * n))
    gaps = np.maximum((k + 1) / n - (1 - law), (1 - law) - k / n)
    assert gaps.max() > 0.23 / math.sqrt(n), (
        f"{name}: your {n} times lie on the law, closer than independent times ever "
        "do; each run must draw its own"
    )
    mirrored = float(np.max(np.abs(law + law[::-1] - 1))) * math.sqrt(n)
    assert mirrored > 0.1, (  # a Brownian path's farthest point, if independent
        f"{name}: your {n} times come in pairs, one early for each that is late; each "
        "run must draw its own"
    )
    if gaps.max() <= limit:
        return
    i, mean = int(np.argmax(gaps)), scale * math.gamma(1 + 1 / shape)
    text = f"{name}: the mean of your {n} first failures is {x.mean() / hour:.4g} h"
    text += f"; {mean / hour:.4g} h is expected.  After {x[i] / hour:.3g} h "
    text += f"{1 - i / n:.3f} of your runs are whole, and {law[i]:.3f} should be"
    far = {abs(x.mean() / mean / r - 1): slip for r, slip in slips.items()}
    if far and min(far) < 0.15:
        text += f".  {far[min(far)]}?"
    raise AssertionError(text)


def seeds_apart(name: str, f: Callable[..., Any], *args: Any) -> Times:
    """Return a run's time for each of many seeds; AssertionError if two are alike."""
    x = np.array([f(*args, 1, np.random.default_rng(seed))[0] for seed in range(60)])
    assert len(np.unique(x)) == 60, f"{name}: some of 60 seeds give the same run"
    return x.astype(float)
