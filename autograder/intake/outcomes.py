"""What is said of a download: a line per file, and how many of each kind."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """What became of one file, and why; without a file, what else is to be said.

    fine: it was passed over, and nobody need look.
    """

    file: str
    student: str
    taken: bool
    what: str
    late: bool = False
    fine: bool = False

    @property
    def trouble(self) -> bool:
        """Say whether somebody must look at it."""
        return bool(self.file) and not self.taken and not self.fine

    def __str__(self) -> str:
        done = "taken" if self.taken else "passed over" if self.fine else "NOT TAKEN"
        where = f"{self.file}: {done}: " if self.file else ""
        return f"{self.student}: {where}{self.what}"


ABSENT = "nothing handed in"


def tally(lines: list[Line]) -> str:
    """Count what became of all."""
    said = {
        "taken": sum(line.taken for line in lines),
        "not taken": sum(line.trouble for line in lines),
        "passed over": sum(bool(line.file) and line.fine for line in lines),
        "absent": sum(line.what.startswith(ABSENT) for line in lines),
        "late": sum(line.late for line in lines),
    }
    return ", ".join(f"{n} {what}" for what, n in said.items())


def summary(done: list[str]) -> str:
    """Put what was mended in one line: each kind, how many cells, the first three."""
    kinds: dict[str, list[str]] = {}
    for line in done:
        kind, _, cell = line.rpartition(": ")
        kinds.setdefault(kind, []).append(cell)
    return "; ".join(
        f"{kind}: {len(cells)} ({', '.join(cells[:3])}{', ...' * (len(cells) > 3)})"
        for kind, cells in kinds.items()
    )
