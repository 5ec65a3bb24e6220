"""What touches a device: on a CPU, and on a GPU that only notes what it is told."""

import re
import sys
import time
import types

import pytest
import torch

from autograder.make.address import ROOT
from mlsyscore import device
from mlsyscore.units import ms

MINE = ("mlsyscore/device.py", "mlsyscore/processes.py")  # the second: what NCCL needs
CUDA = re.compile(r"torch\.cuda|import cuda|torch\.accelerator|\.cuda\(|CUDAGraph")


def names_cuda(file):
    return bool(CUDA.search(file.read_text()))


def test_nothing_else_names_torch_cuda():
    places = ("chapters/*.py", "labs/**/*.py", "mlsyscore/**/*.py", "site/*.qmd")
    files = {str(f.relative_to(ROOT)) for p in places for f in ROOT.glob(p)}
    assert {*MINE, "chapters/02_compute_infrastructure.py"} <= files
    assert sorted(f for f in files if names_cuda(ROOT / f)) == sorted(MINE)


def test_the_device_has_a_name_and_torch_takes_its_kind():
    assert device.name().strip()
    assert torch.ones(2, device=device.kind()).sum() == 2
    assert device.wait() is None


def test_a_timer_returns_every_run_and_warms_up_first():
    slow = iter([0.05])
    runs = device.timed(lambda: time.sleep(next(slow, 2 * ms)))
    assert len(runs) == 21
    assert 2 * ms <= min(runs)
    assert sorted(runs)[10] < 25 * ms
    assert len(device.timed(lambda: None, runs=3)) == 3


def test_of_a_short_call_a_run_takes_many():
    called = []
    runs = device.timed(lambda: called.append(time.sleep(50e-6)), runs=5)
    assert len(called) > 3 + 5 * 3  # sleeps of 50 us take 50 to 300
    assert 50e-6 <= min(runs) < 1 * ms


def test_seconds_are_those_of_one_call(monkeypatch):
    clock = iter([10.0, 16.0])
    monkeypatch.setattr(device.time, "perf_counter", lambda: next(clock))
    assert device.seconds(lambda: None, calls=4) == 1.5


@pytest.mark.parametrize("ask", [device.seconds, device.timed])
def test_no_call_has_no_time(ask):
    with pytest.raises(ValueError, match="not 0"):
        ask(lambda: None, 0)


cpu_only = pytest.mark.skipif(device.count() > 0, reason="this machine has a GPU")


@cpu_only
def test_peak_memory_is_what_is_held_at_once():
    x = torch.ones(500, 500)  # 1 MB
    assert device.peak_memory(lambda: x @ x) == 1e6
    assert device.peak_memory(lambda: [x @ x for _ in range(3)]) == 3e6
    assert device.peak_memory(lambda: x @ x @ x @ x) == 2e6  # two at once, never three
    assert device.peak_memory(lambda: x.add_(0)) < 100  # a scalar


@cpu_only
def test_what_was_held_before_does_not_count():
    kept = []

    def swap():
        kept.clear()
        kept.append(torch.ones(250_000))

    swap()
    assert device.peak_memory(swap) == 0  # 1 MB goes, 1 MB comes


@cpu_only
def test_the_backward_pass_counts_whatever_thread_it_runs_in():
    layers = torch.nn.Sequential(*(torch.nn.Linear(500, 500, bias=False),) * 4)
    x = torch.ones(500, 500)

    def step():
        layers.zero_grad()
        layers(x).sum().backward()

    forward = device.peak_memory(lambda: layers(x))
    assert device.peak_memory(step) > forward > 3e6


@cpu_only
def test_a_profile_is_quiet(capfd):
    device.peak_memory(lambda: torch.ones(3))
    assert capfd.readouterr() == ("", "")


@cpu_only
@pytest.mark.parametrize("ask", [device.energy, device.graph])
def test_what_a_cpu_does_not_have_is_said(ask):
    with pytest.raises(RuntimeError, match=r"^no (meter|graph) of "):
        ask(lambda: None)


class Board:
    """A GPU of 40 W whose clock and counter move by what is run on it."""

    def __init__(self, monkeypatch):
        self.ms = 0.0
        self.told = []
        cuda = types.SimpleNamespace(
            device_count=lambda: 1,
            synchronize=lambda: self.told.append("wait"),
            get_device_name=lambda: "a board",
            get_device_properties=lambda i: types.SimpleNamespace(uuid="1-2"),
            Event=lambda enable_timing: Event(self),
        )
        monkeypatch.setattr(torch, "cuda", cuda)

    def run(self):
        self.ms += 20.0

    def nvml(self, monkeypatch, error=None):
        nvml = types.ModuleType("pynvml")
        nvml.NVMLError = type("NVMLError", (Exception,), {})

        def counter(board):
            if error:
                raise nvml.NVMLError(error)
            assert board == "GPU-1-2"
            return 40 * self.ms  # millijoules

        nvml.nvmlInit = nvml.nvmlShutdown = lambda: self.told.append("nvml")
        nvml.nvmlDeviceGetHandleByUUID = lambda uuid: uuid
        nvml.nvmlDeviceGetTotalEnergyConsumption = counter
        monkeypatch.setitem(sys.modules, "pynvml", nvml)


class Event:
    def __init__(self, board):
        self.board = board

    def record(self):
        self.at = self.board.ms

    def synchronize(self):
        self.board.told.append("event")

    def elapsed_time(self, end):
        assert self.board.told[-1] == "event"
        return end.at - self.at


def test_a_gpu_s_time_is_between_two_events_the_last_waited_for(monkeypatch):
    board = Board(monkeypatch)
    assert device.kind() == "cuda"
    assert device.name() == "a board"
    assert device.timed(board.run) == [20 * ms] * 21
    assert board.told[:2] == ["wait", "event"]


def test_a_call_s_energy_is_the_counter_s_in_the_mean(monkeypatch):
    board = Board(monkeypatch)
    board.nvml(monkeypatch)
    spent = device.energy(board.run, at_least=0.5)
    assert spent.seconds == pytest.approx(20 * ms)
    assert spent.joules == pytest.approx(0.8)
    assert spent.watts == pytest.approx(40)
    assert board.ms == pytest.approx(20 + 25 * 20)
    assert board.told.count("nvml") == 2


def test_a_meter_that_is_not_there_is_said(monkeypatch):
    board = Board(monkeypatch)
    board.nvml(monkeypatch, error="Not Supported")
    with pytest.raises(RuntimeError, match="on this a board: NVML says Not Supported"):
        device.energy(board.run)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(RuntimeError, match="pip install nvidia-ml-py"):
        device.energy(board.run)
