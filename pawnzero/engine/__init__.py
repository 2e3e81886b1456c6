"""A UCI engine: a net and a search behind the protocol that chess programs speak (docs/engine.md).

The protocol is "The UCI protocol as publiced by Stefan-Meyer Kahlen" of 2004, with additions by Stockfish and lc0
(`UCI_ShowWDL`, `score … wdl`). Heavy imports are deferred until they are needed: `uciok` must not wait for a net.
"""
