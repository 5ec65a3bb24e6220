"""All that ``make test`` runs, in order; stops at the first that fails."""

import os
import subprocess
import sys
from pathlib import Path

CODE = ["mlsyscore", "autograder", "tools", "tests", "benchmarks", "chapters", "labs"]
PYTEST = ["pytest", "-q", "-n", "2", "--hypothesis-profile", "ci"]  # no clock, one draw
LABS = "tests/test_labs.py"  # test by test: as one module it would be the longest
NBVAL = ["pytest", "-q", "-n", "2", "--dist", "loadfile"]  # a notebook is one kernel's
NBVAL += ["--nbval", "--nbval-cell-timeout", "60", "notebooks/chapters"]
COLAB = Path(".venv-colab/share/jupyter")  # has a kernel of Colab's versions
# Most of the time is waiting, for kernels above all; the longest modules come early.
LONGEST = ["-n", "4", "--dist", "loadscope", "--no-loadscope-reorder"]
STEPS = [
    ["ruff", "check", *CODE],
    ["ruff", "format", "--check", *CODE],
    ["mypy"],
    [*PYTEST, "-n", "3", LABS],  # who waits for a wrong answer to end computes nothing
    [*PYTEST, *LONGEST, "tests", "mlsyscore", "--ignore", LABS],
    NBVAL,  # last: tests/test_colab.py has put the student tree's archive there
]


def main() -> int:
    """Run the steps with this environment's tools, chapters with Colab's versions.

    Under our own versions tests/chapters compares what they print.
    """
    if (COLAB / "kernels/colab").exists():
        os.environ["JUPYTER_PATH"] = str(COLAB.resolve())
        NBVAL.extend(["--nbval-kernel-name", "colab"])
    for step in STEPS:
        print("==", *step, flush=True)
        done = subprocess.run([sys.executable, "-m", *step])
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[1])
    sys.exit(main())
