"""The process's memory between steps."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from pawnzero.train import heap

FAULTS = """
import resource, numpy
from pawnzero.train.heap import keep_freed_memory
if {keep} and not keep_freed_memory():
    print("not here")
else:
    for round in range(30):
        if round == 10:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        several = [numpy.ones(1 << 18) for _ in range(4)]
        del several
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(keep: bool) -> str:
    """Pages the system had to clear for 20 rounds of four arrays of 2 MiB, given back between rounds."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    command = [sys.executable, "-c", FAULTS.format(keep=keep)]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc is asked to keep memory")
def test_memory_that_was_freed_is_given_again_without_the_system() -> None:
    faults = _faults(keep=True)
    if faults == "not here":
        pytest.skip("the C library is not glibc")
    assert int(faults) < 2048, "less than one round's pages"
    assert int(_faults(keep=False)) > 10 * int(faults)


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "GLIBC_TUNABLES"])
def test_what_the_environment_says_stands(name, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv(name, "1")
    assert not heap.keep_freed_memory.__wrapped__()


def test_another_c_library_is_left_alone(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not heap.keep_freed_memory.__wrapped__()
