"""Matches between players of any kind: openings, games, statistics, when a match may stop. Nothing heavy is imported here."""
