"""Nets in other programs' file formats: ONNX for runtimes, lc0's weights for lc0. docs/formats.md describes them for users."""

LC0_SUFFIX = ".pb.gz"
"""File name suffix of lc0's weights files."""
