"""Which settings suit this machine, and why. Plain data in, plain data out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

from pawnzero.config import Config
from pawnzero.doctor.cards import Card
from pawnzero.doctor.machine import Machine

_GIB = 2**30
_BATCHES = ((5, 32), (7, 64), (12, 128), (40, 256))
"""(GiB of GPU memory, batch size below that): 32–128 around the RX580's 8 GB, more where there is more memory."""
_BIGGEST_BATCH = 512
_SLOW, _FAST = 4_000, 100_000
"""Simulations per second with the default net below which a smaller net is suggested, and from which a larger one is."""
_PLIES = 120
"""Assumed length of a game. Early games are longer, resigned ones shorter."""
_ITERATION_MINUTES = 20
_FEWEST_GAMES = 32
_ITERATIONS_KEPT = 8
_REPLAY_RATIO = 4.0
"""How often a position is trained on; this is usual elsewhere, see docs/training.md."""


class Shape(NamedTuple):
    """A net's size."""

    channels: int
    blocks: int

    @property
    def work(self) -> int:
        """Cost per position, in a unit that sizes share. Nearly all of it is 3×3 convolutions."""
        return self.channels**2 * self.blocks


_DEFAULT = Shape(Config().model.channels, Config().model.blocks)
_SMALL, _LARGE = Shape(32, 4), Shape(128, 10)


@dataclass(frozen=True)
class Use:
    """What the program will use on this machine by default."""

    device: str
    precision: str
    games_in_flight: int
    threads: int


@dataclass(frozen=True)
class Suggestion:
    """A setting by its dotted key, its value for this machine, and why."""

    setting: str
    value: Union[int, float]
    why: str


def suggest(machine: Machine, use: Use, nodes_per_second: Optional[float]) -> List[Suggestion]:
    """Settings for a machine. `nodes_per_second`: self-play simulations/s with the default net; None if not measured."""
    card = next((card for card in machine.cards if card.device == use.device), None)
    shape, why = _net(use, card, nodes_per_second)
    speed = nodes_per_second and nodes_per_second * _DEFAULT.work / shape.work
    games = _games(use, speed)
    return [
        Suggestion("model.channels", shape.channels, why),
        Suggestion("model.blocks", shape.blocks, "as above"),
        _batch_size(card),
        Suggestion(
            "selfplay.games_in_flight",
            use.games_in_flight,
            f"what 0 chooses here: fills the batches of {use.threads} threads within an eighth of the memory",
        ),
        games,
        Suggestion(
            "replay_capacity",
            max(Config().replay_capacity, _ITERATIONS_KEPT * _PLIES * int(games.value)),
            f"holds the games of {_ITERATIONS_KEPT} such iterations, and at least the default",
        ),
        Suggestion(
            "trainer.replay_ratio",
            _REPLAY_RATIO,
            f"{_REPLAY_RATIO:.0f} samples per new position; trainer_iters {Config().trainer_iters} would train on few of them",
        ),
    ]


def as_config(suggestions: List[Suggestion]) -> Dict[str, Any]:
    """The suggestions in the form of a settings file, sections nested."""
    config: Dict[str, Any] = {}
    for suggestion in suggestions:
        section, _, name = suggestion.setting.rpartition(".")
        place = config.setdefault(section, {}) if section else config
        place[name] = suggestion.value
    return config


def _net(use: Use, card: Optional[Card], speed: Optional[float]) -> Tuple[Shape, str]:
    """The size of a new agent's net, and why."""
    if speed is None:
        if card is None and use.precision == "float32":
            return _SMALL, "a CPU in float32; not measured (--quick)"
        if card is not None and use.precision == "bfloat16" and (card.memory or 0) >= 16 * _GIB:
            return _LARGE, "a card with bfloat16 and much memory; not measured (--quick)"
        return _DEFAULT, "the default; not measured (--quick)"
    hourly = f"{3600 * speed / Config().mcts_sims:,.0f} positions per hour with {_written(_DEFAULT)}, as measured"
    shape = _SMALL if speed < _SLOW else _LARGE if speed >= _FAST else _DEFAULT
    if shape == _DEFAULT:
        return shape, hourly
    factor = _DEFAULT.work / shape.work
    change = f"{factor:.0f} times as many" if factor > 1 else f"1/{1 / factor:.0f} of that"
    return shape, f"{hourly}; going by its size, {_written(shape)} plays {change}"


def _written(shape: Shape) -> str:
    return f"{shape.channels}×{shape.blocks}"


def _batch_size(card: Optional[Card]) -> Suggestion:
    if card is None or not card.memory:
        return Suggestion("batch_size", Config().batch_size, "the default")
    size = next((batch for memory, batch in _BATCHES if card.memory < memory * _GIB), _BIGGEST_BATCH)
    return Suggestion("batch_size", size, f"{card.memory / _GIB:.0f} GB on the card; micro-batches shrink if it does not fit")


def _games(use: Use, speed: Optional[float]) -> Suggestion:
    """Games per iteration: as many as are played at once, unless that takes too long."""
    games = use.games_in_flight
    if not speed:
        return Suggestion("num_selfplay", games, "as many as are played at once, so the net's batches are full")
    a_game = _PLIES * Config().mcts_sims / speed
    games = max(_FEWEST_GAMES, min(games, int(60 * _ITERATION_MINUTES / a_game)))
    minutes = games * a_game / 60
    full = (
        "fills the net's batches" if games == use.games_in_flight else f"keeps an iteration near {_ITERATION_MINUTES} minutes"
    )
    return Suggestion(
        "num_selfplay", games, f"{full}; about {minutes:.0f} min of self-play per iteration, at {_PLIES} plies per game"
    )
