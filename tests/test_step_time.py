"""The step-time benchmark: its model, its fit, and that its test halves stay unseen."""

import importlib
import json
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
rooms = ("step_time", "published", "control", "papers", "step_scope", "runs")
bench, published, control, papers, scope, runs = map(importlib.import_module, rooms)

TRUTH = np.array([0.7, 5.0, 7.0, 40.0, 2e-3, 4e-3, 0.6])  # not where a fit starts
IDEAL = np.array([1, 0, 0, 0, 0, 0, 1.0])  # matrix products at the peak, all else free
VTRAIN = np.array([0.8, 5, 6, 65, 1.6e-3, 3e-3, 0.95])  # about what vTrain's rows give
FOUNDRY = np.array([0.7, 11, 7.5, 30, 2.5e-3, 3e-3, 0.8])  # llm-foundry's, on H100
FILES = control.FILES


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return control.folder_of(tmp_path_factory.mktemp("tables"), TRUTH)


@pytest.fixture
def own(tables, tmp_path):
    """A copy to break."""
    for file in FILES:
        (tmp_path / file).write_bytes((tables / file).read_bytes())
    return tmp_path


def run(folder, capsys, *words):
    code = bench.main([str(folder), "--splits", "0", *words])
    return code, *capsys.readouterr()


def seconds(theta=IDEAL, **changes):
    return bench.step(theta, control.simple(**changes))[0]


def test_an_ideal_gpu_needs_the_operations_over_its_peak():
    r = control.simple(recompute=0)
    assert bench.step(IDEAL, r)[0] == pytest.approx(r["flop"][0] / A100.peak)


@pytest.mark.parametrize(("L", "p"), [(24, 1), (24, 4), (22, 4), (23, 8)])
def test_a_pipeline_takes_as_long_as_when_played_out(L, p):
    m, free = 12, {"nvlink": np.inf, "nic": np.inf}
    took = seconds(L=L, p=p, gpus=p, B=4 * m, **free)
    one, two = (seconds(L=n, **free) for n in (1, 2))  # the head, and layers
    layer, head = two - one, 2 * one - two
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
    one = {"p": 8, "gpus": 8, "B": 4 * 32, "vocabulary": 1, "nic": np.inf}
    T = {V: seconds(**one, V=V) for V in (1, 3)}
    rest = [1 - training.bubble(8, 32, V) for V in (1, 3)]
    assert T[3] / T[1] == pytest.approx(rest[0] / rest[1], rel=1e-5)


P = 24 * 12 * 2048**2 + 51_200 * 2048  # parameters of the row above


def waits(**r):
    """Seconds that slow links add."""
    return seconds(**r) - seconds(**r | {"nvlink": np.inf, "nic": np.inf})


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
    assert seconds(**slow) == pytest.approx(traffic / 1e9)
    assert waits(**fast) == waits(gpus=64, B=256, hidden=1) == 0


def test_measured_steps_of_a_paper_that_no_fit_has_seen():
    shapes = [  # Narayanan et al. (2021), table 1: a GPU's TFLOP/s, four passes
        (8192, 48, 64, 8, 2, 512, 1536, 4, 138),
        (10240, 60, 80, 8, 4, 1024, 1792, 2, 140),
        (16384, 96, 128, 8, 16, 1920, 2160, 1, 155),
        (25600, 128, 160, 8, 64, 3072, 3072, 1, 163),
    ]
    for h, L, a, t, p, gpus, B, b, rate in shapes:
        flop = 96 * B * 2048 * L * h**2 * (1 + 2048 / (6 * h) + 51_200 / (16 * L * h))
        r = {"L": L, "h": h, "a": a, "s": 2048, "t": t, "p": p, "gpus": gpus, "b": b}
        r = published.row(1.0, B, **r, vocabulary=51_200, nic=8 * HDR.beta)
        T = flop / gpus / (rate * 1e12)
        assert bench.step(VTRAIN, published.columns([r]))[0] == pytest.approx(T, 0.06)


