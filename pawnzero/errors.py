"""User mistakes, and the exit codes they lead to."""

from __future__ import annotations

from typing import Sequence


class PawnzeroError(ValueError):
    """Something the user can fix. The message is one line: the value, what was expected, and where. Exit code 1."""

    exit_code = 1


class UsageError(PawnzeroError):
    """The command line or the settings are wrong. Exit code 2.

    keys: the settings that do not fit together, if that is the problem
    """

    exit_code = 2

    def __init__(self, message: str, *, keys: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.keys = tuple(keys)


def positive(value: int, name: str) -> int:
    """`value`, called `name` in the message. Raises UsageError if it is below 1."""
    if value < 1:
        raise UsageError(f"{name} {value}: expected 1 or more")
    return value
