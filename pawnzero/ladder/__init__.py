"""How strong is each of an agent's checkpoints, beside players that do not change? One rating for all of them."""
