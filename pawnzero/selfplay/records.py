"""The record of a finished game: plain arrays that can be stored, sent or trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

import numpy as np

from pawnzero.games.base import ONGOING, Game

USUAL_START = "start"
RANDOM_OPENING = "random opening"
FROM_ARCHIVE = "archive"

OUTSIDE_ITERATIONS = 1 << 62
"""Ids of games played by `pawnzero selfplay` start here, so they never collide with an iteration's."""


@dataclass(frozen=True)
class GameRecord:
    """One game, from its first known position to its end. T is the number of positions in which a move was made.

    game:         the game's name
    game_id:      unique within an agent (iteration << 32 | number of the game in it, or
                  OUTSIDE_ITERATIONS + number), below 2**63
    context:      the first `context` of the T positions were given (a random opening, an archived beginning), not searched:
                  they are history for the later ones and are not trained on
    states:       [T, S] uint64
    actions:      [T] int16, the action played in each position
    repeated:     [T] uint8, 1 if the position had occurred before in this game
    policy_start: [T + 1] int64; position t's policy is ``policy[policy_start[t]:policy_start[t + 1]]``
    policy:       [sum] float32, the policy target (Gumbel's improved policy, PUCT's visit shares) over the legal actions in
                  `Game.inspect`'s order; sums to 1 for each position; empty for context positions
    root_wdl:     [T, 3] float32, the search's win, draw and loss at the root for the player to move; zeros for context
    full_search:  [T] uint8, 1 if the policy may be trained on (0: a cheap search, whose row trains the value only)
    simulations:  [T] int32, simulations of the search; 0 for context
    final_state:  [S] uint64, the position the game ended in
    ending:       why it ended, index into `Game.endings`
    result:       1, 0 or -1 for player 0
    played_on:    whether no player was allowed to resign
    begun:        USUAL_START, RANDOM_OPENING (after some random moves) or FROM_ARCHIVE (from an earlier game's position)
    """

    game: str
    game_id: int
    context: int
    states: np.ndarray
    actions: np.ndarray
    repeated: np.ndarray
    policy_start: np.ndarray
    policy: np.ndarray
    root_wdl: np.ndarray
    full_search: np.ndarray
    simulations: np.ndarray
    final_state: np.ndarray
    ending: int
    result: int
    played_on: bool = True
    begun: str = USUAL_START

    def __len__(self) -> int:
        return len(self.states)

    def faults(self, game: Game) -> List[str]:
        """Return what is wrong with this record by the game's rules, one line each; empty if it is valid."""
        faults = []
        for t in range(len(self)):
            position = game.look(self.states[t])
            legal = position.legal[0, : int(position.count[0])]
            policy = self.policy[self.policy_start[t] : self.policy_start[t + 1]]
            if self.actions[t] not in legal:
                faults.append(f"ply {t}: action {self.actions[t]} is not legal in {game.format(self.states[t])}")
                continue
            if t >= self.context and (len(policy) != len(legal) or abs(float(policy.sum()) - 1.0) > 1e-3):
                faults.append(f"ply {t}: policy of {len(policy)} moves sums to {policy.sum():.4f}, expected {len(legal)} and 1")
            if t >= self.context and abs(float(self.root_wdl[t].sum()) - 1.0) > 1e-3:
                faults.append(f"ply {t}: root WDL sums to {self.root_wdl[t].sum():.4f}, expected 1")
            following = self.states[t + 1] if t + 1 < len(self) else self.final_state
            if not np.array_equal(game.after(self.states[t], int(self.actions[t])), following):
                faults.append(f"ply {t}: the next position does not follow from {game.format(self.states[t])}")
        if self.ending == ONGOING or not 0 <= self.ending < len(game.endings):
            faults.append(f"ending {self.ending}: expected a code from 1 to {len(game.endings) - 1}")
        return faults
