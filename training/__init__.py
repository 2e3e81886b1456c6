"""The documented commands and the names of the original layout, each a few lines that hand on to `pawnzero`."""
