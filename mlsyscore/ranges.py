"""Where a law holds: ranges in its signature, and the guard that reads them there.

    >>> @law
    ... def speedup(f: Fraction, n: Count) -> Ratio:
    ...     return 1 / (1 - f + f / n)
    >>> speedup(0.5, 2)
    1.3333333333333333
    >>> speedup(1.5, 2)
    Traceback (most recent call last):
    ValueError: speedup: f = 1.5, where from 0 to 1 is needed

``law`` refuses arguments and results outside their ranges, with the number in the
error; ``hold`` does so for the fields of a thing.  Plain numbers take a short way, a
few comparisons compiled once.  All else (arrays, lists, numpy's numbers) is converted
first: to Python's numbers, whose integers do not overflow, or to arrays of floats.
"""

import math
import sys
from collections.abc import Callable
from functools import cache, update_wrapper
from typing import Annotated, Any, NamedTuple, TypeVar, get_args

import numpy as np

LAST = sys.float_info.max
FIRST = math.ulp(0.0)  # the least float above 0
BELOW_1 = math.nextafter(1.0, 0.0)
EXACT = 2.0**53  # beyond it an array of floats counts no longer one by one
ROUNDING = 1e-9  # a share this little outside its range is on its end

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class Range(NamedTuple):
    """Floats from low to high, both included; an open end is the float beside it.

    >>> Range(0.0, 1.0), Range(FIRST, LAST), Range(0.0, BELOW_1)
    (from 0 to 1, above 0, from 0 to below 1)
    """

    low: float
    high: float

    def __repr__(self) -> str:
        """Say it in words."""
        if self.low == -LAST:
            return "finite"
        start = "above 0" if self.low == FIRST else f"from {self.low:g}"
        if self.high == LAST:
            return start if self.low == FIRST else f"{self.low:g} or more"
        return f"{start} to {'below 1' if self.high == BELOW_1 else f'{self.high:g}'}"


FROM_0 = Range(0.0, LAST)

# -- to wrap a unit in: Positive[Seconds]; Single is one number, never an array --
ALONE = "one number"
Positive = Annotated[T, Range(FIRST, LAST)]
Signed = Annotated[T, Range(-LAST, LAST)]
Single = Annotated[T, ALONE]

# -- numbers without a unit ------------------------------------------------------
Real = Annotated[float, "1", Range(-LAST, LAST)]
Ratio = Annotated[float, "1", FROM_0]
Factor = Annotated[float, "1", Range(1.0, LAST)]
Fraction = Annotated[float, "1", Range(0.0, 1.0)]
PositiveFraction = Annotated[float, "1", Range(FIRST, 1.0)]
FractionBelow1 = Annotated[float, "1", Range(0.0, BELOW_1)]
OpenFraction = Annotated[float, "1", Range(FIRST, BELOW_1)]
Difference = Annotated[float, "1", Range(-1.0, 1.0)]
Count = Annotated[int, "1", Range(1.0, LAST)]
Whole = Annotated[int, "1", FROM_0]


def span(hint: Any) -> Range | None:
    """Return the range that an annotation names last; None for a thing.

    >>> span(Positive[Ratio]), span(int), span(str)
    (above 0, finite, None)
    """
    named = [x for x in getattr(hint, "__metadata__", ()) if isinstance(x, Range)]
    free = Range(-LAST, LAST) if kind(hint) in (int, float) else None
    return named[-1] if named else free


def kind(hint: Any) -> Any:
    """Return what an annotation is of: float, int, an array or a thing."""
    return get_args(hint)[0] if hasattr(hint, "__metadata__") else hint


class Need(NamedTuple):
    """What an annotation asks for: a range, or None for a thing; of what; no array?"""

    within: Range | None
    kind: Any
    single: bool


def need(hint: Any) -> Need:
    """Read an annotation."""
    return Need(span(hint), kind(hint), ALONE in getattr(hint, "__metadata__", ()))


def law(f: F) -> F:
    """Hold a function to its signature: ValueError outside it, never inf or nan.

    The wrapper takes f's arguments.  For plain numbers it does no more than
    ``if a in its range ...: result = f(a, ...); if result in its range: return it``.
    """
    told: Any = f
    hints = told.__annotations__
    names = told.__code__.co_varnames[: told.__code__.co_argcount]
    back = hints["return"]
    tests = [_plain(n, hints[n]) for n in names if span(hints.get(n))]
    source = f"""
def guarded({", ".join(names)}):
    if {" and ".join(tests) or True}:
        try:
            _result = _law({", ".join(names)})
            if {_plain("_result", back, "") if span(back) else True}:
                return _result
        except ArithmeticError:
            pass
    return _slowly(_law, _asked, _promised, ({"".join(f"{n}, " for n in names)}))
"""
    asked = [(n, need(hints.get(n))) for n in names]
    scope = {"_law": told, "_asked": asked, "_promised": need(back)}
    scope["_slowly"] = _slowly
    exec(source, scope)
    guarded: Any = scope["guarded"]
    guarded.__defaults__ = told.__defaults__
    update_wrapper(guarded, told)
    return guarded


