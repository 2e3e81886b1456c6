"""The documented commands and names of the original layout, each a few lines that forward to `pawnzero`."""
