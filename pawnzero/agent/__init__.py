"""An agent on disk: its directory, its metadata, and what is recorded of an iteration that is under way."""

from pawnzero.agent.directory import Agent

__all__ = ["Agent"]
