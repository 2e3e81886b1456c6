"""Benchmark of every part on this machine, in one run so that the figures are comparable.

Every figure is measured over at least `SECONDS` after a warm-up; nets are the default 64×6 chess net, searches have 64
simulations. Self-play with a net starts its games anywhere in the first 100 plies. `selfplay_efficiency` is the rate of
evaluations in self-play ÷ the rate of the bare net at its best batch size; `train_efficiency` is the rate of samples in real
training ÷ that of a bare loop on random tensors. Training is measured over whole intervals between checkpoints, so that writing
checkpoints and measuring held-out games count as they do in a long run.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import math
import operator
import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np
import torch

from pawnzero.config import Config, SearchConfig, SelfplayConfig
from pawnzero.errors import PawnzeroError
from pawnzero.games import get_game
from pawnzero.games.chess.perft import perft
from pawnzero.machine.processor import processor
from pawnzero.nets.device import is_out_of_memory, resolve_device
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.quantized import SAMPLE
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.progress import Progress
from pawnzero.replay import ReplayBuffer
from pawnzero.search import Evaluator, UniformEvaluator
from pawnzero.search.evaluator import random_question
from pawnzero.selfplay.loop import play_games
from pawnzero.selfplay.table import Workload
from pawnzero.train import train
from pawnzero.train.loop import SAVE_EVERY
from pawnzero.train.losses import Targets, losses
from pawnzero.train.memory import free_memory

SECONDS = 4.0
_SEARCH_GAMES = 512
_WARM_ROUNDS = 1.0
"""Moves made in every game before measuring: the kernels that choose and make a move run only then."""
_SPREAD = SelfplayConfig(random_opening_share=1.0, random_opening_plies=100)
"""Games start anywhere in their first 100 plies.

If all began at the start they would meet the same positions, whose evaluations are cached, and self-play would look faster than
it is once games have diverged.
"""
_TRAIN_TURNS = 2
_TURN_SECONDS = 2 * SECONDS
_BATCHES = (64, 128, 256, 512, 1024)
_BIG_BATCHES = (2048, 4096, 8192, 16384)


def run_bench(progress: Optional[Progress] = None, *, device: str = "auto") -> Dict[str, Any]:
    """Measure everything. Returns the documented figures with the machine, the device and the shares of self-play's phases."""
    progress = progress or Progress()
    config = Config()
    parts = 6
    progress.start("bench", parts, "parts")
    figures: Dict[str, Any] = {"machine": processor().name, "cores": os.cpu_count()}
    figures["perft_nps"] = round(perft_speed())
    progress.advance(1, perft_nps=figures["perft_nps"])
    searched = selfplay_speed(UniformEvaluator(), config.search, settings=config.selfplay, games=_SEARCH_GAMES, threads=2)
    figures["search_nps"] = round(searched["simulations"])
    progress.advance(1, search_nps=figures["search_nps"])
    net = PolicyValueNet(config.model)
    evaluator = NetEvaluator(net, device, sample=random_question(get_game("chess"), SAMPLE))  # like self-play's
    figures["device"] = evaluator.description
    speed, batch = net_speed(evaluator)
    progress.advance(1, net_evals_per_second=round(speed))
    played = selfplay_speed(evaluator, config.search)
    # Measured before and after self-play, so that a slow moment does not flatter the ratio.
    speed = max(speed, _speed_in(evaluator, batch, SECONDS))
    figures["net_evals_per_second"] = round(speed)
    figures["net_batch"] = batch
    figures["selfplay_nodes_per_second"] = round(played["simulations"])
    figures["selfplay_evaluations_per_second"] = round(played["evaluated"])
    figures["selfplay_efficiency"] = round(played["evaluated"] / speed, 4)
    figures["selfplay_phases"] = {phase: round(share, 4) for phase, share in played["phases"].items()}
    progress.advance(2, selfplay_nodes_per_second=figures["selfplay_nodes_per_second"])
    trained, bare = _train_speed(net, config, device)
    figures["train_samples_per_second"] = round(trained, 1)
    figures["train_efficiency"] = round(trained / bare, 4)
    progress.advance(1, train_samples_per_second=figures["train_samples_per_second"])
    progress.finish()
    return figures


def _rate(work: Callable[[], int], seconds: float = SECONDS) -> float:
    """Units of `work` per second, over at least `seconds` after one warm-up call; `work` returns how many it did."""
    work()
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        done += work()
    return done / (time.perf_counter() - started)


def perft_speed(depth: int = 6, seconds: float = SECONDS) -> float:
    """Leaf nodes per second of perft from the starting position, on one core."""
    return _rate(lambda: perft("startpos", depth), seconds)


def selfplay_speed(
    evaluator: Evaluator,
    search: SearchConfig,
    *,
    settings: SelfplayConfig = _SPREAD,
    games: int = 0,
    threads: int = 0,
    simulations: int = Config.mcts_sims,
    seconds: float = 2 * SECONDS,
) -> Dict[str, Any]:
    """Measure chess self-play for `seconds`, after every game has made a move.

    settings: how games begin; by default they are spread over 100 plies
    games: games at once; threads: threads; for both, 0 means as self-play itself chooses

    Returns the rates "simulations" and "evaluated" (evaluations) per second, measured from the end of one wave to the end of
    another, and "phases", the share of thread time in each phase.
    """
    workload, stop = Workload(), threading.Event()
    played = play_games(
        get_game("chess"),
        evaluator,
        itertools.count(),
        simulations=simulations,
        search=search,
        settings=dataclasses.replace(settings, games_in_flight=games),
        seed=0,
        threads=threads,
        workload=workload,
        stop=stop,
    )
    with ThreadPoolExecutor(1) as pool:
        player = pool.submit(collections.deque, played, 0)
        try:
            while not player.done() and workload.rounds < _WARM_ROUNDS:
                time.sleep(0.01)
            wait([player], seconds / 4)
            before, spent_before = workload.marks, workload.seconds
            wait([player], seconds)
            while not player.done() and any(map(operator.eq, before, workload.marks)):
                time.sleep(0.01)  # a wave takes longer than `seconds` here
            after, spent_after = workload.marks, workload.seconds
        finally:
            stop.set()
        player.result()  # raises any exception of the thread
    spent = {phase: spent_after[phase] - spent_before[phase] for phase in spent_after}
    total = sum(spent.values()) or 1.0
    return {
        "simulations": sum((b.simulations - a.simulations) / (b.seconds - a.seconds) for a, b in zip(before, after)),
        "evaluated": sum((b.evaluated - a.evaluated) / (b.seconds - a.seconds) for a, b in zip(before, after)),
        "phases": {phase: share / total for phase, share in spent.items()},
    }


