"""The engine's net, loaded when it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from pawnzero.games.base import Game
from pawnzero.machine.cores import usable_cores
from pawnzero.progress import Progress
from pawnzero.search.evaluator import Evaluator

_BATCH_OF_A_CORE = 8
"""Batch size per core below which batching gains nothing (see `nets.backends.parts`)."""
_BATCH_OF_A_CARD = 128


@dataclass(frozen=True)
class EngineNet:
    """What the engine thinks with. leaves: how many leaves to evaluate at once"""

    game: Game
    evaluator: Evaluator
    leaves: int


class Notes(Progress):
    """Progress that passes notes on and drops the rest."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def note(self, text: str) -> None:
        self._tell(text)


def load_net(spec: str, device: str, threads: int, tell: Callable[[str], None]) -> EngineNet:
    """Load the averaged net of `spec` (a checkpoint file or an agent) on `device`.

    It uses `threads` cores (0: torch's default), but no more than this process may use. Takes seconds. Raises UsageError for a
    net of another game, PawnzeroError for a file that is not a net.
    """
    from pawnzero.arena.players import NetPlayer, best_or_latest, parse_player
    from pawnzero.games import get_game
    from pawnzero.nets.device import resolve_device
    from pawnzero.nets.evaluator import NetEvaluator
    from pawnzero.nets.threads import core_count, use_cores

    resolve_device(device)  # before the net is read, since it also tells whether this torch is of use
    cores = usable_cores()
    if threads > cores:
        tell(f"Threads is {threads}, but the net runs on {cores}, all the cores there are")
    use_cores(min(threads, cores))
    game = get_game("chess")
    spec, note = best_or_latest(spec)
    if note:
        tell(note)
    player = parse_player(spec, game=game, device=device, progress=Notes(tell))
    assert isinstance(player, NetPlayer)
    evaluator = player.evaluator
    assert isinstance(evaluator, NetEvaluator)
    tell(f"{player.details['Net']} on {evaluator.description}")
    on_cpu = evaluator.device.type == "cpu"
    return EngineNet(game, evaluator, _BATCH_OF_A_CORE * core_count() if on_cpu else _BATCH_OF_A_CARD)
