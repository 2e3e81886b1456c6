"""`python -m pawnzero` is the `pawnzero` command."""

from pawnzero.cli.main import entry

if __name__ == "__main__":
    entry()
