"""Exports an agent's net, or its self-play games, to files that other programs read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

import torch

from pawnzero.agent import Agent
from pawnzero.arena.pgn import format_game
from pawnzero.arena.players import locate_net
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.files import check_folder, in_shell, replacing, text_bytes
from pawnzero.formats import LC0_SUFFIX
from pawnzero.formats.agreement import POSITIONS, Answers, disagreement, net_answers, onnx_answers
from pawnzero.formats.lc0 import decode_lc0, encode_lc0
from pawnzero.formats.load import load_net
from pawnzero.formats.onnx import encode_onnx
from pawnzero.games import get_game
from pawnzero.games.base import MAX_PLIES
from pawnzero.nets.checkpoint import Checkpoint, save_checkpoint
from pawnzero.nets.device import resolve_device
from pawnzero.replay import ReplayBuffer
from pawnzero.replay.stored import StoredGame
from pawnzero.selfplay.records import OUTSIDE_ITERATIONS

SUFFIXES: Mapping[str, str] = {"onnx": ".onnx", "lc0": LC0_SUFFIX, "checkpoint": ".pt", "pgn": ".pgn"}
"""File name suffixes by format."""

_LIMITS: Mapping[str, float] = {"onnx": 1e-3, "lc0": 0.05}
"""Largest accepted difference in probabilities, from other kernels' rounding (onnx) or from 16-bit weights (lc0)."""


def format_of(path: Path, named: Optional[str] = None) -> str:
    """The format `named`, or else that of the file name's suffix. Raises UsageError if the suffix is unknown."""
    if named is not None:
        return named
    for name, suffix in SUFFIXES.items():
        if path.name.lower().endswith(suffix):
            return name
    known = ", ".join(SUFFIXES.values())
    raise UsageError(f"{path}: the name does not tell the format; expected one that ends in {known}, or --format")


def export_net(source: str, path: Path, format: str, device: str = "auto") -> Dict[str, Any]:
    """Write the net of `source` (an agent's directory: its best net; a checkpoint; lc0's weights) to `path`.

    format: "onnx", "lc0" or "checkpoint" (the averaged net for playing, without training state).
    device: evaluates the nets that are compared; an ONNX file is always evaluated on the CPU.

    Returns the figures of `pawnzero export --json`; the differences are None if ONNX Runtime, which would evaluate the file, is
    not installed. Raises UsageError or PawnzeroError if there is no such net or device, or the format cannot hold the net;
    nothing is written then.
    """
    _check_target(path)
    where = resolve_device(device)
    _, file = locate_net(source, any_player=False)
    checkpoint = load_net(file)
    figures: Dict[str, Any] = {"path": str(path), "format": format, "game": checkpoint.game, "step": checkpoint.step}
    if format == "checkpoint":
        save_checkpoint(path, replace(checkpoint, net=checkpoint.averaged, training=None))
        written = net_answers(load_net(path).make_net(), where)
        return {**figures, "bytes": path.stat().st_size, **_compared(checkpoint, written, where)}
    if format == "onnx":
        content = encode_onnx(checkpoint)
        compared = _compared(checkpoint, onnx_answers(content), where)
    else:
        content = _lc0(checkpoint, source)
        compared = _compared(checkpoint, net_answers(decode_lc0(content).make_net(), where), where)
    worst = max(compared["max_policy_difference"] or 0.0, compared["max_wdl_difference"] or 0.0)
    if not worst <= _LIMITS[format]:
        raise PawnzeroError(
            f"{path}: not written, because as {format} the net's probabilities change by {worst:.2g}, "
            f"expected at most {_LIMITS[format]:g}"
        )
    with replacing(path) as stream:
        stream.write(content)
    return {**figures, "bytes": len(content), **compared}


def export_games(agent: Agent, path: Path, limit: int) -> Dict[str, Any]:
    """Write the newest self-play games of the agent's replay buffer, at most `limit`, to `path` as PGN, the oldest first.

    Returns the figures of `pawnzero export --json`. Raises PawnzeroError if the buffer holds no complete game.
    """
    _check_target(path)
    with ReplayBuffer(agent.replay, game=agent.game) as buffer:
        games = buffer.newest_games(limit)
    if not games:
        raise PawnzeroError(
            f"{agent.replay}: holds no whole game to export; "
            f"`pawnzero selfplay {in_shell(agent.directory)} --games 10` plays some"
        )
    with replacing(path) as stream:
        for game in reversed(games):
            stream.write(text_bytes(_pgn(game, agent)))
    return {"path": str(path), "format": "pgn", "game": agent.game, "bytes": path.stat().st_size, "games": len(games)}


def _check_target(path: Path) -> None:
    """Raise PawnzeroError if the folder of `path` does not exist, or holds an agent's own checkpoints."""
    check_folder(path)
    folder = path.resolve().parent
    if folder.name == "checkpoints" and Agent.is_at(folder.parent):
        raise PawnzeroError(f"{path}: its folder holds an agent's own checkpoints; name another one")


def _lc0(checkpoint: Checkpoint, source: str) -> bytes:
    try:
        return encode_lc0(checkpoint)
    except UsageError as error:
        raise UsageError(f"{source}: {error}") from None


def _compared(checkpoint: Checkpoint, written: Optional[Answers], device: torch.device) -> Dict[str, Any]:
    """The differences between the outputs of the exported net and those of the original, which is evaluated on `device`."""
    if written is None:
        return {"positions_compared": 0, "max_policy_difference": None, "max_wdl_difference": None}
    found = disagreement(get_game(checkpoint.game), net_answers(checkpoint.make_net(), device), written)
    return {"positions_compared": POSITIONS, "max_policy_difference": found.policy, "max_wdl_difference": found.wdl}


def _pgn(stored: StoredGame, agent: Agent) -> str:
    """A game as PGN. Rows store neither its date nor its net; its id tells its iteration, if it belongs to one."""
    line, game = stored.line, stored.line.game
    headers = {
        "Event": "pawnzero self-play",
        "Site": "?",
        "Date": "????.??.??",
        "Round": _round(stored.game_id),
        "White": agent.name,
        "Black": agent.name,
        "Game": game.name,
        "GivenPlies": str(stored.context),
        "Termination": "adjudication" if line.ending == MAX_PLIES else "normal",
        "Ending": game.endings[line.ending],
    }
    return format_game(game, headers, line, stored.result)


def _round(game_id: int) -> str:
    """Iteration and number of the game in it; for a game outside iterations, its number among those."""
    if game_id >= OUTSIDE_ITERATIONS:
        return str(game_id - OUTSIDE_ITERATIONS)
    return f"{game_id >> 32}.{game_id & 0xFFFFFFFF}"
