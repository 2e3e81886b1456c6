"""Chess: rules as bitboard kernels, lc0's 112 planes and 1858 moves, and the usual notations."""

from __future__ import annotations

from typing import ClassVar, Mapping

import numpy as np

from pawnzero.errors import UsageError
from pawnzero.games.base import COMMON_ENDING_VALUES, COMMON_ENDINGS, ONGOING, Game, Positions
from pawnzero.games.chess import encode as planes
from pawnzero.games.chess import policy_map, rules
from pawnzero.games.chess import text as notation
from pawnzero.games.chess.actions import MIRRORED, NUM_ACTIONS
from pawnzero.games.chess.mates import mates_at_once
from pawnzero.games.chess.state import START_STATE, STATE_WORDS
from pawnzero.games.symmetry import mirrored


class Chess(Game):
    """Standard chess. docs/architecture.md lists the words of a position.

    A game ends by checkmate, stalemate, insufficient material (neither side could mate by any sequence of moves) or after 50
    moves by each side without capture or pawn move; repetition is left to the caller that keeps the earlier positions.
    `reversible` is the number of plies since the last capture or pawn move.
    """

    name = "chess"
    state_words = STATE_WORDS
    num_actions = NUM_ACTIONS
    max_legal = notation.MAX_LEGAL
    order_version = 1
    max_reversible = rules.MAX_REVERSIBLE

    board_shape = (8, 8)
    flips_board = True
    history = planes.HISTORY
    bit_planes = planes.BIT_PLANES
    scalar_planes = planes.SCALAR_PLANES
    plane_scale: ClassVar[np.ndarray] = planes.PLANE_SCALE
    policy_planes = policy_map.POLICY_PLANES
    policy_index: ClassVar[np.ndarray] = policy_map.POLICY_INDEX

    symmetries = 2  # the identity and the left-right reflection, which applies once nobody may castle
    turned_starts = ("4k3/pppppppp/8/8/8/8/PPPPPPPP/4K3 w - - 0 1", "3k4/pppppppp/8/8/8/8/PPPPPPPP/3K4 w - - 0 1")
    cell_map: ClassVar[np.ndarray] = mirrored(8)
    action_map: ClassVar[np.ndarray] = np.stack([np.arange(NUM_ACTIONS, dtype=np.int16), MIRRORED])

    sides = ("White", "Black")
    men = ("PNBRQK", "pnbrqk")
    figures: ClassVar[Mapping[str, str]] = dict(zip("PNBRQKpnbrqk", 2 * "♟♞♝♜♛♚"))
    facing = True

    endings = COMMON_ENDINGS + rules.OWN_ENDINGS
    ending_values: ClassVar[np.ndarray] = np.array(COMMON_ENDING_VALUES + rules.OWN_ENDING_VALUES, np.int8)

    def initial(self) -> np.ndarray:
        return START_STATE.copy()

    def step(self, states: np.ndarray, actions: np.ndarray, out: Positions) -> None:
        assert len(states) == len(actions) == len(out), "a batch's arrays differ in length"
        rules.step_batch(states, actions, out.state, out.legal, out.count, out.ending, out.key, out.reversible)

    def inspect(self, positions: Positions) -> None:
        p = positions
        rules.inspect_batch(p.state, p.legal, p.count, p.ending, p.key, p.reversible)

    def wins_at_once(self, positions: Positions) -> np.ndarray:
        found = np.empty(len(positions), np.int16)
        mates_at_once(positions.state, positions.legal, positions.count, found)
        return found

    def encode(
        self, history: np.ndarray, repeated: np.ndarray, length: np.ndarray, bits: np.ndarray, scalars: np.ndarray
    ) -> None:
        planes.encode(history, repeated, length, bits, scalars)

    def symmetric(self, scalars: np.ndarray) -> np.ndarray:
        nobody_castles: np.ndarray = (scalars[:, : planes.CASTLING_SCALARS] == 0).all(axis=1)
        return nobody_castles

    def player(self, state: np.ndarray) -> int:
        return int(notation.is_black(state))

    def parse(self, text: str) -> np.ndarray:
        return notation.parse_position(text)

    def format(self, state: np.ndarray) -> str:
        return notation.format_position(state)

    def parse_action(self, state: np.ndarray, text: str) -> int:
        positions = self.look(state)
        ending = int(positions.ending[0])
        if ending != ONGOING:
            raise UsageError(f"{text!r} cannot be played in {self.format(state)}: the game has ended ({self.endings[ending]})")
        return notation.parse_action(state, positions.legal[0, : positions.count[0]].tolist(), text)

    def format_action(self, state: np.ndarray, action: int) -> str:
        return notation.format_action(state, action)

    def describe_action(self, state: np.ndarray, action: int) -> str:
        return notation.describe_action(state, action)

    def draw(self, state: np.ndarray) -> str:
        return notation.draw_position(state)


GAME = Chess()
