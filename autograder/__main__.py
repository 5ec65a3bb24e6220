"""The command line: new, release, collect, grade, report, doctor."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import collect, grade, new, report, sandbox

PATIENCE = 60  # seconds for a jail to start


def doctor() -> str:
    """Say what this machine can enforce; raise RuntimeError where there is no jail."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(
                sandbox.command([sys.executable, "-c", "pass"], Path(folder)),
                check=True,
                capture_output=True,
                timeout=PATIENCE,
            )
        except subprocess.CalledProcessError as e:
            raise RuntimeError(f"bubblewrap does not run here: {e.stderr!r}") from None
        except subprocess.TimeoutExpired as e:
            slow = f"took over {e.timeout:g} s to start Python; is the machine busy?"
            raise RuntimeError(f"bubblewrap {slow}") from None
    return (
        f"jail: {shutil.which('bwrap')}; no network, no files, time and memory bounded"
    )


def main(words: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(prog="autograder", description=__doc__)
    parser.add_argument("--course", type=Path, default=Path("build/course"))
    add = parser.add_subparsers(dest="command", required=True).add_parser
    add("doctor", help="say what this machine can enforce")
    add("new", help="start a chapter and its lab").add_argument("name", help="NN_slug")
    add("release", help="make a lab's student notebook").add_argument("lab", type=Path)
    take = add("collect", help="take what an LMS hands out: a folder or a zip")
    take.add_argument("lab")
    take.add_argument("download", type=Path)
    take.add_argument("--roster", type=Path, required=True)
    add("grade", help="grade what is new").add_argument("lab")
    tell = add("report", help="write LAB.csv and each student's feedback")
    tell.add_argument("lab")
    try:
        return run(parser.parse_args(words))
    except (RuntimeError, ValueError, OSError) as e:
        print(f"autograder: {e}", file=sys.stderr)
        return 1


def run(given: argparse.Namespace) -> int:
    """Carry out one parsed command."""
    course: Path = given.course
    match given.command:
        case "doctor":
            print(doctor())
        case "new":
            print(*new.start(given.name, Path()), sep="\n")
        case "release":
            print(grade.release(given.lab, course))
        case "collect":
            lines = collect.collect(given.download, given.lab, course, given.roster)
            for line in lines:
                taken = "taken" if line.taken else "NOT TAKEN"
                print(f"{line.student}: {line.file}: {taken}: {line.what}")
            return int(not all(line.taken for line in lines))
        case "grade":
            doctor()
            troubles = grade.grade(given.lab, course)
            print("\n".join(troubles) or "all graded")
            return int(bool(troubles))
        case "report":
            rows = report.table(given.lab, course, report.everyone(given.lab, course))
            report.write(rows, course / f"{given.lab}.csv")
            troubles = report.pages(given.lab, course, rows)
            print(course / f"{given.lab}.csv", *troubles, sep="\n")
            return int(bool(troubles))
    return 0


if __name__ == "__main__":
    sys.exit(main())
