"""The command line: new, release, collect, grade, report, doctor."""

import argparse
import contextlib
import os
import sys
from pathlib import Path


def main(words: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(prog="autograder", description=__doc__)
    parser.add_argument("--course", type=Path, default=Path("build/course"))
    add = parser.add_subparsers(dest="command", required=True).add_parser
    add("doctor", help="say what this machine can enforce")
    add("new", help="start a chapter and its lab").add_argument("name", help="NN_slug")
    give = add("release", help="make a lab's student notebook")
    give.add_argument("lab", type=Path)
    give.add_argument("--due", help="2026-12-01T23:59+01:00; local time without a zone")
    give.add_argument("--gradescope", metavar="FILE.zip", type=Path, help="to upload")
    take = add("collect", help="take what Canvas or Moodle hands out: folder or zip")
    take.add_argument("lab")
    take.add_argument("download", type=Path)
    take.add_argument("--roster", type=Path, required=True)
    judge = add("grade", help="grade what is new")
    judge.add_argument("lab")
    judge.add_argument("--dask", metavar="ADDRESS", help="of a scheduler to use")
    judge.add_argument("--unjailed", action="store_true", help="trust every student")
    tell = add("report", help="write grades, feedback, LMS files and item analysis")
    tell.add_argument("lab")
    tell.add_argument("--canvas", type=Path, help="Canvas's exported gradebook to fill")
    tell.add_argument("--moodle", type=Path, help="Moodle's grading worksheet to fill")
    try:
        return run(parser.parse_args(words))
    except (RuntimeError, ValueError, OSError) as e:
        print(f"autograder: {e}", file=sys.stderr)
        return 1


def run(given: argparse.Namespace) -> int:
    """Carry out one parsed command; import what it needs, and nothing else."""
    course: Path = given.course
    match given.command:
        case "doctor":
            from . import doctor

            print(*doctor.examine(), sep="\n")
        case "new":
            from . import new

            print(*new.start(given.name, Path()), sep="\n")
        case "release":
            from . import release
            from .intake import submitted

            due = given.due and submitted.moment(given.due)
            print(release.release(given.lab, course))
            if given.gradescope:
                from .make import upload

                print(upload.write(given.lab.stem, course, given.gradescope))
            if due:
                submitted.set_due(given.lab.stem, due, course)
                print(f"due {due.astimezone():%Y-%m-%d %H:%M %z}")
        case "collect":
            from . import collect
            from .intake import outcomes

            said = collect.collect(given.download, given.lab, course, given.roster)
            print(*said, outcomes.tally(said), sep="\n")
            return int(any(line.trouble for line in said))
        case "grade":
            return graded(given)
        case "report":
            from . import report

            said, troubles = report.report(
                given.lab, course, given.canvas, given.moodle
            )
            print(*said, *troubles, sep="\n")
            return int(bool(troubles))
    return 0


def graded(given: argparse.Namespace) -> int:
    """Grade what is new; say whose could not be graded, and why."""
    import nbformat

    from .jail import sandbox, warm
    from .make.roles import imported

    if given.unjailed:
        os.environ[sandbox.OPEN] = "1"
    warm.ALSO.add("autograder.judge.evidence")
    with contextlib.suppress(OSError, ValueError, SyntaxError):  # grade says so
        source = given.course / "source" / given.lab / f"{given.lab}.ipynb"
        warm.ALSO.update(imported(nbformat.read(source, as_version=4)))
    warm.own()  # its libraries load there while nbgrader loads here
    from . import doctor, grade

    if given.unjailed:
        print(doctor.GIVEN_UP, file=sys.stderr)
    else:
        doctor.quick()
    troubles = grade.grade(given.lab, given.course, given.dask)
    print("\n".join(troubles) or "all graded")
    return int(bool(troubles))


if __name__ == "__main__":
    sys.exit(main())
