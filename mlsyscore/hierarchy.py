"""Two tiers: collectives over m nodes, fast links inside each and slower ones across.

``n`` is the size of the tensor on each device, as in ``collectives``; N = m g devices.
Arrays broadcast.  None counts the arithmetic, nor what a call of a library adds.
"""

from dataclasses import dataclass

from .elementwise import every, expm1, larger, log1p
from .network import Link
from .ranges import Count, Ratio, hold, law
from .units import Bytes, Seconds


@dataclass(frozen=True, slots=True)
class Node:
    """A node of g devices; each has a link inside it, and a NIC of its own across."""

    g: Count
    inside: Link
    across: Link

    def __post_init__(self) -> None:
        hold(self)


@law
def reduce_scatter(n: Bytes, m: Count, node: Node) -> Seconds:
    """Reduce-scatter inside each node to n/g, then across it to n/N on each device.

    T = (g - 1) (alpha_in + n / (g beta_in)) + (m - 1) (alpha_x + n / (N beta_x))
    Devices of one place in their nodes meet across.  Ignores that tiers can overlap.
    Source: Thakur, Rabenseifner and Gropp (2005), in each tier; the book, chapter 6.
    """
    g, inside, across = node.g, node.inside, node.across
    far = (m - 1) * (across.alpha + n / m / g / across.beta)
    return (g - 1) * (inside.alpha + n / g / inside.beta) + far


@law
def all_gather(n: Bytes, m: Count, node: Node) -> Seconds:
    """All-gather across nodes to n/g on each device, then inside each to n.

    T as reduce_scatter, run backwards.
    Source: Thakur, Rabenseifner and Gropp (2005), in each tier; the book, chapter 6.
    """
    g, inside, across = node.g, node.inside, node.across
    far = (m - 1) * (across.alpha + n / m / g / across.beta)
    return (g - 1) * (inside.alpha + n / g / inside.beta) + far


@law
def allreduce(n: Bytes, m: Count, node: Node) -> Seconds:
    """Reduce-scatter inside, ring all-reduce of n/g across, all-gather inside.

    T = 2 (g - 1) (alpha_in + n / (g beta_in)) + 2 (m - 1) (alpha_x + n / (N beta_x))
    Phase after phase; pieces in flight would hide the shorter tier.  Published: on 4
    nodes of 8 B200 12 % long at 16 GiB, where one flat ring is 7.6 times too long; from
    one node to four 2.6 times less bandwidth, where 2.2 was measured (Bekman, ML
    Engineering Open Book).  With NCCL's rings ``rail_allreduce`` is nearer.
    Source: the book, chapter 6.
    """
    g, inside, across = node.g, node.inside, node.across
    far = 2 * (m - 1) * (across.alpha + n / m / g / across.beta)
    return 2 * (g - 1) * (inside.alpha + n / g / inside.beta) + far


@law
def rail_allreduce(n: Bytes, m: Count, node: Node) -> Seconds:
    """g rings at once through all N devices, each with n/g: what NCCL's rings do.

    T = 2 (N - 1) max(alpha_in + n / (N beta_in), alpha_x + n / (N g beta_x))
    A ring leaves a node by one NIC, the g rings by all; inside alone if m = 1, across
    alone if g = 1.  Published: 4 nodes of 8 B200, 4 % short from 1 GiB on, 13 to 29 %
    at 0.5 to 256 MiB with alpha_x = 5 us (Bekman); 2 nodes with 2 or 4 A100 each within
    5 % at 64 MiB (vidur, beta_x from 1 each), but 63 % short with 8, which share NICs.
    Source: Patarasuk and Yuan (2009), a ring for each of the g NICs.
    """
    N = m * node.g
    inside = (node.g > 1) * (node.inside.alpha + n / N / node.inside.beta)
    across = (m > 1) * (node.across.alpha + n / N / node.g / node.across.beta)
    return 2 * (N - 1) * larger(inside, across)


@law
def all_to_all(n: Bytes, m: Count, node: Node) -> Seconds:
    """Each device sends n/N to each other one: inside its node, or by its NIC.

    T = max((g - 1) (alpha_in + n / (N beta_in)), (N - g) (alpha_x + n / (N beta_x)))
    Both tiers at once, a message for each pair: ``dispatch`` sends fewer, larger ones.
    A receiver that takes skew x the mean needs n skew.  Ignores the fabric's cut.
    Source: Thakur, Rabenseifner and Gropp (2005), pairwise exchange in each tier.
    """
    N = m * node.g
    inside = (node.g - 1) * (node.inside.alpha + n / N / node.inside.beta)
    across = (N - node.g) * (node.across.alpha + n / N / node.across.beta)
    return larger(inside, across)


@law
def reach(k: Count, G: Count) -> Ratio:
    """Mean number of G groups that a token reaches with k picks: G (1 - (1 - 1/G)^k).

    Picks of experts, groups of equally many on a device or in a node.  Assumes even
    and independent picks: 8 different of 256 experts reach up to 1.5 % more.
    Source: definition; the classical occupancy, Feller (1968), volume 1, IV.
    """
    return -G * expm1(k * log1p(-1 / G))


@law
def dispatch(
    n: Bytes, m: Count, node: Node, nodes: Ratio = 1.0, devices: Ratio = 1.0
) -> Seconds:
    """Expert dispatch: a token goes to each of its nodes once, and is fanned out there.

    T = max((m - 1) (alpha_x + nodes n / (m beta_x)),
            (g - 1) (alpha_in + devices n / (g beta_in)))
    n bytes of tokens on each device; a token has experts on so many nodes and devices
    (``reach``).  With 1 and 1 it is an all-to-all relayed inside.  Pieces in flight;
    ignores skew, and the fill.  Published, DeepEP on 2 to 8 nodes of 8 with NICs of
    50 GB/s: 9 to 13 % short where the NIC binds (one flat tier: 12 to 69 % long on 2
    and 4), 23 % on 2 nodes of H800, whose NVLink does, 16 % inside one, 29 % on B200.
    Source: DeepSeek-V3, arXiv 2412.19437 (2024), section 3.2.2.
    """
    if not every((nodes <= m) & (devices <= node.g * nodes)):
        raise ValueError(f"{devices} devices in {nodes} of {m} nodes of {node.g}")
    g, inside, across = node.g, node.inside, node.across
    near = (g - 1) * (inside.alpha + devices * n / g / inside.beta)
    return larger(near, (m - 1) * (across.alpha + nodes * n / m / across.beta))
