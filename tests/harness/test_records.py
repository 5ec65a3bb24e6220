import matplotlib
import yaml

from mlsyscore.harness import records

matplotlib.use("agg")
ROOF = {"bw": 40e9, "peak": {"float32": 2e11, "float64": 1e11}}
PLACED = {
    name: {"predicted": 2e-3, "measured": 4e-3, "share": 0.5}
    for name in ("add", "softmax", "product")
}
SEEN = {"kernels": [(name, 1e8, 4e8, "float32", []) for name in PLACED]}


def test_a_record_has_the_form_of_those_that_are_kept():
    (found,) = yaml.safe_load(records.machine_record(ROOF, PLACED))
    assert found["copy_GBps"] == 40.0
    assert found["product_GFLOPps"] == {"float32": 200.0, "float64": 100.0}
    assert found["kernels_ms"]["softmax"] == {"predicted": 2.0, "measured": 4.0}
    assert found["chip"]


def test_a_roof_is_drawn_with_its_kernels():
    import matplotlib.pyplot as plt

    plt.close("all")
    records.draw_roof(SEEN, ROOF, PLACED)
    ax = plt.gca()
    assert len(ax.lines) == len(ROOF["peak"]) + len(PLACED)
    assert max(ax.lines[0].get_ydata()) == 200.0
    assert ax.lines[2].get_xydata().tolist() == [[0.25, 25.0]]
    plt.close("all")
