"""The interface every game implements: shapes, conventions, and functions over batches of positions.

A game knows its rules and how to encode a position for a net. It knows nothing of search, nets or training.

Letters used in shapes: B positions · S state words · M most legal actions · A actions · H positions of history · P bitboard
planes · Q planes that hold one number everywhere.

Conventions, for all games:

* Two players alternate; player 0 moves first in the usual starting position (White in chess).
* A position is S words of 64 bits, enough to continue play by the rules (repetition aside, see below). Because of counters,
  two positions may be the same for the rules although their words differ; compare their `key`s instead.
* Values are in [-1, 1] and WDL is (win, draw, loss), both for the player to move.
* Bitboards put row r, column c at bit ``8 * r + c``, whatever the board's size.
* The order of a position's legal actions is fixed for each version of the game (`order_version`), because stored policies
  refer to it.
* Detecting repetition needs the positions before the current one, which a position does not hold. The caller that keeps them
  (search, self-play) looks for equal keys among the last `reversible` positions. A game in which positions cannot repeat
  sets `reversible` to 0.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar, Iterable, Iterator, Mapping, Optional, Tuple

import numpy as np

from pawnzero.errors import UsageError

ONGOING = 0
"""Ending code: the game is not over."""
REPETITION = 1
"""Ending code: the position occurred for the third time. A draw."""
MAX_PLIES = 2
"""Ending code: the game reached its maximum length. Scored as a draw."""
RESIGNATION = 3
"""Ending code: the player to move resigned. A loss for them."""
FIRST_OWN_ENDING = 4
"""Ending codes from here on are defined by each game."""

NO_ACTION = -1
"""In place of an action: there is none."""
_LOOKED_AT_ONCE = 256
"""Positions whose moves are played together to find those that win: a limit on memory."""

COMMON_ENDINGS = ("ongoing", "repetition", "max plies", "resignation")
COMMON_ENDING_VALUES = (0, 0, 0, -1)


@dataclass(frozen=True)
class Positions:
    """A batch of positions and what the rules say about each; `Game.step` and `Game.inspect` fill the arrays.

    state:      [B, S] uint64  the positions
    legal:      [B, M] int16   legal actions; only the first `count` of a row are valid
    count:      [B] int16      number of legal actions; 0 if the game has ended
    ending:     [B] uint8      ONGOING or why the game has ended (index into `Game.endings`)
    key:        [B] uint64     equal for positions that are the same under the repetition rule
    reversible: [B] int16      plies since the last irreversible move: this position cannot have occurred earlier than that
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
        """Return views of the positions from `start` up to but not including `stop`."""
        return Positions(
            self.state[start:stop],
            self.legal[start:stop],
            self.count[start:stop],
            self.ending[start:stop],
            self.key[start:stop],
            self.reversible[start:stop],
        )


