"""What a run looks like to its owner: one page with its figures, charts and games."""

from pawnzero.report.write import write_report

__all__ = ["write_report"]
