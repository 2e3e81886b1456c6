"""What is a user's mistake, and which exit code it ends with."""

from __future__ import annotations

from typing import Sequence


class PawnzeroError(ValueError):
    """Something a user can mend. Its message is one line: the value, what was expected, and where. Exit code 1."""

    exit_code = 1


class UsageError(PawnzeroError):
    """The command line or the configuration is wrong. Exit code 2.

    keys: the settings that do not fit together, where that is what is wrong
    """

    exit_code = 2

    def __init__(self, message: str, *, keys: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.keys = tuple(keys)


def positive(value: int, name: str) -> int:
    """`value`, which the caller calls `name`. Raises UsageError where it is below 1."""
    if value < 1:
        raise UsageError(f"{name} {value}: expected 1 or more")
    return value
