"""Connect four against a board of rows and columns that is searched cell by cell."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pawnzero.errors import UsageError
from pawnzero.games import get_game
from pawnzero.games.base import ONGOING
from pawnzero.games.connect_four import FULL
from pawnzero.games.grid import BOARD_FULL, LINE
from pawnzero.games.line import Line

GAME = get_game("connect_four")
ROWS, COLUMNS = 6, 7

FOURS = {
    frozenset((row + down * step, column + right * step) for step in range(4))
    for row in range(ROWS)
    for column in range(COLUMNS)
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1))
    if 0 <= row + 3 * down < ROWS and 0 <= column + 3 * right < COLUMNS
}
"""The 69 ways to win, as cells (row, column)."""


class Board:
    """The rules as people say them: `cells[row][column]` is "x", "o" or ".", row 0 at the bottom."""

    def __init__(self):
        self.cells = [["."] * COLUMNS for _ in range(ROWS)]
        self.moves = 0

    @property
    def mover(self):
        return "xo"[self.moves % 2]

    def open_columns(self):
        return [column for column in range(COLUMNS) if self.cells[ROWS - 1][column] == "."]

    def drop(self, column):
        row = next(row for row in range(ROWS) if self.cells[row][column] == ".")
        self.cells[row][column] = self.mover
        self.moves += 1

    def won(self):
        return any({self.cells[row][column] for row, column in four} in ({"x"}, {"o"}) for four in FOURS)

    def written(self):
        return "/".join("".join(row) for row in reversed(self.cells)) + " " + self.mover


def expect_agreement(board, line):
    won = board.won()
    ending = LINE if won else ONGOING if board.open_columns() else BOARD_FULL
    assert GAME.format(line.state) == board.written()
    assert line.ending == ending
    assert line.legal.tolist() == ([] if ending else board.open_columns())
    assert line.player == "xo".index(board.mover)
    if won:
        assert line.result == (-1 if board.mover == "x" else 1)


def test_there_are_69_ways_to_win():
    assert len(FOURS) == 69


@settings(deadline=None)  # the first example may compile
@given(st.lists(st.integers(0, COLUMNS - 1), max_size=60))
def test_any_game_goes_as_on_the_board(columns):
    line, board = Line(GAME), Board()
    for column in columns:
        if line.over or column not in board.open_columns():
            with pytest.raises(UsageError):
                line.push(column)
            continue
        line.push(column)
        board.drop(column)
        expect_agreement(board, line)


def test_random_games_go_as_on_the_board():
    random = np.random.default_rng(0)
    results = {1: 0, 0: 0, -1: 0}
    for _ in range(200):
        line, board = Line(GAME), Board()
        while not line.over:
            column = int(random.choice(board.open_columns()))
            line.push(column)
            board.drop(column)
            expect_agreement(board, line)
        results[line.result] += 1
    assert results[1] > results[-1] > 20


def test_exactly_the_69_fours_win():
    """Every set of four cells, on a board with nothing else: those that only look like a row across the board's edge too."""
    cells = [(row, column) for row in range(ROWS) for column in range(COLUMNS)]
    sets = list(combinations(cells, 4))
    positions = GAME.allocate(len(sets))
    positions.state[:, 1] = [sum(1 << (8 * row + column) for row, column in four) for four in sets]
    GAME.inspect(positions)
    winning = {frozenset(sets[b]) for b in np.flatnonzero(positions.ending == LINE)}
    assert winning == FOURS
    positions.state[:] = positions.state[:, ::-1].copy()
    GAME.inspect(positions)
    assert (positions.ending == ONGOING).all(), "a row of the mover's own ends nothing: the opponent moved last"


def test_positions_by_number_of_plies():
    """How many positions come about after each ply, as published (OEIS A212693); keys tell all of them apart."""
    states, counts = GAME.initial()[np.newaxis], []
    for _ in range(8):
        counts.append(len(states))
        positions = GAME.allocate(len(states))
        positions.state[:] = states
        GAME.inspect(positions)
        actions = positions.legal[np.arange(COLUMNS) < positions.count[:, np.newaxis]]
        after = GAME.allocate(len(actions))
        GAME.step(np.repeat(states, positions.count, axis=0), actions, after)
        states = np.unique(after.state, axis=0)
        assert len(np.unique(after.key)) == len(states)
    assert counts == [1, 7, 49, 238, 1120, 4263, 16422, 54859]


