"""Deciding whether the latest net replaces the best one: they play a match, and the winner is the best net from then on.

If there is no best net yet, the opponent is the untrained net of the same shape, and the latest becomes the first best net
whatever the score. The report is written before the best net is replaced, so an iteration killed after its match resumes from
the report.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

from pawnzero.agent import Agent
from pawnzero.arena.match import MatchResult, play_match
from pawnzero.arena.openings import openings
from pawnzero.arena.players import NetPlayer
from pawnzero.arena.sequential import Hypotheses
from pawnzero.arena.stats import ACCEPT_H1
from pawnzero.config import Config
from pawnzero.errors import PawnzeroError
from pawnzero.files import in_shell, read_json, replacing, write_json
from pawnzero.games import get_game
from pawnzero.nets.checkpoint import Checkpoint
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.latest_and_best import load_best, load_latest
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.pipeline.match_log import UNTRAINED, append_row, cells, has_row
from pawnzero.pipeline.selfplay import untrained_net
from pawnzero.progress import Progress
from pawnzero.search.random import stream


def evaluate_and_promote(
    agent: Agent,
    config: Config,
    *,
    device: str = "auto",
    seed: Optional[int] = None,
    iteration: Optional[int] = None,
    openings_file: Optional[Path] = None,
    progress: Optional[Progress] = None,
) -> Dict[str, Any]:
    """Latest against best; the latest becomes the best if its score is above the threshold, or if there was no best net.

    Games, threshold, simulations and (unless `seed` is given) the seed come from `config`. If its `eval_promotion` is "sprt",
    the latest is promoted if the test accepts H1, and `eval_games` is the maximum. The openings depend on the seed and on the
    latest net's step. Writes experiments/last_arena.json and last_arena.pgn, a row of experiments/arena.csv, the agent's
    metadata and, on promotion, best.pt.
    Returns the contents of last_arena.json: the match (`MatchResult.to_json`) and `promoted`, `promotion` (the rule),
    `threshold` (None if it is not the rule), `simulations`, `step` and `sha256` (of the latest net and its file), `opponent`,
    `itself` (whether the opponent is the same net), `iteration`, `time`. Raises PawnzeroError if there is no latest net.
    """
    progress = progress or Progress()
    with agent.lock():
        config = agent.adopt(config, progress)
        latest = load_latest(agent.checkpoints, agent.game, agent.model)
        if latest is None:
            raise PawnzeroError(
                f"{agent.directory}: no latest net to evaluate; `pawnzero train {in_shell(agent.directory)}` makes one"
            )
        trial = _Trial(agent, config, latest, best_net(agent), config.seed if seed is None else seed)
        known = _already_played(agent, iteration, trial, progress)
        if known is not None:
            _record(agent, known, progress, again=True)
            return known
        if trial.itself:
            progress.note(f"{agent.name}'s latest net (step {latest.step}) is already its best one, so it plays itself")
        with _games_beside(agent) as games_file:
            match = trial.play(device, openings_file, games_file, progress)
            report = {
                **trial.report(match),
                "iteration": iteration,
                "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            }
            os.replace(str(games_file), str(agent.experiments / "last_arena.pgn"))
            write_json(agent.experiments / "last_arena.json", report)
        _record(agent, report, progress)
        return report


@dataclass(frozen=True)
class _Trial:
    """The latest net's promotion match, against the best net, or against the untrained one if that is None."""

    agent: Agent
    config: Config
    latest: Checkpoint
    best: Optional[Checkpoint]
    seed: int

    @cached_property
    def digest(self) -> str:
        """The digest of the latest net's file."""
        return _digest(self.agent.latest.read_bytes())

    @property
    def itself(self) -> bool:
        """Whether the latest net already is the best one."""
        return self.best is not None and _digest(self.agent.best.read_bytes()) == self.digest

    @property
    def hypotheses(self) -> Optional[Hypotheses]:
        """The hypotheses of the sequential test; None if a threshold decides."""
        by_test = self.config.eval_promotion == "sprt"
        return Hypotheses(self.config.eval_elo0, self.config.eval_elo1) if by_test else None

    def play(self, device: str, openings_file: Optional[Path], pgn: Path, progress: Progress) -> MatchResult:
        """Play the match; its games are appended to `pgn`."""
        config, game = self.config, get_game(self.agent.game)
        pairs, longest = (config.eval_games + 1) // 2, config.selfplay.max_plies
        starts = openings(game, pairs, int(stream(self.seed, self.latest.step)), openings_file, max_plies=longest)
        challenger, opponent = self._players(device, progress)
        with challenger, opponent:
            return play_match(
                challenger,
                opponent,
                games=config.eval_games,
                openings=starts,
                game=game,
                max_plies=longest,
                seed=self.seed,
                progress=progress,
                pgn=pgn,
                hypotheses=self.hypotheses,
            )

    def _players(self, device: str, progress: Progress) -> Tuple[NetPlayer, NetPlayer]:
        """The latest net and its opponent."""
        agent, config, game = self.agent, self.config, get_game(self.agent.game)

        def player(net: PolicyValueNet, name: str, path: str) -> NetPlayer:
            evaluator = NetEvaluator(net, device=device, progress=progress)
            return NetPlayer(game, evaluator, name=name, simulations=config.mcts_sims, search=config.search, net=path)

        latest = player(self.latest.make_net(), f"{agent.name} latest (step {self.latest.step})", str(agent.latest))
        if self.best is None:
            return latest, player(untrained_net(agent), UNTRAINED, UNTRAINED)
        return latest, player(self.best.make_net(), f"{agent.name} best (step {self.best.step})", str(agent.best))

    def report(self, match: MatchResult) -> Dict[str, Any]:
        """The match and whether the latest net becomes the best, as `evaluate_and_promote` returns it."""
        won = match.sprt["decision"] == ACCEPT_H1 if match.sprt else match.score > self.config.eval_threshold
        return {
            **match.to_json(),
            "promoted": self.best is None or won,
            "promotion": self.config.eval_promotion,
            "threshold": self.config.eval_threshold if self.hypotheses is None else None,
            "simulations": self.config.mcts_sims,
            "step": self.latest.step,
            "sha256": self.digest,
            "opponent": match.second,
            "itself": self.itself,
        }


