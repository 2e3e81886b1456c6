"""Self-play: a net against itself; how games begin and end, and the record that each leaves. Knows neither nets nor files."""

from pawnzero.selfplay.loop import play_games
from pawnzero.selfplay.table import Workload

__all__ = ["Workload", "play_games"]
