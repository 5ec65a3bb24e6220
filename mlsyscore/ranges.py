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


def law(f: F) -> F:
    """Hold a function to its signature: ValueError outside it, never inf or nan.

    The wrapper takes f's arguments.  For plain numbers it does no more than
    ``if a in its range ...: result = f(a, ...); if result in its range: return it``.
    """
    told: Any = f
    hints = told.__annotations__
    names = told.__code__.co_varnames[: told.__code__.co_argcount]
    tests = [_plain(n, hints[n]) for n in names if span(hints.get(n))]
    source = f"""
def guarded({", ".join(names)}):
    if {" and ".join(tests) or True}:
        try:
            _result = _law({", ".join(names)})
            if {_plain("_result", hints["return"], "")}:
                return _result
        except ArithmeticError:
            pass
    return _slowly(_law, ({"".join(f"{n}, " for n in names)}))
"""
    scope = {"_law": told, "_slowly": _slowly}
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


def _slowly(f: Any, args: tuple[Any, ...]) -> Any:
    """Call f with arguments that are converted and checked; check what it returns."""
    hints, name = f.__annotations__, f.__name__
    pairs = list(zip(f.__code__.co_varnames, args))  # noqa: B905  locals follow
    args = tuple(convert(name, n, x, hints.get(n)) for n, x in pairs)
    try:
        with np.errstate(all="ignore"):
            return _settle(f(*args), hints["return"])
    except ArithmeticError as error:
        said = ", ".join(f"{n} = {x!r:.60}" for n, x in pairs)
        raise ValueError(f"{name}({said}): {error}") from None


def convert(owner: str, name: str, x: Any, hint: Any) -> Any:
    """Return an argument as a number or an array of floats, inside its range.

    Raises ValueError with the first number that is not inside, is not whole where the
    annotation is of ``int``, or is an array where it says ``Single``.
    """
    within, alone = span(hint), kind(hint) in (int, float)
    if within is None:
        return x
    try:
        y = _number(x) if alone else np.asarray(x, float)
    except (TypeError, ValueError):
        raise _misfit(owner, name, x, "a number") from None
    if np.ndim(y) and ALONE in getattr(hint, "__metadata__", ()):
        raise _misfit(owner, name, x, "one number, not an array,")
    outside = first_outside(y, within)
    if outside is not None:
        raise _misfit(owner, name, outside, repr(within))
    if kind(hint) is not int or isinstance(y, int):
        return y
    if np.any(np.floor(y) != y):
        raise _misfit(owner, name, x, "a whole number")
    return y if np.ndim(y) else int(y)


def _misfit(owner: str, name: str, x: Any, needed: str) -> ValueError:
    return ValueError(f"{owner}: {name} = {x!s:.60}, where {needed} is needed")


def _number(x: Any) -> Any:
    """Return an int or a float for a single number of any kind, else an array."""
    y = int(x) if isinstance(x, int) else np.asarray(x, float)
    return y if np.ndim(y) or isinstance(y, int) else float(y)


def first_outside(y: Any, within: Range) -> Any:
    """Return the first number that is not within, as it is; None if all are."""
    if np.ndim(y) == 0:
        return None if within.low <= y <= within.high else y
    outside = ~((y >= within.low) & (y <= within.high))
    return y[outside][0] if outside.any() else None


def _settle(result: Any, hint: Any) -> Any:
    """Return a result in its range, as a plain number if it is one.

    Raises ArithmeticError for one that is outside.
    """
    within = span(hint)
    if within is None:
        return result
    y = _number(result)
    if within.high <= 1 and np.all((y > within.low - ROUNDING) & (y < 1 + ROUNDING)):
        y = np.clip(y, *within)
    outside = first_outside(y, within)
    if outside is not None:
        raise ArithmeticError(f"the result would be {outside}, and not {within}")
    if kind(hint) is not int:
        return y if np.ndim(y) else float(y)
    if np.ndim(y) == 0:
        return int(y)
    if np.any(y > EXACT):
        raise ArithmeticError("an array counts up to 2^53: take one int at a time")
    return np.rint(y).astype(np.int64)


def hold(thing: Any) -> None:
    """Hold the fields of a frozen thing to their annotations, as ``law`` does."""
    cls: Any = type(thing)
    if not _holds(cls)(thing):
        for name, hint in cls.__annotations__.items():
            x = convert(cls.__name__, name, getattr(thing, name), hint)
            object.__setattr__(thing, name, x)


@cache
def _holds(cls: Any) -> Any:
    """Compile the comparisons that a thing of plain numbers passes."""
    fields = [(f"thing.{n}", h) for n, h in cls.__annotations__.items() if span(h)]
    return eval(f"lambda thing: {' and '.join(_plain(*f) for f in fields) or True}")
