"""One switch port under many senders: what an answer says of a run."""

from collections.abc import Mapping
from typing import Any

from ..checks import close, number
from .answers import values

Run = tuple[float | None, float, float]  # slot of the loss, longest queue, busy slots


def outcome(name: str, answer: Any) -> Run:
    """Return (lost, peak, busy) of an answer; AssertionError if they are not there."""
    lost, peak, busy = values(f"{name}: (lost, peak, busy)", answer, 3)
    lost = None if lost is None else number(f"{name}, lost", lost)
    return lost, number(f"{name}, peak", peak), number(f"{name}, busy", busy)


def ran(
    name: str,
    answer: Any,
    want: Run,
    slips: Mapping[str, Mapping[float | None, str]] = {},
) -> None:
    """AssertionError unless an answer is a run; slips["peak"][5]: why one says 5."""
    lost, peak, busy = outcome(name, answer)
    why = slips.get("lost", {}).get(lost, "")
    says, wanted = (
        "no loss" if x is None else f"a loss in slot {x:g}" for x in (lost, want[0])
    )
    text = f"{name}: you have {says}; {wanted} is expected.  {why}".rstrip()
    assert lost == want[0], text
    for what, of, got, due in (
        ("peak", "packets at the peak", peak, want[1]),
        ("busy", "slots busy", busy, want[2]),
    ):
        hints = {x / due: hint for x, hint in slips.get(what, {}).items() if x and due}
        close(f"{name}, {of}", got, due, "", hints)
