"""Fit one page of step-time model to half of the published rows; test it on the rest.

    python benchmarks/step_time.py FOLDER [--splits N]

FOLDER holds the tables that ``published`` and ``papers`` name.  ``step_model`` is the
model; it has seven fitted numbers, and says its scope.  Rows with the same inputs stay
together; their groups, sorted by a hash of the inputs, go to half A and half B in turn.
Each half predicts the other, beside one constant MFU fitted to the same half.  N random
halves more (20) show how far the error depends on the split.  Errors are
|predicted/measured - 1|.

Then the scope: how often a range of ``step_scope`` holds the truth; how far off a fit
is on other data sets, and on ``papers`` that no fit sees; what is new there.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from papers import unseen
from published import MANY, SETS, Set, Trouble, groups, halves, load, take
from step_model import START, Rows, constant, fit, step
from step_scope import SHARE, Known, among, forecast, know, spread, within


class Trial(NamedTuple):
    """What some rows say of others: the rows, the fit, both models' errors in %."""

    fitted: list[int]
    tested: list[int]
    theta: np.ndarray
    ours: np.ndarray
    flat: np.ndarray


def judge(r: Rows, fitted: list[int], tested: list[int]) -> Trial:
    """Fit to some rows and test on others."""
    here, there = take(r, fitted), take(r, tested)
    theta = fit(here)
    return Trial(
        fitted,
        tested,
        theta,
        off(step(theta, there), there),
        off(constant(here, there), there),
    )


def off(T: np.ndarray, r: Rows) -> np.ndarray:
    """Error in % of each predicted time."""
    return 100 * (T / r["T"] - 1)


# The report --------------------------------------------------------------------------
def line(*cells: object) -> None:
    """Print a line of the table."""
    name, half, *numbers, last = cells
    said = " ".join(f"{x:6.1f}" if isinstance(x, float) else f"{x:>6}" for x in numbers)
    print(f"{name:18} {half:14} {said}  {last}".rstrip())


def sizes(*errors: np.ndarray) -> list[float]:
    """Mean and median of the size of each kind of error."""
    return [float(f(np.abs(e))) for e in errors for f in (np.mean, np.median)]


def report(one: Set, r: Rows, n: int) -> tuple[Trial, Trial]:
    """Print a data set's lines of the table; return the tests of B and of A."""
    together = groups(r)
    a, b = halves(together)
    tests = judge(r, a, b), judge(r, b, a)
    for half, x in zip(("A predicts B", "B predicts A"), tests, strict=True):
        line(one.name, half, len(x.fitted), len(x.tested), *sizes(x.ours, x.flat), "")
    ours, flat = (np.concatenate([x[i] for x in tests]) for i in (3, 4))
    line("", "both", "", len(ours), *sizes(ours, flat), one.peer)
    drawn = []
    for seed in range(n):
        order = np.random.default_rng(seed).permutation(len(together))
        x = judge(r, *halves([together[i] for i in order]))
        drawn.append(sizes(x.ours, x.flat))
    if n:
        line("", f"{n} random", "", "", *np.mean(drawn, axis=0), "")
        line("", "  deviation", "", "", *np.std(drawn, axis=0), "")
    return tests


def parameters(fitted: dict[str, np.ndarray]) -> None:
    """Print the fitted numbers, one column per data set."""
    print("\nFitted to half A.  Columns: the start, then the data sets as above")
    for i, (name, (start, meaning)) in enumerate(START.items()):
        values = " ".join(f"{theta[i]:7.3g}" for theta in fitted.values())
        print(f"{name:5} {start:6.3g}  {values}  {meaning}")


def held(told: np.ndarray, r: Rows) -> tuple[float, float]:
    """Share in % of the rows whose time is in its range; median of high/low."""
    low, _, high = told
    inside = 100 * np.mean((low <= r["T"]) & (r["T"] <= high))
    return float(inside), float(np.median(high / low))


def others(sets: dict[str, Known], name: str) -> list[Known]:
    """All data sets but one."""
    return [x for other, x in sets.items() if other != name]


def ranges(sets: dict[str, Known]) -> None:
    """Print how often ranges hold: from half of the same set, from the other sets."""
    print(f"\nRanges that should hold {SHARE:.0%} of the rows: % held, high/low")
    print(f"{'':20} from half of its own   from the other sets")
    for name, (r, _) in sets.items():
        a, b = (take(r, half) for half in halves(groups(r)))
        own = [held(spread(within(x), y), y) for x, y in ((a, b), (b, a))]
        cells = "{:14.0f} {:7.2f}".format(*np.mean(own, axis=0))
        if len(sets) > 2:
            told = spread(among(others(sets, name)), r)
            cells += "{:14.0f} {:7.2f}".format(*held(told, r))
        print(f"{name:20} {cells}")


