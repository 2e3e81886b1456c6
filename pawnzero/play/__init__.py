"""A game in the terminal: against a player, or a player against itself. It knows no game by name."""