def best_net(agent: Agent) -> Optional[Checkpoint]:
    """The best net, or None if there is none yet. Corrects metadata.json's entry about it.

    The entry is wrong after a kill within `_record`, or if somebody put another file there. The caller must hold the agent's
    lock. Raises PawnzeroError with advice if the file is damaged.
    """
    net = load_best(agent.checkpoints, agent.game, agent.model)
    told = agent.metadata.get("best")
    if net is None:
        if told is not None:
            agent.update(best=None)
        return None
    digest = _digest(agent.best.read_bytes())
    if not (isinstance(told, dict) and told.get("step") == net.step and told.get("sha256", digest) == digest):
        agent.update(best={"step": net.step, "sha256": digest})
    return net


def _digest(net: bytes) -> str:
    return hashlib.sha256(net).hexdigest()


@contextmanager
def _games_beside(agent: Agent) -> Iterator[Path]:
    """The temporary file for a match's games until its report is written.

    It is removed if the match is interrupted, so that last_arena.pgn and last_arena.json belong to the same match. After a kill
    between the two writes, an iteration plays its match again, because its report is missing.
    """
    beside = agent.experiments / ".last_arena.pgn.new"
    try:
        if beside.exists():
            beside.unlink()
        yield beside
    finally:
        if beside.exists():
            beside.unlink()


_FIGURES = {figure.name for figure in fields(MatchResult)} - {"played"} | {"winrate", "threshold", "simulations", "opponent"}
"""What a report of a match has at least."""


def _already_played(agent: Agent, iteration: Optional[int], trial: _Trial, progress: Progress) -> Optional[Dict[str, Any]]:
    """The report of this iteration's match, if one was written before an interruption. Prints a note if it is damaged.

    A report of another net of the same step does not count: nets restored from a copy may have been trained differently.
    """
    path = agent.experiments / "last_arena.json"
    if iteration is None or not path.exists():
        return None
    report = None
    with suppress(PawnzeroError):
        report = read_json(path)
    if not isinstance(report, dict):
        progress.note(f"{path}: not the report of a match; it is ignored")
        return None
    of = (report.get("iteration"), report.get("step"), report.get("sha256"))
    if of != (iteration, trial.latest.step, trial.digest):
        return None
    try:
        cells(report), _of_best(report), has_row(path.with_name("arena.csv"), report)  # everything that `_record` reads
        whole = type(report["promoted"]) is bool and report.keys() >= _FIGURES
    except (KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        progress.note(f"{path}: the report of iteration {iteration} is damaged; its match is played again")
        return None
    return report


def _record(agent: Agent, report: Mapping[str, Any], progress: Progress, *, again: bool = False) -> None:
    """Add a report to the table, and replace the best net on promotion; `again`: finish what an interruption left undone."""
    table = agent.experiments / "arena.csv"
    if not (again and has_row(table, report)):
        append_row(table, cells(report), progress)
    best = _of_best(report)
    if best is not None:
        net = agent.latest.read_bytes()
        # Written before the net: after a kill in between, a match that is played again finds the old net. The digest tells
        # which it is.
        agent.update(best={**best, "sha256": _digest(net)})
        with replacing(agent.best) as handle:
            handle.write(net)


def _of_best(report: Mapping[str, Any]) -> Optional[Dict[str, Any]]:
    """metadata.json's entry for the net that a match has made the best; None if it was not promoted."""
    return {key: report[key] for key in ("step", "iteration", "score", "opponent", "time")} if report["promoted"] else None
