"""How often a player makes mistakes: its moves compared with perfect play, in solved games."""

from pawnzero.judge.positions import read_positions, sample_positions
from pawnzero.judge.solvers import Solver, solver_for
from pawnzero.judge.verdicts import Judgement, judge

__all__ = ["Judgement", "Solver", "judge", "read_positions", "sample_positions", "solver_for"]
