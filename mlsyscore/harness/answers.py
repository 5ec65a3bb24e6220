"""How checks read what an answer returned: once, and never without a bound."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..checks import number

MOST = 100_000  # values that are read of any answer


def values(name: str, answer: Any, n: int | None = None) -> list[Any]:
    """Return the values in a list, a tuple, a set, an array, ...; n of them if given.

    AssertionError if it is no such thing.
    """
    text = f"{name}: a list is expected, not {type(answer).__name__} {answer!r:.60}"
    assert isinstance(answer, Iterable), text
    assert not isinstance(answer, str | bytes | Mapping), text
    try:
        steps = iter(answer)
    except TypeError:  # an array without dimensions
        raise AssertionError(text) from None
    found = list(itertools.islice(steps, MOST))
    assert len(found) < MOST, f"{name}: a list of {MOST:,} values or more"
    text = f"{name}: {n} values are expected, not {len(found)}"
    assert n is None or len(found) == n, text
    return found


def numbers(name: str, answer: Any, n: int | None = None) -> list[float]:
    """Return the finite numbers in an answer; AssertionError if it has others."""
    return [number(name, x) for x in values(name, answer, n)]


def whole(name: str, answer: Any, n: int | None = None) -> list[int]:
    """Return the whole numbers in an answer; AssertionError if it has others."""
    found = numbers(name, answer, n)
    fine = all(x == int(x) for x in found)
    assert fine, f"{name}: whole numbers are expected, not {found!s:.60}"
    return [int(x) for x in found]


def positions(name: str, answer: Any, n: int) -> list[int]:
    """Return positions in a list of n, sorted; AssertionError if some are no such."""
    found = sorted(whole(name, answer))
    none = [k for k in found if not 0 <= k < n]
    text = f"{name}: positions in a list of {n} begin with 0; you have {none[:3]}"
    assert not none, text
    twice = [k for k, after in itertools.pairwise(found) if k == after]
    assert not twice, f"{name}: position {twice[:1]} is there twice"
    return found


def listed(
    name: str, got: list[int], want: list[int], slips: Mapping[tuple[int, ...], str]
) -> None:
    """AssertionError unless a list of whole numbers is want; slips say why not."""
    hint = f"  {slips[tuple(got)]}." if tuple(got) in slips else ""
    assert got == want, f"{name}: you have {got}; {want} is expected.{hint}"


def fields(name: str, answer: Any, keys: Iterable[str]) -> dict[str, Any]:
    """Return a dict that has these keys; AssertionError if the answer is none."""
    kind = type(answer).__name__
    assert isinstance(answer, Mapping), f"{name}: a dict is expected, not {kind}"
    missing = [k for k in keys if k not in answer]
    assert not missing, f"{name}: the dict has no {missing}"
    return dict(answer)


def returned(name: str, f: Callable[..., Any], *args: Any) -> Any:
    """Return f(*args); AssertionError, with the case, if it raises ValueError."""
    try:
        return f(*args)
    except ValueError as e:
        text = (
            f"{name}: there is an answer, but you raise {type(e).__name__}: {e!s:.60}"
        )
        raise AssertionError(text) from None


def must_raise(
    name: str, kind: type[Exception], f: Callable[..., Any], *args: Any
) -> None:
    """AssertionError unless f(*args) raises an error of a kind, which it may refine."""
    try:
        got = f(*args)
    except kind:
        return
    text = f"{name}: {kind.__name__} is to be raised; you return {got!r:.60}"
    raise AssertionError(text)
