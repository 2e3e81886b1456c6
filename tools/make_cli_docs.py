"""Writes docs/cli.md from the commands' own texts and arguments, so that it matches --help.

python tools/make_cli_docs.py
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import Iterator

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # use this repository's commands, whichever pawnzero is installed

from pawnzero.cli.main import COMMANDS, command_parser, module_of  # noqa: E402 - needs the path above
from pawnzero.cli.manual import read_arguments, read_texts  # noqa: E402 - likewise

PAGE = ROOT / "docs" / "cli.md"

_HEAD = """# The command line

`pawnzero COMMAND`, or `python -m pawnzero COMMAND`. This page is generated from the commands' own `--help` by
`python tools/make_cli_docs.py`; to change it, edit the texts in `pawnzero/cli` and run that again.

A command shows its progress as it goes: bars on a terminal, plain lines in a log. `--quiet` prints only the result, `--json`
prints it as one JSON object. Exit code 0 means done, 1 that the command failed, 2 that the command line or a setting is wrong,
130 that it was interrupted. Every wrong input is answered with one line. `pawnzero completion` teaches your shell all of this.
"""


def page() -> str:
    """The text of docs/cli.md."""
    index = [f"| [`{name}`](#pawnzero-{name}) | {read_texts(module_of(name)).summary} |" for name in COMMANDS]
    return "\n".join([_HEAD, "| command | |", "|---|---|", *index, "", *(line for name in COMMANDS for line in _command(name))])


def _command(name: str) -> Iterator[str]:
    texts = read_texts(module_of(name))
    yield from (f"## pawnzero {name}", "", texts.summary, "")
    if texts.examples:
        yield from ("```sh", *texts.examples, "```", "")
    if texts.text:
        yield from (texts.text, "")
    for section, arguments in groupby(read_arguments(command_parser(name, name)), lambda argument: argument.section):
        yield from (f"| {section or 'argument'} | |", "|---|---|")
        for argument in arguments:
            yield f"| {_cell(argument.name, code=True)} | {_cell(argument.help)} |"
        yield ""


def _cell(text: str, code: bool = False) -> str:
    """`text` as a table cell; if `code`, each comma-separated name is marked as code."""
    text = text.replace("|", "\\|")
    return ", ".join(f"`{part}`" for part in text.split(", ")) if code else text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: written")
