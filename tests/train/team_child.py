"""One of two processes that train together, `team_child.py SCENARIO FOLDER`: leaves what it found in FOLDER/RANK.json."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Dict

import torch
from hearing import Heard
from random_games import CONFIG
from saved import asked_at_the_last_save

from pawnzero.config import Config
from pawnzero.errors import PawnzeroError
from pawnzero.machine import remembered
from pawnzero.machine.launch import leave
from pawnzero.nets import make_model
from pawnzero.progress import Progress
from pawnzero.replay import ReplayBuffer
from pawnzero.train import precision, train
from pawnzero.train.team import Team, joined

CONFIG_OF_TEAM = replace(CONFIG, batch_size=3, grad_accum_steps=3)
"""Nine samples: four for one process, five for the other, whose second pass is shorter."""


def go(folder: Path, name: str, config: Config, team: Team, until_step: int = 6, **options: Any) -> Dict[str, Any]:
    report = train(
        ReplayBuffer(folder / "replay.pt"),
        config,
        checkpoints=folder / name,
        until_step=until_step,
        device="cpu",
        log=folder / name / "train.json",
        save_every=2,
        team=team,
        **options,
    )
    return asdict(report)


def small(holds: int, after: int = 0) -> torch.nn.Module:
    """A net in whose process memory runs out for more than `holds` samples, from the pass number `after` on."""
    net, passes = make_model("cpu", 8, 1, 4, "tic_tac_toe", CONFIG.seed), [0]

    def allocate(module: torch.nn.Module, inputs: tuple) -> None:
        passes[0] += module.training and torch.is_grad_enabled()
        if passes[0] > after and len(inputs[0]) > holds:
            raise MemoryError

    net.register_forward_pre_hook(allocate)
    return net


def everything(folder: Path, team: Team) -> Dict[str, Any]:
    found = {"plain": go(folder, "plain", CONFIG_OF_TEAM, team)}
    found["heads"] = go(folder, "heads", replace(CONFIG_OF_TEAM, trainer=replace(CONFIG.trainer, reply_weight=0.5)), team)
    # Progress of a process that does not lead is silent, so the signal comes from a pass through its net.
    net = make_model("cpu", 8, 1, 4, "tic_tac_toe", CONFIG.seed)
    passes = [0]

    def interrupt(module: torch.nn.Module, inputs: tuple) -> None:
        passes[0] += 1
        if passes[0] == 6 and not team.leads:
            os.kill(os.getpid(), signal.SIGTERM)

    handle = net.register_forward_pre_hook(interrupt)
    found["stopped"] = go(folder, "parts", CONFIG_OF_TEAM, team, net=net)
    handle.remove()
    found["went_on"] = go(folder, "parts", CONFIG_OF_TEAM, team)
    heard = Heard()
    of_leader = {"net": asked_at_the_last_save(heard, 6), "progress": heard} if team.leads else {}
    found["at_the_end"] = go(folder, "at_the_end", CONFIG_OF_TEAM, team, **of_leader)
    own: Dict[str, Any] = {} if team.leads else {"net": small(2)}
    found["tight"] = go(folder, "tight", CONFIG_OF_TEAM, team, **own)
    found["whole"] = go(folder, "whole", replace(CONFIG_OF_TEAM, batch_size=9, grad_accum_steps=1), team)
    return {**found, **formats(folder, team)}  # the last, as it changes what this process knows of its card


def late(folder: Path, team: Team) -> Dict[str, Any]:
    own: Dict[str, Any] = {} if team.leads else {"net": small(1, after=12)}
    try:
        return {"report": go(folder, "late", CONFIG_OF_TEAM, team, progress=Heard(), **own)}
    except PawnzeroError as error:
        return {"error": str(error)}


def measures(team: Team, leader: torch.dtype, other: torch.dtype) -> None:
    """Let each of two cards gain by another format."""
    precision.half_formats = lambda device: (torch.bfloat16,)
    precision.fastest_format = lambda *what: (leader if team.leads else other, "measured")


def formats(folder: Path, team: Team) -> Dict[str, Any]:
    found = {}
    for name, pair in {"half": (torch.bfloat16, torch.float32), "float": (torch.float32, torch.bfloat16)}.items():
        measures(team, *pair)
        found[name] = go(folder, name, CONFIG_OF_TEAM, team, use_amp=True)
    return found


def refused(folder: Path, team: Team) -> Dict[str, Any]:
    measures(team, torch.bfloat16, torch.float32)
    if not team.leads:
        precision.half_formats = lambda device: ()
    try:
        return {"report": go(folder, "refused", CONFIG_OF_TEAM, team, use_amp=True)}
    except PawnzeroError as error:
        return {"error": str(error)}


if __name__ == "__main__":
    scenario, place = sys.argv[1], Path(sys.argv[2])
    remembered.cache_home = lambda: place
    with joined("cpu", Progress()) as this_team:
        result = {"everything": everything, "late": late, "refused": refused}[scenario](place, this_team)
        (place / f"{this_team.rank}.json").write_text(json.dumps(result))
    leave(0)
