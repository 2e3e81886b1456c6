"""Look up a game by name."""

from __future__ import annotations

from importlib import import_module

from pawnzero.errors import UsageError
from pawnzero.games.base import Game

_MODULES = {
    "chess": "pawnzero.games.chess",
    "connect_four": "pawnzero.games.connect_four",
    "tic_tac_toe": "pawnzero.games.tic_tac_toe",
}

GAME_NAMES = tuple(_MODULES)


def get_game(name: str) -> Game:
    """Return the game called `name`.

    A game's module is imported on first use, because its kernels take a while to load. Raises UsageError for an unknown name.
    """
    if name not in _MODULES:
        raise UsageError(f"unknown game {name!r}: expected one of {', '.join(GAME_NAMES)}")
    game: Game = import_module(_MODULES[name]).GAME
    assert game.name == name, f"{_MODULES[name]}: its name is {game.name!r}, expected {name!r}, as it is called in _MODULES"
    return game
