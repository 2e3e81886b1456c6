"""`python -m pawnzero` is the `pawnzero` command."""

import sys

from pawnzero.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
