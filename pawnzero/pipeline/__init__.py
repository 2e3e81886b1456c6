"""An agent's iteration and its stages: self-play, training, and the match that decides on promotion. All of them resume."""
