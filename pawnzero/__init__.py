"""An AlphaZero trainer for chess: Python to read, native speed to run."""

__version__ = "0.1.0"
