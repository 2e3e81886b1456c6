"""Rules and encoder are checked before anything is trained, and what was found is left with the agent."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from pawnzero.checks import run_checks
from pawnzero.errors import PawnzeroError
from pawnzero.files import write_json
from pawnzero.progress import Progress

_passed = False


def precheck(experiments: Optional[Path], progress: Progress) -> None:
    """Run the quick checks, once a process, and leave `prechecks.json` in the folder `experiments`, where there is one.

    Raises PawnzeroError when a check fails.
    """
    global _passed
    path = experiments / "prechecks.json" if experiments is not None else None
    if _passed and (path is None or path.exists()):
        return
    report = run_checks("quick", progress=progress)
    if path is not None:
        write_json(path, report.to_json())
    if not report.ok:
        bad = ", ".join(row.name for row in report.rows if not row.ok)
        raise PawnzeroError(f"integrity checks failed ({bad}); {f'see {path}, or ' if path else ''}run: pawnzero check")
    _passed = True
