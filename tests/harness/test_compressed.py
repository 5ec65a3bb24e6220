import numpy as np
import pytest

from mlsyscore.harness.compressed import sent_and_kept, trained


def top(total, k):
    keep = np.abs(total) >= np.sort(np.abs(total))[-k]
    return np.where(keep, total, 0)


@pytest.mark.parametrize("seed", [6, 17, 4711, 271_828])
def test_feedback_trains_and_its_absence_stalls(seed):
    def compress(g, e, k):
        return top(g + e, k), g + e - top(g + e, k)

    assert trained(compress, seed, 4) < 1.08
    assert trained(compress, seed, 4, 40, False) > 4
    assert trained(compress, seed, 20, 150) < 1.01
    forgets = lambda g, e, k: (top(g, k), 0 * g)  # noqa: E731
    assert trained(forgets, seed, 4) > 4


def test_what_is_sent_is_looked_at():
    with pytest.raises(AssertionError, match="20 entries are sent, more than k = 4"):
        trained(lambda g, e, k: (g, e), 6, 4)
    for answer in (None, 3, "ab", (np.zeros(3),), (np.zeros(3), np.zeros(4)), "abc"):
        with pytest.raises(AssertionError, match=r"expected|e_next"):
            sent_and_kept("it", answer, 3)
    for pair in ([[1, 2], [3, 4]], ((1, 2), (3, 4)), np.array([[1, 2], [3, 4]])):
        assert sent_and_kept("it", pair, 2)[1].tolist() == [3, 4]
    with pytest.raises(AssertionError, match="two arrays, v and e_next, not 3"):
        sent_and_kept("it", np.zeros((3, 2)), 3)
