"""What a loader must do with a source: order, reads in advance, errors, a stop."""

import math
import threading
from collections.abc import Callable
from typing import Any

from .calls import lent
from .reader import MOST, Consumer, SlowSource

REST = 0.03  # seconds for a loader to show that it goes too far


def _asked(source: SlowSource, least: int) -> Callable[[], bool]:
    return lambda: source._asked >= least


def in_order(label: str, prefetch: Any, source: SlowSource, depth: int) -> None:
    """AssertionError unless every item comes, once, in order, and then the end."""
    n, got = len(source._items), []
    with lent(source):
        consumer = Consumer(label, prefetch, source, depth)
        try:
            for x in consumer:
                got.append(source._place(x))
                assert len(got) <= n, f"{label}: {n} items were read; more came"
        except (AssertionError, NotImplementedError):
            raise
        except Exception as e:
            raise AssertionError(
                f"{label}: the source raised nothing, and the consumer got "
                f"{type(e).__name__}: {e}.  Does your code fail, or raise an item that "
                "is an exception?"
            ) from None
    assert not source._twice, f"{label}: two reads at the same time; one is allowed"
    assert got == list(range(n)), (
        f"{label}: the consumer got the items at {got}; all {n} are expected, in "
        "order.  Is an item taken for a sign that the source has ended, or failed?"
    )
    consumer.ended()


def apart(label: str, prefetch: Any, n: int, depth: int) -> None:
    """AssertionError unless loaders that run at once know nothing of each other.

    Both give their own items; one is closed in the middle, and the other goes on.  One
    is closed while it reads, and another is begun before that read ends.
    """
    for first in (0, 1):
        sources = [SlowSource(n), SlowSource(n)]
        with lent(*sources):
            consumers = [Consumer(label, prefetch, s, depth) for s in sources]
            for k in range(2):
                for source, consumer in zip(sources, consumers, strict=True):
                    _comes(label, source, consumer, k)
            consumers.pop(first).close()
            (consumer,), source = consumers, sources[1 - first]
            for k in range(2, n):
                _comes(label, source, consumer, k)
                assert source._until(_asked(source, min(k + depth, n))), (
                    f"{label}: one was closed, and the other reads no more.  Give each "
                    "call of prefetch a sign of its own to stop"
                )
            consumer.close()
            consumer.ended()
    old, new = SlowSource(MOST, held=True), SlowSource(n)
    with lent(old, new):
        consumer = Consumer(label, prefetch, old, depth)
        old._let(1)
        _comes(label, old, consumer, 0)
        old._until(_asked(old, 2))
        patience = threading.Timer(1.0, old._let, [2])  # one that waits for it
        patience.start()
        consumer.close()
        patience.cancel()
        second = Consumer(label, prefetch, new, depth)
        _comes(label, new, second, 0)
        old._let(math.inf)
        old._done(_asked(old, 3))
        assert old._asked <= 2, (
            f"{label}: one was closed while it read, another was begun, and the first "
            "began a read again.  Give each call of prefetch a sign of its own to stop"
        )
        second.close()


def _comes(label: str, source: SlowSource, consumer: Consumer, k: int) -> None:
    place = source._place(next(consumer, None))
    assert place == k, f"{label}: item {k} of one of them did not come"


def fills(label: str, prefetch: Any, n: int, depth: int) -> None:
    """AssertionError unless depth reads are begun in advance, and never more."""
    source = SlowSource(n)
    with lent(source):
        consumer = Consumer(label, prefetch, source, depth)
        for k in range(n):
            assert source._place(next(consumer, None)) == k, (
                f"{label}: item {k} of {n} is expected, and did not come"
            )
            ahead = min(depth, n - k - 1)
            source._until(_asked(source, k + 1 + ahead))
            if k < 2:
                source._until(lambda: source._most > depth, REST)
            assert source._most <= depth, (
                f"{label}: while the consumer held item {k} or waited for it, "
                f"{source._most} more had been asked for; at most {depth} are "
                "expected.  The one being read counts: a read takes its place before "
                "it begins"
            )
            assert source._asked - k - 1 >= ahead, (
                f"{label}: the consumer held item {k}, and {source._asked - k - 1} "
                f"more had been asked for; {ahead} are expected.  Who fills the buffer "
                "while the consumer works?"
            )
        consumer.close()


def overlaps(label: str, prefetch: Any, n: int, depth: int) -> None:
    """AssertionError unless an item comes while the next one is still being read."""
    source = SlowSource(n, held=True)
    with lent(source):
        consumer = Consumer(label, prefetch, source, depth)
        for k in range(n):
            source._let(k + 1)
            came = source._place(next(consumer, None)) == k
            begun = source._until(_asked(source, min(k + 2, n)))
            turns = not begun or source._late
            assert not turns, (
                f"{label}: reading and consuming took turns.  Nothing was read while "
                f"the consumer held item {k}, or it got that item only after the next "
                "one had been read.  Read in a thread of its own, and hand over what "
                "is there at once"
            )
            assert came, f"{label}: item {k} of {n} is expected, and did not come"
            assert not source._twice, f"{label}: two reads at the same time"
        consumer.close()


def fails_in_place(
    label: str, prefetch: Any, bad: int, depth: int, error: Exception
) -> None:
    """AssertionError unless the items before the error come first, and then it."""
    source, got = SlowSource(bad, error), []
    raised: Exception | None = None
    with lent(source):
        consumer = Consumer(label, prefetch, source, depth)
        try:
            for x in consumer:
                got.append(source._place(x))
                assert len(got) <= bad, f"{label}: {bad} items were read; more came"
                if len(got) == 1 and bad <= depth:
                    source._until(lambda: source._over)
        except (AssertionError, NotImplementedError):
            raise
        except Exception as e:
            raised = e
    saw = "nothing" if raised is None else f"{type(raised).__name__}: {raised}"
    assert isinstance(raised, type(error)), (
        f"{label}: the consumer saw {saw}; {type(error).__name__}: {error} is expected"
    )
    assert str(error) == str(raised), (
        f"{label}: the error says {raised}; {error} is expected.  Raise the error that "
        "the source raised, not one made anew"
    )
    assert got == list(range(bad)), (
        f"{label}: the items at {got} came before the error; all {bad} are expected"
    )
    consumer.ended()


def stops(label: str, prefetch: Any, taken: int, depth: int, reading: bool) -> None:
    """AssertionError unless close() returns, and no read begins after it.

    reading: close while a read is under way, not with a full buffer
    """
    source = SlowSource(MOST, held=reading)
    with lent(source):
        consumer = Consumer(label, prefetch, source, depth)
        source._let(taken)
        for _ in range(taken):
            came = source._place(next(consumer, None)) is not None
        goal = taken + (1 if reading else depth)
        ahead = source._until(_asked(source, goal))
        fine = came and ahead and not source._late
        assert fine, (
            f"{label}: no item came, or the buffer did not fill while the consumer "
            "held it; so there is nothing to stop"
        )
        if not reading:
            source._until(lambda: not source._reading)
        source._until(_asked(source, goal + 1), REST)
        begun = source._asked
        patience = threading.Timer(1.0, source._let, [begun])  # one that waits for it
        patience.start()
        consumer.close()
        under_way = source._free < begun  # and so the held read has not ended
        patience.cancel()
        source._let(math.inf)
        allowed = begun + (reading and not under_way)
        source._done(_asked(source, allowed + 1))
        assert source._asked <= allowed, (
            f"{label}: a read was begun after close().  Look whether to stop after "
            "waiting for a place, not before"
        )
        consumer.ended(raised=False)
