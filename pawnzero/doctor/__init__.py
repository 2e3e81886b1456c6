"""Examining this machine: what it has, whether its numbers can be trusted, how fast it is, and which settings suit it.

`machine` and `cards` look, `findings` and `suggestions` judge what was seen (plain data in, plain data out), `probe` computes
in a separate process, and `examination` does it all in order. Speed is measured by `pawnzero.bench`.
"""
