"""The original layout's name for `pawnzero.nets.make_model`."""

from __future__ import annotations

from pawnzero.nets import make_model

__all__ = ["make_model"]
