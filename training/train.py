"""Training with gradient accumulation and checkpoints: `pawnzero train`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # the repository, so that nothing need be installed
    from pawnzero.cli.main import script
    from pawnzero.machine.launch import leave

    leave(script("train", __file__))