def test_fused_attention_works_on_the_pairs_that_a_mask_leaves():
    s, heads = 256, 24 * 4 * 16
    pairs = sum(1 for i in range(s) for j in range(s) if j <= i)
    work = 9 * heads * pairs * 2 * 128  # products: two forward, again, five backward
    took = seconds(s=s, flash=0.5) - seconds(s=s, flash=1)
    assert took == pytest.approx(work / A100.peak, rel=1 / s)
    traffic = np.array([1, 0, 0, 99, 0, 0, 1])  # of scores: a fused kernel has none
    for flash, same in ((1, True), (0, False)):
        r = {"flash": flash, "memory": 1e12}
        assert (seconds(traffic, **r) == seconds(**r)) == same


@pytest.mark.parametrize(("crossings", "t"), [(2, 1), (9, 1), (9, 4)])
def test_compiled_code_moves_a_byte_four_times(crossings, t):
    kept = 24 * (10 + 24 / t) * 2048 + 6 * 51_200 / t  # of a token: layers, logits
    r = {"compiled": 1, "memory": 1e12, "recompute": 0, "t": t, "gpus": t, "B": 4}
    took = seconds(np.array([1, 0, crossings, 0, 0, 0, 1]), **r) - seconds(**r)
    assert took == pytest.approx(4096 * kept * min(crossings, 4) / 1e12)


def test_fp8_halves_what_6_p_counts_and_leaves_scores_and_logits():
    saved = seconds(recompute=0) - seconds(recompute=0, linear=2 * A100.peak)
    work = training.training_flop(24 * 12 * 2048**2, 4096)
    assert saved == pytest.approx(work / A100.peak / 2)


@pytest.mark.parametrize(
    ("size", "P"),  # Hugging Face's count of the published weights
    [("8B", 8_030_261_248), ("70B", 70_553_706_496), ("405B", 405_853_388_800)],
)
def test_llama_layers_make_up_its_published_parameters(size, P):
    r = papers.torchtitan(control.titan(model=size))
    rest = 2 * r["vocabulary"] + 2 * r["L"] + 1  # embedding, head, norms
    assert r["L"] * r["W"] + rest * r["h"] == P


def test_a_context_parallel_step_has_all_of_its_tokens():
    r = papers.torchtitan(control.titan("FSDP2 TP8 PP8 CP4", "405B", 512, 2**17, 8, 31))
    tokens = r["d"] * r["m"] * r["b"] * r["s"]
    assert r["T"] * 31 * 512 == pytest.approx(tokens) == 2 * 8 * 2**17
    assert (r["m"], r["b"]) == (8, 0.25)


def test_rows_that_leave_the_microbatch_open_are_left_out():
    inputs = {"layers": 96, "hidden": 12_288, "heads": 128, "seq": 2048, "tp": 8}
    inputs |= {"pp": 8, "gpus": 256, "batch": 768, "vocab": "64k"}
    x = {"inputs": inputs, "value": 40.0, "id": "mcore-1", "quantity": ""}
    assert papers.megascale(x)["vocabulary"] == 64_000
    other = x | {"inputs": inputs | {"pp": 1}, "id": "mcore-2"}
    found = papers.rows_of([x, other], papers.PAPERS["Megatron-Core, H100"])
    assert [*found] == ["mcore-1"]


def test_newer_runs_are_within_a_third_though_none_was_fitted():
    said = [  # torchtitan's benchmarks of December 2024, tables 1 and 4
        control.titan("FSDP8 selective AC"),
        control.titan("FSDP8 selective AC + compile", value=6667),
        control.titan("FSDP32 TP8 compile float8 full-AC", "70B", 256, 8192, 16, 829),
    ]
    r = published.columns([papers.torchtitan(x) for x in said])
    assert bench.step(FOUNDRY, r) == pytest.approx(r["T"], rel=1 / 3)
    assert r["flop"][0] / 16 / 8192 == pytest.approx(5.79e10, 0.01)  # its note 2


@pytest.mark.parametrize(("how", "T"), [("full", 49.05), ("selective", 37.83)])
def test_measured_steps_with_full_and_selective_recompute(how, T):
    inputs = {"heads": 128, "hidden": 20_480, "layers": 105, "tp": 8, "pp": 35}
    inputs |= {"gpus": 280, "batch": 280, "micro_batch": 1, "seq": 2048}
    inputs |= {"interleave": 3, "vocab": 51_200}  # Korthikanti et al. (2022), table 5
    r = papers.korthikanti({"quantity": how, "inputs": inputs, "value": T})
    assert r["whole"] + r["split"] / 8 == (13 if how == "full" else 34 / 8)  # table 2
    assert bench.step(VTRAIN, published.columns([r]))[0] == pytest.approx(T, rel=0.1)


