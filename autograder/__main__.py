"""The command line: release, collect, grade, report, doctor."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import collect, grade, report, sandbox


def doctor() -> str:
    """Say what this machine can enforce; raise RuntimeError where there is no jail."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(
                sandbox.command([sys.executable, "-c", "pass"], Path(folder)),
                check=True,
                capture_output=True,
                timeout=60,
            )
        except subprocess.CalledProcessError as e:
            raise RuntimeError(f"bubblewrap does not run here: {e.stderr!r}") from None
    return (
        f"jail: {shutil.which('bwrap')}; no network, no files, time and memory bounded"
    )


def main(words: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(prog="autograder", description=__doc__)
    parser.add_argument("--course", type=Path, default=Path("build/course"))
    add = parser.add_subparsers(dest="command", required=True).add_parser
    add("doctor", help="say what this machine can enforce")
    add("release", help="make a lab's student notebook").add_argument("lab", type=Path)
    take = add("collect", help="take what an LMS hands out: a folder or a zip")
    take.add_argument("lab")
    take.add_argument("download", type=Path)
    take.add_argument("--roster", type=Path, required=True)
    add("grade", help="grade what is new").add_argument("lab")
    tell = add("report", help="write grades.csv and each student's feedback")
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
            here = course.glob(f"submitted/*/{given.lab}")
            names = sorted(p.parent.name for p in here)
            report.write(
                report.table(given.lab, course, names), course / f"{given.lab}.csv"
            )
            for student in names:
                print(report.feedback(given.lab, course, student))
    return 0


if __name__ == "__main__":
    sys.exit(main())
