"""Training from Python, with a net, a replay buffer and a plain dictionary of settings."""

from __future__ import annotations

import difflib
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from pawnzero.agent import Agent
from pawnzero.checks.prechecks import precheck
from pawnzero.errors import UsageError
from pawnzero.files import read_json
from pawnzero.machine.launch import refuse_several
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.progress import Progress
from pawnzero.replay import ReplayBuffer
from pawnzero.settings import SETTINGS, load_config
from pawnzero.train.loop import train
from pawnzero.train.report import TrainReport
from pawnzero.train.state import saved_step

_OF_ITERATIONS = ("trainer.replay_ratio", "trainer.reset_every", "trainer.reset_until", "trainer.reset_ratio")
"""Settings that only an iteration can follow: it knows its number and what it has played."""
_TOP_LEVEL = ("batch_size", "grad_accum_steps", "keep_checkpoints", "seed")
_SETTINGS = {
    **{name: name for name in _TOP_LEVEL},
    **{key.split(".")[1]: key for key in SETTINGS if key.startswith("trainer.") and key not in _OF_ITERATIONS},
    "iters": "trainer_iters",
}
"""Full names of the settings by key of the dictionary."""

_OTHERS: Dict[str, Any] = {"ckpt_dir": None, "epochs": 1, "device": None, "use_amp": False}


def train_loop(
    model: PolicyValueNet, buf: ReplayBuffer, cfg: Mapping[str, Any], progress: Optional[Progress] = None
) -> TrainReport:
    """Train `model` for ``cfg["iters"]`` × ``cfg["epochs"]`` more steps and save it into ``cfg["ckpt_dir"]``.

    If that directory has a `latest.pt`, its weights are first loaded into `model` and training resumes from there, so that a
    new net never replaces a trained one. Afterwards `model` holds the trained weights, on the device; their average, with which
    the net plays, is in the checkpoint. The integrity checks run first. If the directory is an agent's, the agent is locked
    during the call. Figures go to `train.json` in the directory `experiments` beside ``ckpt_dir``, if there is one.

    cfg: ckpt_dir (required); batch_size, grad_accum_steps, iters, lr, wd, keep_checkpoints, seed and the other settings of
    `trainer`, with the configuration's defaults (by default, an agent that last kept more checkpoints continues to keep as
    many); epochs (1), device (the one `model` is on), use_amp (False).

    Raises UsageError for an unknown key (naming the nearest valid one) or an invalid value, and under torchrun with several
    processes; otherwise as `pawnzero.train.train`.
    """
    refuse_several("train_loop")
    _check_keys(cfg)
    options = {**_OTHERS, **{key: cfg[key] for key in _OTHERS if key in cfg}}
    epochs, use_amp = options["epochs"], options["use_amp"]
    if type(epochs) is not int or epochs < 1:
        raise UsageError(f"cfg: epochs is {epochs!r}, expected an integer of at least 1")
    if type(use_amp) is not bool:
        raise UsageError(f"cfg: use_amp is {use_amp!r}, expected true or false")
    config = load_config(overrides={_SETTINGS[key]: value for key, value in cfg.items() if key in _SETTINGS})
    checkpoints = Path(options["ckpt_dir"])
    experiments = checkpoints.parent / "experiments"
    agent = _agent_at(checkpoints.parent)
    with agent.lock() if agent is not None else nullcontext():
        precheck(model.game_name, experiments if experiments.is_dir() else None, progress or Progress())
        if agent is not None:
            agent.check_net(model.game_name, model.shape)
            if "keep_checkpoints" not in cfg:
                config = replace(config, keep_checkpoints=max(config.keep_checkpoints, agent.last_used("keep_checkpoints")))
        before = saved_step(checkpoints, model.game_name, model.shape)
        if agent is not None:
            agent.keep_what_training_lacks(before)
        return train(
            buf,
            replace(config, game=model.game_name, model=model.shape),
            checkpoints=checkpoints,
            until_step=before + config.trainer_iters * epochs,
            device=str(options["device"] or next(model.parameters()).device),
            use_amp=use_amp,
            log=experiments / "train.json" if experiments.is_dir() else None,
            progress=progress,
            net=model,
            stage=f"from step {before}",
        )


def _agent_at(folder: Path) -> Optional[Agent]:
    """The agent in this directory; None if there is none, even if the directory has some other metadata.json."""
    path = folder / "metadata.json"
    values = read_json(path) if path.exists() else None
    return Agent.open(folder) if isinstance(values, dict) and "format" in values else None


def _check_keys(cfg: Mapping[str, Any]) -> None:
    known = [*_OTHERS, *_SETTINGS]
    for key in cfg:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            told = f"the nearest valid one is {near[0]!r}" if near else f"expected some of {', '.join(known)}"
            raise UsageError(f"cfg: unknown key {key!r}; {told}")
    if not isinstance(cfg.get("ckpt_dir"), (str, Path)):
        raise UsageError("cfg: ckpt_dir is missing, expected the directory to keep checkpoints in")
