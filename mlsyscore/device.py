"""The device at hand, a GPU if torch sees one, else the CPU: its clock and its meters.

All of torch.cuda stands here, but for what NCCL needs (``processes``).  A call is a
function without arguments; make its tensors beforehand, with ``device=kind()``.
"""

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .units import Bytes, Joules, Seconds, Watts, mJ, ms

Call = Callable[[], Any]
SHORT = 1 * ms  # a run is at least so long: of shorter calls it takes many
os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else a profile reports on stderr


def count() -> int:
    """Return the number of GPUs that torch sees; 0 where there is none."""
    import torch

    return torch.cuda.device_count()


def kind() -> str:
    """Return "cuda" or "cpu", as torch takes it: the first GPU, if there is one."""
    return "cuda" if count() else "cpu"


def name() -> str:
    """Return what the device calls itself: its GPU's name, else its CPU's."""
    import torch

    if count():
        return str(torch.cuda.get_device_name())
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [x.partition(":")[2].strip() for x in lines if "model name" in x]
    return names[0] if names else "unknown CPU"


def wait() -> None:
    """Return when the device has done all that it was given; a CPU has."""
    import torch

    if count():
        torch.cuda.synchronize()


def seconds(f: Call, calls: int = 1) -> Seconds:
    """Return the time of a call, the mean of so many in a row, the last waited for.

    Between two events of the GPU, else by the monotonic clock.  ValueError below 1.
    """
    import torch

    if calls < 1:
        raise ValueError(f"needs 1 call or more, not {calls}")
    if count():
        event: Any = torch.cuda.Event
        start, end = (event(enable_timing=True) for _ in range(2))
        wait()
        start.record()
        for _ in range(calls):
            f()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) * ms / calls
    began = time.perf_counter()
    for _ in range(calls):
        f()
    return (time.perf_counter() - began) / calls


def timed(f: Call, runs: int = 21) -> list[Seconds]:
    """Return the time of a call, as each of so many runs found it, after warming up.

    A run takes a millisecond or more: of a short call it is the mean of many.  Compare
    medians; the runs' spread is the machine's.  ValueError for fewer than 1 run.
    """
    if runs < 1:
        raise ValueError(f"needs 1 run or more, not {runs}")
    f()  # compiles, fills caches, takes memory
    once = min(seconds(f) for _ in range(2))
    calls = max(math.ceil(SHORT / max(once, SHORT / 10_000)), 1)
    return [seconds(f, calls) for _ in range(runs)]


def peak_memory(f: Call) -> Bytes:
    """Return the most memory that a call holds at once, beyond what was held before it.

    What torch allocates, no other library.  f is called twice, the second time counts.
    """
    if not count():
        return _cpu_peak(f)
    import torch

    f()
    wait()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    f()
    wait()
    return float(torch.cuda.max_memory_allocated() - before)


def _cpu_peak(f: Call) -> Bytes:
    """Add up what the profiler saw allocated and freed during the second call."""
    from torch.profiler import ProfilerActivity, profile, record_function

    cpu = [ProfilerActivity.CPU]
    with profile(activities=cpu, profile_memory=True) as seen:
        f()
        with record_function("counted"):
            f()
    events = seen.profiler.kineto_results.events()
    (begin,) = (e.start_ns() for e in events if e.name() == "counted")
    moves = [(e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]"]
    held = peak = 0
    for _, n in sorted((t, n) for t, n in moves if t >= begin):
        held += n
        peak = max(peak, held)
    return float(peak)


@dataclass(frozen=True, slots=True)
class Energy:
    """What the board's meter counted: joules and seconds of a call, in the mean."""

    joules: Joules
    seconds: Seconds

    @property
    def watts(self) -> Watts:
        """Mean power of the board while it was called, what it draws idle included."""
        return self.joules / self.seconds


def energy(f: Call, at_least: Seconds = 2.0) -> Energy:
    """Return the energy of a call, the mean of as many as take so long.

    NVML's counter moves every 20 to 100 ms, hence the seconds.  RuntimeError where
    there is no GPU, no NVML (``pip install nvidia-ml-py``), or no such counter (before
    Volta): nothing is estimated.
    """
    with _meter() as read:
        once = seconds(f)
        calls = max(math.ceil(at_least / max(once, at_least / 1e6)), 1)
        before = read()
        spent = seconds(f, calls)
        return Energy((read() - before) / calls, spent)


@contextlib.contextmanager
def _meter() -> Iterator[Callable[[], Joules]]:
    """Lend the board's counter of joules."""
    if not count():
        raise RuntimeError("no meter of energy: torch sees no GPU on this machine")
    import torch

    try:
        import pynvml  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        text = "no meter of energy: it is read by pynvml (pip install nvidia-ml-py)"
        raise RuntimeError(text) from None
    try:
        pynvml.nvmlInit()
        uuid = f"GPU-{torch.cuda.get_device_properties(0).uuid}"
        board = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(board)
    except pynvml.NVMLError as e:
        text = f"no meter of energy on this {name()}: NVML says {e}"
        raise RuntimeError(text) from None
    try:
        yield lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(board) * mJ
    finally:
        pynvml.nvmlShutdown()


def graph(f: Call) -> Call:
    """Return a function that replays the kernels of f, all with one launch.

    It works on the very tensors that f had: change what they hold, not which they are.
    RuntimeError on a CPU, where nothing is launched.
    """
    if not count():
        raise RuntimeError("no graph of a call: a CPU runs what it is told at once")
    import torch

    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # warm up where no capture is disturbed
        for _ in range(3):
            f()
    torch.cuda.current_stream().wait_stream(side)
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured):
        f()
    return captured.replay
