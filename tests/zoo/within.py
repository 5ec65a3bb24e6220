"""Grade one student, or all, by stock nbgrader; run in a jail, where /course is.

    python within.py LAB SECONDS [STUDENT]

Works on a copy and leaves what it made, and told.json, in /out.
"""

import json
import logging
import os
import shutil
import sys
import warnings

from nbgrader.api import Gradebook
from nbgrader.apps import AutogradeApp, NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config


def main(lab: str, seconds: int, student: str = "") -> None:
    """Grade, and say what came of it."""
    shutil.copytree("/course", "/tmp/course")
    os.chdir("/tmp/course")
    c = Config()
    c.ExecutePreprocessor.timeout = seconds
    c.Application.log_level = logging.CRITICAL
    if student:
        api = NbGraderAPI(CourseDirectory(config=c), config=c)
        success = api.autograde(lab, student, force=True, create=True)["success"]
        api.generate_feedback(lab, student, force=True)
    else:
        success = everyone(c, lab)
    points: dict[str, dict[str, float]] = {}
    with Gradebook("sqlite:////tmp/course/gradebook.db") as book:
        for sub in book.assignment_submissions(lab):
            grades = [g for n in sub.notebooks for g in n.grades]
            own = {g.name: g.auto_score for g in grades if g.auto_score is not None}
            points[sub.student.id] = own
    for kind in ("autograded", "feedback"):
        if os.path.isdir(kind):
            shutil.copytree(kind, f"/out/{kind}")
    with open("/out/told.json", "w") as file:
        json.dump({"success": success, "points": points}, file)


def everyone(c: Config, lab: str) -> bool:
    """Grade a batch as the command line does; say whether it got to its end."""
    app = AutogradeApp(config=c)
    try:
        app.initialize([lab, "--create"])
        app.start()
    except (Exception, SystemExit):  # either way the batch is over
        return False
    return True


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