class Game(abc.ABC):
    """The rules of one game and its encoding for a net. Stateless; `pawnzero.games.get_game` returns the only instance."""

    name: ClassVar[str]
    state_words: ClassVar[int]  # S
    num_actions: ClassVar[int]  # A
    max_legal: ClassVar[int]  # M
    order_version: ClassVar[int]
    """Incremented when the order of legal actions or the meaning of the state words changes."""
    max_reversible: ClassVar[int]
    """Upper bound of `reversible`; 0 if positions cannot repeat."""

    board_shape: ClassVar[Tuple[int, int]]  # rows, columns; at most 8 × 8
    history: ClassVar[int]  # H
    bit_planes: ClassVar[int]  # P
    scalar_planes: ClassVar[int]  # Q
    flips_board: ClassVar[bool] = False
    """Whether the net's view is flipped vertically with every move: row r was row ``rows - 1 - r`` in the position before."""
    plane_scale: ClassVar[np.ndarray]
    """[P + Q] float32: the factor by which the net multiplies each plane (1 except for counters such as the 50-move clock)."""
    policy_planes: ClassVar[int]
    policy_index: ClassVar[np.ndarray]
    """[A] int32: index of each action's logit among the policy head's outputs.

    The head outputs `policy_planes` planes of `board_shape`; the index is ``(plane * rows + row) * columns + column``.
    """

    symmetries: ClassVar[int] = 1
    """Number of board symmetries that leave the rules unchanged, including the identity (at most 255)."""
    cell_map: ClassVar[np.ndarray] = np.arange(64, dtype=np.uint8)[np.newaxis]
    """[symmetries, 64] uint8: the bit to which each symmetry moves each bit of a bitboard; symmetry 0 is the identity."""
    action_map: ClassVar[np.ndarray]
    """[symmetries, A] int16: the action to which each symmetry maps each action. A game with one symmetry may leave it out."""
    turned_starts: ClassVar[Tuple[str, ...]] = ()
    """Positions as text, together with their images under the symmetries: the conformance test starts from these if a symmetry
    does not map the usual starting position to itself."""

    sides: ClassVar[Tuple[str, str]] = ("x", "o")
    """Display names of player 0 and player 1."""
    men: ClassVar[Tuple[str, str]] = ("x", "o")
    """The letters that `draw` uses for the pieces of player 0 and of player 1."""
    figures: ClassVar[Mapping[str, str]] = {"x": "●", "o": "●"}
    """Characters that a terminal may show, in colour, in place of those letters."""
    facing: ClassVar[bool] = False
    """Whether the players sit on opposite sides of the board, so that player 1's view is rotated."""

    endings: ClassVar[Tuple[str, ...]]
    """Names of the ending codes: COMMON_ENDINGS followed by the game's own."""
    ending_values: ClassVar[np.ndarray]
    """[endings] int8: result for the player to move in the final position."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.symmetries == 1 and hasattr(cls, "num_actions"):
            cls.action_map = np.arange(cls.num_actions, dtype=np.int16)[np.newaxis]

    def symmetric(self, scalars: np.ndarray) -> np.ndarray:
        """Return which encoded positions the game's symmetries apply to: scalars [B, Q] float32 → [B] bool.

        Symmetries leave the scalars unchanged. The default is all positions.
        """
        return np.ones(len(scalars), bool)

    @property
    def always_symmetric(self) -> bool:
        """Whether the game has symmetries besides the identity that apply to every position (`symmetric` is not overridden)."""
        return self.symmetries > 1 and type(self).symmetric is Game.symmetric

    @property
    def mirror(self) -> Optional[int]:
        """The index of the left-right reflection if it applies to every position and to the policy planes; otherwise None.

        None for a game that overrides `symmetric`, since its symmetries do not apply to every position, and for a game in which
        an action and its mirror image lie in different policy planes.
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
        """Raise UsageError with the reason if `mirror` is None, since no mirrored net is then possible."""
        if self.mirror is not None:
            return
        why = f"{self.name} has no such symmetry, or an action's place in the policy is not mirrored with it (see policy_index)"
        if type(self).symmetric is not Game.symmetric:
            why = f"not every position of {self.name} can be mirrored"
        raise UsageError(f"model.mirrored: {why}, expected false")

    def allocate(self, size: int) -> Positions:
        """Allocate zeroed `Positions` for `size` positions.

        The legal actions have one extra row behind the last: a game that lists more than its `max_legal` writes there instead
        of into other arrays, until the conformance test reports it.
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
        """Run `inspect` on one position: state [S] uint64 → Positions with B = 1."""
        positions = self.allocate(1)
        positions.state[0] = state
        self.inspect(positions)
        return positions

    def after(self, state: np.ndarray, action: int) -> np.ndarray:
        """Return the position after a legal action: state [S] uint64 → [S] uint64."""
        out = self.allocate(1)
        self.step(state[np.newaxis], np.array([action], np.int16), out)
        result: np.ndarray = out.state[0]
        return result

    def children(self, positions: Positions) -> Positions:
        """Return the position after every listed legal action of every position, grouped by parent."""
        found = self.allocate(int(positions.count.sum()))
        actions = positions.legal[np.arange(positions.legal.shape[1]) < positions.count[:, np.newaxis]]
        self.step(np.repeat(positions.state, positions.count, axis=0), actions, found)
        return found

    def walk(self, state: np.ndarray, actions: Iterable[int]) -> Iterator[Tuple[np.ndarray, int]]:
        """Yield (position before the action, action) for each of `actions`, legal actions played in turn from state [S]."""
        for action in actions:
            yield state, action
            state = self.after(state, action)

    @abc.abstractmethod
    def initial(self) -> np.ndarray:
        """The usual starting position, [S] uint64."""

    @abc.abstractmethod
    def step(self, states: np.ndarray, actions: np.ndarray, out: Positions) -> None:
        """Play one legal action in each position and inspect the resulting positions.

        states [B, S] uint64, actions [B] int16 → fills all of `out` (B positions). Does not check that the actions are legal.
        Releases the GIL; several threads may step different parts of a batch.
        """

    @abc.abstractmethod
    def inspect(self, positions: Positions) -> None:
        """Fill legal actions, count, ending, key and reversible from `positions.state`. Releases the GIL."""

    def wins_at_once(self, positions: Positions) -> np.ndarray:
        """Return for each position a listed legal action that wins the game at once, [B] int16; NO_ACTION where there is none.

        Reads `state`, `legal` and `count` of the positions. This default plays every action; a game with faster means can
        override it.
        """
        found = np.full(len(positions), NO_ACTION, np.int16)
        for start in range(0, len(positions), _LOOKED_AT_ONCE):
            part = positions.part(start, start + _LOOKED_AT_ONCE)
            below = self.children(part)
            after = np.flatnonzero(self.ending_values[below.ending] < 0)[::-1]  # the first action of a position is written last
            parent = np.repeat(np.arange(len(part)), part.count)[after]
            place = after - (np.cumsum(part.count) - part.count)[parent]
            found[start + parent] = part.legal[parent, place]
        return found

    @abc.abstractmethod
    def encode(
        self, history: np.ndarray, repeated: np.ndarray, length: np.ndarray, bits: np.ndarray, scalars: np.ndarray
    ) -> None:
        """Encode each position for the net, with its bit planes packed.

        history  [B, H, S] uint64: the position itself, then the earlier ones, newest first
        repeated [B, H] uint8: 1 if that position had occurred before in its game
        length   [B] int16: how many of the H are valid (1 to H); the rest would lie before the start of the game
        bits     [B, P] uint64, filled: planes as bitboards for the player to move
        scalars  [B, Q] float32, filled: values of the planes that hold one number everywhere
        """

    @abc.abstractmethod
    def player(self, state: np.ndarray) -> int:
        """Return the side to move in state [S]: 0 or 1."""

    @abc.abstractmethod
    def parse(self, text: str) -> np.ndarray:
        """Parse a position in its usual text form (FEN in chess) or "startpos" → [S] uint64.

        Raises UsageError that quotes the text.
        """

    @abc.abstractmethod
    def format(self, state: np.ndarray) -> str:
        """Return the text form of a position, which `parse` accepts."""

    @abc.abstractmethod
    def parse_action(self, state: np.ndarray, text: str) -> int:
        """Parse a legal action in its usual notation. Raises UsageError that quotes the text and the position."""

    @abc.abstractmethod
    def format_action(self, state: np.ndarray, action: int) -> str:
        """Return the usual notation of a legal action (UCI in chess, the column from 1 in connect four).

        It must be one word, and neither a number with a dot nor a result, so that it can be written in a game file.
        """

    def describe_action(self, state: np.ndarray, action: int) -> str:
        """Return a legal action as people write it in game scores (SAN in chess); `parse_action` must accept it too."""
        return self.format_action(state, action)

    @abc.abstractmethod
    def draw(self, state: np.ndarray) -> str:
        """Return the board as lines of text for people, with player 0's side at the bottom."""
