"""Section "Feeding and saving a training fleet".

Runs are of 30 days.  Rates per month are for months of 365.25/12 days, and a year is
twelve of them, so the length cancels.
"""

from mlsyscore import queues
from mlsyscore import storage as sg
from mlsyscore.catalog import (
    EGRESS,
    GPT3,
    NVME_GEN5,
    NVME_NODE,
    OBJECT_MONTH,
    OBJECT_STORE,
    PARALLEL_FS,
)
from mlsyscore.units import GB, TB, day, dollar, minute, month, ms, second, us

from . import Row

SAVES = 30 * day / (10 * minute)
CHECKPOINT = sg.checkpoint_bytes(GPT3.P)
WEIGHTS = sg.checkpoint_bytes(GPT3.P, 2.0)  # fp16
PAUSE = sg.staging_time(CHECKPOINT, 2048 // 8, NVME_NODE)
SHARE = sg.hit_rate(30.72 * TB, 35 * TB)  # of images, text and audio
MISS = NVME_NODE / (4 * GB / second)
STORE = sg.Prices(OBJECT_MONTH, EGRESS, 0.0004 * dollar / 1000)
LOCAL = sg.Prices(100 * dollar / TB / month)
RUN = 3 * month  # four runs a year


def kept(size, months):
    return sg.store_cost(size, months * month, 0, 0, STORE)


def read(size, times):
    return sg.store_cost(size, 0, times, 0, STORE)


VISION, STAGED = 50 * TB, sg.store_cost(50 * TB, 12 * month, 0, 0, LOCAL)
STREAM = sg.store_cost(VISION, 12 * month, 4 * 20, 0, STORE)
STAGE = sg.store_cost(VISION, 12 * month, 4, 0, STORE) + STAGED
PRINT, TIERED = "Gpt3StorageFootprint", "Gpt3TieredCheckpoint2K"
CACHE, BILL = "MultimodalCorpusNodeCache", "ObjectStorage100TB"
CHOICE = "VisionCorpusStreamVsStage"

ROWS = [
    Row(PRINT, "checkpoint_bytes", lambda: CHECKPOINT, 2.45e12),
    Row(PRINT, "checkpoint_bytes_written", lambda: SAVES * CHECKPOINT, 1.0584e16),
    Row(PRINT, "write_read_ratio", lambda: SAVES * CHECKPOINT / (6 * TB), 1764),
    # 44 are kept, beside the corpus and its source
    Row(PRINT, "archive_bytes", lambda: 44 * CHECKPOINT + 9 * TB, 1.168e14),
    Row(TIERED, "per_node_shard", lambda: CHECKPOINT / 256, 9.5703e9),
    Row(TIERED, "local_write_time", lambda: PAUSE, 0.3418),
    Row(TIERED, "drain_time", lambda: sg.transfer_time(CHECKPOINT, PARALLEL_FS), 2.45),
    Row(TIERED, "pause_fraction", lambda: PAUSE / (10 * minute), 0.00056966),
    Row(
        "TextInputDemand2K",
        "bandwidth",
        lambda: sg.demand(2048, 4096 * 4, 200 * ms) * ms,
        1.6777e5,
    ),
    Row(
        "ImageInputDemand2K",
        "bandwidth",
        lambda: sg.demand(2048, 256 * 1.1566e5, 200 * ms) * ms,
        3.0319e8,
    ),
    Row(
        "OverlappedInputStall",
        "stalls",
        lambda: [sg.stall_sequential(250, 200), sg.stall_overlapped(250, 200)],
        [0.55556, 0.2],
    ),
    Row(
        "OverlappedInputStall",
        "steps in ms",
        lambda: [
            200 / (1 - stall(250, 200))
            for stall in (sg.stall_sequential, sg.stall_overlapped)
        ],
        [450, 250],
    ),
    Row(
        "HotTierCacheExample", "mean_service", lambda: sg.cache_service(0.95, 100), 5.95
    ),
    Row(
        "HotTierCacheExample",
        "delivered_fraction",
        lambda: 1 / sg.cache_service(0.95, 100),
        0.16807,
    ),
    Row(CACHE, "hit_rate", lambda: SHARE, 0.87771),
    Row(CACHE, "miss_penalty", lambda: MISS, 7),
    Row(CACHE, "mean_service", lambda: sg.cache_service(SHARE, MISS), 1.7337),
    Row(
        CACHE,
        "delivered_rate",
        lambda: NVME_NODE / sg.cache_service(SHARE, MISS) / GB,
        16.15,
    ),
    Row(
        "GpuDirectStorageNodeCpu",
        "cpu_seconds_per_second",
        lambda: [
            queues.offered_load(8000 * 8 / second, S) for S in (120 * us, 30 * us)
        ],
        [7.68, 1.92],
    ),
    Row(BILL, "storage_cost", lambda: kept(100 * TB, 12), 24_000),
    Row(BILL, "egress_per_read", lambda: read(100 * TB, 1), 9000),
    Row(BILL, "egress_cost", lambda: read(100 * TB, 10), 90_000),
    Row(BILL, "request_cost", lambda: sg.store_cost(0, 0, 1, 10**8, STORE), 40),
    Row(
        BILL,
        "archive_restore_cost",
        lambda: sg.store_cost(
            100 * TB, 0, 1, 0, sg.Prices(0.0, EGRESS + 0.02 * dollar / GB)
        ),
        11_000,
    ),
    Row(CHOICE, "source_storage_cost", lambda: kept(VISION, 12), 12_000),
    Row(CHOICE, "stream_egress_per_run", lambda: read(VISION, 20), 90_000),
    Row(CHOICE, "stream_egress_cost", lambda: read(VISION, 80), 3.6e5),
    Row(CHOICE, "stream_cost", lambda: STREAM, 3.72e5),
    Row(CHOICE, "local_storage_cost", lambda: STAGED, 60_000),
    Row(CHOICE, "stage_egress_cost", lambda: read(VISION, 4), 18_000),
    Row(CHOICE, "stage_cost", lambda: STAGE, 90_000),
    Row(CHOICE, "savings", lambda: STREAM - STAGE, 2.82e5),
    Row(
        CHOICE,
        "break_even_epochs",
        lambda: sg.break_even_epochs(LOCAL.kept, RUN, EGRESS),
        4.3333,
    ),
    Row(
        "Gpt3WeightsColdStart",
        "times in ms",
        lambda: [
            sg.transfer_time(WEIGHTS, rate) / ms
            for rate in (
                *(1 * GB, 4 * GB, NVME_GEN5, 2 * NVME_NODE),
                *(512 * GB, 200 * GB),
            )
        ],
        [3.5e5, 87_500, 25_000, 6250, 683.59, 1750],
    ),
    Row(
        "Gpt3RolloutFanout100",
        "times in ms",
        lambda: [
            sg.transfer_time(WEIGHTS, rate, 100) / ms
            for rate in (PARALLEL_FS, OBJECT_STORE)
        ],
        [35_000, 3.5e5],
    ),
]
LEFT: dict[str, str] = {
    "ImageFileMetadataMeltdown": "a quotient of two counts",
    "SyntheticDataProvenance": "sums of an input and its multiples",
}
WRONG: list[tuple[Row, str]] = []
