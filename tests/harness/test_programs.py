import math

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mlsyscore.harness.programs import accounts, decoder, drawn, fused_at, moved


def test_the_layer_runs_as_its_shapes_say():
    """Each product, in torch: its result has the shape, and its operations are 2k."""
    program, shapes = decoder(n=6, h=12, a=6, g=2, f=20)
    want = got = 0
    for kind, inputs, output in program:
        assert all(name in shapes for name in (*inputs, output))
        if kind != "product":
            continue
        a, b = (torch.zeros(shapes[name]) for name in inputs)
        if output in "qkv":  # cut into heads afterwards
            assert math.prod(shapes[output]) == (a @ b).numel()
        elif output == "o":
            assert (a @ b).numel() == math.prod(shapes["o"])
        else:
            assert tuple((a @ b).shape) == shapes[output]
        with FlopCounterMode(display=False) as counter:
            a @ b
        got += counter.get_total_flops()
        want += 2 * shapes[inputs[0]][-1] * math.prod(shapes[output])
    assert got == want
    assert shapes["k"][0] * shapes["k"][2] == 2 * 12 // 6  # two heads of keys


def test_each_tensor_is_written_once_and_before_it_is_read():
    for program, shapes in (
        decoder(4, 8, 4, 2, 8),
        *(drawn(s, 7)[:2] for s in range(9)),
    ):
        written = set(shapes) - {output for *_, output in program}
        for _, inputs, output in program:
            assert set(inputs) <= written
            assert output not in written
            written.add(output)


def test_drawn_programs_have_what_is_asked_about():
    """Inputs that are named twice, shared, or read later; tensors of other sizes."""
    twice = shared = later = 0
    for seed in range(40):
        program, shapes, results = drawn(seed, 2 + seed % 7)
        assert program[-1][2] in results
        for i, (_, inputs, output) in enumerate(program):
            twice += len(set(inputs)) < len(inputs)
            shared += i > 0 and bool({*inputs} & {*program[i - 1][1]})
            later += sum(output in other for _, other, _ in program[i + 2 :])
        assert len({shapes[o] for *_, o in program}) > 1 or len(program) < 4
    assert min(twice, shared, later) > 5


def test_what_is_moved_is_what_is_read_and_written():
    assert moved([({"a", "b"}, {"c"}), ({"c"}, {"d"})], dict(a=1, b=2, c=4, d=8)) == 19


def test_answers_are_read():
    assert accounts("it", np.array([[1, 2], [3, 4]]), 2) == [(1.0, 2.0), (3.0, 4.0)]
    for wrong in (None, [(1, 2)], [(1, 2), (3,)], [(1, 2), (3, "4")]):
        with pytest.raises(AssertionError):
            accounts("it", wrong, 2)
    fused_at("it", (np.int64(3), 5.0), 3, 5)
    fused_at("it", [0, 5], 0, 5)
    for wrong, text in (
        ((2, 5), "you fuse operators 2 and 3; 3 and 4"),
        ((3, 6), "6 B; 5 B is expected"),
        (3, "a list is expected"),
        ((2.5, 5), "whole numbers"),
        (None, "a list is expected"),
    ):
        with pytest.raises(AssertionError, match=text):
            fused_at("it", wrong, 3, 5)
    with pytest.raises(AssertionError) as told:
        fused_at("it", (2, 5), 3, 5, show=False)
    assert "4" not in str(told.value)
