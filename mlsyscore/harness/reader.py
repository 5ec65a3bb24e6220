"""A source whose reads are counted and may be held, and the consumer of a loader."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

PATIENCE = 5.0  # seconds; what has not come by then is taken as not coming
MOST = 1000  # reads of one source


class Batch:
    """What a read gives; no other is the same."""


class OddBatch(Exception):
    """An item that is an exception, and no failure; make it with `made`.

    It equals whatever it is compared with, so it is no sign that was agreed on.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __iter__(self) -> Iterator[int]:  # it may be held where it is not known
        return iter([self.number])

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = Exception.__hash__


class ReadError(OSError):
    """A read failed; its text tells all that it was made with."""

    def __str__(self) -> str:
        return f"a read failed, {self.args}"


class SlowSource:
    """Gives items in the thread of whoever asks, and keeps its own record of it.

    items: how many batches, or the items themselves
    error: what the read after them raises; None ends the source there
    held: read i ends once i + 1 reads are let through, or after PATIENCE
    """

    def __init__(
        self,
        items: int | Sequence[Any],
        error: Exception | None = None,
        held: bool = False,
    ) -> None:
        self._items = (
            [Batch() for _ in range(items)] if isinstance(items, int) else items
        )
        self._error, self._free = error, 0 if held else math.inf
        self._asked = self._wanted = self._reading = self._most = 0
        self._twice = self._late = self._over = False
        self._inline = 0  # reads by the thread that waits for an item
        self._readers: set[threading.Thread] = set()
        self._consumer: threading.Thread | None = None  # that waits for an item now
        self._change = threading.Condition()

    def __iter__(self) -> "SlowSource":
        return self

    def __next__(self) -> Any:
        with self._change:
            i, self._asked = self._asked, self._asked + 1
            self._inline += threading.current_thread() is self._consumer
            self._most = max(self._most, self._asked - self._wanted)
            self._twice |= self._reading > 0
            self._reading += 1
            if len(self._readers) < MOST:
                self._readers.add(threading.current_thread())
            self._change.notify_all()
            there = i < min(len(self._items), MOST)
            if there and not self._change.wait_for(
                lambda: i < self._free or self._inline > 1, PATIENCE
            ):
                self._late, self._free = True, math.inf  # nobody waits twice
            self._change.wait(0.0003 * (1 + i % 3))  # reads take their time
            self._reading -= 1
            self._over |= not there
            self._change.notify_all()
        if not there:
            raise self._error or StopIteration
        return self._items[i]

    def _done(self, what: Callable[[], bool]) -> bool:
        """Wait until every thread that has read is gone, or something has happened.

        Under the autograder these are the judge's own threads, each of which ends with
        the student's that it serves.
        """
        for thread in list(self._readers):
            end = time.monotonic() + PATIENCE
            while thread.is_alive() and not what() and time.monotonic() < end:
                thread.join(0.005)
        return not any(thread.is_alive() for thread in list(self._readers))

    def _let(self, count: float) -> None:
        with self._change:
            self._free = max(self._free, count)
            self._change.notify_all()

    def _until(self, what: Callable[[], bool], seconds: float | None = None) -> bool:
        with self._change:
            return self._change.wait_for(what, PATIENCE if seconds is None else seconds)

    def _place(self, x: Any) -> int | None:
        """Return the place of an item among those given; None for no item."""
        given = enumerate(self._items[: self._asked])
        return next((i for i, item in given if _same(item, x)), None)


def _same(item: Any, x: Any) -> bool:
    """Say whether x is the item; where it crossed as plain data, whether it is like."""
    if isinstance(item, Batch) or x is item:
        return x is item
    if isinstance(item, OddBatch):
        return bool(getattr(x, "number", None) == item.number)
    return type(x) is type(item) and bool(np.array_equal(x, item))


class Consumer:
    """Takes what a loader yields, and tells the source so.

    In a notebook it gives up a loader that never answers; when graded, the judge does.
    """

    def __init__(self, label: str, prefetch: Any, source: SlowSource, depth: int):
        self._label, self._source, self._count = label, source, 0
        self._judged = hasattr(prefetch, "_fresh")
        self._stream = self._patient(prefetch, source, depth)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        source = self._source
        with source._change:
            source._wanted += 1
        item = self._patient(next, self._stream)
        self._count += 1
        if self._count == 1 and len(source._items) > 1:  # look at the first for a while
            text = f"{self._label}: nothing was read while the consumer held item 0; "
            text += "read in a thread of its own"
            patience = PATIENCE / 5 if source._inline else PATIENCE
            assert source._until(lambda: source._asked > 1, patience), text
            assert source._inline < 2, text
        return item

    def close(self) -> None:
        """Close the loader, as a consumer does that stops."""
        self._patient(self._stream.close)

    def ended(self, raised: bool = True) -> None:
        """AssertionError if a thread that has read is still there.

        raised: the source may have raised.  Under the autograder an error that somebody
        keeps holds the wire of its thread; so nothing can be said then.
        """
        if raised and self._judged:
            return
        assert self._source._done(lambda: False), (
            f"{self._label}: the reader still runs or waits.  Tell it to stop, and "
            "wake it if it waits for a place"
        )

    def _patient(self, f: Callable[..., Any], *args: Any) -> Any:
        if self._judged:
            self._source._consumer = threading.current_thread()
            try:
                return f(*args)
            except Exception as e:
                if isinstance(e, StopIteration) or hasattr(e, "theirs"):
                    raise
                raise AssertionError(self._stuck(f"  ({e})")) from None
        ends: list[tuple[Any, BaseException | None]] = []

        def call() -> None:
            try:
                ends.append((f(*args), None))
            except BaseException as e:
                ends.append((None, e))

        thread = threading.Thread(target=call, daemon=True)
        self._source._consumer = thread
        thread.start()
        thread.join(2 * PATIENCE + 1)
        assert ends, self._stuck()
        value, error = ends[0]
        if error is not None:
            raise error
        return value

    def _stuck(self, why: str = "") -> str:
        return (
            f"{self._label}: {self._count} items came, then the consumer waited for "
            "ever.  How does it learn that the source has ended or failed, or that "
            f"the loader is closed?{why}"
        )
