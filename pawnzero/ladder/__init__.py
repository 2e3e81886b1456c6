"""How strong is each of an agent's checkpoints, beside players that do not change? One rating for all of them."""

from pawnzero.ladder.book import LADDER_FILE
from pawnzero.ladder.climb import play_ladder

__all__ = ["LADDER_FILE", "play_ladder"]
