"""The code blocks of a Markdown page, with the marks that say how a test runs them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List, NamedTuple

_BLOCK = re.compile(
    r"(?:<!-- (?P<kind>test|game)(?:: (?P<mark>\w+)[^>]*)? -->\n)?```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL
)


class Block(NamedTuple):
    """mark: what a comment above the block says, "" for `<!-- test -->`, "unmarked" where there is none."""

    mark: str
    language: str
    text: str


def read_blocks(page: Path) -> List[Block]:
    """The blocks of a page in their order."""
    return [
        Block((match.group("mark") or "") if match.group("kind") else "unmarked", match.group("language"), match.group("text"))
        for match in _BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]
