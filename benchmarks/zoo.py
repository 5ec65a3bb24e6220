"""Grade the zoo of tests/zoo with the autograder and, beside it, with stock nbgrader.

    python benchmarks/zoo.py [NAME ...]

Prints a line per submission: the points it is worth, ours, those of stock nbgrader (see
tests/zoo/stock.py); then leaks and aborts of both.  Files that only our collection
refuses are laid where stock's would lay them.  Last line:
``N submissions, N as expected``.
"""

import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT / "tests")  # this file is called like the package

from zoo import CASES, ours, stock  # noqa: E402
from zoo.lab import Case  # noqa: E402


def row(case: Case, run: ours.Run, other: stock.Stock) -> bool:
    """Print one submission; say whether ours is as expected."""
    mine = run.outcomes[case.name]
    wrong = mine.differs(case) + [f"leaks {word}" for word in run.leaks(case.name)]
    worth = f"{sum(case.earns().values()):g}" if case.taken else "refused"
    got = "refused" if mine.points is None else f"{sum(mine.points.values()):g}"
    print(f"{case.name:16} {worth:>8} {got:>8}  {other}")
    for line in wrong:
        print(f"    NOT AS EXPECTED: {line}")
    return not wrong


def summary(run: ours.Run, others: dict[str, stock.Stock], together: str) -> None:
    """Print what went wrong over all."""
    for line in (*run.troubles, *run.left, *run.reached):
        print(f"    TROUBLE: {line}")
    leaks = sum(bool(run.leaks(name)) for name in others)
    print(f"ours: leaks {leaks}, aborts {len(run.troubles)}")
    leaks = sum(bool(s.leaks) for s in others.values())
    aborts = sum("abort" in s.said or "killed" in s.said for s in others.values())
    pages = sum(s.page for s in others.values())
    print(f"stock: leaks {leaks}, aborts {aborts}; {together}")
    print(f"stock: {pages} feedback pages show the hidden checks")


def main(names: list[str]) -> int:
    """Grade by both; return 1 where ours is not as expected."""
    cases = [c for c in CASES if not names or c.name in (*names, "plain")]
    start = time.monotonic()

    def step(count: int) -> None:
        spent = f"{time.monotonic() - start:.0f} s"
        print(f"\rstock: {count} of {len(cases)}, {spent}", end="", file=sys.stderr)

    with tempfile.TemporaryDirectory() as folder:
        run = ours.run(Path(folder), cases)
        others, together = stock.run(run.zoo, cases, step)
    print(f"\n{'submission':16} {'expected':>8} {'ours':>8}  stock nbgrader")
    good = sum([row(case, run, others[case.name]) for case in cases])
    summary(run, others, together)
    print(f"{len(cases)} submissions, {good} as expected")
    return int(good < len(cases) or bool(run.troubles + run.left + run.reached))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
