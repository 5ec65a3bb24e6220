"""Section "On-device learning and federated rounds", its calculations of chapter 11."""

from mlsyscore import edge
from mlsyscore.network import Link
from mlsyscore.units import GB, KB, MB, Mbps, MiB, Wh, minute, ms, second, watt

from . import Row

PHONE, BATTERY = "PhoneFullUpdateWorkingSet", "PhoneBackgroundFineTuneBattery"
RANK4, TEN = "TransformerLayerRank4Update", "CameraModelTenContextPersonalization"
IMAGES = "PhoneImagesVersusQuantizedUpdates"
UPLINK = "FederatedAdapterUploadMobileUplink"
P, A = 10_000_000, 200 * MB  # fp32; activations are five times the weights

ROWS = [
    Row(PHONE, "total", lambda: edge.working_set(P, P, A) / MB, 360),
    Row(PHONE, "persistent", lambda: edge.working_set(P, P, 0.0) / MB, 160),
    Row(PHONE, "amplification", lambda: edge.working_set(P, P, A) / (40 * MB), 9),
    Row(PHONE, "floor", lambda: edge.working_set(P, P, 0.0) / (40 * MB), 4),
    Row(PHONE, "ceiling", lambda: edge.working_set(P, P, 8 * 40 * MB) / (40 * MB), 12),
    Row(PHONE, "step_traffic", lambda: edge.update_traffic(P, A) / MB, 800),
    Row(PHONE, "traffic_ratio", lambda: edge.update_traffic(P, A) / (40 * MB), 20),
    Row(
        PHONE,
        "step_floor",
        lambda: edge.update_traffic(P, A) / (51.2 * GB / second) / ms,
        15.625,
    ),
    Row(
        BATTERY,
        "budget_ratio",
        lambda: edge.battery_share(4.5 * watt, 30 * minute, 15 * Wh),
        0.15,
    ),
    Row(
        BATTERY,
        "required_energy",
        lambda: 15 * edge.battery_share(4.5 * watt, 30 * minute, 15 * Wh),
        2.25,
    ),
    Row(RANK4, "update_params", lambda: edge.lora_parameters(4, 768, 768), 6144),
    Row(RANK4, "compression", lambda: 768**2 / edge.lora_parameters(4, 768, 768), 96),
    Row(
        RANK4,
        "reduction",
        lambda: 1 - edge.lora_parameters(4, 768, 768) / 768**2,
        0.98958,
    ),
    Row(
        IMAGES,
        "break_even_rounds",
        lambda: edge.break_even_rounds(1000 * 200 * KB, 5e6 * 4 / 8),
        80,
    ),
    Row(
        UPLINK,
        "times",
        lambda: [Link(0.0, b * Mbps).time(50 * MiB) / ms for b in (1, 10)],
        [4.1943e5, 41943],
    ),
]
LEFT: dict[str, str] = {TEN: "a sum of sizes: one model and ten adapters"}
WRONG: list[tuple[Row, str]] = []
