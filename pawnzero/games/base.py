"""What every game fulfils: shapes, conventions, and functions over batches of positions.

A game knows its rules and how a position is shown to a net. It knows nothing of search, nets or training.

Letters of shapes: B positions · S state words · M most legal actions · A actions · H positions of history ·
P planes that are bitboards · Q planes filled with one number.

Conventions, for all games:

* Two players alternate; player 0 moves first in the usual starting position (White in chess).
* A position is S words of 64 bits, enough to go on playing by the rules (repetition aside, see below). Equal words do
  not mean equal positions (counters); equal `key`s do.
* Values are in [-1, 1] and WDL is (win, draw, loss), both for the player to move.
* Bitboards put row r, column c at bit ``8 * r + c`` whatever the board's size.
* Legal actions of a position are listed in an order that is fixed for each version of the game (`order_version`), since
  stored policies refer to it.
* Repetition needs the game's past, which a position does not hold: whoever keeps the past (search, self-play) looks for equal
  keys among the last `reversible` positions. A game in which positions cannot repeat reports 0.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar, Iterable, Iterator, Mapping, Optional, Tuple

import numpy as np

from pawnzero.errors import UsageError

ONGOING = 0
"""Ending code: the game goes on."""
REPETITION = 1
"""Ending code: the position stood for the third time. A draw."""
MAX_PLIES = 2
"""Ending code: the game was stopped at its longest allowed length, and counts as a draw."""
RESIGNATION = 3
"""Ending code: the player to move gave up. A loss for them."""
FIRST_OWN_ENDING = 4
"""Ending codes from here on belong to the game's rules."""

COMMON_ENDINGS = ("ongoing", "repetition", "max plies", "resignation")
COMMON_ENDING_VALUES = (0, 0, 0, -1)


@dataclass(frozen=True)
class Positions:
    """A batch of positions and what the rules say of each: arrays that `Game.step` and `Game.inspect` fill.

    state:      [B, S] uint64  the positions
    legal:      [B, M] int16   legal actions; only the first `count` of a row mean anything
    count:      [B] int16      number of legal actions; 0 where the game has ended
    ending:     [B] uint8      ONGOING or why the game has ended here (index into `Game.endings`)
    key:        [B] uint64     equal for positions that are the same for the repetition rule
    reversible: [B] int16      plies since the last irreversible one: only so far back can this position have stood before
    """

    state: np.ndarray
    legal: np.ndarray
    count: np.ndarray
    ending: np.ndarray
    key: np.ndarray
    reversible: np.ndarray

    def __len__(self) -> int:
        return len(self.state)

    def part(self, start: int, stop: int) -> Positions:
        """Views of the positions from `start` up to `stop`."""
        return Positions(
            self.state[start:stop],
            self.legal[start:stop],
            self.count[start:stop],
            self.ending[start:stop],
            self.key[start:stop],
            self.reversible[start:stop],
        )


