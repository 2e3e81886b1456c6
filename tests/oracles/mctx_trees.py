"""Asks the real mctx to search random game trees by Gumbel MuZero, and writes its answers to a file that tests compare with.

mctx needs jax, so it is best kept in an environment of its own, which needs nothing of this package:

    python3 -m venv ~/mctx-oracle
    ~/mctx-oracle/bin/pip install mctx
    ~/mctx-oracle/bin/python tests/oracles/mctx_trees.py golden tests/search/golden_mctx.npz
    PAWNZERO_MCTX_PYTHON=~/mctx-oracle/bin/python python -m pytest tests/search/test_gumbel.py

A tree is a game without a board: a position is a 32-bit word, and everything about it is read from the word's hash. All actions
are always legal, since mctx has no edges of its own for the legal ones: it completes the values of illegal actions as well, so
that the mixed value always counts when values are stretched to [0, 1], where here (and in the paper) it counts only while some
legal action is unvisited.

The answers are one compressed .npz without pickles: `settings`, text, a JSON list of `Setting`s; and for the i-th of
them, with R roots and A actions, `roots_i` [R] uint32, `gumbel_i` [R, A] float32, `visits_i` [R, A] int16, `action_i` [R]
int16, and `weights_i` [R, A] float32, the improved policy.
"""

from __future__ import annotations

import argparse
import json
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy as np


class Setting(NamedTuple):
    """One kind of tree and of search."""

    actions: int
    simulations: int
    considered: int
    gumbel_scale: float
    spread: float
    """The logits lie between 0 and this."""
    ending_share: float
    """Share of the positions below the root at which the game is over."""


def setting_list(budgets: Tuple[int, ...]) -> List[Setting]:
    return [
        Setting(actions, simulations, considered, scale, spread, ending_share)
        for simulations in budgets
        for actions, considered, scale, spread, ending_share in (
            (1, 16, 1.0, 2.0, 0.0),
            (2, 16, 0.0, 1.0, 0.1),
            (3, 16, 0.0, 2.0, 0.0),
            (7, 16, 1.0, 1.0, 0.1),
            (7, 4, 0.5, 8.0, 0.1),
            (30, 16, 0.0, 4.0, 0.05),
            (30, 16, 1.0, 2.0, 0.05),
            (30, 5, 2.0, 4.0, 0.2),
        )
    ]


def _unit(word: np.ndarray, salt: int) -> np.ndarray:
    """A number in [0, 1) in steps of 2 ** -20, which float32 holds exactly, from the hash of a word [...] uint64."""
    word = word * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt * 0xD1B54A32D192ED03 & (1 << 64) - 1)
    for _ in range(2):
        word = (word ^ (word >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return (word >> np.uint64(44)).astype(np.float64) / 2.0**20


def follow(word: np.ndarray, action: np.ndarray) -> np.ndarray:
    """The positions after an action: word [B] uint32, action [B] → [B] uint32."""
    seed = word.astype(np.uint64) * np.uint64(997) + action.astype(np.uint64)
    high, low = _unit(seed, 1) * 2.0**16, _unit(seed, 2) * 2.0**16
    return (high.astype(np.uint32) << np.uint32(16)) | low.astype(np.uint32)


def ended(word: np.ndarray, share: float) -> Tuple[np.ndarray, np.ndarray]:
    """Whether the game is over, [B] bool, and its result for the player to move, [B] float32 (-1, 0 or 1)."""
    word = word.astype(np.uint64)
    return _unit(word, 3) < share, np.floor(_unit(word, 4) * 3.0).astype(np.float32) - np.float32(1)


def wdl(word: np.ndarray) -> np.ndarray:
    """What the net would say: [B] → [B, 3] float32 for the player to move."""
    word = word.astype(np.uint64)
    win, loss = _unit(word, 5) / 2, _unit(word, 6) / 2
    return np.stack([win, 1.0 - win - loss, loss], 1).astype(np.float32)


def logits(word: np.ndarray, actions: int, spread: float) -> np.ndarray:
    """[B] → [B, actions] float32."""
    words = word.astype(np.uint64)[:, None] * np.uint64(1009) + np.arange(actions, dtype=np.uint64)
    return (_unit(words, 7) * spread).astype(np.float32)


def roots(setting: Setting, count: int, seed: int) -> np.ndarray:
    """Positions at which the game goes on, [count] uint32."""
    words = np.random.default_rng([seed, *map(int, setting)]).integers(0, 1 << 32, 100 * count, np.uint32)
    return words[~ended(words, setting.ending_share)[0]][:count]


def ask(setting: Setting, words: np.ndarray, seed: int) -> Dict[str, np.ndarray]:
    """What mctx finds at these roots."""
    import jax
    import jax.numpy as jnp
    import mctx

    def evaluate(word: Any) -> Tuple[np.ndarray, np.ndarray]:
        word = np.asarray(word)
        answer = wdl(word)
        return logits(word, setting.actions, setting.spread), answer[:, 0] - answer[:, 2]

    def play(word: Any, action: Any) -> Tuple[np.ndarray, ...]:
        after = follow(np.asarray(word), np.asarray(action))
        over, result = ended(after, setting.ending_share)
        prior_logits, value = evaluate(after)
        reward = np.where(over, -result, 0).astype(np.float32)
        discount = np.where(over, 0, -1).astype(np.float32)
        return after, reward, discount, prior_logits, value

    def recurrent(_params: Any, _key: Any, action: Any, word: Any) -> Any:
        size = len(words)
        number = jax.ShapeDtypeStruct((size,), jnp.float32)
        shapes = (
            jax.ShapeDtypeStruct((size,), jnp.uint32),
            number,
            number,
            jax.ShapeDtypeStruct((size, setting.actions), jnp.float32),
            number,
        )
        after, reward, discount, prior_logits, value = jax.pure_callback(play, shapes, word, action)
        output = mctx.RecurrentFnOutput(reward=reward, discount=discount, prior_logits=prior_logits, value=value)
        return output, after

    prior_logits, value = evaluate(words)
    output = mctx.gumbel_muzero_policy(
        params=(),
        rng_key=jax.random.PRNGKey(seed),
        root=mctx.RootFnOutput(prior_logits=jnp.array(prior_logits), value=jnp.array(value), embedding=jnp.array(words)),
        recurrent_fn=recurrent,
        num_simulations=setting.simulations,
        max_num_considered_actions=setting.considered,
        gumbel_scale=setting.gumbel_scale,
    )
    return {
        "roots": words,
        "gumbel": np.asarray(output.search_tree.extra_data.root_gumbel, np.float32),
        "visits": np.asarray(output.search_tree.summary().visit_counts, np.int16),
        "action": np.asarray(output.action, np.int16),
        "weights": np.asarray(output.action_weights, np.float32),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("golden", "many"))
    parser.add_argument("path")
    parser.add_argument("--roots", type=int, default=12, help="roots of each kind, for `many`")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    golden = args.what == "golden"
    settings = setting_list((2, 7, 16, 50, 64) if golden else (2, 7, 16, 50, 64, 200))
    answers: Dict[str, np.ndarray] = {"settings": np.array(json.dumps(settings))}
    for i, setting in enumerate(settings):
        words = roots(setting, 2 if golden else args.roots, args.seed)
        for name, array in ask(setting, words, args.seed + i).items():
            answers[f"{name}_{i}"] = array
        print(setting, flush=True)
    np.savez_compressed(args.path, **answers)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
