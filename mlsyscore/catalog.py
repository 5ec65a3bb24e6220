"""Things with their numbers: condition and source on the line.

Rates are dense, per chip; links per direction and per device.  Prefixes are decimal;
only a chip's memory is binary, as vendors make it.  Start-up times alpha
are the book's conventions, not measurements: 0.5 us NVLink, 1.5 us InfiniBand,
5 us RoCE.  Mean power, prices and grids drift: each line says when it was true.
"""

from .compute import Accelerator, Coolant, Transformer
from .network import Link
from .units import (
    GB,
    TB,
    TFLOP,
    Gbps,
    GiB,
    dollar,
    gram,
    hour,
    kWh,
    month,
    second,
    us,
    watt,
)

# rates: NVIDIA's datasheets, halved where they print both directions together
NVLINK3 = Link(0.5 * us, 300 * GB / second)  # A100 SXM: 600 GB/s both ways
NVLINK4 = Link(0.5 * us, 450 * GB / second)  # H100 SXM: 900 GB/s both ways
NVLINK5 = Link(0.5 * us, 900 * GB / second)  # B200 SXM: 1,800 GB/s both ways
HDR = Link(1.5 * us, 200 * Gbps)  # InfiniBand HDR, one 4x port
NDR = Link(1.5 * us, 400 * Gbps)  # InfiniBand NDR, one 4x port
ROCE_100G = Link(5 * us, 100 * Gbps)  # RoCE v2 on 100 Gb/s Ethernet
ROCE_400G = Link(5 * us, 400 * Gbps)  # RoCE v2 on 400 Gb/s Ethernet
PCIE5 = 64 * GB / second  # x16, one way, before encoding (63 after): PCI-SIG 5.0

# chips, dense, SXM, TDP: NVIDIA's datasheets; *_FP8 is the same chip at that precision.
# Their "GB" of memory are GiB: nvidia-smi shows 81,559 MiB for 80; a driver keeps
# up to 1 %, and a T4's error correction 1/16.
V100 = Accelerator(125 * TFLOP, 0.9 * TB, 32 * GiB, 300 * watt)  # SXM2, fp16 tensor
T4 = Accelerator(65 * TFLOP, 0.32 * TB, 16 * GiB, 70 * watt)  # fp16 tensor
A100 = Accelerator(312 * TFLOP, 2.039 * TB, 80 * GiB, 400 * watt)  # SXM 80 GB, bf16
H100 = Accelerator(989 * TFLOP, 3.35 * TB, 80 * GiB, 700 * watt)  # SXM5, bf16
H100_FP8 = Accelerator(1979 * TFLOP, 3.35 * TB, 80 * GiB, 700 * watt)  # SXM5, fp8
H200 = Accelerator(989 * TFLOP, 4.8 * TB, 141 * GiB, 700 * watt)  # SXM, bf16
B200 = Accelerator(2250 * TFLOP, 8 * TB, 180 * GiB, 1000 * watt)  # SXM, bf16

# parameters and shape: each model's own paper
GPT2_XL = Transformer(1_500_000_000, 48, 1600, 25, 25)  # Radford et al. (2019)
GPT3 = Transformer(175_000_000_000, 96, 12288, 96, 96)  # arXiv 2005.14165, table 2.1
LLAMA2_7B = Transformer(7_000_000_000, 32, 4096, 32, 32)  # arXiv 2307.09288; rounded
LLAMA2_70B = Transformer(70_000_000_000, 80, 8192, 64, 8)  # the same; rounded
LLAMA3_70B = Transformer(70_600_000_000, 80, 8192, 64, 8)  # arXiv 2407.21783, table 3
LLAMA3_405B = Transformer(405_000_000_000, 126, 16384, 128, 8)  # the same

# storage: the book's reference tiers, reads
NVME_GEN5 = 14 * GB / second  # one drive
NVME_NODE = 28 * GB / second  # the local drives of one eight-GPU node
PARALLEL_FS = TB / second  # a durable parallel file system, all clients together
OBJECT_STORE = 100 * GB / second  # one bucket, all clients together
CHECKPOINT_STORE = 100 * GB / second  # what one job may write

# grids: the book's reference values; then the national mean of 2023, Our World in Data
NORWAY = 10 * gram / kWh  # 30 in 2023: imports count there
QUEBEC = 20 * gram / kWh  # 34.5 in 2019, mlco2/impact for Montreal
FRANCE = 50 * gram / kWh  # 56 in 2023
EU = 270 * gram / kWh
GERMANY = 385 * gram / kWh  # 381 in 2023
USA = 429 * gram / kWh  # 369 in 2023
CHINA = 555 * gram / kWh  # 582 in 2023
INDIA = 720 * gram / kWh  # 713 in 2023
POLAND = 820 * gram / kWh  # 662 in 2023: coal has fallen

# prices: the book's round numbers, 2024 to 2025
GPU_HOUR = 2 * dollar / hour  # one H100, inside price
RENTED_GPU_HOUR = 4 * dollar / hour  # one H100, on demand
ELECTRICITY = 0.07 * dollar / kWh  # industrial, United States
OBJECT_MONTH = 0.02 * dollar / GB / month  # object storage, kept
EGRESS = 0.09 * dollar / GB  # object storage, read from outside

# coolants: ASHRAE Handbook of Fundamentals, 20 C and sea level
AIR = Coolant(1005.0, 1.2)
WATER = Coolant(4180.0, 1000.0)
