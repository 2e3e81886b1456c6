"""mctx on pgx's chess: Gumbel search compiled by JAX, uniform prior and value 0, many games at once on the CPU.

Settings: simulations, batch (games at once), considered (actions at the root), seconds.
"""

from __future__ import annotations

import os
import time
from typing import Any, Tuple

from turn import Measure, Settings, repeat, take_turn


def set_up(settings: Settings) -> Tuple[Measure, Settings]:
    os.environ["JAX_PLATFORMS"] = "cpu"  # before jax is imported
    from importlib.metadata import version

    import jax
    import jax.numpy as jnp
    import mctx
    import pgx
    from pgx.experimental import auto_reset

    env = pgx.make("chess")
    batch, simulations = settings["batch"], settings["simulations"]
    step = jax.vmap(env.step)
    restart = jax.vmap(auto_reset(env.step, env.init))

    def logits(state: Any) -> Any:
        return jnp.where(state.legal_action_mask, 0.0, jnp.finfo(jnp.float32).min)

    def recurrent(params: Any, key: Any, action: Any, state: Any) -> Any:
        player = state.current_player
        state = step(state, action)
        output = mctx.RecurrentFnOutput(
            reward=state.rewards[jnp.arange(batch), player],
            discount=jnp.where(state.terminated, 0.0, -1.0),
            prior_logits=logits(state),
            value=jnp.zeros(batch),
        )
        return output, state

    @jax.jit
    def move(state: Any, key: Any) -> Any:
        key, search_key, step_key = jax.random.split(key, 3)
        found = mctx.gumbel_muzero_policy(
            params=(),
            rng_key=search_key,
            root=mctx.RootFnOutput(prior_logits=logits(state), value=jnp.zeros(batch), embedding=state),
            recurrent_fn=recurrent,
            num_simulations=simulations,
            max_num_considered_actions=settings["considered"],
            invalid_actions=~state.legal_action_mask,
        )
        return restart(state, found.action, jax.random.split(step_key, batch)), key

    started = time.perf_counter()
    key = jax.random.PRNGKey(0)
    state = jax.jit(jax.vmap(env.init))(jax.random.split(key, batch))
    state, key = jax.block_until_ready(move(state, key))
    compiled = time.perf_counter() - started

    def work() -> int:
        nonlocal state, key
        state, key = jax.block_until_ready(move(state, key))
        return batch * simulations

    versions = f"mctx {version('mctx')} + pgx {version('pgx')} (jax {jax.__version__})"
    how = f"gumbel_muzero_policy, {simulations} simulations a move, {batch} games at once, 1 process, all cores"
    return repeat(work), {"peer": versions, "how": how, "compile_seconds": round(compiled, 1)}


if __name__ == "__main__":
    take_turn(set_up, "pip install mctx pgx jax")
