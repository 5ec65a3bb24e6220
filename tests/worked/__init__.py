"""The book's 178 worked calculations: what the package says, beside what it prints.

One file per section.  ``ROWS`` holds what the package states; ``LEFT`` names the
calculations with no law in them and says why; ``WRONG`` holds rows where the book
is off, or means something else, with the reason.
"""

from collections.abc import Callable
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One printed output.  The book prints five digits; another ``rel`` says why."""

    name: str
    output: str
    ours: Callable[[], Any]
    book: Any
    rel: float = 5e-5
