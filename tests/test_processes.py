"""Processes on this machine, forked here or started by torchrun as two nodes."""

import ast
import os
import socket
import subprocess
import sys

import pytest

from autograder.make.address import ROOT
from autograder.make.build import read
from mlsyscore.processes import run

SCRIPT = """
import sys
import torch
import torch.distributed as dist
from mlsyscore.processes import run

def whole(rank, N, scale):
    x = torch.full((3,), float(rank + 1))
    dist.all_reduce(x)
    return rank, N, scale * x[0].item()

for N in (2, 1, 4, 3):
    results = run(whole, N, 10, timeout=30)
    print(results, file=open(sys.argv[1], "a"))
"""
EXPECTED = [
    [(0, 2, 30.0), (1, 2, 30.0)],
    [(0, 1, 10.0)],
    [(r, 4, 100.0) for r in range(4)],
    [(r, 3, 60.0) for r in range(3)],
]


# chapter: the processes it needs on each of two nodes, and a line of what they measured
CHAPTERS = {
    "01_introduction": (4, "a step of 8 processes"),
    "03_network_fabrics": (1, "held back"),
    "05_distributed_training": (2, "parts [72, 24]  "),
}


def measured(stem, line):
    """Return what a chapter measures with several processes, and what that needs.

    All eight processes would play the whole chapter, to no purpose.
    """
    needed, kept = set(), []
    cells = read(ROOT / f"chapters/{stem}.py").cells
    for cell in reversed([c.source for c in cells if c.cell_type == "code"]):
        tree = ast.parse(cell)
        names = [n for n in ast.walk(tree) if isinstance(n, ast.Name)]
        made = {n.id for n in names if isinstance(n.ctx, ast.Store)} | {
            getattr(n, "asname", None) or n.name.partition(".")[0]
            for n in ast.walk(tree)
            if isinstance(n, ast.alias | ast.FunctionDef | ast.ClassDef)
        }
        if (
            "processes.run(" in cell
            or line in cell
            or (needed & made and "plt.show()" not in cell)
        ):
            needed |= {n.id for n in names if isinstance(n.ctx, ast.Load)}
            kept.insert(0, cell)
    return "\n".join(kept)


def torchrun(node, port, *words, each=2):
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2"]
    command += ["--node-rank", str(node), "--nproc-per-node", str(each)]
    command += ["--master-addr", "127.0.0.1", "--master-port", str(port), *words]
    env = os.environ | {"MPLBACKEND": "Agg"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)


@pytest.fixture
def port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_under_torchrun_two_nodes_join_and_each_process_gets_all_results(
    tmp_path, port
):
    script, out = tmp_path / "script.py", tmp_path / "out"
    script.write_text(SCRIPT)
    nodes = [torchrun(n, port, str(script), str(out)) for n in (0, 1)]
    said = [node.communicate(timeout=120)[1] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], said
    lines = out.read_text().splitlines()
    assert sorted(lines) == sorted(str(x) for x in EXPECTED * 4)


def test_the_same_script_forks_where_there_is_no_torchrun(tmp_path):
    script, out = tmp_path / "script.py", tmp_path / "out"
    script.write_text(SCRIPT)
    subprocess.run([sys.executable, script, out], check=True, timeout=120)
    assert out.read_text().splitlines() == [str(x) for x in EXPECTED]


def test_a_world_that_is_too_small_is_refused(monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="2 processes, fewer than N = 3"):
        run(print, 3)


def test_a_rank_that_fails_under_torchrun_ends_all(tmp_path, port):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("x = torch", "1 / (3 - rank)\n    x = torch"))
    nodes = [torchrun(n, port, str(script), str(tmp_path / "out")) for n in (0, 1)]
    said = [node.communicate(timeout=120)[1] for node in nodes]
    assert all(node.returncode for node in nodes)
    assert "ZeroDivisionError" in "".join(said)


def test_the_chapters_that_start_processes_are_these():
    scripts = ROOT.glob("chapters/[0-9]*.py")
    assert {p.stem for p in scripts if "processes.run(" in p.read_text()} == {*CHAPTERS}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_what_a_chapter_measures_runs_unchanged_on_two_nodes(chapter, tmp_path, port):
    """All processes print what was measured, the same on each."""
    each, line = CHAPTERS[chapter]
    script = tmp_path / "measured.py"
    script.write_text(measured(chapter, line))
    words = ["--redirects", "1", "--log-dir", str(tmp_path), str(script)]
    nodes = [torchrun(n, port, *words, each=each) for n in (0, 1)]
    said = [node.communicate(timeout=300)[1] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], said
    printed = [p.read_text().splitlines() for p in tmp_path.rglob("stdout.log")]
    found = [x for lines in printed for x in lines if line in x]
    assert len(found) == 2 * each, found
    assert len(set(found)) == 1, found