def _plain(name: str, hint: Any, or_int: str = " or {}.__class__ is int") -> str:
    """Write the comparisons that a plain number in range passes."""
    low, high = span(hint) or (0.0, 0.0)
    if kind(hint) is int:
        least = "" if low == -LAST else f" and {name} >= {int(low)}"
        return f"{name}.__class__ is int{least}" + (
            "" if high == LAST else f" and {name} <= {high!r}"
        )
    if kind(hint) is float:
        number = f"{name}.__class__ is float{or_int.format(name)}"
        return f"({number}) and {low!r} <= {name} <= {high!r}"
    return "False"


def _slowly(f: Any, asked: list[Any], promised: Need, args: tuple[Any, ...]) -> Any:
    """Call f with arguments that are converted and checked; check what it returns."""
    name, pairs = f.__name__, list(zip(asked, args, strict=True))
    try:
        given = [convert(name, n, x, needed) for (n, needed), x in pairs]
        with np.errstate(all="ignore"):
            return _settle(f(*given), promised)
    except ArithmeticError as error:
        said = ", ".join(f"{n} = {x!r:.60}" for (n, _), x in pairs)
        raise ValueError(f"{name}({said}): {error}") from None


def convert(owner: str, name: str, x: Any, needed: Need) -> Any:
    """Return an argument as a number or an array of floats, inside its range.

    Raises ValueError with the first number that is not inside, is not whole where an
    ``int`` is needed, or is an array where the annotation says ``Single``.
    """
    within, of, single = needed
    if within is None:
        return x
    try:
        y = _number(x) if of in (int, float) else np.asarray(x, float)
    except (TypeError, ValueError):
        raise _misfit(owner, name, x, "a number") from None
    if single and y.__class__ not in (int, float):
        raise _misfit(owner, name, x, "one number, not an array,")
    outside = first_outside(y, within)
    if outside is not None:
        raise _misfit(owner, name, outside, repr(within))
    if of is not int or y.__class__ is int:
        return y
    if not (y.is_integer() if y.__class__ is float else np.all(np.floor(y) == y)):
        raise _misfit(owner, name, x, "a whole number")
    return int(y) if y.__class__ is float else y


def _misfit(owner: str, name: str, x: Any, needed: str) -> ValueError:
    return ValueError(f"{owner}: {name} = {x!s:.60}, where {needed} is needed")


def _number(x: Any) -> Any:
    """Return an int or a float for a single number of any kind, else an array."""
    if x.__class__ in (int, float):
        return x
    y = int(x) if isinstance(x, int | np.integer) else np.asarray(x, float)
    return y if np.ndim(y) or isinstance(y, int) else float(y)


def first_outside(y: Any, within: Range) -> Any:
    """Return the first number that is not within, as it is; None if all are."""
    low, high = within
    if y.__class__ in (int, float):
        return None if low <= y <= high else y
    if not y.size:
        return None
    least, most = np.minimum.reduce(y, axis=None), np.maximum.reduce(y, axis=None)
    if low <= least and most <= high:
        return None
    return y[~((y >= low) & (y <= high))].flat[0]


def _settle(result: Any, promised: Need) -> Any:
    """Return a result in its range, as a plain number if it is one.

    Raises ArithmeticError for one that is outside.
    """
    within, of, _ = promised
    if within is None:
        return result
    y = _number(result)
    outside = first_outside(y, within)
    if outside is not None and within.high <= 1:
        low, high = within.low - ROUNDING, 1 + ROUNDING
        if first_outside(y, Range(low, high)) is None:
            y, outside = _number(np.clip(y, *within)), None
    if outside is not None:
        raise ArithmeticError(f"the result would be {outside}, and not {within}")
    if of is int and y.__class__ is not int and np.any(y != np.floor(y)):
        raise ArithmeticError(f"the result would be {y}, and not whole")
    if y.__class__ in (int, float):
        return int(y) if of is int else float(y)
    if of is not int:
        return y
    if np.any(y > EXACT):
        raise ArithmeticError("an array counts up to 2^53: take one int at a time")
    return np.rint(y).astype(np.int64)


def hold(thing: Any) -> None:
    """Hold the fields of a frozen thing to their annotations, as ``law`` does."""
    cls: Any = type(thing)
    if not _holds(cls)(thing):
        for name, hint in cls.__annotations__.items():
            x = convert(cls.__name__, name, getattr(thing, name), need(hint))
            object.__setattr__(thing, name, x)


@cache
def _holds(cls: Any) -> Any:
    """Compile the comparisons that a thing of plain numbers passes."""
    fields = [(f"thing.{n}", h) for n, h in cls.__annotations__.items() if span(h)]
    return eval(f"lambda thing: {' and '.join(_plain(*f) for f in fields) or True}")
