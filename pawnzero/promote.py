"""Whether the latest net is better than the best one: they play a match, and the winner is the best from then on.

Where there is no best net yet the match is against the untrained net of the same shape, and the latest becomes the first best
whatever the score. What was found is written before the best net is replaced, which comes last: an iteration's evaluation that
was killed after its match goes on from what was written.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

from pawnzero.agent import Agent
from pawnzero.arena import MatchResult, play_match
from pawnzero.config import Config
from pawnzero.errors import PawnzeroError
from pawnzero.files import in_shell, read_json, replacing, write_json
from pawnzero.games import get_game
from pawnzero.matches import UNTRAINED, append_row, cells, has_row
from pawnzero.nets.checkpoint import Checkpoint
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.kept import load_best, load_latest
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.openings import openings
from pawnzero.players import NetPlayer
from pawnzero.progress import Progress
from pawnzero.search.random import stream
from pawnzero.sequential import Hypotheses
from pawnzero.stats import ACCEPT_H1


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
    """Latest against best; the latest becomes the best where its score is above the threshold, or where there was none.

    How many games, the threshold and the simulations are `config`'s, and so is the seed where none is given. Where its
    `eval_promotion` is "sprt", it counts whether the test accepts H1, and `eval_games` are the most that are played. The
    openings depend on the seed and on the latest net's step. Writes experiments/last_arena.json and last_arena.pgn, a row of
    experiments/arena.csv, the agent's metadata and perhaps best.pt.
    Returns what last_arena.json holds: the match (`MatchResult.to_json`) and `promoted`, `promotion` (the rule), `threshold`
    (None where it is not the rule), `simulations`, `step`, `opponent`, `itself` (whether that is the same net), `iteration`,
    `time`. Raises PawnzeroError where there is no latest net.
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
        known = _already_played(agent, iteration, latest.step, progress)
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
    """The latest net's match for promotion against the best one, or where that is None against the untrained one."""

    agent: Agent
    config: Config
    latest: Checkpoint
    best: Optional[Checkpoint]
    seed: int

    @property
    def itself(self) -> bool:
        """Whether the latest net is the best one already."""
        return self.best is not None and self.agent.best.read_bytes() == self.agent.latest.read_bytes()

    @property
    def hypotheses(self) -> Optional[Hypotheses]:
        """Those of the test that decides; None where the threshold does."""
        by_test = self.config.eval_promotion == "sprt"
        return Hypotheses(self.config.eval_elo0, self.config.eval_elo1) if by_test else None

    def play(self, device: str, openings_file: Optional[Path], pgn: Path, progress: Progress) -> MatchResult:
        """The match; its games go into `pgn`."""
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
        """The latest net, and the one that it has to beat."""
        agent, config, game = self.agent, self.config, get_game(self.agent.game)

        def player(net: PolicyValueNet, name: str, path: str) -> NetPlayer:
            evaluator = NetEvaluator(net, device=device, progress=progress)
            return NetPlayer(game, evaluator, name=name, simulations=config.mcts_sims, search=config.search, net=path)

        latest = player(self.latest.make_net(), f"{agent.name} latest (step {self.latest.step})", str(agent.latest))
        if self.best is None:
            untrained = PolicyValueNet(agent.model, agent.game, agent.metadata["seed"])
            return latest, player(untrained, UNTRAINED, UNTRAINED)
        return latest, player(self.best.make_net(), f"{agent.name} best (step {self.best.step})", str(agent.best))

    def report(self, match: MatchResult) -> Dict[str, Any]:
        """What was played and whether the latest net becomes the best, as `evaluate_and_promote` returns it."""
        won = match.sprt["decision"] == ACCEPT_H1 if match.sprt else match.score > self.config.eval_threshold
        return {
            **match.to_json(),
            "promoted": self.best is None or won,
            "promotion": self.config.eval_promotion,
            "threshold": self.config.eval_threshold if self.hypotheses is None else None,
            "simulations": self.config.mcts_sims,
            "step": self.latest.step,
            "opponent": match.second,
            "itself": self.itself,
        }


def best_net(agent: Agent) -> Optional[Checkpoint]:
    """The best net, None where there is none yet. What metadata.json says of it is made true, which it is not after a kill
    within `_record` or where somebody put another file there.

    Only the holder of the agent's lock may call it. Raises PawnzeroError that says what helps where the file is damaged.
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
    """Where a match's games lie until its report is written. What a match that is broken off leaves there is removed, so that
    last_arena.pgn and last_arena.json are of one match. After a kill between the two an iteration plays its match once more,
    since its report is not there."""
    beside = agent.experiments / ".last_arena.pgn.new"
    try:
        if beside.exists():
            beside.unlink()
        yield beside
    finally:
        if beside.exists():
            beside.unlink()


def _already_played(agent: Agent, iteration: Optional[int], step: int, progress: Progress) -> Optional[Dict[str, Any]]:
    """The report of this iteration's match, where one was written before an interruption. One line says where it is damaged."""
    path = agent.experiments / "last_arena.json"
    if iteration is None or not path.exists():
        return None
    report = None
    with suppress(PawnzeroError):
        report = read_json(path)
    if not isinstance(report, dict):
        progress.note(f"{path}: not the report of a match; it is ignored")
        return None
    if (report.get("iteration"), report.get("step")) != (iteration, step):
        return None
    try:
        cells(report), _of_best(report), has_row(path.with_name("arena.csv"), report)  # what `_record` reads
    except (KeyError, TypeError, AttributeError):
        progress.note(f"{path}: the report of iteration {iteration} is damaged; its match is played again")
        return None
    return report


def _record(agent: Agent, report: Mapping[str, Any], progress: Progress, *, again: bool = False) -> None:
    """Add a report to the table, and replace the best net where it says so; `again`: what an interruption left undone."""
    table = agent.experiments / "arena.csv"
    if not (again and has_row(table, report)):
        append_row(table, cells(report), progress)
    best = _of_best(report)
    if best is not None:
        net = agent.latest.read_bytes()
        # Before the net: a match that is played again after a kill in between finds the old one. The digest tells which it is.
        agent.update(best={**best, "sha256": _digest(net)})
        with replacing(agent.best) as handle:
            handle.write(net)


def _of_best(report: Mapping[str, Any]) -> Optional[Dict[str, Any]]:
    """What metadata.json says of the net that a match has made the best; None where it has not."""
    return {key: report[key] for key in ("step", "iteration", "score", "opponent", "time")} if report["promoted"] else None
