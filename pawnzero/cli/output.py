"""Printing a command's result: one JSON object, or lines for people."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any, Mapping, Sequence


def report(args: argparse.Namespace, figures: Mapping[str, Any], lines: Sequence[str]) -> None:
    """Print the result: `figures` as one JSON object with --json, else `lines`."""
    if args.json:
        lines = [json.dumps(plain(figures), allow_nan=False)]
    for line in lines:
        print(line, file=args.stdout)
    args.stdout.flush()


def plain(value: Any) -> Any:
    """`value` in a form that JSON can hold: non-finite numbers become null, paths text, arrays lists."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def figure(value: Any) -> str:
    """A number for people; "–" for None and non-finite numbers.

    Floats have four significant digits; from 1000 on they are rounded to integers.
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 999.5 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def duration(seconds: float) -> str:
    """A duration for people: 4.2 s, 3 min 20 s, 2 h 05 min."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
