"""Tic-tac-toe against all its positions, enumerated from the rules on strings of nine characters."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from pawnzero.errors import UsageError
from pawnzero.games import get_game
from pawnzero.games.base import ONGOING
from pawnzero.games.grid import BOARD_FULL, LINE
from pawnzero.games.line import Line

GAME = get_game("tic_tac_toe")
THREES = ("012", "345", "678", "036", "147", "258", "048", "246")


def winner(board):
    return next((board[int(a)] for a, b, c in THREES if board[int(a)] == board[int(b)] == board[int(c)] != "."), None)


def mover(board):
    return "x" if board.count("x") == board.count("o") else "o"


def written(board):
    return f"{board[:3]}/{board[3:6]}/{board[6:]} {mover(board)}"


def children(board):
    """What comes of each move, by cell; nothing when the game has ended."""
    if winner(board):
        return {}
    return {cell: board[:cell] + mover(board) + board[cell + 1 :] for cell in range(9) if board[cell] == "."}


def levels():
    """All boards that can come about, by the number of pieces on them."""
    boards = {"." * 9}
    while boards:
        yield sorted(boards)
        boards = {child for board in boards for child in children(board).values()}


REACHABLE = [board for level in levels() for board in level]


def test_all_positions_come_about_by_stepping():
    """Every position is reached from the start in batches, and each is what the rules say."""
    counts = []
    states = GAME.initial()[np.newaxis]
    for expected in levels():
        positions = GAME.allocate(len(states))
        positions.state[:] = states
        GAME.inspect(positions)
        assert sorted(GAME.format(state) for state in states) == sorted(written(board) for board in expected)
        counts.append((len(positions), int((positions.ending == ONGOING).sum())))
        parents = np.repeat(states, positions.count, axis=0)
        actions = positions.legal[np.arange(9) < positions.count[:, np.newaxis]]
        after = GAME.allocate(len(parents))
        GAME.step(parents, actions, after)
        _, first = np.unique(after.key, return_index=True)
        states = after.state[first]
    assert sum(count for count, _ in counts) == 5478
    assert sum(ongoing for _, ongoing in counts) == 4520


def test_every_position_is_as_the_rules_say():
    endings = {ONGOING: 0, LINE: 0, BOARD_FULL: 0}
    keys = set()
    for board in REACHABLE:
        state = GAME.parse(written(board))
        at = GAME.look(state)
        assert GAME.format(state) == written(board)
        assert GAME.player(state) == "xo".index(mover(board))
        assert at.legal[0, : at.count[0]].tolist() == sorted(children(board))
        ending = LINE if winner(board) else ONGOING if "." in board else BOARD_FULL
        assert (at.ending[0], at.reversible[0]) == (ending, 0)
        for cell, child in children(board).items():
            assert GAME.format(GAME.after(state, cell)) == written(child)
        endings[ending] += 1
        keys.add(int(at.key[0]))
    assert endings == {ONGOING: 4520, LINE: 626 + 316, BOARD_FULL: 16}
    assert len(keys) == 5478


def test_only_positions_that_can_come_about_are_read():
    reachable = {written(board) for board in REACHABLE}
    for cells in product("xo.", repeat=9):
        text = written("".join(cells))
        if text in reachable:
            assert GAME.format(GAME.parse(text[:-2])) == text
        else:
            with pytest.raises(UsageError) as error:
                GAME.parse(text)
            assert repr(text) in str(error.value)


@pytest.mark.parametrize(
    ("actions", "result", "ending"),
    [([0, 3, 1, 4, 2], 1, LINE), ([0, 3, 1, 4, 8, 5], -1, LINE), ([0, 1, 2, 4, 3, 5, 7, 6, 8], 0, BOARD_FULL)],
)
def test_results(actions, result, ending):
    line = Line.from_actions(GAME, actions)
    assert (line.result, line.ending) == (result, ending)


def test_a_line_made_with_the_last_piece_wins():
    line = Line.from_actions(GAME, [0, 1, 2, 3, 4, 5, 7, 6, 8])
    assert (len(line.actions), line.ending, line.result) == (9, LINE, 1)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("xo./..o", "ends at character 7"),
        ("xo./..o/x..x", "character 12 is past the end"),
        ("xo./..o/x../", "character 12 is past the end"),
        ("xo./.?o/x..", "character 6 is '?'"),
        ("xo...o/x..", "character 4 is '.', expected one of '/'"),
        ("xo./..o/x.. o", "'o' cannot be to move at character 13, expected 'x'"),
        ("xxx/.../...", "3 x and 0 o"),
        ("o../.../...", "0 x and 1 o"),
        ("xxx/oo./o..", "already has three in a row"),
    ],
)
def test_bad_positions(text, complaint):
    with pytest.raises(UsageError) as error:
        GAME.parse(text)
    assert complaint in str(error.value)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("text", ["", "startpos", ".../.../... x", ".../.../..."])
def test_the_empty_board(text):
    assert (GAME.parse(text) == GAME.initial()).all()


def test_moves_are_cells_from_1():
    state = GAME.parse("xo./..o/x.. x")
    assert GAME.parse_action(state, "3") == 2
    assert GAME.format_action(state, 2) == "3"
    for text in ("1", "0", "10", "a", ""):
        with pytest.raises(UsageError, match=r"xo\./\.\.o/x\.\. x: expected one of the cells 3, 4, 5, 8, 9"):
            GAME.parse_action(state, text)


def test_planes_are_the_movers_view():
    state = GAME.parse("xo./..o/x.. x")
    states = np.stack([state, GAME.after(state, 4)])[:, np.newaxis]
    bits, scalars = np.zeros((2, 2), np.uint64), np.zeros((2, 1), np.float32)
    GAME.encode(states, np.zeros((2, 1), np.uint8), np.ones(2, np.int16), bits, scalars)
    corners, middle, others = 1 | 1 << 16, 1 << 9, 1 << 1 | 1 << 10
    assert bits.tolist() == [[corners, others], [others, corners | middle]]
    assert scalars.tolist() == [[1.0], [1.0]]


def test_drawing():
    assert GAME.draw(GAME.parse("xo./..o/x..")) == "x o .\n. . o\nx . ."
