"""The half that runs in the jail: does what the judge asks, stands for what is his.

Standalone: its source is sent into the jail, where ``autograder`` does not exist.
A student can break it, and then has only spoiled the answers to the checks.
"""

import functools
import importlib
import io
import json
import os
import pickle
import socket
import sys
import threading
import weakref
from typing import Any

from _encode import DATA, HELD, Room, plain

PLACE = ""  # of the judge's socket; written here by who sends this
NAMES: dict[str, Any] = {}  # the student's own
THINGS: Any = weakref.WeakValueDictionary()  # so that each is one here too
local = threading.local()  # each thread, and each rank, has a wire of its own


class Wire:
    """A connection to the judge: JSON out, pickles in."""

    def __init__(self, hello: Any) -> None:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(PLACE)
        self.stream, self.pid = connection.makefile("rwb"), os.getpid()
        self.write(hello)

    def write(self, x: Any) -> None:
        """Send one message; end a process that was forked in the middle of a call."""
        if self.pid != os.getpid():
            os._exit(0)
        data = json.dumps(x).encode()
        self.stream.write(len(data).to_bytes(8, "big") + data)
        self.stream.flush()

    def read(self) -> Any:
        """Return the next message; raise EOFError when there is none."""
        head = self.stream.read(8)
        if len(head) < 8:
            raise EOFError
        return pickle.loads(self.stream.read(int.from_bytes(head, "big")))


def mine(hello: Any = "thread") -> Wire:
    """Return the wire of this thread of this process."""
    if getattr(local, "pid", None) != os.getpid():
        local.wire, local.pid = Wire(hello), os.getpid()
    return local.wire  # type: ignore[no-any-return]


class _Arguments(pickle.Unpickler):
    def persistent_load(self, name: Any) -> Any:
        match name:
            case ("named", str(known)):
                if known not in NAMES:
                    raise NameError(f"a new process has no {known}")
                return NAMES[known]
            case ("held", int(number)):
                return HELD[number]
        _, number, *more = name
        known = THINGS.get(number)
        if known is None:
            THINGS[number] = known = Thing(number, *more)
        return known


def loaded(data: bytes) -> Any:
    """Return what the judge has packed."""
    return _Arguments(io.BytesIO(data)).load()


def ask(number: int, what: str, /, *args: Any, **kwargs: Any) -> Any:
    """Let the judge do something with a thing of his; return what comes of it."""
    wire = mine()
    wire.write({"ask": [number, what, plain(args), plain(kwargs)]})
    while True:
        kind, *rest = wire.read()
        if kind == "reply":
            return loaded(rest[0])
        if kind == "raise":
            raise error(*rest)
        do(wire, kind, rest)


def error(module: str, name: str, args: Any) -> BaseException:
    """Make an error that the judge raised; of an unknown class, a RuntimeError."""
    try:
        own = NAMES if module == "__main__" else vars(importlib.import_module(module))
        made = own[name](*args)
        return made if isinstance(made, BaseException) else RuntimeError(*args)
    except Exception:
        return RuntimeError(*args)


class Thing:
    """Stands for a thing that the judge keeps: a disk, a clock, a function."""

    __slots__ = ("__weakref__", "_kind", "_methods", "_number")

    def __init__(self, number: int, kind: str, methods: tuple[str, ...]) -> None:
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_kind", kind)
        object.__setattr__(self, "_methods", methods)

    def _ours(self) -> int:
        return self._number  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{name} of a {self._kind} cannot be seen")
        if name in self._methods:
            return functools.partial(ask, self._number, "method", name)
        return ask(self._number, "get", name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name} of a {self._kind} cannot be set")

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:  # noqa: D102  their own
        return ask(self._number, "call", *args, **kwargs)

    def __iter__(self) -> Any:
        return ask(self._number, "iter")

    def __next__(self) -> Any:
        return ask(self._number, "next")

    def __getitem__(self, key: Any) -> Any:
        return ask(self._number, "item", key)

    def __len__(self) -> int:
        return int(ask(self._number, "len"))

    def __contains__(self, x: Any) -> bool:
        return bool(ask(self._number, "in", x))

    def __bool__(self) -> bool:
        return bool(ask(self._number, "bool"))

    def __enter__(self) -> Any:
        return ask(self._number, "enter")

    def __exit__(self, *why: Any) -> None:
        ask(self._number, "exit")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Thing) and other._number == self._number

    def __hash__(self) -> int:
        return hash(("thing", self._number))

    def __repr__(self) -> str:
        return f"<{self._kind}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"a {self._kind} is one, and cannot be copied")