def net_speed(evaluator: NetEvaluator, seconds: float = SECONDS) -> Tuple[float, int]:
    """Evaluations per second of the bare folded net on planes already on the device, and the batch size that is fastest.

    Suitable batch sizes are tried for half of `seconds` each, up to the evaluator's `max_batch` or the first that does not fit
    in memory; the best is then measured for `seconds`. Raises PawnzeroError if none fits.
    """
    suitable = (_BATCHES if evaluator.device.type == "cpu" else _BATCHES[2:]) + _BIG_BATCHES
    batches = [batch for batch in suitable if batch <= evaluator.max_batch] or [evaluator.max_batch]
    best = (0.0, 0)
    for batch in batches:
        speed = _speed_in(evaluator, batch, seconds / 2)
        if not speed:
            break
        best = max(best, (speed, batch))
    if not best[1]:
        raise PawnzeroError(f"{evaluator.device}: out of memory for a batch of {batches[0]} positions")
    return _speed_in(evaluator, best[1], seconds) or best[0], best[1]


def _speed_in(evaluator: NetEvaluator, batch: int, seconds: float) -> float:
    """Evaluations per second of the bare net at this batch size; 0.0 if it does not fit in memory."""
    game = get_game("chess")

    def measure() -> float:
        planes = torch.rand(batch, game.bit_planes + game.scalar_planes, *game.board_shape, device=evaluator.device)
        whole = evaluator.input_dtype == torch.uint8
        planes = (planes * 255 if whole else planes).to(evaluator.input_dtype).contiguous(memory_format=torch.channels_last)

        def work() -> int:
            evaluator.forward(planes)
            if evaluator.device.type == "cuda":
                torch.cuda.synchronize(evaluator.device)
            return batch

        return _rate(work, seconds)

    try:
        return measure()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    free_memory()
    return 0.0


def _train_speed(net: PolicyValueNet, config: Config, device: str) -> Tuple[float, float]:
    """Samples per second of training from a replay file, and of a bare loop with the same net, batch size and precision.

    They take turns of about the same length, and the best of each counts: other work on the machine can only slow them, and
    short measurements are more often undisturbed.
    """
    with tempfile.TemporaryDirectory() as folder:
        buffer = ReplayBuffer(Path(folder) / "replay.pt", capacity=20_000, game="chess")
        games = play_games(
            get_game("chess"),
            UniformEvaluator(),
            range(64),
            simulations=4,
            search=SearchConfig(),
            settings=SelfplayConfig(),
            seed=0,
        )
        for record in games:
            buffer.append(record)
        train(buffer, config, checkpoints=Path(folder) / "warm-up", until_step=5, device=device)
        trained, bare = 0.0, 0.0
        for turn in range(_TRAIN_TURNS):
            bare = max(bare, bare_training_speed(config, device, _TURN_SECONDS))
            steps = training_steps(bare / config.batch_size)
            report = train(buffer, config, checkpoints=Path(folder) / f"turn {turn}", until_step=steps, device=device)
            assert report.samples_per_second is not None, "steps were made"
            trained = max(trained, report.samples_per_second)
        buffer.close()
    return trained, bare


def training_steps(steps_per_second: float) -> int:
    """Steps that take at least `_TURN_SECONDS` at this speed or below, rounded up to whole checkpoint intervals."""
    return SAVE_EVERY * max(1, math.ceil(_TURN_SECONDS * steps_per_second / SAVE_EVERY))


def bare_training_speed(config: Config, device: str, seconds: float = SECONDS) -> float:
    """Samples per second of a bare loop of forward, backward and step on random tensors already on the device."""
    game, where = get_game("chess"), resolve_device(device)
    net = PolicyValueNet(config.model)
    net.to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.trainer.lr)
    size, moves = config.batch_size, 32
    planes = torch.rand(size, game.bit_planes + game.scalar_planes, *game.board_shape, device=where)
    planes = planes.contiguous(memory_format=torch.channels_last)
    legal = np.random.default_rng(0).integers(0, game.num_actions, (size, moves))
    targets = Targets(
        torch.from_numpy(legal).to(where),
        torch.full((size,), moves, device=where),
        torch.full((size, moves), 1.0 / moves, device=where),
        torch.ones(size, device=where),
        torch.full((size, 3), 1.0 / 3, device=where),
        torch.full((size, 3), 1.0 / 3, device=where),
    )

    def work() -> int:
        optimizer.zero_grad(set_to_none=True)
        policy_logits, wdl_logits = net(planes)
        loss, _ = losses(
            policy_logits, wdl_logits, targets, value_mix=0.0, value_weight=1.0, policy_total=float(size), samples_total=size
        )
        loss.backward()
        optimizer.step()
        if where.type == "cuda":
            torch.cuda.synchronize(where)
        return size

    return _rate(work, seconds)
