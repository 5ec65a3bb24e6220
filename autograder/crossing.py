"""Outside the jail: proxies for the student's functions, and what they answer."""

import base64
import builtins
import dataclasses
import importlib
import io
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from .inside import BITS

Ask = Callable[[str], Any]  # run code in the jail and return the JSON it shows
INSIDE = "__import__('_inside')"  # a name that the student may rebind is not used


class Remote:
    """A function that lives in the jail.  Calling it sends plain data both ways.

    why: what is wrong with the name, where it holds neither a function nor plain data.
    """

    def __init__(
        self, name: str, ask: Ask, world: dict[str, Any], why: str | None = None
    ) -> None:
        self.__name__, self._ask, self._world, self._why = name, ask, world, why

    def __repr__(self) -> str:
        return f"{self.__name__} is {self._why or 'a function'}"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it there; return its value, or raise the error that it raised."""
        if self._why:
            raise TypeError(repr(self))
        file = io.BytesIO()
        _Names(file, self._world).dump((self, args, kwargs))
        message = base64.b64encode(file.getvalue()).decode()
        return outcome(self._ask(f"{INSIDE}.call({message!r}, globals())"))


class _Names(pickle.Pickler):
    """Pickle arguments; a function of the lab crosses as its name."""

    def __init__(self, file: io.BytesIO, world: dict[str, Any]) -> None:
        super().__init__(file)
        self.world = world

    def persistent_id(self, x: Any) -> str | None:
        if isinstance(x, Remote):
            return x.__name__
        if getattr(x, "__globals__", None) is self.world:
            return str(x.__name__)
        return None


def outcome(answer: Any) -> Any:
    """Return the value in an answer, or raise its error as the same builtin type."""
    if isinstance(answer, dict) and set(answer) == {"value"}:
        return thaw(answer["value"])
    match answer:
        case {"error": [str(name), str(text)]}:
            kind = getattr(builtins, name, None)
        case _:
            raise RuntimeError("your code sent no readable answer")
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        raise RuntimeError(f"your code raised {name}: {text}")
    try:
        error = kind(text)
    except TypeError:  # UnicodeDecodeError and its kind want five arguments
        error = RuntimeError(f"{name}: {text}")
    raise error


def thaw(x: Any) -> Any:
    """Rebuild plain data from its JSON; raise RuntimeError for anything else."""
    try:
        return _thaw(x)
    except RecursionError:
        raise RuntimeError("your code sent an answer that is nested too deep") from None
    except Exception as e:  # forged data may raise whatever it likes
        raise RuntimeError(f"your code sent an unreadable answer: {e}") from None


def _thaw(x: Any) -> Any:
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
        case "list" | "tuple" | "set" | "frozenset":
            return getattr(builtins, kind)(_thaw(v) for v in body)
        case "dict":
            return {_thaw(k): _thaw(v) for k, v in body}
        case "array":
            return _array(*body)
        case "tensor":
            return _tensor(*body)
        case "thing":
            return _thing(*body)
    raise ValueError(f"{kind!r} is no kind of plain data")


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
    return torch.from_numpy(np.array(_thaw(array))).to(kind)


def _thing(module: str, name: str, fields: dict[str, Any]) -> Any:
    if not module.startswith("mlsyscore."):
        raise ValueError(f"{module} is not ours")
    thing = getattr(importlib.import_module(module), name)
    if not (isinstance(thing, type) and dataclasses.is_dataclass(thing)):
        raise ValueError(f"{name} is no thing")
    return thing(**{k: _thaw(v) for k, v in fields.items()})
