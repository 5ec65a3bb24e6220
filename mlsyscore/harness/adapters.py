"""A frozen layer with an adapter, as checks read it, and a shift for it to learn."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import values

Array = NDArray[np.float64]


def table(name: str, got: Any, shape: tuple[int, int]) -> Array:
    """Return a finite table of floats; AssertionError if it is none of that shape.

    An array, a torch tensor, a list of lists.
    """
    if type(got).__module__.startswith("torch"):
        got = got.detach().numpy()
    try:
        found = np.array(got, float)
    except (TypeError, ValueError):
        raise AssertionError(f"{name}: a table of numbers is expected") from None
    text = f"{name}: the shape is {found.shape}; {shape} is expected"
    assert found.shape == shape, text
    assert np.isfinite(found).all(), f"{name}: it holds values that are not finite"
    return found


def factors_of(name: str, layer: Any, r: int, d_in: int, d_out: int) -> list[Array]:
    """Return the factors A (r x d_in) and B (d_out x r) of a layer, as they are now."""
    A, B = values(f"{name}: factors (A, B)", layer.factors(), 2)
    return [table(f"{name}: A", A, (r, d_in)), table(f"{name}: B", B, (d_out, r))]


def shifted(rng: np.random.Generator, r: int, d_in: int, d_out: int) -> list[Array]:
    """Return W, b, inputs x, and the outputs of a layer that differs by rank r."""
    W, b = rng.normal(size=(d_out, d_in)) / np.sqrt(d_in), rng.normal(size=d_out)
    shift = rng.normal(size=(d_out, r)) @ rng.normal(size=(r, d_in))
    x = rng.normal(size=(60, d_in))
    return [W, b, x, x @ (W + shift / np.linalg.norm(shift)).T + b]


def near(name: str, got: Array, want: Array, hint: str, rel: float = 1e-5) -> None:
    """AssertionError, with a hint, unless two tables are equal to rounding.

    Five digits, so that single precision is enough.
    """
    off = float(np.abs(got - want).max(initial=0.0))
    size = 1 + float(np.abs(want).max(initial=0.0))
    assert off <= rel * size, f"{name}: off by up to {off:.3g}.  {hint}"
