"""Section "Collective communication"."""

from mlsyscore import collectives as cc
from mlsyscore import hierarchy
from mlsyscore.catalog import NDR, NVLINK4
from mlsyscore.network import Link
from mlsyscore.units import GB, KB, MB, Gbps, ms, us

from . import Row

WIRE = Link(0.0, NDR.beta)  # bytes alone
LINKS = [  # NVLink, PCIe Gen5, RoCE, HDR, NDR with this calculation's own start-ups
    *(Link(1.5 * us, 450 * GB), Link(3.5 * us, 64 * GB)),
    *(Link(7.5 * us, 100 * Gbps), Link(3.5 * us, 200 * Gbps), NDR),
]
SLOW = Link(10 * us, 10 * GB)
# name: message, group sizes, link; then ring bytes, start-ups and all, tree, crossover
GROUPS = {
    "DdpBucketRingNdr": (
        *(25 * MB, (64, 1024), NDR),
        [[0.00098438, 0.00099902], [189e-6, 3069e-6], [0.0011734, 0.004068]],
        [[0.006018, 0.01003], [8.5234e5, 8.4408e6]],
    ),
    "Llama2_70BGradientRing64Ndr": (
        *(1.4e11, (64,), NDR),
        [[5.5125], [189e-6], [5.5127]],
        [[33.6], [8.5234e5]],
    ),
    "RingVsTreeSmallBuffer": (
        *(1 * MB, (64,), SLOW),
        [[0.00019688], [1260e-6], [0.0014569]],
        [[0.00132], [1.1364e6]],
    ),
}


def groups(name, n, sizes, link, ring, tree):
    """Compare the laws of one calculation with its five lists."""
    wire = Link(0.0, link.beta)
    laws = {
        "ring_byte_time": lambda N: cc.ring_allreduce(n, N, wire),
        "ring_startup_time": lambda N: cc.ring_allreduce(0, N, link),
        "ring_time": lambda N: cc.ring_allreduce(n, N, link),
        "tree_time": lambda N: cc.tree_allreduce(n, N, link),
        "crossover_exact": lambda N: cc.crossover(N, link),
    }
    return [
        Row(name, output, lambda law=law: [law(N) for N in sizes], book)
        for (output, law), book in zip(laws.items(), [*ring, *tree], strict=True)
    ]


EIGHT = "HierarchicalAllReduce8x8DgxH100"
INSIDE = Link(0.0, NVLINK4.beta)  # the book counts no start-up inside a node
DGX, CLUSTER = hierarchy.Node(8, INSIDE, NDR), "HierarchicalAllReduceReferenceCluster"
MOE, TOKENS = "MoeDispatch8Gpu64Experts", 512 * 4096  # bytes of 512 tokens
RUNS = {"slow": 200 * ms, "fast": 30 * ms}


def int8(T_comm):
    """Seconds of a run of 110,000 steps with a quarter of the bytes."""
    return 110_000 * cc.compressed_step(300 * ms, T_comm, 4)


