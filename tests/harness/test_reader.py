"""A source that counts and holds its reads, and what a loader must do with it."""

import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlsyscore.harness import loader, reader
from mlsyscore.harness.calls import made
from mlsyscore.harness.reader import Batch, Consumer, OddBatch, ReadError, SlowSource


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(reader, "PATIENCE", 0.3)


def prefetch(source, depth):
    """Read in advance, as it should be."""
    places, arrived = threading.Semaphore(depth), queue.SimpleQueue()
    stop = threading.Event()

    def read():
        try:
            items = iter(source)
            while places.acquire() and not stop.is_set():
                arrived.put(("item", next(items)))
        except StopIteration:
            arrived.put(("end", None))
        except Exception as e:
            arrived.put(("error", e))

    threading.Thread(target=read, daemon=True).start()
    try:
        while (got := arrived.get())[0] == "item":
            places.release()
            yield got[1]
        if got[0] == "error":
            raise got[1]
    finally:
        stop.set()
        places.release()


def lazy(source, depth):
    yield from source


def twice(source, depth):
    for x in prefetch(source, depth):
        yield x
        yield x


def test_a_loader_that_reads_ahead_meets_every_demand():
    loader.in_order("", prefetch, SlowSource(4), 2)
    loader.in_order("", prefetch, SlowSource([None, 0, made(OddBatch, 2), False]), 1)
    loader.in_order("", prefetch, SlowSource(0), 2)
    loader.apart("", prefetch, 3, 2)
    loader.fills("", prefetch, 5, 2)
    loader.overlaps("", prefetch, 4, 1)
    loader.fails_in_place("", prefetch, 2, 3, ReadError("disk 7"))
    for reading in (False, True):
        loader.stops("", prefetch, 2, 2, reading)


def test_one_that_reads_when_it_is_asked_meets_none():
    for demand in (
        lambda: loader.in_order("", lazy, SlowSource(4), 2),
        lambda: loader.fills("", lazy, 5, 2),
        lambda: loader.overlaps("", lazy, 4, 1),
        lambda: loader.fails_in_place("", lazy, 2, 3, OSError("disk 7")),
        lambda: loader.stops("", lazy, 2, 2, False),
    ):
        with pytest.raises(AssertionError, match="nothing was read"):
            demand()


def test_an_item_that_comes_twice_is_seen():
    with pytest.raises(AssertionError, match="more came"):
        loader.in_order("", twice, SlowSource(2), 2)


def test_more_than_depth_is_seen():
    with pytest.raises(AssertionError, match="3 more had been asked for"):
        loader.fills("", lambda s, depth: prefetch(s, depth + 1), 6, 2)
    with pytest.raises(AssertionError, match="1 more had been asked for; 2"):
        loader.fills("", lambda s, depth: prefetch(s, depth - 1), 6, 2)


def test_a_loader_that_nobody_ends_is_given_up():
    def deaf(source, depth):
        yield from prefetch(source, depth)
        threading.Event().wait()

    with pytest.raises(AssertionError, match="waited for ever"):
        loader.in_order("", deaf, SlowSource(3), 2)


class Judged:
    """A loader as the judge has it, whose threads cannot be listed."""

    _fresh = None

    def __init__(self, f):
        self.f = f

    def __call__(self, *args):
        return self.f(*args)


def test_a_read_begun_after_close_is_seen_where_no_thread_can_be_listed():
    def once_more(source, depth):
        go, arrived, stop = threading.Semaphore(depth), queue.SimpleQueue(), []

        def read():
            while not stop:
                go.acquire()
                arrived.put(next(source))

        threading.Thread(target=read, daemon=True).start()
        try:
            while True:
                x = arrived.get()
                go.release()
                yield x
        finally:
            stop.append(1)
            go.release()

    with pytest.raises(AssertionError, match="begun after close"):
        loader.stops("", Judged(once_more), 2, 2, False)

    def never(source, depth):  # stops
        go, arrived = threading.Semaphore(depth), queue.SimpleQueue()

        def read():
            while go.acquire():
                arrived.put(next(source))

        threading.Thread(target=read, daemon=True).start()
        while True:
            x = arrived.get()
            go.release()
            yield x

    with pytest.raises(AssertionError, match="begun after close"):
        loader.stops("", Judged(never), 1, 2, True)
    with pytest.raises(AssertionError, match="still runs or waits"):
        loader.stops("", never, 1, 2, False)
    loader.stops("", Judged(prefetch), 1, 2, True)


