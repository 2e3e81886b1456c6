"""What does this machine have, can its numbers be trusted, how fast is it, and which settings suit it?

`machine` and `cards` look, `findings` and `suggestions` judge what was seen (plain data in, plain data out), `probe` computes
in a process of its own, `examination` does all of it in order. How fast it is, `pawnzero.bench` measures.
"""
