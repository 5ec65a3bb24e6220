"""Players that kill a trainer, and what a run that goes on must show."""

import pickle
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .trainer import Trainer, steps_taken, train

LARGEST = 100_000  # bytes of a state, and values in it


def pickled(state: Any) -> bytes:
    """Return a state as bytes; AssertionError unless it is plain data, and not much."""
    _plain(state)
    data = pickle.dumps(state)
    text = f"the state has {len(data)} bytes; {LARGEST:,} must do"
    assert len(data) <= LARGEST, text
    return data


def _plain(state: Any) -> None:
    known, left = (
        None | bool | int | float | complex | str | bytes | np.generic,
        [state],
    )
    for _ in range(LARGEST):
        if not left:
            return
        x = left.pop()
        if isinstance(x, dict | list | tuple | set | frozenset) and len(x) < LARGEST:
            left += [*x, *(x.values() if isinstance(x, dict) else ())]
        else:
            fine = isinstance(x, known) or type(x).__name__ == "Tensor"
            fine = fine or (isinstance(x, np.ndarray) and x.dtype.kind != "O")
            text = "a state holds numbers, arrays, bytes, in lists or dicts; "
            assert fine, text + f"not a {type(x).__name__}"
        assert len(left) < LARGEST, f"a state of more than {LARGEST:,} values"
    raise AssertionError(f"a state of more than {LARGEST:,} values")


def put_back(restore: Callable[..., Any], trainer: Trainer, data: bytes) -> None:
    """Restore a pickled state; AssertionError if a step was taken for it."""
    before = steps_taken(trainer)
    restore(trainer, pickle.loads(data))
    took = steps_taken(trainer) - before
    assert took == 0, f"restore called step {took} times; it must not train"


@dataclass(frozen=True)
class Resumed:
    """A run that was killed: its losses, and the steps at which it went on."""

    losses: Sequence[float]
    resumes: Sequence[int]


def resumed(
    parts: tuple[Callable[..., Any], Callable[..., Any]],
    seed: int,
    steps: int,
    every: int,
    kills: Iterable[int],
) -> Resumed:
    """Train, and be killed before some steps; parts are capture and restore.

    Every few steps a state is captured.  It is pickled two steps later, in the
    background; a kill before that loses it.  After a kill a new trainer goes on from
    the last state that was pickled.
    """
    capture, restore = parts
    trainer, left = Trainer(seed), set(kills)
    saved, held, losses, resumes, at = (0, pickled(capture(trainer))), None, {}, [], 0
    while at < steps:
        if held and at - held[0] == 2:
            saved, held = (held[0], pickled(held[1])), None
        if at % every == 0 and at > 0:
            held = at, capture(trainer)
        if at in left:
            left.remove(at)
            trainer, held, at = Trainer(seed), None, saved[0]
            put_back(restore, trainer, saved[1])
            resumes.append(at)
        losses[at] = trainer.step()
        at += 1
    return Resumed([losses[i] for i in range(steps)], resumes)


def bit_for_bit(
    name: str, got: Sequence[float], want: Sequence[float], resumes: Sequence[int]
) -> None:
    """AssertionError unless two runs have the same losses; says what may be missing."""
    assert len(got) == len(want) > 0, f"{name}: {len(got)} losses of {len(want)}"
    assert resumes, f"{name}: it was never resumed"
    bad = [i for i, (a, b) in enumerate(zip(got, want, strict=True)) if a != b]
    if not bad:
        return
    i, since = bad[0], bad[0] - max((r for r in resumes if r <= bad[0]), default=0)
    text = (
        f"{name}: the loss of step {i} is {got[i]:.9f}; {want[i]:.9f} is that of the "
    )
    text += f"run that nothing stopped.  {since} steps since a resume agree"
    if since == 0:
        text += ": the weights, as they were when captured? what dropout draws? the "
        text += "order of the epoch, and the place in it"
    elif since < 4:
        text += ": the momentum? the step that the learning rate has reached"
    else:
        text += ": the generator that shuffles the next epoch"
    raise AssertionError(text + "?")


def goes_on(
    parts: tuple[Callable[..., Any], Callable[..., Any]],
    seed: int,
    steps: int,
    every: int,
    kills: Sequence[int],
) -> None:
    """AssertionError unless a run that is killed has the losses of one that is not."""
    want = train(Trainer(seed), steps)
    got = resumed(parts, seed, steps, every, kills)
    assert len(got.resumes) == len(kills), f"{len(got.resumes)} resumes"
    bit_for_bit(f"killed before steps {[*kills]}", got.losses, want, got.resumes)


def rolls_back(
    parts: tuple[Callable[..., Any], Callable[..., Any]],
    seed: int,
    steps: int = 30,
    before: int = 7,
) -> None:
    """AssertionError unless a trainer goes back to one state twice and on as before.

    before: the steps taken when the state is captured.
    """
    trainer = Trainer(seed)
    train(trainer, before)
    state = pickled(parts[0](trainer))
    first = train(trainer, steps)
    for turn in ("first", "second"):
        put_back(parts[1], trainer, state)
        name = f"rolled back to step {before} for the {turn} time"
        bit_for_bit(name, train(trainer, steps), first, [0])


def gaps_without(
    parts: tuple[Callable[..., Any], Callable[..., Any]], seed: int = 3, steps: int = 60
) -> dict[str, list[float]]:
    """Return what was left out -> how far each later loss is from a whole state's.

    Each part of a trainer is set to a new one's after a restore.
    """
    found = {}
    for what in ("dropout", "optimizer", "schedule", "place"):
        trainer, new = Trainer(seed), Trainer(seed)
        train(trainer, 30)
        state = pickled(parts[0](trainer))
        good = train(trainer, steps)
        put_back(parts[1], trainer, state)
        if what == "place":
            trainer.seek(trainer.order, 0)
        elif what == "dropout":
            trainer.dropout.set_state(new.dropout.get_state())
        else:
            getattr(trainer, what).load_state_dict(getattr(new, what).state_dict())
        bad = train(trainer, steps)
        found[what] = [abs(a - b) for a, b in zip(good, bad, strict=True)]
    return found
