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

DEEP, LARGE = 20, 64 << 20  # levels of nesting; bytes of one array
KEY = "application/x-mlsyscore+json"


def plain(x: Any, depth: int = 0) -> Any:
    """Turn a value into JSON; raise TypeError for what is not plain data."""
    if depth > DEEP:
        raise TypeError(f"a value nested more than {DEEP} deep")
    if x is None or isinstance(x, bool):
        return x
    if isinstance(x, str):
        return str.__str__(x)[:LARGE]
    if isinstance(x, bytes):
        return {"bytes": base64.b64encode(x[:LARGE]).decode()}
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if torch is not None and isinstance(x, torch.Tensor):
        x = x.detach().cpu()
        return {"tensor": plain((x.float() if x.is_floating_point() else x).numpy())}
    if numpy is not None and isinstance(x, numpy.ndarray | numpy.generic):
        return {"array": _array(numpy.asarray(x))}
    if isinstance(x, int):
        return {"int": hex(int.__index__(x))}
    if isinstance(x, float):
        return {"float": float.hex(x)}
    if isinstance(x, list | tuple | set | frozenset):
        return {type(x).__mro__[-2].__name__: [plain(v, depth + 1) for v in x]}
    if isinstance(x, dict):
        pairs = [[plain(k, depth + 1), plain(v, depth + 1)] for k, v in x.items()]
        return {"dict": pairs}
    if dataclasses.is_dataclass(x) and type(x).__module__.startswith("mlsyscore."):
        fields = {f.name: plain(getattr(x, f.name)) for f in dataclasses.fields(x)}
        return {"thing": [type(x).__module__, type(x).__name__, fields]}
    raise TypeError(f"an object of type {type(x).__name__}, which is no plain data")


def _array(x: Any) -> list[Any]:
    if x.dtype.kind not in "biufcU":
        raise TypeError(f"an array of {x.dtype}, which is no plain data")
    if x.nbytes > LARGE:
        raise TypeError(f"an array of {x.nbytes} bytes; the limit is {LARGE}")
    return [x.dtype.str, list(x.shape), base64.b64encode(x.tobytes()).decode()]


class _Arguments(pickle.Unpickler):
    def __init__(self, data: bytes, names: dict[str, Any]) -> None:
        super().__init__(io.BytesIO(data))
        self.names = names

    def persistent_load(self, name: Any) -> Any:
        return self.names[name]


def call(message: str, names: dict[str, Any]) -> None:
    """Call one of the student's functions; show its answer, or its error, as JSON."""
    f, args, kwargs = _Arguments(base64.b64decode(message), names).load()
    try:
        answer = {"value": plain(f(*args, **kwargs))}
    except BaseException as e:
        answer = {"error": [type(e).__name__, str(e)[:2000]]}
    _show(answer)


def describe(wanted: list[str], names: dict[str, Any]) -> None:
    """Show what each wanted name holds: something to call, or a value."""
    held: dict[str, Any] = {}
    for name in wanted:
        if name in names:
            try:
                value = names[name]
                held[name] = None if callable(value) else {"value": plain(value)}
            except BaseException as e:
                held[name] = {"error": [type(e).__name__, str(e)[:2000]]}
    _show({"value": held})


def _show(answer: Any) -> None:
    from IPython.display import display

    display({KEY: answer}, raw=True)