class Game(abc.ABC):
    """One game's rules and its picture for a net. Stateless; one instance a game, got by `pawnzero.games.get_game`."""

    name: ClassVar[str]
    state_words: ClassVar[int]  # S
    num_actions: ClassVar[int]  # A
    max_legal: ClassVar[int]  # M
    order_version: ClassVar[int]
    """Raised when the order of legal actions or the meaning of the state words changes."""
    max_reversible: ClassVar[int]
    """`reversible` is never larger; 0 where positions cannot repeat."""

    board_shape: ClassVar[Tuple[int, int]]  # rows, columns; at most 8 × 8
    history: ClassVar[int]  # H
    bit_planes: ClassVar[int]  # P
    scalar_planes: ClassVar[int]  # Q
    flips_board: ClassVar[bool] = False
    """Whether a net sees the board upside down after each move: row r is then row ``rows - 1 - r`` of the position before."""
    plane_scale: ClassVar[np.ndarray]
    """[P + Q] float32: what the net multiplies each plane by (1 but for counters such as the 50-move clock)."""
    policy_planes: ClassVar[int]
    policy_index: ClassVar[np.ndarray]
    """[A] int32: where an action's logit stands among the policy head's outputs.

    The head gives `policy_planes` planes of `board_shape`; the index is ``(plane * rows + row) * columns + column``.
    """

    symmetries: ClassVar[int] = 1
    """Ways to turn or mirror the board that change nothing in the rules, leaving it as it is included (at most 255)."""
    cell_map: ClassVar[np.ndarray] = np.arange(64, dtype=np.uint8)[np.newaxis]
    """[symmetries, 64] uint8: where each symmetry takes a bit of a bitboard; the first leaves all where they are."""
    action_map: ClassVar[np.ndarray]
    """[symmetries, A] int16: what each symmetry makes of an action. A game of one symmetry need not give it."""
    turned_starts: ClassVar[Tuple[str, ...]] = ()
    """Positions as text, and what symmetries make of them: where the conformance test begins with a symmetry that makes another
    position of the usual start."""

    sides: ClassVar[Tuple[str, str]] = ("x", "o")
    """What people call player 0 and player 1."""
    men: ClassVar[Tuple[str, str]] = ("x", "o")
    """The letters by which `draw` shows the men of player 0 and those of player 1."""
    figures: ClassVar[Mapping[str, str]] = {"x": "●", "o": "●"}
    """Characters that a terminal may show in colour in place of those letters."""
    facing: ClassVar[bool] = False
    """Whether the players sit on opposite sides of the board, so that player 1 sees it turned round."""

    endings: ClassVar[Tuple[str, ...]]
    """Names of the ending codes: COMMON_ENDINGS, then the game's own."""
    ending_values: ClassVar[np.ndarray]
    """[endings] int8: result for the player to move in the ended position."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.symmetries == 1 and hasattr(cls, "num_actions"):
            cls.action_map = np.arange(cls.num_actions, dtype=np.int16)[np.newaxis]

    def symmetric(self, scalars: np.ndarray) -> np.ndarray:
        """Which encoded positions may be turned by the game's symmetries: scalars [B, Q] float32 → [B] bool.

        Turning leaves the scalars as they are. Unless a game says otherwise, all may.
        """
        return np.ones(len(scalars), bool)

    @property
    def always_symmetric(self) -> bool:
        """Whether there are symmetries by which every position may be turned; a game that overrides `symmetric` has others."""
        return self.symmetries > 1 and type(self).symmetric is Game.symmetric

    @property
    def mirror(self) -> Optional[int]:
        """The symmetry that exchanges left and right, of every position and in the policy's planes; None: there is none.

        A game that overrides `symmetric` has none: not all its positions may be turned. Nor has one in which an action and its
        mirror image lie in different policy planes.
        """
        rows, columns = self.board_shape
        cells = 8 * np.arange(rows)[:, np.newaxis] + np.arange(columns)
        found = np.flatnonzero((self.cell_map[:, cells] == cells[:, ::-1]).all(axis=(1, 2)))
        if type(self).symmetric is not Game.symmetric or len(found) == 0:
            return None
        row, column = np.divmod(self.policy_index, columns)
        index = row * columns + columns - 1 - column
        return int(found[0]) if np.array_equal(index, self.policy_index[self.action_map[found[0]]]) else None

    def check_mirrored(self) -> None:
        """Raises UsageError that says why where there is no `mirror`, so that no net can be mirrored."""
        if self.mirror is not None:
            return
        why = f"{self.name} has no such symmetry, or an action's place in the policy is not mirrored with it (see policy_index)"
        if type(self).symmetric is not Game.symmetric:
            why = f"not every position of {self.name} can be mirrored"
        raise UsageError(f"model.mirrored: {why}, expected false")

    def allocate(self, size: int) -> Positions:
        """Room for `size` positions, zeroed.

        Behind the legal actions lies one row more: a game that has more of them than its `max_legal` says writes there and not
        into other arrays, until the conformance test tells.
        """
        return Positions(
            np.zeros((size, self.state_words), np.uint64),
            np.zeros((size + 1, self.max_legal), np.int16)[:size],
            np.zeros(size, np.int16),
            np.zeros(size, np.uint8),
            np.zeros(size, np.uint64),
            np.zeros(size, np.int16),
        )

    def look(self, state: np.ndarray) -> Positions:
        """`inspect` for one position: state [S] uint64 → Positions with B = 1."""
        positions = self.allocate(1)
        positions.state[0] = state
        self.inspect(positions)
        return positions

    def after(self, state: np.ndarray, action: int) -> np.ndarray:
        """The position after a legal action: state [S] uint64 → [S] uint64."""
        out = self.allocate(1)
        self.step(state[np.newaxis], np.array([action], np.int16), out)
        result: np.ndarray = out.state[0]
        return result

    def walk(self, state: np.ndarray, actions: Iterable[int]) -> Iterator[Tuple[np.ndarray, int]]:
        """Each of the `actions`, which are legal one after the other from state [S] on, and before it the position it is
        played in."""
        for action in actions:
            yield state, action
            state = self.after(state, action)

    @abc.abstractmethod
    def initial(self) -> np.ndarray:
        """The usual starting position, [S] uint64."""

    @abc.abstractmethod
    def step(self, states: np.ndarray, actions: np.ndarray, out: Positions) -> None:
        """Play a legal action in each position and look at what comes of it.

        states [B, S] uint64, actions [B] int16 → fills all of `out` (B positions). Actions are not checked for legality.
        Releases the GIL; several threads may step different parts of a batch.
        """

    @abc.abstractmethod
    def inspect(self, positions: Positions) -> None:
        """From `positions.state` fill the rest: legal actions, ending, key, reversible. Releases the GIL."""

    @abc.abstractmethod
    def encode(
        self, history: np.ndarray, repeated: np.ndarray, length: np.ndarray, bits: np.ndarray, scalars: np.ndarray
    ) -> None:
        """What a net sees of each position, packed.

        history  [B, H, S] uint64: the position itself first, then the ones before it, newest first
        repeated [B, H] uint8: 1 where that position had stood in its game before
        length   [B] int16: how many of the H are there (1 to H); the others are before the start of the game
        bits     [B, P] uint64, filled: planes as bitboards for the player to move
        scalars  [B, Q] float32, filled: values of the planes that hold one number everywhere
        """

    @abc.abstractmethod
    def player(self, state: np.ndarray) -> int:
        """Whose move it is in state [S]: 0 or 1."""

    @abc.abstractmethod
    def parse(self, text: str) -> np.ndarray:
        """A position from its usual text form (FEN in chess), or "startpos" → [S] uint64. Raises UsageError that quotes it."""

    @abc.abstractmethod
    def format(self, state: np.ndarray) -> str:
        """The text form of a position, which `parse` reads back."""

    @abc.abstractmethod
    def parse_action(self, state: np.ndarray, text: str) -> int:
        """A legal action from its usual notation. Raises UsageError that quotes the text and the position."""

    @abc.abstractmethod
    def format_action(self, state: np.ndarray, action: int) -> str:
        """The usual notation of a legal action (UCI in chess, the column from 1 in connect four): one word, neither a number
        with a dot nor a result, so that it can stand in a game's file."""

    def describe_action(self, state: np.ndarray, action: int) -> str:
        """A legal action as people write games down (SAN in chess), which `parse_action` reads as well."""
        return self.format_action(state, action)

    @abc.abstractmethod
    def draw(self, state: np.ndarray) -> str:
        """The board as lines of text for people, player 0's side at the bottom."""
