"""Shared fixtures: the command line run in this process, and an agent after one tiny iteration."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import torch

from pawnzero.cli.main import main
from pawnzero.nets.threads import core_count

ROOT = Path(__file__).resolve().parent.parent

# A suite started in a script's background inherits an ignored SIGINT, and so would the processes that it interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The tests' nets are so small that OpenMP's threads mostly wait for each other, and waiting they take the cores from whatever
# runs beside: two workers of pytest-xdist on two cores needed four times the processor time for tests of training. So torch's
# operators have one thread, here and in what tests start. Nets in this process have all cores, which are counted before.
core_count()
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")

LONGEST = ("tests/test_learning.py",)
"""What takes a good part of a minute. Begun last, it would keep one worker of pytest-xdist busy when the others are done."""

TINY: Dict[str, Any] = {
    "mcts_sims": 4,
    "num_selfplay": 3,
    "batch_size": 8,
    "trainer_iters": 4,
    "replay_capacity": 2000,
    "eval_games": 2,
    "model": {"channels": 8, "blocks": 1},
    "selfplay": {"max_plies": 24},
}
"""Settings with which an iteration of chess takes seconds. Arena openings are up to eight plies long."""


TELLING_OFTEN = "from pawnzero.cli import display, main; display._LOG_SECONDS = 0.1; main.entry()"
"""A program for `python -c`: `pawnzero ARGUMENTS…`, whose log has a line each tenth of a second in place of every five."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output, which must be one JSON object."""
        return json.loads(self.out)

    def error(self) -> str:
        """The one line with which it failed."""
        assert self.code in (1, 2), self
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert ": error: " in lines[0]
        return lines[0]


Cli = Callable[..., Outcome]


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """The longest first, training in the middle, the others as they were.

    The second of two workers begins in the middle. Training needs no kernels of the search, which the first compiles meanwhile
    where none are in the cache: else both would.
    """
    first = [item for item in items if item.nodeid.startswith(LONGEST)]
    training = [item for item in items if item.nodeid.startswith("tests/train/")]
    others = [item for item in items if not item.nodeid.startswith((*LONGEST, "tests/train/"))]
    half = max(0, len(items) // 2 - len(first))
    items[:] = [*first, *others[:half], *training, *others[half:]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs `pawnzero ARGUMENTS…` in this process."""

    def run(*argv: object) -> Outcome:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in argv])
        except SystemExit as stop:  # argparse exits this way
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return run


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the settings TINY."""
    path = tmp_path_factory.mktemp("config") / "tiny.json"
    path.write_text(json.dumps(TINY), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def _lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An agent after iteration 0. Tests get copies."""
    from pawnzero.pipeline.iteration import run_iteration
    from pawnzero.settings import load_config

    directory = tmp_path_factory.mktemp("models") / "AgentA"
    path = directory.parent / "tiny.json"
    path.write_text(json.dumps(TINY), encoding="utf-8")
    run_iteration(directory, load_config(path), device="cpu")
    return directory


@pytest.fixture
def agent_dir(_lived: Path, tmp_path: Path) -> Path:
    """The directory of an agent that has done iteration 0 with the settings TINY; the test's own copy."""
    directory = tmp_path / "AgentA"
    shutil.copytree(str(_lived), str(directory))
    return directory


@pytest.fixture(autouse=True)
def _nothing_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives each test its own measurements of the machine, separate from other tests' and the user's."""
    monkeypatch.setattr("pawnzero.machine.remembered.cache_home", lambda: tmp_path.with_name(f"{tmp_path.name}-cache"))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Whatever the test before has set."""
    torch.set_num_threads(1)


@pytest.fixture
def failing_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the integrity checks run again, with one of them failing."""
    from pawnzero.checks import prechecks

    real = prechecks.run_checks

    def broken(*arguments: Any, **options: Any) -> Any:
        report = real(*arguments, **options)
        return replace(report, rows=[replace(report.rows[0], found="21"), *report.rows[1:]])

    monkeypatch.setattr(prechecks, "run_checks", broken)
    monkeypatch.setattr(prechecks, "_passed", set())