def serve(names: dict[str, Any]) -> None:
    """Do what the judge asks, until he says that this is all."""
    global NAMES
    NAMES = names
    wire = mine("kernel")
    while True:
        try:
            kind, *rest = wire.read()
        except EOFError:
            return
        if kind == "end":
            return
        do(wire, kind, rest)


def do(wire: Wire, kind: str, rest: list[Any]) -> None:
    """Carry out one of the judge's wishes, and send what comes of it."""
    try:
        wire.write(ACTS[kind](*rest))
    except (TypeError, ValueError, RecursionError) as e:  # no JSON after all
        wire.write(failed(e))


def called(message: bytes) -> dict[str, Any]:
    """Call one of the student's functions; return its answer, or its error."""
    try:
        f, args, kwargs = loaded(message)
        value = f(*args, **kwargs)
    except BaseException as e:
        return failed(e)
    try:
        return {"value": plain(value)}
    except BaseException as e:  # it was returned, and is no error that was raised
        return {"unfit": failed(e)["error"][1]}


def described(wanted: list[str], data: list[str]) -> dict[str, Any]:
    """Return what each wanted name holds: something to call, or a value."""
    DATA.update(data)
    held: dict[str, Any] = {}
    room = Room()  # of all together, since they cross together
    for name in wanted:
        if name in NAMES:
            before, value = room.left, NAMES[name]
            try:
                held[name] = None if callable(value) else {"value": plain(value, room)}
            except BaseException as e:
                room.left, held[name] = before, failed(e)
    return {"names": held}


def failed(e: BaseException) -> dict[str, Any]:
    """Name an error by all that it descends from, and say what it says."""
    kinds = [c for c in type(e).__mro__ if c is not object]
    names = [f"{c.__module__}.{c.__qualname__}"[:200] for c in kinds[:20]]
    try:
        said = str(e)[:2000].encode("utf-8", "replace").decode()
    except BaseException:
        said = "its message cannot be shown"
    return {"error": [names, said]}


def together(ranks: list[bytes]) -> dict[str, Any]:
    """Call a function on every rank, in a process of its own each; wait for all."""
    children = []
    for rank, message in enumerate(ranks):
        child = os.fork()
        if child == 0:
            _rank(rank, message)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return {"value": None}


def cells(sources: list[str]) -> dict[str, Any]:
    """Run cells as a notebook does, one after another, whatever becomes of each."""
    for source in sources:
        NAMES["get_ipython"]().run_cell(source, silent=True)
    return {"value": None}


def look(code: str) -> dict[str, Any]:
    """Run code of the judge's own; return what it calls ANSWER."""
    exec(code, NAMES)
    return {"value": plain(NAMES.pop("ANSWER", None))}


def _rank(rank: int, message: bytes) -> None:
    """Be one rank; do not return."""
    try:
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(1)  # the ranks share the cores
        wire = mine({"rank": rank})
        try:
            answer = called(message)
            wire.write({"done": answer})
        except (TypeError, ValueError, RecursionError) as e:
            wire.write({"done": failed(e)})
    finally:
        os._exit(0)


ACTS = {"call": called, "describe": described}
ACTS |= {"together": together, "cells": cells, "look": look}
