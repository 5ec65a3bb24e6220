"""CSV as learning platforms and spreadsheets write it, and CSV that is safe to open."""

import csv
import io
from pathlib import Path

from . import archive

Rows = list[dict[str, str]]
DANGER = tuple("=+-@＝＋－＠\t\r\n|%")  # at the start, a spreadsheet would run these


def read(file: Path, one_of: tuple[str, ...]) -> tuple[list[str], Rows, str]:
    """Read an export; return its header, its rows and its delimiter.

    Raises ValueError where none of the columns asked for is there.
    """
    said, _ = archive.text(file.read_bytes())
    for delimiter in ",;\t":
        try:
            lines = list(csv.reader(io.StringIO(said, newline=""), delimiter=delimiter))
        except csv.Error as e:
            raise ValueError(f"{file} is no CSV: {e}") from None
        header = [c.strip() for c in lines[0]] if lines else []
        if not set(one_of) & set(header):
            continue
        if twice := sorted({c for c in header if c and header.count(c) > 1}):
            raise ValueError(f"{file}: two columns are called {twice[0]!r}")
        cells = [line + [""] * len(header) for line in lines[1:] if any(line)]
        rows = [dict(zip(header, line, strict=False)) for line in cells]
        return header, rows, delimiter
    first = said.partition("\n")[0].strip()[:200]
    raise ValueError(f"{file} has no column {' or '.join(one_of)}; it starts {first!r}")


def text(rows: Rows, columns: list[str], delimiter: str, names: tuple[str, ...]) -> str:
    """Return CSV; a name, which its bearer chose, is made no formula."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(columns)
    for row in rows:
        cells = {c: row.get(c, "") for c in columns}
        writer.writerow(safe(v) if c in names else v for c, v in cells.items())
    return out.getvalue()


def safe(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.lstrip(" ").startswith(DANGER) else cell