def elsewhere(sets: dict[str, Known], rows: dict[str, Rows]) -> None:
    """Print the mean error of each whole set's fit on rows that it has not seen."""
    print("\nMean error in % elsewhere.  Columns: fits to the whole of a data set, in")
    print("the order above; then one constant MFU fitted to the same.  Below the data")
    print("sets: papers that no fit sees.  Calculon (SC 2023): 3.7 % on eight rows of")
    print("Megatron (2022)")
    for name, r in rows.items():
        told = [step(x.theta, r) for x in sets.values()]
        flat = [constant(x.rows, r) for x in sets.values()]
        cells = [
            " ".join(
                f"{sizes(off(T, r))[0]:5.1f}" if x != name else "    -"
                for T, x in zip(times, sets, strict=True)
            )
            for times in (told, flat)
        ]
        print(f"{name:20} {len(r['T']):3}  {'  | '.join(cells)}")


def outside(sets: dict[str, Known], rows: dict[str, Rows]) -> None:
    """Print forecasts from the other sets: how many hold, how far off, what is new."""
    print(
        "\nForecasts from the other data sets: rows, those inside of one; of those with"
    )
    print("a range, in it; of a new kind, so without a range, above the least time;")
    print("errors of the middle in %; the new kinds")
    for name, r in rows.items():
        low, middle, high, beyond, new = forecast(others(sets, name), r)
        error, good = off(middle, r), (low <= r["T"]) & (r["T"] <= high)
        kind, inside = np.isinf(high), sum(not x for x in beyond)
        print(
            f"{name:20} {len(kind):3} {inside:3}"
            f" {sum(good & ~kind):4} of {sum(~kind):3} {sum(good & kind):3} of"
            f" {sum(kind):3}  {min(error):+4.0f} to {max(error):+3.0f}"
            f"  {' '.join(sorted({x for row in new for x in row}))}".rstrip()
        )


def worst(r: Rows, tests: tuple[Trial, Trial], n: int = 5) -> None:
    """Print the rows that were predicted worst by the half they are not in."""
    index, error = (np.concatenate([t[i] for t in tests]) for i in (1, 3))
    print(f"\nWorst of {MANY}: predicted against measured")
    for i in np.argsort(-np.abs(error))[:n]:
        x = take(r, index[i])
        layout = ", ".join(f"{y} {x[y]:g}" for y in "hLtpdbm")
        print(f"{error[i]:+6.1f} %  {x['T']:6.2f} s  {layout}")


def main(words: list[str]) -> int:
    """Print all; return 1 where a table is missing."""
    ask = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ask.add_argument("folder", type=Path, help="holds the tables")
    ask.add_argument("--splits", type=int, default=20, help="random halves more")
    asked = ask.parse_args(words)
    line("error in %", "", "  rows", "", "  ours", "", "  constant MFU", "")
    titles = ["fitted", "tested", "mean", "median", "mean", "median"]
    line("data set", "half", *titles, "peer's mean")
    failed, done, left = {}, {}, {}
    for one in SETS:
        try:
            r, left[one.name] = load(asked.folder / one.file, one.read)
            done[one.name] = r, report(one, r, asked.splits)
        except Trouble as trouble:
            failed[str(trouble)] = one
    for name, n in left.items():
        if n:
            print(f"{name}: {n} rows left out, for a value missing or FP8")
    if done:
        parameters({name: tests[0].theta for name, (_, tests) in done.items()})
        sets = {name: know(r) for name, (r, _) in done.items()}
        rows = {name: x.rows for name, x in sets.items()} | unseen(asked.folder)
        ranges(sets)
        elsewhere(sets, rows)
        if len(sets) > 2:
            outside(sets, rows)
    if MANY in done:
        worst(*done[MANY])
    for trouble in failed:
        print(f"step_time: {trouble}", file=sys.stderr)
    if MANY in done:
        print(f"\n{MANY}: each row predicted by the half that it is not in")
        ours = np.concatenate([x.ours for x in done[MANY][1]])
        print(f"mean error {sizes(ours)[0]:.1f} %")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
