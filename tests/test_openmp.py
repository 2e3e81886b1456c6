"""How OpenMP's threads wait is settled before torch is loaded, whichever module is imported first."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Dict

import pytest

_TOLD = """
import builtins, importlib, os, sys
real = builtins.__import__
def watched(name, *rest):
    if name.split(".")[0] == "torch" and "torch" not in sys.modules:
        print(os.environ.get("OMP_WAIT_POLICY"), os.environ.get("GOMP_SPINCOUNT"))
        sys.exit()
    return real(name, *rest)
builtins.__import__ = watched
importlib.import_module(sys.argv[1])
"""


def told(module: str, chosen: Dict[str, str]) -> str:
    """The policy and the spin count when `module` first asks for torch, where a user has `chosen` some."""
    plain = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    command = [sys.executable, "-c", _TOLD, module]
    done = subprocess.run(command, env={**plain, **chosen}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["pawnzero.bench", "pawnzero.doctor.examination", "pawnzero.train", "pawnzero.nets"])
def test_settled_before_torch_is_loaded(module: str) -> None:
    assert told(module, {}) == "PASSIVE 10000"


def test_who_has_chosen_keeps_it() -> None:
    assert told("pawnzero.bench", {"OMP_WAIT_POLICY": "ACTIVE"}) == "ACTIVE None"