@pytest.mark.parametrize(
    ("columns", "ending", "result"),
    [
        ("1213141", LINE, 1),  # up the left edge
        ("1122334", LINE, 1),  # along the bottom from the left corner
        ("4455667", LINE, 1),  # and to the right one
        ("12233434464", LINE, 1),  # rising to the right
        ("76655454424", LINE, 1),  # rising to the left
        ("71122334", LINE, -1),  # the second player's, on the bottom row
        ("446323116125713546635334125521577677446722", BOARD_FULL, 0),
        ("257317637535614666561535114371724437422224", LINE, -1),  # with the last piece
    ],
)
def test_known_games(columns, ending, result):
    line = Line.from_actions(GAME, [int(column) - 1 for column in columns])
    assert line.ending == ending
    assert result is None or line.result == result
    assert (GAME.parse(columns) == line.state).all()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("4444444", "character 7 plays column 4, which is full"),
        ("12121212", "character 8 comes after the game has ended (four in a row)"),
        ("448", "character 3 is '8', expected a column from 1 to 7"),
        ("4 5", "character 2 is ' '"),
        ("x", "character 1 is 'x'"),
        ("......./......./......./......./......./...x", "ends at character 44"),
        ("......./......./......./......./...x.../.......", "nothing lies under the piece in column 4, row 2 from below"),
        ("......./......./......./......./ooo..../xxxxo..", "already has four in a row"),
        ("......./......./......./......./......./...x... x", "'x' cannot be to move at character 49, expected 'o'"),
    ],
)
def test_bad_positions(text, complaint):
    with pytest.raises(UsageError) as error:
        GAME.parse(text)
    assert complaint in str(error.value)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("text", ["", "startpos", "......./......./......./......./......./....... x"])
def test_the_empty_board(text):
    assert (GAME.parse(text) == GAME.initial()).all()


def test_columns_and_board_are_the_same_position():
    text = "......./......./......./...x.../...ox../...xo.. o"
    assert (GAME.parse("44455") == GAME.parse(text)).all()
    assert GAME.format(GAME.parse("44455")) == text


def test_moves_are_columns_from_1():
    state = GAME.parse("444444")
    assert GAME.parse_action(state, "1") == 0
    assert GAME.format_action(state, 6) == "7"
    for text in ("4", "0", "8", "x", ""):
        with pytest.raises(UsageError, match="expected one of the columns 1, 2, 3, 5, 6, 7"):
            GAME.parse_action(state, text)


def test_planes_are_the_movers_view():
    states = np.stack([GAME.parse("441"), GAME.parse("4417")])[:, np.newaxis]
    bits, scalars = encoded(states)
    x, o, last = 1 << 3 | 1, 1 << 11, 1 << 6
    assert bits[:, :2].tolist() == [[o, x], [x, o | last]]
    assert scalars.tolist() == [[1.0, 1.0], [1.0, 0.0]]


def test_planes_show_the_threats():
    # Of random boards, such as no game comes to: each direction's four gaps are met often, and lines that run off an edge.
    random = np.random.default_rng(5)
    drawn = random.integers(0, 1 << 48, size=(400, 2), dtype=np.uint64) & FULL
    states = np.stack([drawn[:, 0] & ~drawn[:, 1], drawn[:, 1] & ~drawn[:, 0]], axis=1)
    bits, _ = encoded(states[:, np.newaxis])
    met = Counter()
    for state, planes in zip(states, bits):
        taken = cells_of(int(state[0] | state[1]))
        for pieces, plane in zip(state, planes[2:]):
            own = cells_of(int(pieces))
            gaps = [(four, gap) for four in FOURS for gap in four if four - {gap} <= own and gap not in taken]
            assert cells_of(int(plane)) == {gap for _, gap in gaps}
            for four, gap in gaps:
                first, second = sorted(four)[:2]
                met[second[0] - first[0], second[1] - first[1], sorted(four).index(gap)] += 1
    assert len(met) == 16  # four directions, four gaps
    assert min(met.values()) > 10


def cells_of(word: int):
    return {divmod(bit, 8) for bit in range(64) if word >> bit & 1}


def encoded(history: np.ndarray):
    bits = np.zeros((len(history), GAME.bit_planes), np.uint64)
    scalars = np.zeros((len(history), GAME.scalar_planes), np.float32)
    GAME.encode(history, np.zeros((len(history), 1), np.uint8), np.ones(len(history), np.int16), bits, scalars)
    return bits, scalars


def test_drawing_has_the_bottom_row_below():
    assert GAME.draw(GAME.parse("4451")).splitlines()[3:] == [
        ". . . . . . .",
        ". . . o . . .",
        "o . . x x . .",
        "1 2 3 4 5 6 7",
    ]
