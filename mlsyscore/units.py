"""Units are numbers: multiply on the way in, divide on the way out.

    >>> beta = 400 * Gbps          # a line rate, held in bytes per second
    >>> round(25 * MB / beta / us)  # microseconds to put 25 MB on that line
    500

Inside ``mlsyscore`` every quantity is SI: seconds, bytes, FLOP, joules, kilograms,
dollars and their ratios.  The aliases (``Seconds``, ``Bytes``, ...) are plain floats;
they state units, and ``tests/test_units.py`` rescales these to prove each law.  What
has no unit, and where a law holds, is in ``ranges``.
"""

from typing import Annotated

from .ranges import FROM_0

# -- numbers to multiply by; prefixes are decimal unless they end in iB ------
ns, us, ms, second = 1e-9, 1e-6, 1e-3, 1.0
minute, hour, day, week, year = 60.0, 3_600.0, 86_400.0, 604_800.0, 31_557_600.0
month = year / 12
KB, MB, GB, TB, PB = 1e3, 1e6, 1e9, 1e12, 1e15
KiB, MiB, GiB, TiB = 2.0**10, 2.0**20, 2.0**30, 2.0**40
bit, Mbps, Gbps, Tbps = 1 / 8, 1e6 / 8, 1e9 / 8, 1e12 / 8
GFLOP, TFLOP, PFLOP, EFLOP = 1e9, 1e12, 1e15, 1e18
pJ, nJ, uJ, mJ = 1e-12, 1e-9, 1e-6, 1e-3
uW, mW, watt, kW, MW, GW = 1e-6, 1e-3, 1.0, 1e3, 1e6, 1e9
Wh, kWh, MWh, GWh = 3.6e3, 3.6e6, 3.6e9, 3.6e12
gram, kilogram, tonne = 1e-3, 1.0, 1e3
litre, dollar, million = 1e-3, 1.0, 1e6

# -- names to annotate with: a unit, and 0 or more of it -------------------------
Seconds = Annotated[float, "s", FROM_0]
PerSecond = Annotated[float, "1/s", FROM_0]
Bytes = Annotated[float, "B", FROM_0]
BytesPerSecond = Annotated[float, "B/s", FROM_0]
Flop = Annotated[float, "FLOP", FROM_0]
FlopPerSecond = Annotated[float, "FLOP/s", FROM_0]
FlopPerByte = Annotated[float, "FLOP/B", FROM_0]
BytesPerFlop = Annotated[float, "B/FLOP", FROM_0]
Joules = Annotated[float, "J", FROM_0]
JoulesPerByte = Annotated[float, "J/B", FROM_0]
JoulesPerFlop = Annotated[float, "J/FLOP", FROM_0]
Watts = Annotated[float, "J/s", FROM_0]
Kilograms = Annotated[float, "kg", FROM_0]
KilogramsPerSecond = Annotated[float, "kg/s", FROM_0]
KilogramsPerJoule = Annotated[float, "kg/J", FROM_0]
Dollars = Annotated[float, "$", FROM_0]
DollarsPerSecond = Annotated[float, "$/s", FROM_0]
DollarsPerByte = Annotated[float, "$/B", FROM_0]
DollarsPerByteSecond = Annotated[float, "$/B/s", FROM_0]
DollarsPerJoule = Annotated[float, "$/J", FROM_0]
DollarsPerKilogram = Annotated[float, "$/kg", FROM_0]
CubicMetres = Annotated[float, "m3", FROM_0]


def si(x: float, unit: str = "") -> str:
    """Format a number with an SI prefix and three digits.

    >>> si(50 * GB, "B/s"), si(1.5 * us, "s"), si(0, "B"), si(999.9 * us, "s")
    ('50 GB/s', '1.5 µs', '0 B', '1 ms')
    """
    x = float(f"{x:.3g}")
    for exponent, prefix in zip(range(18, -12, -3), "EPTGMk mµn", strict=True):
        if abs(x) >= 10.0**exponent:
            return f"{x / 10.0**exponent:.3g} {prefix.strip()}{unit}"
    return f"{x:.3g} {unit}"
