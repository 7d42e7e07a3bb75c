"""Tables as CSV (RFC 4180, UTF-8) that no spreadsheet takes for anything but data."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

_NUMBER = re.compile(r"[+-][\d.]+([eE][+-]?\d+)?")


def harmless(cell: str) -> str:
    """A cell that no spreadsheet computes: what begins like a formula gets an apostrophe; numbers stay numbers.

    Source: OWASP, CSV Injection.
    """
    if cell[:1] in ("=", "@", "\t", "\r") or (cell[:1] in ("+", "-") and not _NUMBER.fullmatch(cell)):
        return f"'{cell}"
    return cell


def csv_lines(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as lines; None is an empty cell."""
    out = io.StringIO()
    csv.writer(out).writerows(
        ["" if cell is None else harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )
    return out.getvalue().encode()
