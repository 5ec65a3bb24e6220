"""Blocks of a KV cache: an answer keeps the books, and who judges it keeps the tokens.

The books say where a token goes and what is copied first.  Tokens are written there,
each of its own kind, and must be read again where the books say that a sequence lies.
"""

import functools
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from ..checks import number
from .answers import values, whole


class Ledger:
    """A pager under test, the tokens that it should hold, and who shares a block."""

    def __init__(self, label: str, kind: Callable[..., Any], blocks: int, size: int):
        self.label, self.blocks, self.size = label, blocks, size
        self.tokens: dict[Hashable, list[int]] = {}  # of each living sequence
        self.shared: dict[Hashable, list[object]] = {}  # stand for its blocks
        self._memory: dict[tuple[int, int], int] = {}
        # To look a method up costs as much as to call it.
        self._method = functools.cache(functools.partial(getattr, kind(blocks, size)))
        self._written, self._log = 0, [f"Pager({blocks}, {size})"]

    def alloc(self, n: int) -> Any:
        """Ask for a sequence of n tokens and write them; None where none fits."""
        need = -(-n // self.size)
        if not self._can(need, f"alloc({n})", "alloc", n):
            return None
        key = self._key(self._ask(f"alloc({n})", "alloc", n))
        self.tokens[key], self.shared[key] = [], [object() for _ in range(need)]
        table = self.table(key)
        for i in range(n):
            self._write(key, table[i // self.size])
        self.check()
        return key

    def append(self, key: Any) -> bool:
        """Ask where the next token of a sequence goes, and write it; say if it fits."""
        filled = len(self.tokens[key]) % self.size
        owners = sum(self.shared[key][-1] in own for own in self.shared.values())
        copies = bool(filled) and owners > 1
        call = f"append({key!r})"
        if not self._can(int(copies or not filled), call, "append", key):
            return False
        pair = values(self._said(call), self._ask(call, "append", key), 2)
        block = self._block(call, pair[0])
        text = f"{self._said(call)}: its last block is {'' if copies else 'not '}"
        text += "shared and not full, so "
        if copies:
            assert pair[1] is not None, text + "something must be copied first"
            source = self._block(f"{call}, copied first", pair[1])
            for slot in range(self.size):
                if (source, slot) in self._memory:
                    self._memory[block, slot] = self._memory[source, slot]
        else:
            assert pair[1] is None, text + f"nothing is to be copied; you say {pair[1]}"
        if copies or not filled:
            self.shared[key] = [*self.shared[key][: -1 if copies else None], object()]
        self._write(key, block)
        self.check()
        return True

    def fork(self, key: Any) -> Any:
        """Ask for a second sequence of the same tokens."""
        new = self._key(self._ask(f"fork({key!r})", "fork", key))
        self.tokens[new], self.shared[new] = [*self.tokens[key]], [*self.shared[key]]
        self.check()
        return new

    def free(self, key: Any) -> None:
        """End a sequence; it is unknown from then on."""
        self._ask(f"free({key!r})", "free", key)
        del self.tokens[key], self.shared[key]
        self.check()
        self.unknown(key)

    def unknown(self, key: Any = 10**9) -> None:
        """AssertionError unless each method raises KeyError for what does not live."""
        for name in ("append", "fork", "free", "table"):
            self._must(KeyError, f"{name}({key!r}), a sequence that is not", name, key)
        self.check()

    def table(self, key: Any) -> list[int]:
        """Return the blocks of a sequence, as the pager says."""
        call = f"table({key!r})"
        asked = self._ask("", "table", key)
        found = whole(self._said(call), asked, len(self.shared[key]))
        for block in found:
            self._block(call, block)
        return found

    def check(self) -> None:
        """AssertionError unless all sequences read as they should, from few blocks."""
        tables = {key: self.table(key) for key in self.tokens}
        for key, tokens in tables.items():
            for i, want in enumerate(self.tokens[key]):
                place = tokens[i // self.size], i % self.size
                text = f"{self._said('')}: token {i} of sequence {key!r}, in block "
                text += f"{place[0]}, is not what was written: another sequence wrote "
                text += "there, or a copy is missing"
                assert self._memory.get(place) == want, text
        used = len({b for table in tables.values() for b in table})
        text = f"{self._said('')}: the tables name {used} blocks, {self.used()} suffice"
        assert used == self.used(), text

    def used(self) -> int:
        """Return how many blocks should be in use."""
        return len({b for blocks in self.shared.values() for b in blocks})

    def _can(self, need: int, call: str, name: str, *args: Any) -> bool:
        """Say whether so many blocks are free; if not, MemoryError must be raised."""
        free = self.blocks - self.used()
        if need <= free:
            return True
        self._must(MemoryError, f"{call}, which needs {need} of {free}", name, *args)
        self.check()
        return False

    def _must(self, kind: type[Exception], call: str, name: str, *args: Any) -> None:
        error, got = self._tried(name, *args)
        did = f"raise {_told(error)}" if error else f"return {got!r:.60}"
        text = f"{self._said(call)}: {kind.__name__} is to be raised; you {did}"
        assert isinstance(error, kind), text

    def _ask(self, call: str, name: str, *args: Any) -> Any:
        error, got = self._tried(name, *args)
        said = self._said(call or f"{name}({args[0]!r})") if error else ""
        assert not error, f"{said}: there is room, and it raises {_told(error)}"
        self._log += [call] if call else []
        return got

    def _tried(self, name: str, *args: Any) -> tuple[Exception | None, Any]:
        try:
            return None, self._method(name)(*args)
        except NotImplementedError:
            raise
        except Exception as e:
            return e, None

    def _key(self, key: Any) -> Any:
        text = f"{self._said('')}: an id is a whole number or a string, not {key!r:.60}"
        assert isinstance(key, int | np.integer | str), text
        fresh = f"{self._said('')}: a living sequence has the id {key!r} already"
        assert key not in self.tokens, fresh
        return key

    def _block(self, call: str, block: Any) -> int:
        found = number(f"{self._said(call)}: a block", block)
        text = f"{self._said(call)}: blocks are 0 to {self.blocks - 1}, not {found:g}"
        assert found in range(self.blocks), text
        return int(found)

    def _write(self, key: Any, block: int) -> None:
        self._written += 1
        self._memory[block, len(self.tokens[key]) % self.size] = self._written
        self.tokens[key].append(self._written)

    def _said(self, call: str) -> str:
        dots = "..." if len(self._log) > 6 else ""
        told = [self._log[0], dots, *self._log[1:][-5:], call]
        return f"{self.label}, after {'; '.join(filter(None, told))}"


def _told(error: Exception | None) -> str:
    return f"{type(error).__name__}: {error!s:.60}"


def streamed(
    label: str, kind: Callable[..., Any], blocks: int, size: int, seed: int, steps: int
) -> int:
    """Play a random stream of operations; return how often no block was free.

    At the end all sequences are freed, and one that fills all blocks must fit.
    """
    rng, refused = np.random.default_rng(seed), 0
    ledger = Ledger(label, kind, blocks, size)
    for _ in range(steps):
        living = list(ledger.tokens)
        what = rng.choice(5, p=[0.5, 0.15, 0.15, 0.15, 0.05]) if living else 1
        key = living[rng.integers(len(living))] if living else None
        if what == 0:
            refused += not ledger.append(key)
        elif what == 1:
            refused += ledger.alloc(int(rng.integers(1, 3 * size + 1))) is None
        elif what == 2 and len(living) < 8:
            ledger.fork(key)
        elif what == 3:
            ledger.free(key)
        elif what == 4:
            ledger.unknown()
    for key in list(ledger.tokens):
        ledger.free(key)
    ledger.alloc(blocks * size)
    return refused
