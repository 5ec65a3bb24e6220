"""The step-time benchmark: its model, its fit, and that its test halves stay unseen."""

import csv
import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlsyscore import training
from mlsyscore.catalog import A100, HDR

SCRIPT = Path(__file__).parents[1] / "benchmarks/step_time.py"
sys.path.append(str(SCRIPT.parent))  # where a script looks for its neighbours
bench = importlib.import_module("step_time")
published = importlib.import_module("published")

TRUTH = np.array([0.7, 5.0, 7.0, 40.0, 2e-3, 4e-3, 0.6])  # not where a fit starts
IDEAL = np.array([1, 0, 0, 0, 0, 0, 1.0])  # matrix products at the peak, all else free
MEGATRON = {"L": "layers", "h": "hidden", "a": "heads", "gpus": "gpus", "t": "tp"}
MEGATRON |= {"p": "pp", "b": "micro_batch", "B": "global_batch"}


def layouts(n, seed):
    """Random layouts that fit: heads 128 wide, whole microbatches, whole stages."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        t, p, d, b = (int(rng.choice(x)) for x in ([1, 2, 4, 8], [1, 2, 4], [4, 8], 3))
        h, m = 1024 * int(rng.integers(2, 13)), int(rng.integers(4, 40))
        x = {"L": 4 * int(rng.integers(4, 20)), "h": h, "a": h // 128, "s": 2048}
        yield x | {"t": t, "p": p, "b": 2**b, "gpus": t * p * d, "B": d * m * 2**b}


def write(path, rows):
    with path.open("w", newline="") as file:
        out = csv.DictWriter(file, list(rows[0]))
        out.writeheader()
        out.writerows(rows)


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def mpt(x, i):
    gpu = ("a100_80gb", "a100_40gb", "h100_80gb")[i % 3]
    gpus, precision = 8 * 2 ** (i % 4), "amp_bf16"
    row = {"layers": x["L"], "d_model": x["h"], "seq_len": 2048, "gpus": gpus}
    row |= {"micro_batch": x["b"], "global_batch_seqs": gpus * x["b"] * (1 + i % 5)}
    return row | {"gpu": gpu, "act_ckpt": i % 2 == 0, "precision": precision}


def folder_of(folder, n=60):
    """Write all tables, with the times that the model gives for TRUTH."""
    times = ["iteration_ms", "iteration_ms", "sec_per_iter", "tokens_per_s"]
    for seed, (file, time) in enumerate(zip(FILES, times, strict=True)):
        found = list(layouts(n, seed))
        rows = [
            {MEGATRON[k]: x[k] for k in MEGATRON} | {"seq_len": 2048} for x in found
        ]
        if time == "tokens_per_s":
            rows = [mpt(x, i) for i, x in enumerate(found)]
        write(folder / file, [row | {time: 1000} for row in rows])
        for one in (x for x in bench.SETS if x.file == file):
            seconds = iter(bench.step(TRUTH, bench.load(folder / file, one.read)[0]))
            for row in rows:
                if one.read(published.Line({**row, time: 1000})) is None:
                    continue
                T = float(next(seconds))
                if time == "tokens_per_s":
                    row[time] = row["global_batch_seqs"] * 2048 / T
                else:
                    row[time] = T * 1000 if time == "iteration_ms" else T
        write(folder / file, rows)
    return folder


FILES = list(dict.fromkeys(x.file for x in bench.SETS))


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return folder_of(tmp_path_factory.mktemp("tables"))


@pytest.fixture
def own(tables, tmp_path):
    """A copy to break."""
    for file in FILES:
        (tmp_path / file).write_bytes((tables / file).read_bytes())
    return tmp_path


def run(folder, capsys, *words):
    code = bench.main([str(folder), "--splits", "0", *words])
    return code, *capsys.readouterr()


def simple(**changes):
    """A row of one GPU whose memory is free, changed."""
    r = {"L": 24, "h": 2048, "a": 16, "s": 1024, "b": 4, "gpus": 1}
    r |= {"vocabulary": 51_200, "nic": 4 * HDR.beta, "memory": np.inf}
    r |= {"T": 1.0, "B": 4 * changes.get("gpus", 1)} | changes
    return published.columns([published.row(**r)])


def test_an_ideal_gpu_needs_the_operations_over_its_peak():
    r = simple(recompute=0)
    assert bench.step(IDEAL, r)[0] == pytest.approx(r["flop"][0] / A100.peak)


@pytest.mark.parametrize(("L", "p"), [(24, 1), (24, 4), (22, 4), (23, 8)])
def test_a_pipeline_takes_as_long_as_when_played_out(L, p):
    m, free = 12, {"nvlink": np.inf, "nic": np.inf}
    took = bench.step(IDEAL, simple(L=L, p=p, gpus=p, B=4 * m, **free))[0]
    layer, head = np.linalg.solve(
        [[1, 1], [2, 1]],
        [bench.step(IDEAL, simple(L=n, **free))[0] for n in (1, 2)],
    )
    most = -(-L // p)
    stages = [most] * (p - 1) + [L - most * (p - 1)]
    ready = [0.0] * m  # when the stage before has done with each microbatch
    for i, n in enumerate(stages):
        free_at = 0.0
        for j in range(m):
            free_at = max(free_at, ready[j]) + n * layer + head * (i == p - 1)
            ready[j] = free_at
    assert took == pytest.approx(ready[-1])


def test_interleaving_divides_the_bubble():
    T = {}
    for V in (1, 3):
        r = simple(p=8, gpus=8, B=4 * 32, V=V, vocabulary=1e-9, nic=np.inf)
        T[V] = bench.step(IDEAL, r)[0]
    rest = [1 - training.bubble(8, 32, V) for V in (1, 3)]
    assert T[3] / T[1] == pytest.approx(rest[0] / rest[1])


P = 24 * 12 * 2048**2 + 51_200 * 2048  # parameters of the row above


def waits(**r):
    """Seconds that slow links add."""
    fast = bench.step(IDEAL, simple(**r | {"nvlink": np.inf, "nic": np.inf}))[0]
    return bench.step(IDEAL, simple(**r))[0] - fast


@pytest.mark.parametrize(("recompute", "times"), [(0, 4), (1, 6)])
def test_tensor_ranks_sum_activations_in_each_layer(recompute, times):
    took = waits(t=8, gpus=8, B=4, recompute=recompute)
    traffic = 2 * 7 / 8 * 2 * 4096 * 2048
    assert took == pytest.approx(24 * times * traffic / 300e9)


@pytest.mark.parametrize("t", [1, 8, 16])
def test_rings_that_leave_a_node_share_its_network_cards(t):
    took = waits(t=t, gpus=64 * t, B=256, nvlink=np.inf)
    gradients = 2 * 63 / 64 * 2 * P / t / (100e9 / min(t, 8))
    activations = 24 * 6 * 2 * 15 / 16 * 2 * 4096 * 2048 / 100e9 if t == 16 else 0
    assert took == pytest.approx(gradients + activations)


def test_zero3_gathers_weights_in_every_microbatch_behind_what_is_computed():
    slow, fast = ({"gpus": 64, "B": 3 * 256, "zero3": 1, "nic": x} for x in (1e9, 1e13))
    traffic = 3 * 3 * 63 / 64 * 2 * P  # three microbatches; two gathers, one sum
    assert bench.step(IDEAL, simple(**slow))[0] == pytest.approx(traffic / 1e9)
    assert waits(**fast) == 0


def test_measured_steps_of_a_paper_that_no_fit_has_seen():
    theta = np.array(
        [0.8, 5, 6, 65, 1.6e-3, 3e-3, 0.95]
    )  # about what vTrain's rows give
    shapes = [  # Narayanan et al. (2021), table 1: a GPU's TFLOP/s, four passes
        (8192, 48, 64, 8, 2, 512, 1536, 4, 138),
        (10240, 60, 80, 8, 4, 1024, 1792, 2, 140),
        (16384, 96, 128, 8, 16, 1920, 2160, 1, 155),
        (25600, 128, 160, 8, 64, 3072, 3072, 1, 163),
    ]
    for h, L, a, t, p, gpus, B, b, rate in shapes:
        flop = 96 * B * 2048 * L * h**2 * (1 + 2048 / (6 * h) + 51_200 / (16 * L * h))
        shape = {"L": L, "h": h, "a": a, "s": 2048, "vocabulary": 51_200}
        layout = {"t": t, "p": p, "gpus": gpus, "b": b, "nic": 8 * HDR.beta}
        r = published.columns([published.row(1.0, B, **shape, **layout)])
        assert bench.step(theta, r)[0] == pytest.approx(
            flop / gpus / (rate * 1e12), rel=0.06
        )


@pytest.mark.parametrize("one", bench.SETS, ids=lambda x: x.name)
def test_half_of_known_steps_predicts_the_other_half(tables, one):
    r, left = bench.load(tables / one.file, one.read)
    assert left == 0
    a, b = bench.halves(bench.groups(r))
    assert sorted(a + b) == list(range(len(r["T"])))
    assert abs(len(a) - len(b)) <= 2
    trial = bench.judge(r, a, b)
    assert (trial.fitted, trial.tested) == (a, b)
    mean, _, flat, _ = bench.sizes(trial.ours, trial.flat)
    assert mean < 1.5
    assert flat > 5  # the rows are not so alike that anything would do


def test_the_half_that_is_tested_is_not_fitted(own):
    one = bench.SETS[0]
    r, _ = bench.load(own / one.file, one.read)
    a, b = bench.halves(bench.groups(r))
    before = bench.judge(r, a, b)
    rows = rows_of(own / one.file)
    for i in b:
        rows[i]["iteration_ms"] = 7 * float(rows[i]["iteration_ms"])
    write(own / one.file, rows)
    r, _ = bench.load(own / one.file, one.read)
    assert bench.halves(bench.groups(r)) == (a, b)
    after = bench.judge(r, a, b)
    assert (after.theta == before.theta).all()
    assert (after.ours < before.ours - 50).all()


def test_repeated_rows_stay_together_wherever_they_stand(own):
    one = bench.SETS[0]
    once = rows_of(own / one.file)
    again = [x | {"iteration_ms": 1.1 * float(x["iteration_ms"])} for x in once]
    sides = []
    for rows in (once, [*again[::-1], *once]):
        write(own / one.file, rows)
        r, _ = bench.load(own / one.file, one.read)
        keys = [tuple(x[c] for c in MEGATRON.values()) for x in rows]
        a, b = ({keys[i] for i in half} for half in bench.halves(bench.groups(r)))
        assert not a & b
        sides.append((a, b))
    assert sides[0] == sides[1]


def test_the_report_ends_in_the_error_of_the_rows_held_out(tables, capsys):
    code, out, err = run(tables, capsys)
    assert (code, err) == (0, "")
    assert re.fullmatch(r"mean error \d+\.\d %", out.splitlines()[-1])
    assert out.splitlines()[-2].startswith(bench.MANY)
    assert float(out.split()[-2]) < 1.5
    for one in bench.SETS:
        assert out.count(f"{one.name} ") >= 2


def test_random_halves_add_their_mean_and_deviation(tables, capsys):
    _, out, _ = run(tables, capsys, "--splits", "2")
    assert out.count("2 random") == len(bench.SETS)
    deviations = [x.split()[1:] for x in out.splitlines() if "deviation" in x]
    assert len(deviations) == len(bench.SETS)
    assert all(float(x) > 0 for _, _, x, _ in deviations)  # the baseline's mean error


def test_rows_without_a_value_are_counted(own, capsys):
    path = own / "bigscience_176b_topology_sweep.csv"
    rows = rows_of(path)
    rows[3]["hidden"] = rows[4]["sec_per_iter"] = ""
    rows[5]["heads"] = ""  # is known to be 64
    rows[6]["gpus"] = "nan"
    write(path, rows)
    code, out, _ = run(own, capsys)
    assert code == 0
    assert "BigScience 176B: 3 rows left out" in out


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_named_and_the_rest_is_done(own, capsys, file):
    (own / file).unlink()
    code, out, err = run(own, capsys)
    assert code == 1
    assert err == f"step_time: {own / file}: no such file\n"
    assert out.splitlines()[-1].startswith("mean error") == (file != FILES[0])


@pytest.mark.parametrize("file", FILES)
def test_every_column_that_is_needed_is_missed(own, capsys, file):
    rows = rows_of(own / file)
    # BigScience's table has no such column: it is 2,048 throughout
    columns = [x for x in rows[0] if (x, file) != ("seq_len", FILES[2])]
    one = next(x for x in bench.SETS if x.file == file)
    for column in columns:
        write(own / file, [{k: v for k, v in x.items() if k != column} for x in rows])
        with pytest.raises(bench.Trouble, match=f"{file}: no column {column}$"):
            bench.load(own / file, one.read)
    code, _, err = run(own, capsys)
    assert code == 1
    assert err == f"step_time: {own / file}: no column {column}\n"


def test_too_few_rows_are_refused(own, capsys):
    write(own / FILES[0], rows_of(own / FILES[0])[:3])
    code, _, err = run(own, capsys)
    assert code == 1
    assert "3 rows to use, 0 left out: too few" in err


def test_an_empty_folder_ends_the_process_with_an_error(tmp_path):
    words = [sys.executable, SCRIPT, tmp_path]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("no such file") == len(FILES)
    assert "mean error" not in done.stdout
