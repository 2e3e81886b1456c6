"""What a run looks like to its owner: one page with its figures, charts and games."""
