"""Units are numbers: multiply on the way in, divide on the way out.

    >>> beta = 400 * Gbps          # a line rate, held in bytes per second
    >>> round(25 * MB / beta / us)  # microseconds to put 25 MB on that line
    500

Inside ``mlsyscore`` every quantity is SI: seconds, bytes, FLOP, joules,
kilograms, dollars and their ratios.  The aliases (``Seconds``, ``Bytes``, ...)
are plain floats; they state a signature's units, and ``tests/test_units.py``
rescales the base units to prove each law against them.
"""

from typing import Annotated

# -- numbers to multiply by; prefixes are decimal unless they end in iB ------
ns, us, ms, second = 1e-9, 1e-6, 1e-3, 1.0
minute, hour, day, year = 60.0, 3_600.0, 86_400.0, 31_557_600.0
KB, MB, GB, TB, PB = 1e3, 1e6, 1e9, 1e12, 1e15
KiB, MiB, GiB, TiB = 2.0**10, 2.0**20, 2.0**30, 2.0**40
Gbps, Tbps = 1e9 / 8, 1e12 / 8
TFLOP, PFLOP, EFLOP = 1e12, 1e15, 1e18
kW, MW, kWh, MWh = 1e3, 1e6, 3.6e6, 3.6e9
gram, tonne = 1e-3, 1e3

# -- names to annotate with --------------------------------------------------
Seconds = Annotated[float, "s"]
Bytes = Annotated[float, "B"]
BytesPerSecond = Annotated[float, "B/s"]
Flop = Annotated[float, "FLOP"]
FlopPerSecond = Annotated[float, "FLOP/s"]
FlopPerByte = Annotated[float, "FLOP/B"]
Joules = Annotated[float, "J"]
Watts = Annotated[float, "J/s"]
Kilograms = Annotated[float, "kg"]
Dollars = Annotated[float, "$"]
Fraction = Annotated[float, "1"]


def si(x: float, unit: str = "") -> str:
    """Format a number with an SI prefix and three digits.

    >>> si(50 * GB, "B/s"), si(1.5 * us, "s"), si(0, "B"), si(999.9 * us, "s")
    ('50 GB/s', '1.5 µs', '0 B', '1 ms')
    """
    x = float(f"{x:.3g}")
    for exponent, prefix in zip(range(18, -10, -3), "EPTGMk mµn", strict=True):
        if abs(x) >= 10.0**exponent:
            return f"{x / 10.0**exponent:.3g} {prefix.strip()}{unit}"
    return f"{x:.3g} {unit}"
