"""The original layout's name for the settings of training, `pawnzero.config.TrainConfig`."""

from __future__ import annotations

from pawnzero.config import TrainConfig

__all__ = ["TrainConfig"]
