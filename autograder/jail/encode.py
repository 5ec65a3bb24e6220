"""Turn a value into plain data, as JSON.

Standalone: its source is sent into the jail, where ``autograder`` does not exist.
"""

import base64
import collections
import dataclasses
import numbers
import sys
from typing import Any

DEEP, LARGE = 20, 64 << 20  # levels of nesting; bytes of one answer
BITS = 14_000  # of an integer; Python refuses to print a longer one
ITEM = 64  # bytes that a number takes as JSON, or a little less
MOST = 10_000  # objects that answers may stand for
SAME = {list: "list", tuple: "tuple", set: "set", frozenset: "frozenset"}
SAME |= {range: "list", collections.deque: "list"}
SAME |= {type({}.keys()): "list", type({}.values()): "list", type({}.items()): "list"}
HELD: list[Any] = []  # what stays: generators, functions, things of own classes
DATA: set[str] = set()  # names of the lab's own frozen dataclasses


class Room:
    """What is left of the bytes that one answer may take."""

    def __init__(self) -> None:
        self.left = LARGE

    def take(self, size: int) -> None:
        """Take some; raise TypeError when nothing is left."""
        self.left -= size
        if self.left < 0:
            raise TypeError(f"a value of more than {LARGE >> 20} MiB, the limit")


def plain(x: Any, room: Room | None = None, depth: int = 0) -> Any:
    """Turn a value into JSON; raise TypeError for what is not plain data."""
    room = room or Room()
    if depth > DEEP:
        raise TypeError(f"a value nested more than {DEEP} deep")

    def within(v: Any) -> Any:
        return plain(v, room, depth + 1)

    if x is None or isinstance(x, bool):
        return x
    if isinstance(x, str):
        room.take(6 * str.__len__(x))  # JSON may write six characters for one
        return str.__str__(x).encode().decode()  # which half a character stops
    if (ours := getattr(type(x), "_ours", None)) is not None:
        return {"ours": ours(x)}
    if (simple := _number(x)) is not None:
        return simple
    if (block := _block(x, room)) is not None:
        return block
    for kind, word in SAME.items():
        if isinstance(x, kind):
            room.take(ITEM * len(x) if type(x) is kind else ITEM * kind.__len__(x))
            return {word: [within(v) for v in kind.__iter__(x)]}
    if isinstance(x, dict):
        room.take(2 * ITEM * dict.__len__(x))
        return {"dict": [[within(k), within(v)] for k, v in dict.items(x)]}
    if dataclasses.is_dataclass(x) and _shared(type(x)):
        fields = {f.name: within(getattr(x, f.name)) for f in dataclasses.fields(x)}
        return {"thing": [type(x).__module__, type(x).__name__, fields]}
    some = hasattr(type(x), "__iter__") or hasattr(type(x), "__next__")
    if callable(x) or some or type(x).__module__ == "__main__":
        return {"held": _hold(x)}
    raise TypeError(f"an object of type {type(x).__name__}, which is no plain data")


def _simple(x: Any) -> bool:
    """Say whether x is a number or a word."""
    return isinstance(x, str) or _number(x) is not None


def _number(x: Any) -> Any:
    """Return a number as JSON, whatever its kind; None for what is none."""
    if isinstance(x, int):
        if int.bit_length(x) > BITS:
            raise TypeError(f"an integer of more than {BITS} bits, the limit")
        return {"int": hex(int.__index__(x))}
    if isinstance(x, float) and not _is(x, "numpy", "generic"):
        return {"float": float.hex(x)}
    if isinstance(x, complex) and not _is(x, "numpy", "generic"):
        parts = complex.__complex__(x)
        return {"complex": [float.hex(parts.real), float.hex(parts.imag)]}
    if _is(x, "numpy", "generic"):
        return None
    if isinstance(x, numbers.Rational) and x.denominator == 1:
        return _number(int(x))
    if isinstance(x, numbers.Real) or _is(x, "decimal", "Decimal"):
        return {"float": float(x).hex()}  # a Fraction, a Decimal
    return None


def _is(x: Any, module: str, *kinds: str) -> bool:
    """Say whether x is of a class of a module, which need not be loaded."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(
        x, tuple(getattr(loaded, k) for k in kinds)
    )


def _block(x: Any, room: Room) -> Any:
    """Return bytes, an array or a tensor as JSON, whatever its kind; else None."""
    if isinstance(x, bytes | bytearray):
        room.take(len(x))
        return {"bytes": base64.b64encode(x).decode()}
    if isinstance(x, memoryview) and x.format in ("B", "b", "c"):
        return _block(x.tobytes(), room)
    if _is(x, "torch", "Tensor"):
        return _tensor(x.detach().cpu().resolve_conj().resolve_neg(), room)
    if _is(x, "pandas", "Series", "Index", "DataFrame"):
        x = x.to_numpy()
    elif not (
        isinstance(x, memoryview)
        or _is(x, "numpy", "ndarray", "generic")
        or _is(x, "array", "array")
    ):
        return None
    import numpy

    x = numpy.asarray(x)
    if x.dtype.kind == "O" and x.ndim and all(map(_simple, x.flat)):
        room.take(ITEM * x.size)  # Python's own numbers, or a column of words
        return plain(x.tolist(), room, 1)
    return {"array": _array(x, room)}


def _shared(kind: type) -> bool:
    """Say whether the judge has the same dataclass."""
    ours = kind.__module__.startswith("mlsyscore.")
    return ours or (kind.__module__ == "__main__" and kind.__name__ in DATA)


def _hold(x: Any) -> list[Any]:
    """Keep an object here; return its number, and what to call it."""
    if len(HELD) >= MOST:
        raise TypeError(f"more than {MOST} objects, the limit")
    HELD.append(x)
    return [len(HELD) - 1, str(type(x).__name__)[:80]]


def _array(x: Any, room: Room) -> list[Any]:
    if x.dtype.kind not in "biufcU":
        raise TypeError(f"an array of {x.dtype}, which is no plain data")
    room.take(x.nbytes)
    return [x.dtype.str, list(x.shape), base64.b64encode(x.tobytes()).decode()]


def _tensor(x: Any, room: Room) -> Any:
    import numpy
    import torch

    kind = str(x.dtype).removeprefix("torch.")
    if not hasattr(numpy, kind):  # bfloat16 and its kind fit into float32
        room.take(4 * x.numel())
        x = x.to(torch.float32)
    return {"tensor": [kind, {"array": _array(x.numpy(), room)}]}
