"""Take what an LMS hands out and lay it where nbgrader looks, losing nothing.

Every file gets one line that says what was done, and so does everyone on the roster who
handed in nothing; none stops the others.
"""

import shutil
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import nbformat
from sqlalchemy.exc import SQLAlchemyError

from .intake import archive, lms, notebook, students
from .intake.archive import Entry
from .intake.outcomes import ABSENT, Line, summary
from .intake.restore import restore
from .intake.students import roster
from .intake.submitted import due, introduce, lay


def collect(download: Path, lab: str, course: Path, names: Path) -> list[Line]:
    """Lay each student's latest notebook under course/submitted; return all lines.

    The roster is kept beside them, for the report.
    """
    listed, kept = roster(names), course / "roster.csv"
    with ExitStack() as stack:
        intake = Intake(lab, course, lms.Roll(students.rows(names)), stack)
        if names.resolve() != kept.resolve():
            draft = kept.with_suffix(".draft")
            shutil.copyfile(names, draft)
            draft.replace(kept)
        found = archive.entries(download, stack)
        found = [
            e for e in found if e.path is None or e.path.absolute() != names.absolute()
        ]
        intake.sort(intake.worksheets(download, found))
        for student in listed:
            intake.one(student)
        try:
            introduce(kept, course)
        except SQLAlchemyError as e:
            what = f"it knows no new names: {e}"
            intake.said.append(Line("gradebook.db", "?", False, what))
    return intake.said


class Intake:
    """One download being taken: whose its files are, and what is said of them."""

    def __init__(
        self, lab: str, course: Path, roll: lms.Roll, stack: ExitStack
    ) -> None:
        self.lab, self.course, self.roll, self.stack = lab, course, roll, stack
        file = course / "release" / lab / f"{lab}.ipynb"
        self.released = nbformat.read(file, as_version=4)
        self.sheet: dict[str, lms.Row] = {}
        self.files: dict[str, list[tuple[Entry, lms.Said]]] = {}
        self.said = [
            Line("", s, False, f"stands in {n} rows of the roster, taken as one")
            for s, n in roll.twice.items()
        ]
        self.due = None
        try:
            self.due = due(lab, course)
        except SQLAlchemyError as e:
            what = f"the due date cannot be read, so nobody is late by it: {e}"
            self.said.append(Line("gradebook.db", "?", False, what))

    def worksheets(self, download: Path, found: list[Entry]) -> list[Entry]:
        """Read Moodle's worksheets in a download and beside it; return the rest.

        None is read from where a student may have put it.
        """
        mine = [e for e in found if "/" not in e.name and not self._whose(e)[0]]
        read = [entry for entry in mine if self._worksheet(entry)]
        for entry in archive.beside(download, ".csv"):
            self._worksheet(entry)
        return [entry for entry in found if entry not in read]

    def _worksheet(self, entry: Entry) -> bool:
        rows: dict[str, lms.Row] = {}
        if entry.name.casefold().endswith(".csv") and not lms.said(entry.name).who:
            with suppress(ValueError):  # what cannot be read is said of it as a file
                rows = lms.worksheet(archive.text(entry.bytes())[0])
        if rows:
            self.sheet = rows | self.sheet
            what = f"Moodle's worksheet, {len(rows)} participants"
            self.said.append(Line(entry.name, "?", False, what, fine=True))
        return bool(rows)

    def sort(self, found: list[Entry]) -> None:
        """Put each file to its student.

        In a folder that holds no student's file a zip may be the LMS's own.
        """
        nobodys: list[Entry] = []
        for entry in found:
            who, path = self._whose(entry)
            if len(who) == 1:
                self.files.setdefault(who[0], []).append((entry, lms.said(path)))
            elif who:
                what = f"names {' and '.join(who)}; rename it"
                self.said.append(Line(entry.name, "?", False, what))
            else:
                nobodys.append(entry)
        alone = not self.files
        for entry in nobodys:
            what = "no student of the roster is named in it"
            try:
                if alone and entry.path and entry.name.casefold().endswith(".zip"):
                    self.sort(archive.inside(entry, self.stack))
                    continue
            except ValueError as e:
                what = str(e)
            fine = bool(notebook.SYSTEM & {*entry.name.split("/")})
            self.said.append(Line(entry.name, "?", False, what, fine=fine))

    def _whose(self, entry: Entry) -> tuple[list[str], str]:
        """Return whose an entry is, and how its name is read for that."""
        read = ((self.roll.whose(n, self.sheet), n) for n in entry.names)
        first = next(read)
        return next((r for r in (first, *read) if len(r[0]) == 1), first)

    def one(self, student: str) -> None:
        """Take the latest notebook of a student that can be read."""
        files = self.files.get(student, [])
        if not files:
            there = (self.course / "submitted" / student / self.lab).exists()
            also = "; what was taken before stays" * there
            self.said.append(Line("", student, False, f"{ABSENT}{also}"))
        order = [files[i] for i in lms.latest([said for _, said in files])]
        order.sort(key=lambda f: not _notebook(f[1]))
        lines: list[Line] = []
        taken = ""
        for entry, it in order:
            what = f"{taken} is the later" if _notebook(it) else f"beside {taken}"
            line = Line(entry.name, student, False, what, fine=True)
            if not taken:
                line = self._try(entry, it, student)
            if line.taken and any(earlier.trouble for earlier in lines):
                line = replace(line, what=f"{line.what}; the later one is not taken")
            taken = taken or entry.name * line.taken
            lines.append(line)
        self.said += lines if taken else [replace(line, fine=False) for line in lines]

    def _try(self, entry: Entry, it: lms.Said, student: str) -> Line:
        """Take one file, or say why not."""
        row = self.sheet.get(it.number, lms.Row()) if it.moodle else lms.Row()
        over = row.when - self.due if row.when and self.due else timedelta()
        late = (
            f"late by {over}" if over > timedelta() else "late, says Canvas" * it.late
        )
        try:
            nb, data, odd = notebook.pick(entry, it.file, self.lab, self.released)
            nb, done = restore(nb, self.released)
            folder = self.course / "submitted" / student / self.lab
            lay(nb, data, self.lab, folder, row.when or late)
        except Exception as e:  # of one student; the others know nothing of it
            fine = isinstance(e, notebook.Stranger) or not _notebook(it)
            said = str(e) or type(e).__name__
            return Line(entry.name, student, False, said, fine=fine)
        what = [summary(done) or "nothing to mend", odd, row.trouble, late]
        said = "; ".join(filter(None, what))
        return Line(entry.name, student, True, said, bool(late))


def _notebook(it: lms.Said) -> bool:
    return it.file.casefold().endswith((".ipynb", ".zip"))
