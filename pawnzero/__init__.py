"""An AlphaZero trainer for chess: Python to read, native speed to run."""

import os

__version__ = "0.1.0"

# Search kernels and torch's OpenMP threads share the cores. By default, OpenMP threads spin for some milliseconds after a
# parallel operator, and a kernel that runs meanwhile takes twice its time. If they sleep at once instead, they must be woken
# for each operator of a small net's training step, which doubles the step. GNU's OpenMP, which torch's Linux wheels use, can
# spin for about a tenth of a millisecond: until the next operator of the same step. OpenMP reads these variables once, when
# torch is first loaded, so they are set before any of our modules can load it. A policy chosen by the user is kept.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
