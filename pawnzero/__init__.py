"""An AlphaZero trainer for chess: Python to read, native speed to run."""

import os

__version__ = "0.1.0"

# Search kernels and torch's OpenMP threads share the cores. After a parallel operator OpenMP's threads spin for some
# milliseconds, and a kernel that runs right then takes twice its time. Where they sleep at once instead, each operator of a
# small net's training step waits to be woken, which doubles the step. GNU's OpenMP, which torch's wheels for Linux have, can
# spin for a tenth of a millisecond or so: until the next operator of the same step. OpenMP reads the variables once, when
# torch is first loaded, so they are set before any module of ours can load it. Who has chosen a policy keeps it.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
