"""A UCI engine: a net and a search behind the protocol that chess programs speak (docs/engine.md).

The protocol is "The UCI protocol as publiced by Stefan-Meyer Kahlen" of 2004, with Stockfish's and lc0's additions
(`UCI_ShowWDL`, `score … wdl`). Nothing here is imported before it is needed: `uciok` must not wait for a net.
"""
