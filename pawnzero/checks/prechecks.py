"""Integrity checks of rules and encoder before training, whose report is kept with the agent."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Set

from pawnzero.checks.rules import run_checks
from pawnzero.errors import PawnzeroError
from pawnzero.files import write_json
from pawnzero.progress import Progress

_GAME_PLIES = 300
"""Plies of random play in the check of the agent's game: less than a second for chess."""
_passed: Set[str] = set()


def precheck(game: str, experiments: Optional[Path], progress: Progress) -> None:
    """Run the quick checks and write `prechecks.json` into `experiments`, if given.

    The checks run once per process and game, and again for an `experiments` without the file. Raises PawnzeroError if a check
    fails.
    """
    path = experiments / "prechecks.json" if experiments is not None else None
    if game in _passed and (path is None or path.exists()):
        return
    report = run_checks("quick", progress=progress, game=game, game_plies=_GAME_PLIES)
    if path is not None:
        write_json(path, report.to_json())
    if not report.ok:
        bad = ", ".join(row.name for row in report.rows if not row.ok)
        raise PawnzeroError(
            f"integrity checks failed ({bad}); {f'see {path}, or ' if path else ''}run: pawnzero check --game {game}"
        )
    _passed.add(game)
