"""Nets in the files of other programs: ONNX for runtimes, lc0's weights for lc0. docs/formats.md describes them for users."""
