"""All that ``make test`` runs, in order; stops at the first that fails."""

import os
import subprocess
import sys
from pathlib import Path

CODE = ["mlsyscore", "autograder", "tools", "tests", "benchmarks", "chapters", "labs"]
STEPS = [
    ["ruff", "check", *CODE],
    ["ruff", "format", "--check", *CODE[:5]],
    ["mypy"],
    ["pytest", "-q", "--nbval", "--nbval-cell-timeout", "60", "notebooks/chapters"],
    ["pytest", "-q", "-n", "2", "tests/test_labs.py"],  # one by one: no module is longer
    [*"pytest -q -n 2 --dist loadscope tests mlsyscore --ignore tests/test_labs.py".split()],
]


def main() -> int:
    """Run the steps with this environment's tools."""
    for step in STEPS:
        print("==", *step, flush=True)
        done = subprocess.run([sys.executable, "-m", *step])
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[1])
    sys.exit(main())
