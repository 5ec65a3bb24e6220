import math

import numpy as np
import pytest

from mlsyscore.harness.products import encoded_product, rounding_limits, ruled

A, B = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0]])


def test_a_product_with_its_sums_and_its_faults():
    C = encoded_product(A, B, [(0, 1, 23.0)])
    assert C.tolist() == [[19, 23, 41], [43, 50, 93], [62, 72, 134]]
    assert encoded_product(A.astype("f"), B.astype("f")).dtype == np.float32


@pytest.mark.parametrize("kind", ["f", "d"])
def test_rounding_stays_within_the_limits(kind):
    rng = np.random.default_rng(3)
    A, B = rng.normal(size=(9, 70)).astype(kind), rng.normal(size=(70, 5)).astype(kind)
    exact, rows, columns = rounding_limits(A, B)
    wide = A.astype(np.longdouble) @ B.astype(np.longdouble)
    assert np.allclose(exact[:9, :5], wide.astype(float), rtol=1e-12, atol=1e-12)
    C = encoded_product(A, B)
    assert np.all(np.abs(C[:, :5].sum(axis=1) - C[:, 5]) <= rows)
    assert np.all(np.abs(C[:9].sum(axis=0) - C[9]) <= columns)
    assert rows[0] == pytest.approx(
        (9 + 70 + 5) * np.finfo(kind).eps * (abs(A[0]) @ abs(B)).sum()
    )


def says(*answer):
    return lambda C, rows, columns: answer


def test_a_verdict_and_a_product():
    ruled("x", says("clean", A @ B), (A, B), [], "clean")
    ruled("x", lambda *_: ["clean", (A @ B).tolist()], (A, B), [], "clean")
    ruled("x", says("damaged", None), (A, B), [], "damaged")
    for bad, text in [
        (says("damaged", A @ B), "'clean' is expected"),
        (says("clean"), "a pair"),
        (says("clean", A[:1]), "shape"),
        (says("clean", A @ B + 1), "entry \\(0, 0\\)"),
        (says("clean", A * np.nan), "entry"),
        (says("clean", A.astype(str)), "a product of"),
    ]:
        with pytest.raises(AssertionError, match=text):
            ruled("x", bad, (A, B), [], "clean")


def test_what_verify_gets_has_the_faults_and_no_factor():
    seen = []

    def verify(C, rows, columns):
        seen.append((C.copy(), rows.tolist(), columns.tolist()))
        C[:] = rows[:] = 0  # of its own
        return "corrected", A @ B

    ruled("x", verify, (A, B), [(0, 0, math.inf)], "corrected", 2.0)
    C, rows, columns = seen[0]
    assert C[0, 0] == math.inf
    assert C[2, 2] == 134
    assert rows == columns == [2.0] * 3
    ruled("x", verify, (A, B), [], "corrected", ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]))
    assert seen[1][1:] == ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
