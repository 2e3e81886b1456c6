"""The ladder: one rating scale for an agent's checkpoints and for players that do not change."""
