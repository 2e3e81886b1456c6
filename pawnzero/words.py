"""A count with its noun: 1 game, 2 games, 54,971 positions."""

from __future__ import annotations


def counted(count: int, things: str) -> str:
    """`count` with the noun `things`, which is given in the plural (games, plies)."""
    one = "ply" if things == "plies" else things[:-1]
    return f"{count:,} {one if count == 1 else things}"
