"""What is a user's mistake, and which exit code it ends with."""

from __future__ import annotations


class PawnzeroError(ValueError):
    """Something a user can mend. Its message is one line: the value, what was expected, and where. Exit code 1."""

    exit_code = 1


class UsageError(PawnzeroError):
    """The command line or the configuration is wrong. Exit code 2."""

    exit_code = 2


def positive(value: int, name: str) -> int:
    """`value`, which the caller calls `name`. Raises UsageError where it is below 1."""
    if value < 1:
        raise UsageError(f"{name} {value}: expected 1 or more")
    return value
