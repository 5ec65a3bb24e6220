"""Fit one page of step-time model to half of the published rows; test it on the rest.

    python benchmarks/step_time.py FOLDER [--splits N]

FOLDER holds the tables that ``published`` names.  ``step_model`` is the model; it has
seven fitted numbers.  Rows with the same inputs stay together; their groups, sorted by
a hash of the inputs, go to half A and half B in turn.  Each half predicts the other,
beside one constant MFU fitted to the same half.  N random halves more (20) show how far
the error depends on the split.  Errors are |predicted/measured - 1|.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from published import MANY, SETS, Set, Trouble, elsewhere, groups, halves, load, take
from step_model import START, Rows, constant, fit, step


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
    ours = 100 * (step(theta, there) / there["T"] - 1)
    flat = 100 * (constant(here, there) / there["T"] - 1)
    return Trial(fitted, tested, theta, ours, flat)


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


def transfer(r: Rows, tests: tuple[Trial, Trial]) -> None:
    """Print how vTrain's parameters do on two papers' rows, none of them fitted."""
    if len(r["T"]):
        print(f"\n{len(r['T'])} rows of Narayanan et al. (2021), table 1, and")
        print("Korthikanti et al. (2022), table 5, none of them fitted, predicted by")
        print(f"the fit to {MANY}")
        for half, x in zip("AB", tests, strict=True):
            mean, median = sizes(100 * (step(x.theta, r) / r["T"] - 1))
            print(f"half {half}: mean {mean:.1f}, median {median:.1f} %")
        print("Calculon (SC 2023): mean 3.7 % on eight rows of the second table")


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
    if MANY in done:
        r, tests = done[MANY]
        transfer(elsewhere(asked.folder / "01_training_throughput.yaml"), tests)
        worst(r, tests)
    for trouble in failed:
        print(f"step_time: {trouble}", file=sys.stderr)
    if MANY in done:
        print(f"\n{MANY}: each row predicted by the half that it is not in")
        print(f"mean error {sizes(np.concatenate([x.ours for x in tests]))[0]:.1f} %")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
