"""Rebuild plain data from the JSON that an untrusted kernel sent."""

import base64
import builtins
import dataclasses
import importlib
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .encode import BITS

Hold = Callable[[int, str], Any]
Ours = Callable[[int], Any]


class Theirs(RuntimeError):
    """What the student's code did; the check is not to blame."""

    theirs = True


def decode(
    x: Any,
    hold: Hold | None = None,
    ours: Ours | None = None,
    world: Mapping[str, Any] = {},
) -> Any:
    """Rebuild plain data from its JSON; raise RuntimeError for anything else.

    hold: makes what stands for an object that stays there, given its number and kind.
    ours: returns the thing of ours that has a number.  world: the lab's names.
    """

    def rebuilt(x: Any) -> Any:
        if x is None or isinstance(x, bool | str):
            return x
        ((kind, body),) = x.items()
        match kind:
            case "int" if len(body) < BITS // 4 + 4:
                return int(body, 16)
            case "float":
                return float.fromhex(body)
            case "bytes":
                return base64.b64decode(body)
            case "complex":
                return complex(*map(float.fromhex, body))
            case "list" | "tuple" | "set" | "frozenset":
                return getattr(builtins, kind)(rebuilt(v) for v in body)
            case "dict":
                return {rebuilt(k): rebuilt(v) for k, v in body}
            case "array":
                return _array(*body)
            case "tensor":
                return _tensor(*body)
            case "thing":
                module, name, fields = body
                made = _thing(module, name, world)
                return made(**{k: rebuilt(v) for k, v in fields.items()})
            case "ours" if ours and type(body) is int:
                return ours(body)
            case "held" if hold and type(body[0]) is int:
                return hold(body[0], str(body[1])[:80])
        raise ValueError(f"{kind!r} is no kind of plain data")

    try:
        return rebuilt(x)
    except RecursionError:
        raise Theirs("your code sent an answer that is nested too deep") from None
    except MemoryError:
        raise Theirs("your code sent an answer that is too large") from None
    except Exception as e:  # forged data may raise whatever it likes
        raise Theirs(f"your code sent an unreadable answer: {e}") from None


def _array(dtype: str, shape: list[int], data: str) -> Any:
    raw, kind = base64.b64decode(data), np.dtype(dtype)
    if kind.kind not in "biufcU" or math.prod(shape) * kind.itemsize != len(raw):
        raise ValueError(f"{len(raw)} bytes are no {dtype} array of shape {shape}")
    array = np.frombuffer(raw, kind).reshape(shape)
    return array.copy() if shape else array[()]


def _tensor(dtype: str, array: Any) -> Any:
    import torch

    kind = getattr(torch, dtype)
    if not isinstance(kind, torch.dtype):
        raise ValueError(f"{dtype!r} is no dtype of torch")
    ((word, body),) = array.items()
    if word != "array":
        raise ValueError(f"a tensor of {word!r}")
    return torch.from_numpy(np.array(_array(*body))).to(kind)


def _thing(module: str, name: str, world: Mapping[str, Any]) -> type:
    """Return the frozen dataclass of that name, of ours or of the lab's own."""
    if module == "__main__":
        thing = world.get(name)
    elif module.startswith("mlsyscore."):
        thing = getattr(importlib.import_module(module), name)
    else:
        raise ValueError(f"{module} is not ours")
    if not (isinstance(thing, type) and dataclasses.is_dataclass(thing)):
        raise ValueError(f"{name} is no thing")
    return thing
