import matplotlib
import numpy as np
import pytest

from mlsyscore.harness import blocks

matplotlib.use("agg")
RIGHT = [(name, 2.0 * i, i) for i, name in enumerate(blocks.OPERATORS, 1)]


def test_seven_operators_are_read_by_name():
    seen = blocks.by_name(tuple(map(list, RIGHT)))
    assert list(seen) == list(blocks.OPERATORS)
    assert seen["softmax"] == (6.0, 3.0)
    words = [(np.str_(name), np.float64(O), D) for name, O, D in RIGHT]
    assert blocks.by_name(words) == seen


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (RIGHT[:6], "7 values are expected, not 6"),
        (RIGHT[::-1], "the operators are"),
        ([*RIGHT[:6], ("down", 1.0)], "3 values are expected, not 2"),
        ([*RIGHT[:6], ("down", None, 1.0)], "down, operations: one number"),
        ([*RIGHT[:6], ("down", 1.0, "1")], "down, bytes: one number"),
        (None, "a list is expected"),
    ],
)
def test_a_list_that_is_none_is_refused(answer, said):
    with pytest.raises(AssertionError, match=said):
        blocks.by_name(answer)


def test_a_block_is_drawn_as_long_as_it_takes():
    import matplotlib.pyplot as plt

    plt.close("all")
    walls = ["compute", "memory", "launch", "memory", "memory", "compute", "memory"]
    one = {"times": [1e-3 * i for i in range(1, 8)], "walls": walls}
    blocks.draw_blocks({"first": one, "second": one})
    axes = plt.gcf().axes
    assert [len(ax.patches) for ax in axes] == [7, 7]
    assert axes[0].get_title(loc="left") == "first: 28 ms"
    assert axes[0].get_xlim() == (0, pytest.approx(28))
    plt.close("all")
