"""Streams of random words that two phones can both expand from one seed.

They count who expands what.  Sums are modulo 2^32.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import values

Words = NDArray[np.uint32]
MOST = 1_000_000  # words of one stream


class Streams:
    """Calling it with a seed and a length gives so many random words, always the same.

    A word is a whole number from 0 to 2^32 - 1, in an array of np.uint32.
    """

    def __init__(self) -> None:
        self._seeds: list[int] = []

    def __call__(self, seed: int, n: int) -> Words:
        """Return the first n words of the stream of a seed."""
        whole = all(isinstance(x, int | np.integer) for x in (seed, n))
        if not (whole and 0 <= seed < 2**63 and 0 <= n <= MOST):
            raise ValueError(f"a seed from 0 and up to {MOST:,} words: {seed}, {n}")
        if len(self._seeds) >= 100_000:
            raise ValueError("100,000 streams are enough")
        self._seeds.append(int(seed))
        return np.random.default_rng(int(seed)).integers(0, 2**32, n, dtype=np.uint32)


def words(name: str, answer: Any, n: int) -> Words:
    """Return n words; AssertionError unless all are whole and below 2^32."""
    found = values(name, answer, n)
    kinds = int | np.integer | float | np.floating
    fine = all(isinstance(x, kinds) and x == int(x) for x in found)
    assert fine, f"{name}: whole numbers are expected, not {found!s:.60}"
    text = f"{name}: words from 0 to 2^32 - 1 are expected; you have "
    bad = [int(x) for x in found if not 0 <= x < 2**32]
    assert not bad, text + f"{bad[0]}: take all modulo 2^32"
    return np.array([int(x) for x in found], np.uint32)


class Fleet:
    """Phones with words to add, a seed of their own, and one for each pair of them."""

    def __init__(
        self, ids: Sequence[int], n: int, seed: int, most: int = 2**32
    ) -> None:
        rng = np.random.default_rng(seed)
        self.ids = list(ids)
        self.x = {i: rng.integers(0, most, n, dtype=np.uint32) for i in ids}
        self.own = {i: int(rng.integers(2**62)) for i in ids}
        self._pair = {
            frozenset((i, j)): int(rng.integers(2**62))
            for i in ids
            for j in ids
            if i < j
        }
        self._late = {i: rng.integers(0, most, n, dtype=np.uint32) for i in ids}

    def seeds(self, i: int) -> dict[int, int]:
        """Return the seed that phone i shares with each other phone."""
        return {j: self._pair[frozenset((i, j))] for j in self.ids if j != i}

    def between(self, here: Sequence[int], gone: Sequence[int]) -> dict[Any, int]:
        """Return the seeds of pairs (i, j), i of here and j of gone."""
        return {(i, j): self._pair[frozenset((i, j))] for i in here for j in gone}

    def total(self, here: Sequence[int]) -> Words:
        """Return the sum of the words of these phones."""
        total = np.zeros_like(next(iter(self.x.values())))
        for i in here:
            total += self.x[i]  # modulo 2^32
        return total


def summed(
    name: str,
    masked: Callable[..., Any],
    unmask: Callable[..., Any],
    fleet: Fleet,
    gone: Sequence[int],
) -> int:
    """Return how many seeds unmask expands for the sum of the phones that stay.

    AssertionError unless each message expands all of its phone's seeds and is not the
    plain words, and unless the sum is exact.  Every second message gets further words
    on its way, so that a sum of what an answer remembers is another.
    """
    said, stay = {}, [i for i in fleet.ids if i not in gone]
    for i in stay:
        expand, x, pairs = Streams(), fleet.x[i], fleet.seeds(i)
        answer = masked(x.copy(), i, fleet.own[i], dict(pairs), expand)
        said[i] = words(f"{name}: the message of {i}", answer, x.size)
        unused = {fleet.own[i], *pairs.values()} - set(expand._seeds)
        text = f"{name}: phone {i} does not expand {len(unused)} of its seeds"
        assert not x.size or not unused, text
        text = f"{name}: phone {i} sends its words as they are"
        assert x.size < 4 or (said[i] != x).any(), text
    want, expand = fleet.total(stay), Streams()
    for i in stay[::2]:
        said[i], want = said[i] + fleet._late[i], want + fleet._late[i]
    own, pairs_gone = {i: fleet.own[i] for i in stay}, fleet.between(stay, gone)
    answer = unmask(dict(said), own, pairs_gone, expand)
    wrong = int((words(f"{name}: the sum", answer, want.size) != want).sum())
    assert not wrong, f"{name}: {wrong} of {want.size} words of the sum are wrong"
    return len(expand._seeds)
