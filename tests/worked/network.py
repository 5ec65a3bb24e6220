"""Section "Network fabrics"."""

from mlsyscore import network as net
from mlsyscore.catalog import HDR, NDR, ROCE_100G, ROCE_400G
from mlsyscore.compute import allreduce_traffic
from mlsyscore.units import GB, KB, MB, Gbps, dollar, us

from . import Row

THREE = [NDR, ROCE_100G, ROCE_400G]  # the order of the lists below
SPINE = "RingAllReduceAcross4to1Spine"
CROSSING = 512 * allreduce_traffic(5 * GB, 1024)  # worst placement: each hop crosses
FULL = net.fat_tree_bisection(1024, NDR.beta)
NARROW = net.fat_tree_bisection(1024, NDR.beta, 4)
TORUS = "TorusVsFatTree4K"

ROWS = [
    Row(
        "AlphaBetaNdrRoce",
        "times, control",
        lambda: [link.time(4 * KB) for link in THREE],
        [1.58e-06, 5.32e-06, 5.08e-06],
    ),
    Row(
        "AlphaBetaNdrRoce",
        "times, shard",
        lambda: [link.time(350 * MB) for link in THREE],
        [0.0070015, 0.028005, 0.007005],
    ),
    Row(
        "AlphaBetaNdrRoce",
        "transmission_times, shard",
        lambda: [link.time(350 * MB) - link.alpha for link in THREE],
        [0.007, 0.028, 0.007],
    ),
    Row(
        "AlphaBetaNdrRoce",
        "crossovers",
        lambda: [link.half for link in THREE],
        [75_000, 62_500, 2.5e5],
    ),
    Row(
        "AlphaBetaHdrNdrSmallMessage",
        "times",
        lambda: [link.time(10 * KB) for link in (HDR, NDR)],
        [1.9e-06, 1.7e-06],
    ),
    Row(
        "AlphaBetaHdrNdrSmallMessage",
        "crossovers",
        lambda: [HDR.half, NDR.half],
        [37_500, 75_000],
    ),
    Row(SPINE, "bisection_full", lambda: FULL, 2.56e13),
    Row(SPINE, "bisection_oversubscribed", lambda: NARROW, 6.4e12),
    Row(SPINE, "crossing_bytes", lambda: CROSSING / GB, 5115),
    Row(SPINE, "time_full", lambda: net.bisection_time(CROSSING, FULL), 0.1998),
    Row(
        SPINE,
        "time_oversubscribed",
        lambda: net.bisection_time(CROSSING, NARROW),
        0.79922,
    ),
    Row(SPINE, "relative_throughput", lambda: net.relative_throughput(0.3, 4), 0.52632),
    Row(
        SPINE,
        "idle_cost",
        lambda: 3e8 * dollar * (1 - net.relative_throughput(0.3, 4)),
        1.4211e8,
    ),
    Row("FatTreeNdrSwitch", "pod_hosts", lambda: net.fat_tree_hosts(64) / 64, 1024),
    Row("FatTreeNdrSwitch", "three_tier_hosts", lambda: net.fat_tree_hosts(64), 65_536),
    Row(
        "FatTreeNdrSwitch",
        "three_tier_switches",
        lambda: net.fat_tree_switches(64),
        5120,
    ),
    Row("FatTreeNdrSwitch", "two_tier_hosts", lambda: net.fat_tree_hosts(64, 2), 2048),
    Row(
        TORUS,
        "fat_tree_bisection",
        lambda: net.fat_tree_bisection(4096, 400 * Gbps) / Gbps,
        8.192e5,
    ),
    Row(
        TORUS, "fat_tree_cut_links", lambda: net.fat_tree_bisection(4096, 1.0), 2048
    ),  # of rate 1
    Row(TORUS, "fat_tree_path_switches", lambda: net.path_switches(3), 5),
    Row(
        TORUS,
        "torus_bisection",
        lambda: net.torus_cut(16) * 400 * Gbps / Gbps,
        2.048e5,
    ),
    Row(TORUS, "torus_cut_links", lambda: net.torus_cut(16), 512),
    Row(TORUS, "torus_diameter", lambda: net.torus_diameter(16), 24),
    Row(
        "RailVsLeafSpineHops",
        "latencies",
        lambda: [net.path_switches(L) * 0.6 * us for L in (2, 1)],
        [1.8e-06, 6e-07],
    ),
    Row(
        "TransceiverDegradationRoce4K",
        "p_any",
        lambda: net.exposure(1e-5, 4096 * 3 * 2),
        0.21789,
    ),
    Row(
        "TransceiverDegradationRoce4K",
        "p_none",
        lambda: 1 - net.exposure(1e-5, 4096 * 3 * 2),
        0.78211,
    ),
    Row(
        "DegradedLinksReferenceFabric",
        "p_any",
        lambda: net.exposure(0.001, 3000),
        0.95029,
    ),
    Row(
        "DegradedLinksReferenceFabric",
        "p_none",
        lambda: 1 - net.exposure(0.001, 3000),
        0.049712,
    ),
    Row(
        "DegradedTransceiverRun1K",
        "no_overlap_slowdown",
        lambda: 1 / net.relative_throughput(0.3, 1 / (1 - 0.1)) - 1,
        0.033333,
    ),
]
LEFT: dict[str, str] = {
    "SpineOpticsTraining10K": "products of a count with a price and with a power",
    "HalfRateLinkDiagnosis": "two products, and a ratio of two measured steps",
}
WRONG: list[tuple[Row, str]] = []
