import numpy as np
import pytest

from mlsyscore.harness.products import limits, ruled, spoiled

A, B = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0]])


def test_a_product_with_its_sums_and_its_faults():
    C = spoiled(A, B, [(0, 1, 23.0)])
    assert C.tolist() == [[19, 23, 41], [43, 50, 93], [62, 72, 134]]
    assert spoiled(A.astype("f"), B.astype("f")).dtype == np.float32


@pytest.mark.parametrize("kind", ["f", "d"])
def test_rounding_stays_within_the_limits(kind):
    """The exact sums by integers: entries are whole, and then scaled by powers of 2."""
    rng = np.random.default_rng(3)
    A, B = rng.normal(size=(9, 70)).astype(kind), rng.normal(size=(70, 5)).astype(kind)
    exact, rows, columns = limits(A, B)
    wide = A.astype(np.longdouble) @ B.astype(np.longdouble)
    assert np.allclose(exact[:9, :5], wide.astype(float), rtol=1e-12, atol=1e-12)
    C = spoiled(A, B)
    assert np.all(np.abs(C[:, :5].sum(axis=1) - C[:, 5]) <= rows)
    assert np.all(np.abs(C[:9].sum(axis=0) - C[9]) <= columns)


def test_a_verdict_and_a_product():
    ruled("x", ("clean", A), "clean", A)
    ruled("x", ["clean", A.tolist()], "clean", A)
    ruled("x", ("damaged", None), "damaged")
    for bad, says in [
        ("clean", "a pair"),
        (("damaged", A), "'clean' is expected"),
        (("clean", A[:1]), "shape"),
        (("clean", A + 1), "entry \\(0, 0\\)"),
        (("clean", A * np.nan), "entry"),
        (("clean", A.astype(str)), "a product of"),
    ]:
        with pytest.raises(AssertionError, match=says):
            ruled("x", bad, "clean", A, 1e-9)
