"""Alarms: signs in a run's figures that something is going wrong, each with a remedy.

The thresholds are set so that the first iterations of a healthy run, which play almost randomly, raise no alarm: chess between
untrained nets is drawn in about three games of four, and their policies are closer to uniform than their targets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, List, Mapping, Optional, Sequence

from pawnzero.wilson import wilson

FEWEST_GAMES = 20
"""Fewer games than this, those of the default match, are too few to judge shares of games."""

MOST_DRAWN = 0.9
"""With nine of ten games drawn, a value head that always predicts a draw is right nine times of ten and has little to learn."""
ENOUGH_GAMES = 40
"""If this many games are all drawn, the true share is above `MOST_DRAWN` with 95 % confidence (35 would suffice)."""

FEWEST_OPENINGS = 0.2
"""With fewer different openings than a fifth of the games, each is in the buffer more than five times on average."""

ONE_MOVE = 0.056
"""Entropy, in nats, of a policy that gives 99 % to one move and 1 % to another: -(0.99 ln 0.99 + 0.01 ln 0.01)."""

OVERCONFIDENT = 0.5
"""Share of the targets' entropy. The optimum of cross-entropy for positions that the net cannot tell apart is the mean of their
targets, whose entropy is at least the mean of theirs. Half of that is far on the wrong side."""

BY_HEART = 0.1
"""Nats by which the value loss is higher on held-out games: 0.00 to 0.08 in runs of connect four, whose games are many and
short; 0.2 to 0.3 in a chess run that a larger `value_mix` made far stronger (docs/experiments/chess_small.md)."""

_TRAIN_LESS = "train less: lower trainer.replay_ratio or, where that is 0, trainer_iters"

_TREND = 3
"""Held-out measurements on each side of a comparison: a single one, of one batch, is too noisy."""
_SURE = 3.0
"""A trend counts if it is more than this many times its standard error."""


@dataclass(frozen=True)
class Alarm:
    """name: for scripts; text: one line for people with the finding, and settings that may help."""

    name: str
    text: str


def selfplay_alarms(figures: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]] = ()) -> List[Alarm]:
    """The alarms of a set of self-play games.

    figures: of the set, from `GamesSummary.to_json`
    earlier: of earlier iterations, newest last; they are added to the count of draws if the set is too small
    """
    found = (_drawn(figures, earlier), _alike(figures), _one_move(figures))
    return [alarm for alarm in found if alarm is not None]


def training_alarms(records: Sequence[Mapping[str, Any]]) -> List[Alarm]:
    """The alarms of training. records: those of `train.json`, oldest first."""
    found = (_overconfident(records[-1]), _overfitting(records), _results_by_heart(records)) if records else ()
    return [alarm for alarm in found if alarm is not None]


def _drawn(figures: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> Optional[Alarm]:
    games = drawn = adjudicated = 0
    for counted in (figures, *reversed(earlier)):
        games += counted["games"]
        # With good play, small games normally end in a full board; those draws are no sign of trouble.
        drawn += counted["draws"] - counted["endings"].get("board full", 0)
        adjudicated += counted["adjudicated"]
        if games >= ENOUGH_GAMES:
            break
    if games < FEWEST_GAMES or wilson(drawn, games)[0] <= MOST_DRAWN:
        return None
    helps = "raise selfplay.random_opening_share or selfplay.temperature_end to make the games more varied"
    if adjudicated > drawn / 2:
        helps = "raise selfplay.max_plies or mcts_sims to let more games end by the rules"
    return Alarm(
        "draws",
        f"{drawn} of {games} games were drawn, {adjudicated} at the ply limit, so the value head learns little; {helps}",
    )


def _alike(figures: Mapping[str, Any]) -> Optional[Alarm]:
    games, openings = figures["games"], figures["distinct_openings"]
    if games < FEWEST_GAMES or openings >= FEWEST_OPENINGS * games:
        return None
    knob = "temperature" if figures["full_search_share"] == 1.0 else "full_search_share"  # cheap searches use no noise
    return Alarm(
        "openings",
        f"{games} games had only {openings} different openings, so the net sees the same positions again and again; "
        f"raise selfplay.{knob} or selfplay.random_opening_share",
    )


def _one_move(figures: Mapping[str, Any]) -> Optional[Alarm]:
    entropy = figures["policy_entropy"]
    if figures["games"] < FEWEST_GAMES or entropy is None or entropy >= ONE_MOVE:
        return None
    return Alarm(
        "search_collapse",
        f"the search settles on one move in nearly every position ({entropy:.3f} nats of entropy), so others are hardly tried; "
        "with gumbel lower search.gumbel_value_scale, with puct raise search.dirichlet_epsilon or search.cpuct",
    )


def _overconfident(record: Mapping[str, Any]) -> Optional[Alarm]:
    if "policy_entropy" not in record:  # all samples were of cheap searches
        return None
    target, net = record["target_entropy"], record["policy_entropy"]
    if net >= OVERCONFIDENT * target:
        return None
    return Alarm(
        "policy_collapse",
        f"the net is far surer of its moves than the search it learns from ({net:.3f} nats of entropy against {target:.3f}); "
        f"lower trainer.lr, or {_TRAIN_LESS}",
    )


def _overfitting(records: Sequence[Mapping[str, Any]]) -> Optional[Alarm]:
    measured = [record for record in records if "held_out_loss" in record and "loss" in record][-2 * _TREND :]
    if len(measured) < 2 * _TREND:
        return None
    rise, fall = _rise([r["held_out_loss"] for r in measured]), _rise([-r["loss"] for r in measured])
    if not (rise > 0.0 and fall > 0.0):
        return None
    return Alarm(
        "overfitting",
        f"from step {measured[0]['step']} to {measured[-1]['step']} the loss on held-out games rose by {rise:.3f} while the "
        f"training loss fell by {fall:.3f}, so the net memorises its games; raise num_selfplay, or {_TRAIN_LESS}",
    )


def _results_by_heart(records: Sequence[Mapping[str, Any]]) -> Optional[Alarm]:
    measured = [record for record in records if "held_out_value_loss" in record][-2 * _TREND :]
    if len(measured) < 2 * _TREND:
        return None
    held_out, own = ([record[name] for record in measured] for name in ("held_out_value_loss", "value_loss"))
    gaps = [theirs - ours for theirs, ours in zip(held_out, own)]
    count, gap = len(gaps), sum(gaps) / len(gaps)
    error = math.sqrt(sum((one - gap) ** 2 for one in gaps) / (count - 1) / count)
    if gap - _SURE * error <= BY_HEART:
        return None
    return Alarm(
        "value_overfitting",
        f"the value loss is {sum(held_out) / count:.3f} on held-out games but {sum(own) / count:.3f} on the games trained on, "
        "so the net memorises the results of single games; raise trainer.value_mix or num_selfplay",
    )


def _rise(values: Sequence[float]) -> float:
    """Mean of the later half minus mean of the earlier half; 0 if the difference may be chance (see _SURE)."""
    half = len(values) // 2
    early, late = values[:half], values[half:]
    before, after = sum(early) / half, sum(late) / half
    squares = sum((value - before) ** 2 for value in early) + sum((value - after) ** 2 for value in late)
    error = math.sqrt(squares / (2 * (half - 1)) * 2 / half)
    return after - before if abs(after - before) > _SURE * error else 0.0