ROWS = [
    Row(
        "CriticalSizeByInterconnect",
        "crossovers",
        lambda: [link.half for link in LINKS],
        [6.75e5, 2.24e5, 93_750, 87_500, 75_000],
    ),
    Row("RoutingMessageFusionNdr", "crossover", lambda: NDR.half, 600 * Gbps * us),
    Row(
        "RoutingMessageFusionNdr",
        "fused_time",
        lambda: cc.messages_fused(4 * KB, 100, NDR) / us,
        9.5,
    ),
    Row(
        "RoutingMessageFusionNdr",
        "startup_to_transfer",
        lambda: NDR.half / (4 * KB),
        18.75,
    ),
    *(row for name, case in GROUPS.items() for row in groups(name, *case)),
    Row(
        EIGHT,
        "reduce_scatter_time",
        lambda: cc.reduce_scatter(1 * GB, 8, INSIDE),
        0.0019444,
    ),
    Row(EIGHT, "inter_time", lambda: cc.ring_allreduce(1 * GB / 8, 8, NDR), 0.004396),
    Row(EIGHT, "all_gather_time", lambda: cc.all_gather(1 * GB, 8, INSIDE), 0.0019444),
    Row(EIGHT, "total_time", lambda: hierarchy.allreduce(1 * GB, 8, DGX), 0.0082849),
    Row(
        EIGHT,
        "speedup_vs_flat_ring",
        lambda: (
            cc.ring_allreduce(1 * GB, 64, NDR) / hierarchy.allreduce(1 * GB, 8, DGX)
        ),
        4.7754,
    ),
    Row(
        CLUSTER,
        "reduce_scatter_time, inter_time",
        lambda: [
            cc.reduce_scatter(350 * GB, 8, INSIDE),
            cc.ring_allreduce(350 * GB / 8, 128, NDR),
        ],
        [0.68056, 1.7367],
    ),
    Row(CLUSTER, "total_time", lambda: hierarchy.allreduce(350 * GB, 128, DGX), 3.0978),
    Row(
        CLUSTER,
        "flat_ring_time",
        lambda: cc.ring_allreduce(350 * GB, 1024, NDR),
        13.989,
    ),
    Row(EIGHT, "flat_ring_time", lambda: cc.ring_allreduce(1 * GB, 64, NDR), 0.039564),
    Row(MOE, "injection_bound", lambda: NDR.time(TOKENS * 7 / 8) / us, 38.2),
    Row(
        MOE,
        "uniform_receive_bound",
        lambda: cc.all_to_all(TOKENS, 8, WIRE) / us,
        36.7,
    ),
    Row(
        MOE,
        "hot_receive_bound",
        lambda: cc.all_to_all(TOKENS, 8, WIRE, 1.5) / us,
        55.05,
    ),
    Row(
        "CompressionPayback8x",
        "compressed_time",
        lambda: cc.compressed_step(0, 40, 8),
        5,
    ),
    Row("CompressionPayback8x", "saved_time", lambda: cc.codec_budget(40, 8), 35),
    Row(
        "CompressionPayback8x", "total_time", lambda: cc.compressed_step(0, 40, 8, 2), 7
    ),
    Row(
        "CompressionPayback8x",
        "speedup",
        lambda: 40 / cc.compressed_step(0, 40, 8, 2),
        5.7143,
    ),
    Row(
        "Int8CompressionRun",
        "compressed_step_times",
        lambda: [cc.compressed_step(300 * ms, T, 4) / ms for T in RUNS.values()],
        [350, 307.5],
    ),
    Row(
        "Int8CompressionRun",
        "compressed_totals",
        lambda: [int8(T) for T in RUNS.values()],
        [38_500, 33_825],
    ),
    Row(
        "Int8CompressionRun",
        "changes",
        lambda: [int8(T) / (100_000 * (300 * ms + T)) - 1 for T in RUNS.values()],
        [-0.23, 0.025],
    ),
    Row(
        "OverlapBudget7B64Gpu",
        "overlapped_time",
        lambda: cc.overlapped(15 * ms, 9 * 3 * ms, 32) / ms,
        879,
    ),
    Row(
        "OverlapBudget7B64Gpu",
        "savings_fraction",
        lambda: 1 - cc.overlapped(15 * ms, 27 * ms, 32) / (32 * 42 * ms),
        0.34598,
    ),
]
LEFT: dict[str, str] = {
    "RingTraceFourGpu": "the algorithm step by step: a test plays it, lab 6 builds it",
}
WRONG: list[tuple[Row, str]] = [
    (
        Row(
            "RoutingMessageFusionNdr",
            "separate_time",
            lambda: cc.messages_apart(4 * KB, 100, NDR) / us,
            150,
        ),
        "The book counts 100 start-ups and leaves out 100 transfers of 80 ns: 158 us.",
    ),
    (
        Row(
            "RoutingMessageFusionNdr",
            "speedup",
            lambda: cc.fusion_gain(4 * KB, 100, NDR),
            15.789,
        ),
        "It follows from the 150 us: with the transfers it is 16.6.",
    ),
    (
        Row(
            "DdpBucketRingNdr",
            "star_byte_time 64",
            lambda: cc.parameter_server(25 * MB, 64, WIRE),
            0.032,
        ),
        "The book counts one direction, as if replies left while gradients arrive. "
        "Ours replies when it has everything, and takes twice as long.",
    ),
]
