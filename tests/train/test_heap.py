"""The process's memory between steps."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List

import pytest
from random_games import CONFIG, fill

from pawnzero.progress import Progress
from pawnzero.train import heap, loop, train

PAGES = """
import resource, numpy
from pawnzero.train import heap
if heap._keep() is None:
    print("not here")
with heap.freed_memory_kept():
    for round in range(30):
        if round == 10:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        several = [numpy.ones(1 << 17) for _ in range(8)]
        del several
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc is asked to keep memory")


@linux_only
def test_memory_that_was_freed_is_given_again_without_the_system() -> None:
    """Pages that the system had to clear for 20 rounds of eight arrays of 1 MiB; 2048 a round where none is kept."""
    mine = {name: text for name, text in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_", "LD_PRELOAD"))}
    ran = subprocess.run([sys.executable, "-c", PAGES], capture_output=True, text=True, check=True, env=mine)
    *not_here, pages = ran.stdout.split("\n")[:-1]
    if not_here:
        pytest.skip("the C library is not glibc")
    assert int(pages) < 2048


@pytest.fixture
def unasked(monkeypatch) -> List[str]:  # type: ignore[no-untyped-def]
    """A C library that cannot keep memory, in an environment that says nothing; the names it was asked for."""
    asked: List[str] = []

    class Other:
        def __getattr__(self, name: str) -> None:
            asked.append(name)
            raise AttributeError(name)

    for name in (*heap._VARIABLES, "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Other())
    return asked


@linux_only
def test_another_c_library_is_left_alone(unasked) -> None:  # type: ignore[no-untyped-def]
    assert heap._keep.__wrapped__() is None
    assert unasked == ["gnu_get_libc_version"]


@linux_only
@pytest.mark.parametrize(
    ("name", "text"), [("MALLOC_TRIM_THRESHOLD_", "65536"), ("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=65536")]
)
def test_what_the_owner_says_of_memory_stands(name, text, unasked, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv(name, text)
    assert heap._keep.__wrapped__() is None
    assert not unasked


@linux_only
@pytest.mark.parametrize(("name", "text"), [("MALLOC_ARENA_MAX", "2"), ("GLIBC_TUNABLES", "glibc.pthread.rseq=0")])
def test_settings_of_other_things_do_not_matter(name, text, unasked, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv(name, text)
    heap._keep.__wrapped__()
    assert unasked


def test_memory_that_steps_free_is_kept_until_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting(Progress):
        steps = 0

        def advance(self, count: int = 1, **figures: object) -> None:
            self.steps += count

    counting, kept_at = Counting(), []

    @contextmanager
    def kept() -> Iterator[None]:
        kept_at.append(counting.steps)
        yield
        kept_at.append(counting.steps)

    monkeypatch.setattr(loop, "freed_memory_kept", kept)
    buffer = fill(tmp_path / "replay.pt")
    train(buffer, CONFIG, checkpoints=tmp_path / "c", until_step=3, device="cpu", progress=counting)
    assert kept_at == [0, 3]
