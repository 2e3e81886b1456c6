"""A game in the terminal: a person against a player, or a player against itself. Works for any game."""
