"""The half that runs in the jail: calls the student's functions, sends plain data out.

Standalone: its source is sent into the jail, where ``autograder`` does not exist.
A student can break it, and then has only spoiled the answers to the checks.
"""

import base64
import dataclasses
import io
import pickle
import sys
from typing import Any

DEEP, LARGE = 20, 64 << 20  # levels of nesting; bytes of one answer
BITS = 14_000  # of an integer; Python refuses to print a longer one
ITEM = 64  # bytes that a number takes as JSON, or a little less
KINDS = {k: k.__name__ for k in (list, tuple, set, frozenset)}
KEY = "application/x-mlsyscore+json"
MOST = 10_000  # objects that answers may stand for
HELD: list[Any] = []  # those objects: generators, functions, things of own classes


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
    if isinstance(x, bytes):
        room.take(bytes.__len__(x))
        return {"bytes": base64.b64encode(x).decode()}
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if torch is not None and isinstance(x, torch.Tensor):
        return _tensor(x.detach().cpu().resolve_conj().resolve_neg(), room)
    if numpy is not None and isinstance(x, numpy.ndarray | numpy.generic):
        return {"array": _array(numpy.asarray(x), room)}
    if isinstance(x, int):
        if int.bit_length(x) > BITS:
            raise TypeError(f"an integer of more than {BITS} bits, the limit")
        return {"int": hex(int.__index__(x))}
    if isinstance(x, float):
        return {"float": float.hex(x)}
    if isinstance(x, complex):
        parts = complex.__complex__(x)
        return {"complex": [float.hex(parts.real), float.hex(parts.imag)]}
    for kind, word in KINDS.items():
        if isinstance(x, kind):
            room.take(ITEM * kind.__len__(x))
            return {word: [within(v) for v in kind.__iter__(x)]}
    if isinstance(x, dict):
        room.take(2 * ITEM * dict.__len__(x))
        return {"dict": [[within(k), within(v)] for k, v in dict.items(x)]}
    if dataclasses.is_dataclass(x) and type(x).__module__.startswith("mlsyscore."):
        fields = {f.name: within(getattr(x, f.name)) for f in dataclasses.fields(x)}
        return {"thing": [type(x).__module__, type(x).__name__, fields]}
    some = hasattr(type(x), "__iter__") or hasattr(type(x), "__next__")
    if callable(x) or some or type(x).__module__ == "__main__":
        return {"held": _hold(x)}
    raise TypeError(f"an object of type {type(x).__name__}, which is no plain data")


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


class _Arguments(pickle.Unpickler):
    def __init__(self, data: bytes, names: dict[str, Any]) -> None:
        super().__init__(io.BytesIO(data))
        self.names = names

    def persistent_load(self, name: Any) -> Any:
        return HELD[name] if isinstance(name, int) else self.names[name]


def call(message: str, names: dict[str, Any]) -> None:
    """Call one of the student's functions; show its answer, or its error, as JSON."""
    try:
        f, args, kwargs = _Arguments(base64.b64decode(message), names).load()
        answer = {"value": plain(f(*args, **kwargs))}
    except BaseException as e:
        answer = _error(e)
    _show(answer)


def describe(wanted: list[str], names: dict[str, Any]) -> None:
    """Show what each wanted name holds: something to call, or a value."""
    held: dict[str, Any] = {}
    room = Room()  # of all together, since they cross together
    for name in wanted:
        if name in names:
            before, value = room.left, names[name]
            try:
                held[name] = None if callable(value) else {"value": plain(value, room)}
            except BaseException as e:
                room.left, held[name] = before, _error(e)
    _show({"value": held})


def _error(e: BaseException) -> dict[str, Any]:
    """Name an error by the builtin that it is, and say what it says."""
    kind = next(c for c in type(e).__mro__ if c.__module__ == "builtins").__name__
    own = type(e).__name__
    try:
        said = str(e)[:2000]
        return {"error": [kind, said if own == kind else f"{own}: {said}"]}
    except BaseException:
        return {"error": [kind, "its message cannot be shown"]}


def _show(answer: Any) -> None:
    from IPython.display import display

    display({KEY: answer}, raw=True)
