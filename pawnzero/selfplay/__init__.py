"""Self-play: a net against itself; how games begin and end, and the record that each leaves. Knows neither nets nor files.

Nothing heavy is imported here: records are read where no game is played.
"""
