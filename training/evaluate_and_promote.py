"""Latest net against best, promoted if it wins: `pawnzero promote`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # the repository, so that nothing need be installed
    from pawnzero.cli.main import script

    sys.exit(script("promote", __file__))
