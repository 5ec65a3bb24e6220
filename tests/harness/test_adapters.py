import numpy as np
import pytest
import torch

from mlsyscore.harness import adapters


class Pair:
    def __init__(self, pair):
        self.pair = pair

    def factors(self):
        return self.pair


def test_tables_of_any_kind_are_read():
    x = [[1.0, 2.0], [3.0, 4.0]]
    leaf = torch.tensor(x, requires_grad=True)
    for kind in (
        x,
        np.array(x),
        np.array(x, np.float32),
        leaf,
        torch.nn.Parameter(leaf),
    ):
        assert adapters.table("t", kind, (2, 2)).tolist() == x


@pytest.mark.parametrize(
    ("got", "said"),
    [
        ([[1.0, 2.0]], "shape"),
        ([[1.0], [2.0, 3.0]], "table"),
        ("text", "table"),
        (None, "shape|finite|table"),
        ([[1.0, np.nan], [0.0, 0.0]], "finite"),
    ],
)
def test_what_is_no_table_is_said(got, said):
    with pytest.raises(AssertionError, match=said):
        adapters.table("t", got, (2, 2))


def test_factors_are_two_tables_in_order():
    A, B = np.ones((2, 5)), np.ones((3, 2))
    assert len(adapters.factors_of("t", Pair((A, B)), 2, 5, 3)) == 2
    for pair in ((B, A), (A,), None):
        with pytest.raises(AssertionError, match=r"shape|values|list"):
            adapters.factors_of("t", Pair(pair), 2, 5, 3)


def test_a_shift_has_its_rank_and_its_size():
    W, b, x, y = adapters.shifted(np.random.default_rng(1), 3, 12, 7)
    shift = np.linalg.lstsq(x, y - x @ W.T - b, rcond=None)[0]
    assert np.linalg.matrix_rank(shift, tol=1e-8) == 3
    assert np.linalg.norm(shift) == pytest.approx(1)


def test_what_is_off_is_said():
    one = np.ones((2, 2))
    adapters.near("t", one, one + 1e-6, "hint")
    with pytest.raises(AssertionError, match=r"off by up to 0\.1.*hint"):
        adapters.near("t", one, one + 0.1, "hint")