def test_two_reads_at_once_are_seen():
    def pool(source, depth):
        readers, end = ThreadPoolExecutor(depth), object()
        try:
            ahead = [readers.submit(next, source, end) for _ in range(depth)]
            while (x := ahead.pop(0).result()) is not end:
                ahead.append(readers.submit(next, source, end))
                yield x
        finally:
            readers.shutdown(wait=False, cancel_futures=True)

    with pytest.raises(AssertionError, match="two reads at the same time"):
        loader.overlaps("", pool, 4, 2)


def test_a_held_read_is_let_through_in_the_end_and_that_is_noted():
    source = SlowSource(2, held=True)
    assert isinstance(next(source), Batch)
    assert source._late
    assert next(source) is source._items[1]
    assert source._place(Batch()) is None


def test_a_source_lets_so_many_reads_begin_and_no_more(monkeypatch):
    monkeypatch.setattr(reader, "MOST", 3)
    assert len(list(SlowSource(10))) == 3


def test_one_sign_to_stop_for_all_is_seen():
    shared = threading.Event()

    def signs(cleared):
        def loads(source, depth):
            places, arrived = threading.Semaphore(depth), queue.SimpleQueue()
            if cleared:
                shared.clear()

            def read():
                items, end = iter(source), object()
                while places.acquire() and not shared.is_set():
                    if (x := next(items, end)) is end:
                        break
                    arrived.put([x])
                arrived.put([])

            threading.Thread(target=read, daemon=True).start()
            try:
                while got := arrived.get():
                    places.release()
                    yield got[0]
            finally:
                shared.set()
                places.release()

        return loads

    with pytest.raises(AssertionError, match="the other reads no more"):
        loader.apart("", signs(True), 7, 2)


def test_a_first_loader_that_a_second_one_wakes_is_seen():
    current = []

    def loads(source, depth):
        places, arrived = threading.Semaphore(depth), queue.SimpleQueue()
        me = object()
        current.append(me)

        def read():
            for x in source:
                arrived.put(x)
                places.acquire()
                if current[-1:] == [None]:  # closed, and nothing begun since
                    return

        threading.Thread(target=read, daemon=True).start()
        try:
            while True:
                x = arrived.get()
                places.release()
                yield x
        finally:
            places.release()
            if current[-1] is me:
                current.append(None)

    with pytest.raises(AssertionError, match="sign of its own"):
        loader.apart("", loads, 4, 2)


def test_an_item_that_equals_everything_is_known_by_its_number():
    source = SlowSource([made(OddBatch, 4), None, made(OddBatch, 7)])
    for k, x in enumerate(list(source)):
        assert x == "the end" or x is None
        assert source._place(x) == k


def test_an_error_made_anew_is_seen():
    def anew(source, depth):
        try:
            yield from prefetch(source, depth)
        except (OSError, KeyError) as e:
            raise type(e)(str(e)) from e

    for error in (ReadError(5, "disk 7"), KeyError("disk 7")):
        loader.fails_in_place("", prefetch, 2, 3, error)
        with pytest.raises(AssertionError, match="not one made anew"):
            loader.fails_in_place("", anew, 2, 3, error)


def test_an_error_that_is_another_is_seen():
    def other(source, depth):
        try:
            yield from prefetch(source, depth)
        except OSError as e:
            raise RuntimeError(str(e)) from e

    with pytest.raises(AssertionError, match="saw RuntimeError: a read failed"):
        loader.fails_in_place("", other, 2, 3, ReadError("disk 7"))
    with pytest.raises(NotImplementedError):
        Consumer("", lambda *_: iter(_blank, 0), SlowSource(1), 1).__next__()


def _blank():
    raise NotImplementedError


def test_what_the_judge_says_of_a_loader_that_hangs_is_told_with_its_lesson():
    class Lost(Exception):
        pass

    def hangs(source, depth):
        raise Lost("this ran longer than 30 s")
        yield

    with pytest.raises(AssertionError, match=r"for ever.*\(this ran longer"):
        loader.in_order("", Judged(hangs), SlowSource(2), 2)
