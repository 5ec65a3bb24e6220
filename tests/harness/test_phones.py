import numpy as np
import pytest

from mlsyscore.harness import phones
from mlsyscore.harness.phones import Dropped, Phones, federated


def serve(phones, w, rounds, spoil=lambda answers: answers):
    sent = 0
    for _ in range(rounds):
        answers = []
        for k in range(phones.count):
            sent += w.size
            try:
                answers.append(phones.train(k, w))
                sent += w.size
            except Dropped:
                pass
        n = sum(n for _, n in answers)
        if n:
            w = sum(n * v for v, n in spoil(answers)) / n
    return w, 4 * sent


def fleet(**also):
    return Phones(4, 3, away=[[1], [], [0, 1, 2, 3]], few=[2], **also)


def test_rounds_with_drop_outs_end_at_the_weighted_mean():
    w = federated("t", serve, fleet(), 4)
    assert phones.accuracy(fleet(), w) > 0.9


def test_single_precision_is_enough():
    single = federated("t", lambda p, w, r: serve(p, np.float32(w), r), fleet(), 4)
    assert np.allclose(single, federated("t", serve, fleet(), 4), atol=1e-4)


def test_pictures_are_shared_out_once_and_skewed_phones_hold_few_digits():
    for skew, most in ((False, 10), (True, 3)):
        fleet = Phones(10, 5, skew)
        assert sum(len(X) for X, _ in fleet._data) == 1797 - phones.TEST
        digits = [int((Y.sum(axis=0) > 0).sum()) for _, Y in fleet._data]
        assert max(digits) <= 2 * most
        assert skew == (max(digits) < 6)


def plain_mean(phones, w, rounds):
    def spoil(answers):
        n = sum(n for _, n in answers)
        return [(v, n / len(answers)) for v, _ in answers]

    return serve(phones, w, rounds, spoil)


def in_turn(phones, w, rounds):
    sent = 0
    for _ in range(rounds):
        for k in range(phones.count):
            sent += 2 * w.size
            try:
                w, _ = phones.train(k, w)
            except Dropped:
                sent -= w.size
    return w, 4 * sent


def asks_again(phones, w, rounds):
    for _ in range(rounds):
        for k in range(phones.count):
            while True:
                try:
                    phones.train(k, w)
                    break
                except Dropped:
                    pass
    return w, 0


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (plain_mean, "weighted by its pictures"),
        (in_turn, "round 0: .* start from the same weights"),
        (asks_again, "requests in 4 rounds"),
        (lambda p, w, r: (w, 0), "0 requests"),
        (lambda p, w, r: serve(p, w, r - 1), "12 requests"),
        (lambda p, w, r: (serve(p, w, r)[0], 4 * 650 * 2 * 16), "sent nothing"),
        (lambda p, w, r: (serve(p, w, r)[0], 4 * 650 * 2 * 11), "had received"),
        (lambda p, w, r: (serve(p, w, r)[0], 4 * 650 * 11), "go down"),
        (lambda p, w, r: (serve(p, w, r)[0], 8 * 650 * 27), "4 bytes"),
        (lambda p, w, r: (serve(p, w, r)[0] + 1e-3, 4 * 650 * 27), "650 values"),
        (lambda p, w, r: serve(p, w, r)[0], "2 values are expected"),
    ],
)
def test_what_a_server_may_not_do_is_said(server, said):
    with pytest.raises(AssertionError, match=said):
        federated("t", server, fleet(), 4)


@pytest.mark.parametrize(
    ("k", "w"),
    [
        (4, np.zeros((65, 10))),
        (-1, np.zeros((65, 10))),
        (0.5, np.zeros((65, 10))),
        (0, np.zeros((10, 65))),
        (0, np.full((65, 10), np.nan)),
    ],
)
def test_a_phone_bears_whatever_is_asked(k, w):
    with pytest.raises(ValueError, match=r"expected|numbers"):
        fleet().train(k, w)


def test_a_phone_gives_copies_and_is_asked_a_bounded_number_of_times():
    full, w = Phones(1, 3), np.zeros((65, 10))
    got, _ = full.train(0, w)
    kept = got.copy()
    got += 1
    assert (full._answers[0][0] == kept).all()
    some = Phones(1, 3, none=[0])
    got, n = some.train(0, w)
    got += 1
    assert n == 0
    assert not w.any()
    for _ in range(99):
        assert not some.train(0, w)[0].any()
    with pytest.raises(ValueError, match="enough"):
        some.train(0, w)
