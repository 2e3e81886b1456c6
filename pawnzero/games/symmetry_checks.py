"""Check that a game's symmetries preserve its board, moves and endings; part of `conformance.check_game`."""

from __future__ import annotations

from typing import Iterator, Tuple

import numpy as np

from pawnzero.games.base import Game
from pawnzero.games.line import Line, encode_lines
from pawnzero.games.symmetry import turn

TURNED_PLIES = 100
"""Plies played in parallel on a position and its image, for each symmetry."""


def check_symmetries(game: Game, seed: int = 0) -> None:
    """Check that the symmetries form a group and map random games to games. Raises AssertionError like `check_game`."""
    check_symmetry_tables(game)
    for symmetry in range(1, game.symmetries):
        pairs = list(turned_pairs(game, symmetry))
        assert pairs, (
            f"symmetry {symmetry} was never tried: of the starting position and those in `turned_starts` it makes none that is "
            "among them; expected two such positions in `turned_starts`"
        )
        for start, turned in pairs:
            check_turned(game, symmetry, start, turned, seed=seed)


def check_symmetry_tables(game: Game) -> None:
    """Check the tables: cells stay on the board, all symmetries differ, the first is the identity, and they form a group."""
    assert 1 <= game.symmetries <= 255, f"symmetries {game.symmetries}: expected 1 to 255"
    rows, columns = game.board_shape
    on_board = (np.arange(64) // 8 < rows) & (np.arange(64) % 8 < columns)
    for k in range(game.symmetries):
        for name, table in (("cell_map", game.cell_map[k]), ("action_map", game.action_map[k])):
            assert (np.sort(table) == np.arange(len(table))).all(), f"{name}[{k}] is no permutation"
        assert (on_board[game.cell_map[k]] == on_board).all(), f"cell_map[{k}] takes a cell off the board"
        upside_down = np.arange(64) if not game.flips_board else 8 * (rows - 1 - np.arange(64) // 8) + np.arange(64) % 8
        for cell in np.flatnonzero(on_board):
            other = upside_down[game.cell_map[k, cell]]
            assert game.cell_map[k, upside_down[cell]] == other, f"symmetry {k} is another one for the other player"
    # Cells and actions in one table, so that a composition must match the same symmetry in both.
    tables = np.concatenate([game.cell_map.astype(np.int64), 64 + game.action_map.astype(np.int64)], axis=1)
    assert (tables[0] == np.arange(tables.shape[1])).all(), "symmetry 0 must change nothing"
    known = {table.tobytes() for table in tables}
    assert len(known) == game.symmetries, "two symmetries are the same"
    for j, k in np.ndindex(game.symmetries, game.symmetries):
        assert tables[j][tables[k]].tobytes() in known, f"symmetry {k} and then {j} together are none of the symmetries"


def turned_pairs(game: Game, symmetry: int) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
    """Yield each pair (position, its image under the symmetry) among the starting position and the game's `turned_starts`."""
    starts = [game.initial(), *map(game.parse, game.turned_starts)]
    for start in starts:
        for other in starts:
            if _is_turned(Line(game, start), Line(game, other), symmetry):
                yield start, other


def check_turned(
    game: Game, symmetry: int, start: np.ndarray, turned: np.ndarray, plies: int = TURNED_PLIES, seed: int = 0
) -> None:
    """Check that `turned` is the image of `start` under the symmetry and stays so whatever is played.

    Both are [S] uint64 and must be positions to which the symmetries apply. `check_game` calls this for what `turned_pairs`
    finds.
    """
    random = np.random.default_rng(seed)
    one, other = Line(game, start), Line(game, turned)
    for _ in range(plies):
        text = f"{game.format(one.state)}, by symmetry {symmetry} {game.format(other.state)}"
        assert _is_turned(one, other, symmetry), f"planes, turned, are not those of the turned position: {text}"
        assert other.ending == one.ending, f"turning changes the ending: {text}"
        expected = game.action_map[symmetry][one.legal].tolist()
        assert sorted(other.legal.tolist()) == sorted(expected), f"turning changes the legal actions: {text}"
        if one.over:
            one, other = Line(game, start), Line(game, turned)
        else:
            action = int(random.choice(one.legal))
            one.push(action)
            other.push(int(game.action_map[symmetry, action]))


def _is_turned(one: Line, other: Line, symmetry: int) -> bool:
    """Whether the symmetries apply to both positions and the second's planes are the image of the first's."""
    game = one.game
    (bits, scalars), (expected, other_scalars) = encode_lines(game, [one]), encode_lines(game, [other])
    if not (game.symmetric(scalars) & game.symmetric(other_scalars)).all():
        return False
    which, nothing = np.array([symmetry], np.uint8), np.zeros((1, game.max_legal), np.int16)
    turn(bits, nothing, np.zeros(1, np.int16), which, game.cell_map, game.action_map)
    return bool((bits == expected).all() and (scalars == other_scalars).all())
