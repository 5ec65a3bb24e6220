"""Things with their numbers: condition and source on the line.

Link rates are per direction and per device.  Start-up times alpha are the
book's conventions, not measurements: 0.5 us NVLink, 1.5 us InfiniBand, 5 us RoCE.
"""

from .network import Link
from .units import GB, Gbps, second, us

# rates: NVIDIA's datasheets, halved where they print both directions together
NVLINK4 = Link(0.5 * us, 450 * GB / second)  # H100 SXM: 900 GB/s both ways
NVLINK3 = Link(0.5 * us, 300 * GB / second)  # A100 SXM: 600 GB/s both ways
NDR = Link(1.5 * us, 400 * Gbps)  # InfiniBand NDR, one 4x port
HDR = Link(1.5 * us, 200 * Gbps)  # InfiniBand HDR, one 4x port
ROCE_400G = Link(5 * us, 400 * Gbps)  # RoCE v2 on 400 Gb/s Ethernet
ROCE_100G = Link(5 * us, 100 * Gbps)  # RoCE v2 on 100 Gb/s Ethernet

# parameters: each model's own paper
LLAMA2_70B = 70e9  # Touvron et al. (2023), arXiv 2307.09288; rounded name size
LLAMA2_7B = 7e9  # the same
GPT3 = 175e9  # Brown et al. (2020), arXiv 2005.14165
