"""Nets in the files of other programs: ONNX for runtimes, lc0's weights for lc0. docs/formats.md describes them for users."""

LC0_SUFFIX = ".pb.gz"
"""How the name of a file with lc0's weights ends."""