def test_a_range_holds_the_stated_share_of_rows_like_those_fitted():
    new, heard = control.noisy(TRUTH, 1, 400), scope.within(control.noisy(TRUTH, 0))
    for share in (0.5, 0.9):
        told = scope.spread(heard, new, share)
        assert bench.held(told, new)[0] / 100 == pytest.approx(share, abs=0.1)


def test_a_range_from_other_clusters_holds_where_one_from_a_cluster_does_not():
    rng, top = np.random.default_rng(5), [1, *[np.inf] * 5, 1]
    thetas = [np.minimum(TRUTH * rng.lognormal(0, 0.3, 7), top) for _ in range(6)]
    known = [scope.know(control.noisy(theta, i)) for i, theta in enumerate(thetas)]
    wide = [scope.among(known[:i] + known[i + 1 :]) for i in range(6)]
    narrow = [scope.within(known[i - 1].rows) for i in range(6)]
    held = [
        np.mean([bench.held(scope.spread(x, y), y)[0] for x, (y, _) in pairs])
        for pairs in (zip(wide, known, strict=True), zip(narrow, known, strict=True))
    ]
    assert held[0] > 80
    assert held[1] < 60


def test_what_no_fitted_row_had_is_named_and_a_new_kind_gets_no_range():
    known = [scope.know(control.noisy(TRUTH, i, 60 + i)) for i in (0, 1)]
    assert [len(x.ratio) for x in scope.among(known)] == [61, 60]
    assert [len(x.ratio) for x in scope.within(known[1].rows)] == [30, 31]
    one = published.take(known[0].rows, [7])
    far, newer = one | {"s": 8 * one["s"]}, one | {"compiled": np.ones(1)}
    rows = {x: np.concatenate([r[x] for r in (one, far, newer)]) for x in one}
    told = scope.forecast(known, rows)
    assert told.outside == [[], ["s"], ["compiled"]]
    assert told.new == [[], [], ["compiled"]]
    assert np.isfinite(told.high).tolist() == [True, True, False]
    assert (told.low < bench.step(TRUTH, rows)).all()
    with pytest.raises(ValueError, match="outside of the rows fitted: s"):
        scope.forecast(known[:1], far)


def test_the_report_shows_newer_runs_beside_the_rival_and_what_is_new(own, capsys):
    rows = [control.titan() | {"id": f"ttitan-0{i}", "quantity": ""} for i in (1, 2)]
    (own / papers.TRAINING).write_text(json.dumps({"rows": rows}))
    _, out, _ = run(own, capsys)
    errors, forecast = (x for x in out.splitlines() if x.startswith("torchtitan"))
    assert len(errors.split()) == 3 + 2 * len(bench.SETS) + 1  # and the bar
    assert re.search(" 2   0    0 of   0   2 of   2 .* flash ", forecast)


@pytest.mark.parametrize("one", bench.SETS, ids=lambda x: x.name)
def test_half_of_known_steps_predicts_the_other_half(tables, one):
    r, left = bench.load(tables / one.file, one.read)
    a, b = bench.halves(bench.groups(r))
    assert sorted(a + b) == list(range(len(r["T"])))
    assert abs(len(a) - len(b)) <= 2
    trial = bench.judge(r, a, b)
    assert (left, trial.fitted, trial.tested) == (0, a, b)
    mean, _, flat, _ = bench.sizes(trial.ours, trial.flat)
    assert mean < 1.5
    assert flat > 5  # the rows are not so alike that anything would do


def test_the_half_that_is_tested_is_not_fitted(own):
    one = bench.SETS[0]
    r, _ = bench.load(own / one.file, one.read)
    a, b = bench.halves(bench.groups(r))
    before = bench.judge(r, a, b)
    rows = control.read(own / one.file)
    for i in b:
        rows[i]["iteration_ms"] = 7 * float(rows[i]["iteration_ms"])
    control.write(own / one.file, rows)
    r, _ = bench.load(own / one.file, one.read)
    assert bench.halves(bench.groups(r)) == (a, b)
    after = bench.judge(r, a, b)
    assert (after.theta == before.theta).all()
    assert (after.ours < before.ours - 50).all()


