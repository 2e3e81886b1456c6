"""How often a player errs: its moves against perfect play, in games whose truth is known."""

from pawnzero.judge.positions import read_positions, sample_positions
from pawnzero.judge.solvers import Solver, solver_for
from pawnzero.judge.verdicts import Judgement, judge

__all__ = ["Judgement", "Solver", "judge", "read_positions", "sample_positions", "solver_for"]
