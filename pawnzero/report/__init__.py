"""The report of a run: one HTML page with its figures, charts and games."""

from pawnzero.report.write import write_report

__all__ = ["write_report"]
