"""What goes through the relay is copied whole, counted, and ended when it is much."""

import contextlib
import socket
import threading
import time

import pytest

from autograder.jail import relay
from autograder.jail.relay import Relay, _Parts

HELLO = b"\xff" + bytes(8) + b"\x7f\x03" + bytes(53)  # of ZeroMQ 3
OLDER = b"\xff" + bytes(8) + b"\x7f\x01" + bytes(53)


class Place:
    """A kernel's socket, a relay before it, and a client."""

    def __init__(self, folder, read=()):
        self.why, self.ended = [], threading.Event()
        self.kernel = socket.socket(socket.AF_UNIX)
        self.kernel.bind(str(folder / "far"))
        self.kernel.listen()
        (folder / "near").mkdir()
        far = {"a": str(folder / "far")}
        self.relay = Relay(folder / "near", far, set(read), self.full)
        self.client = socket.socket(socket.AF_UNIX)
        self.client.connect(str(folder / "near" / "a"))
        self.client.settimeout(5)
        self.far, _ = self.kernel.accept()
        self.far.settimeout(5)

    def full(self, why):
        self.why.append(why)
        self.ended.set()

    def close(self):
        self.relay.close()
        for end in (self.client, self.far, self.kernel):
            end.close()


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path, ["a"])
    yield place
    place.close()


def received(end, size):
    data = b""
    while len(data) < size and (more := end.recv(1 << 16)):
        data += more
    return data


def part(body, more=1):
    if len(body) < 256:
        return bytes([more, len(body)]) + body
    return bytes([more | 2]) + len(body).to_bytes(8, "big") + body


def test_bytes_pass_both_ways_unchanged(place):
    there, back = bytes(range(256)) * 4000, HELLO + part(bytes(range(256)) * 3000)
    for source, sink, data in (
        (place.client, place.far, there),
        (place.far, place.client, back),
    ):
        thread = threading.Thread(target=source.sendall, args=[data])
        thread.start()
        assert received(sink, len(data)) == data
        thread.join()
    assert place.why == []


def test_an_end_that_closes_closes_the_other(place):
    place.far.close()
    assert place.client.recv(1) == b""


def test_what_nobody_takes_waits_where_it_was_made(place):
    place.far.setblocking(False)
    sent, last = place.far.send(HELLO + part(bytes(30 << 20))), time.monotonic()
    while time.monotonic() - last < 0.5:
        try:
            sent, last = sent + place.far.send(bytes(1 << 16)), time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    assert sent < 4 << 20


@pytest.mark.parametrize("pieces", [1, 7, 100])
def test_parts_are_counted_wherever_the_stream_is_cut(pieces):
    bodies = [b"", b"x", bytes(255), bytes(256), bytes(70_000), b"", b"y"]
    stream = HELLO + b"".join(map(part, bodies))
    size = -(-len(stream) // pieces)
    parts = _Parts()
    cut = [stream[i : i + size] for i in range(0, len(stream), size)]
    assert sum(map(parts.count, cut)) == len(bodies)


def test_another_version_is_not_listened_to(place):
    place.far.sendall(OLDER)
    assert place.client.recv(1 << 16) == b""


@pytest.mark.parametrize(
    "flood", [part(bytes(1 << 20)) * 2, part(b"") * 10_000], ids=["large", "many"]
)
def test_a_flood_ends_it_and_says_why(place, monkeypatch, flood):
    monkeypatch.setattr(relay, "MOST", 1 << 20)
    place.relay.renew()
    threading.Thread(target=_flooded, args=[place.far, HELLO + flood]).start()
    while place.client.recv(1 << 20):
        pass
    assert place.ended.wait(5)
    assert place.why == ["it sent more than 1 MiB"]


def _flooded(end, data):
    with contextlib.suppress(OSError):  # it is cut off
        end.sendall(data)


def test_a_budget_is_renewed_for_what_is_read_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(relay, "MOST", 1 << 20)
    for read, ends in ((["a"], False), ([], True)):
        (tmp_path / str(ends)).mkdir()
        place = Place(tmp_path / str(ends), read)
        place.relay.left[False] = 2 << 20
        data = part(bytes(900_000))
        place.far.sendall(HELLO)
        received(place.client, len(HELLO))
        for _ in range(3):
            place.relay.renew()
            threading.Thread(target=_flooded, args=[place.far, data]).start()
            received(place.client, len(data))
        assert place.ended.wait(0.3) == ends
        place.close()
