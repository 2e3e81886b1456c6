"""The commands' texts and arguments as plain data: the single source of --help, completion and docs/cli.md."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from types import ModuleType
from typing import List, Tuple

_OWN_SECTIONS = ("positional arguments", "options", "optional arguments")
"""Titles of argparse's own groups, in all supported Python versions."""


@dataclass(frozen=True)
class Texts:
    """A command's docstring in parts: the first line, the example commands, and the rest."""

    summary: str
    examples: Tuple[str, ...]
    text: str

    @property
    def epilog(self) -> str:
        """The text below the arguments in --help."""
        shown = "examples:\n" + "\n".join(f"  {example}" for example in self.examples) if self.examples else ""
        return "\n\n".join(part for part in (shown, self.text) if part)


@dataclass(frozen=True)
class Argument:
    """One argument. `flags` is empty for a positional, `value` is "" for a switch, `section` is "" outside the settings."""

    flags: Tuple[str, ...]
    value: str
    help: str
    section: str
    choices: Tuple[str, ...]

    @property
    def name(self) -> str:
        """As written in help: "--games N, --num-selfplay N", or "AGENT_DIR"."""
        return ", ".join(f"{flag} {self.value}".rstrip() for flag in self.flags) or self.value


def read_texts(module: ModuleType) -> Texts:
    """Split the docstring of a command's module."""
    summary, _, rest = (module.__doc__ or "").strip().partition("\n")
    lines = rest.splitlines()
    examples = tuple(line.strip() for line in lines if line.lstrip().startswith("pawnzero "))
    text = "\n".join(line for line in lines if not line.lstrip().startswith("pawnzero ")).strip("\n")
    return Texts(summary, examples, text)


def read_arguments(parser: argparse.ArgumentParser) -> List[Argument]:
    """The arguments of a command's parser in the order of --help, without --help itself."""
    found = []
    for group in parser._action_groups:
        section = "" if group.title in _OWN_SECTIONS else str(group.title)
        for action in group._group_actions:
            if action.dest != "help" and action.help != argparse.SUPPRESS:
                found.append(_argument(action, section))
    return found


def _argument(action: argparse.Action, section: str) -> Argument:
    choices = tuple(map(str, action.choices or ()))
    metavar = " ".join(action.metavar) if isinstance(action.metavar, tuple) else action.metavar
    value = "" if action.nargs == 0 else metavar or ("|".join(choices) if choices else action.dest.upper())
    words = " ".join(((action.help or "") % vars(action)).split())
    return Argument(tuple(action.option_strings), value, words, section, choices)
