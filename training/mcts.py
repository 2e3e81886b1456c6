"""The original layout's search of one position, `pawnzero.search`."""

from __future__ import annotations

from typing import Union

from pawnzero.config import SearchConfig
from pawnzero.errors import UsageError
from pawnzero.games import get_game
from pawnzero.games.line import Line
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.search import Evaluator, Searcher, SearchResult


def search_position(
    position: Union[str, Line], model: Union[PolicyValueNet, Evaluator], simulations: int = 64, device: str = "auto"
) -> SearchResult:
    """Search a position (a FEN, "startpos", or a `Line` with its history) with a net; the result is in row 0.

    Raises UsageError for text that is not a position, a game that is over or not the net's, and fewer than 1 simulation.
    """
    line = position if isinstance(position, Line) else Line(get_game("chess"), get_game("chess").parse(position))
    if line.over:
        raise UsageError(f"the game is over ({line.game.endings[line.ending]}): expected a position with a move to search")
    if isinstance(model, PolicyValueNet) and model.game_name != line.game.name:
        raise UsageError(f"the net plays {model.game_name}, not {line.game.name} as in the position to search")
    evaluator = NetEvaluator(model, device) if isinstance(model, PolicyValueNet) else model
    return Searcher(line.game, evaluator, SearchConfig(), simulations).run([line])


__all__ = ["SearchResult", "Searcher", "search_position"]
