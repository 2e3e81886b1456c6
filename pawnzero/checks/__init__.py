"""Integrity checks: whether rules and encoding are right, before a run and on their own, and whether one game runs."""
