"""Positions and games that are the same but for a turn of the board: so in every way of turning it, and only so."""

from __future__ import annotations

import numpy as np
import pytest

from pawnzero.games import get_game
from pawnzero.games.duplicates import game_key, position_keys
from pawnzero.games.line import Line


def random_line(game, seed, plies):
    random, line = np.random.default_rng(seed), Line(game)
    while len(line.actions) < plies and not line.over:
        line.push(int(random.choice(line.legal)))
    return line


@pytest.mark.parametrize("name", ["connect_four", "tic_tac_toe"])
@pytest.mark.parametrize("given", [0, 3])
def test_a_turned_game_is_the_same_game(name, given):
    game = get_game(name)
    for seed in range(20):
        whole = random_line(game, seed, 7)
        for k in range(game.symmetries):
            turned = Line.from_actions(game, game.action_map[k][whole.actions].tolist())
            keys = [game_key(game, line.states[given], line.actions[given:]) for line in (whole, turned)]
            assert keys[0] == keys[1]
            assert len(set(position_keys(game, np.stack([whole.state, turned.state])))) == 1


@pytest.mark.parametrize(("name", "kinds"), [("connect_four", [1, 4, 25, 121]), ("tic_tac_toe", [1, 3, 12, 38])])
def test_others_are_not(name, kinds):
    """Of tic-tac-toe the numbers are known: 3 first moves, 12 positions of two men, 38 of three. Of connect four: 4 columns."""
    game = get_game(name)
    for plies, count in enumerate(kinds):
        lines = [random_line(game, seed, plies) for seed in range(8 * count**2 if count < 40 else 4000)]
        keys = position_keys(game, np.stack([line.state for line in lines]))
        assert len(set(keys)) == count
        by_key = {}
        for key, line in zip(keys, lines):
            by_key.setdefault(key, set()).add(line.keys[-1])
        assert max(map(len, by_key.values())) <= game.symmetries
    one, other = (Line.from_actions(get_game("tic_tac_toe"), actions) for actions in ([4, 0, 8], [4, 8, 1]))
    assert len({game_key(line.game, line.states[0], line.actions) for line in (one, other)}) == 2


def test_the_order_of_moves_and_the_start_tell_games_apart():
    game = get_game("connect_four")
    lines = [Line.from_actions(game, actions) for actions in ([0, 1, 2], [2, 1, 0], [6, 5, 4], [0, 1, 4])]
    keys = [game_key(game, line.states[0], line.actions) for line in lines]
    assert keys[0] == keys[2]
    assert len(set(keys)) == 3
    assert game_key(game, lines[0].states[1], [1]) != game_key(game, lines[1].states[1], [1])


def test_chess_has_no_games_alike():
    game = get_game("chess")
    starts = [
        Line(game, game.parse(f"{king}/8/8/8/8/8/8/{other} w - - 0 1")) for king, other in (("4k3", "4K3"), ("3k4", "3K4"))
    ]
    assert len(set(position_keys(game, np.stack([line.state for line in starts])))) == 2
    for line in (Line(game), *starts):
        assert game_key(game, line.states[0], [7, 9]) == (line.states[0].tobytes(), 7, 9)