def test_repeated_rows_stay_together_wherever_they_stand(own):
    one = bench.SETS[0]
    once = control.read(own / one.file)
    again = [x | {"iteration_ms": 1.1 * float(x["iteration_ms"])} for x in once]
    sides = []
    for rows in (once, [*again[::-1], *once]):
        control.write(own / one.file, rows)
        r, _ = bench.load(own / one.file, one.read)
        keys = [tuple(x[c] for c in control.MEGATRON.values()) for x in rows]
        a, b = ({keys[i] for i in half} for half in bench.halves(bench.groups(r)))
        assert not a & b
        sides.append((a, b))
    assert sides[0] == sides[1]


def test_the_report_ends_in_the_error_of_the_rows_held_out(tables, capsys):
    code, out, err = run(tables, capsys, "--splits", "2")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"mean error \d+\.\d %", out.splitlines()[-1])
    assert out.splitlines()[-2].startswith(bench.MANY)
    assert float(out.split()[-2]) < 1.5
    assert all(out.count(f"{one.name} ") >= 2 for one in bench.SETS)
    deviations = [x.split()[1:] for x in out.splitlines() if "deviation" in x]
    assert out.count("2 random") == len(deviations) == len(bench.SETS)
    assert all(float(x) > 0 for _, _, x, _ in deviations)  # the baseline's mean error


def test_rows_without_a_value_are_counted(own, capsys):
    path = own / "bigscience_176b_topology_sweep.csv"
    rows = control.read(path)
    rows[3]["hidden"] = rows[4]["sec_per_iter"] = ""
    rows[5]["heads"] = ""  # is known to be 64
    rows[6]["gpus"] = "nan"
    control.write(path, rows)
    assert "BigScience 176B: 3 rows left out" in run(own, capsys)[1]


@pytest.mark.parametrize("file", FILES)
def test_a_file_and_every_column_is_missed_and_the_rest_done(own, capsys, file):
    rows = control.read(own / file)
    # BigScience's table has no such column: it is 2,048 throughout
    columns = [x for x in rows[0] if (x, file) != ("seq_len", FILES[2])]
    one = next(x for x in bench.SETS if x.file == file)
    for column in columns:
        less = [{k: v for k, v in x.items() if k != column} for x in rows]
        control.write(own / file, less)
        with pytest.raises(bench.Trouble, match=f"{file}: no column {column}$"):
            bench.load(own / file, one.read)
    code, _, err = run(own, capsys)
    assert (code, err) == (1, f"step_time: {own / file}: no column {column}\n")
    (own / file).unlink()
    code, out, err = run(own, capsys)
    assert (code, err) == (1, f"step_time: {own / file}: no such file\n")
    assert out.splitlines()[-1].startswith("mean error") == (file != FILES[0])


def test_one_cluster_s_jobs_of_8_gpus_tell_how_often_those_of_1024_fail(own, capsys):
    x = {"id": "rsc-mttf-", "inputs": {"gpus": 1024}, "value": 7.9, "unit": "h"}
    y = x | {"inputs": {"gpus": 8}, "value": 47.7, "unit": "days"}
    for file, rows in ((papers.RUNS, [x, y]), (papers.TRAINING, [])):  # 2410.21680
        (own / file).write_text(json.dumps({"rows": rows}))
    assert runs.main([str(own)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"system_mtbf +2 +243\.8", out)  # the paper's rate for nodes
    assert re.search(r"of an 8-GPU job +1 +13\.2", out)  # 47.7 days/128 is 8.94 h


def test_too_few_rows_are_refused(own, capsys):
    control.write(own / FILES[0], control.read(own / FILES[0])[:3])
    assert "3 rows to use, 0 left out: too few" in run(own, capsys)[-1]


def test_an_empty_folder_ends_the_process_with_an_error(tmp_path):
    words = [sys.executable, SCRIPT, tmp_path]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("no such file") == len(FILES)
    assert "mean error" not in done.stdout
