"""OpenSpiel: perft, its Python MCTS without a net, and its Python AlphaZero's self-play with a net, here in torch.

Settings: task ("perft", "search" or "selfplay"), depth, simulations, channels, blocks, seconds. The net evaluates one position
at a time, through OpenSpiel's own AlphaZero evaluator with its cache. (From Python, OpenSpiel's C++ search takes no evaluator
other than random rollouts.)
"""

from __future__ import annotations

import time
from typing import Any, Callable, Tuple

from turn import Measure, Settings, repeat, take_turn

CPUCT, NOISE, TEMPERATURE_PLIES = 0.6, (0.25, 0.3), 30
"""As in our self-play with PUCT."""


def set_up(settings: Settings) -> Tuple[Measure, Settings]:
    from importlib.metadata import version

    import pyspiel

    game = pyspiel.load_game("chess")
    about = {"peer": f"OpenSpiel {version('open_spiel')}"}
    if settings["task"] == "perft":
        assert perft(game.new_initial_state(), 3) == 8902, "startpos to depth 3"
        about["how"] = f"depth {settings['depth']}, 1 process"
        return repeat(lambda: perft(game.new_initial_state(), settings["depth"])), about
    searched = f"MCTSBot (Python, PUCT), {settings['simulations']} simulations a move"
    if settings["task"] == "search":
        evaluator: Any = uniform_evaluator()
        about["how"] = f"{searched}, prior uniform, value 0"
    else:
        evaluator, precision = net_evaluator(game, settings["channels"], settings["blocks"])
        about["how"] = (
            f"{searched}, AlphaZeroEvaluator with a {settings['channels']}x{settings['blocks']} net in torch, {precision}"
        )
    play = player(game, evaluator, settings["simulations"], solve=settings["task"] == "search")
    play()
    return repeat(play), about


def perft(state: Any, depth: int) -> int:
    actions = state.legal_actions()
    return len(actions) if depth == 1 else sum(perft(state.child(action), depth - 1) for action in actions)


def player(game: Any, evaluator: Any, simulations: int, *, solve: bool) -> Callable[[], int]:
    """A function that plays one move per call, game after game; it returns the simulations of its search.

    solve: back up proven results (as we do; OpenSpiel's AlphaZero does not)
    """
    import numpy as np
    from open_spiel.python.algorithms import mcts

    rng = np.random.RandomState(0)
    bot = mcts.MCTSBot(
        game,
        CPUCT,
        simulations,
        evaluator,
        solve=solve,
        random_state=rng,
        child_selection_fn=mcts.SearchNode.puct_value,
        dirichlet_noise=NOISE,
    )
    state, plies = game.new_initial_state(), 0

    def move() -> int:
        nonlocal state, plies
        if state.is_terminal():
            state, plies = game.new_initial_state(), 0
        root = bot.mcts_search(state)
        action = root.best_child().action
        if plies < TEMPERATURE_PLIES:
            visits = np.array([child.explore_count for child in root.children], np.float64)
            action = root.children[rng.choice(len(visits), p=visits / visits.sum())].action
        state.apply_action(action)
        plies += 1
        return root.explore_count

    return move


def uniform_evaluator() -> Any:
    import numpy as np
    from open_spiel.python.algorithms import mcts

    class Uniform(mcts.Evaluator):
        def evaluate(self, state: Any) -> Any:
            return np.zeros(2)

        def prior(self, state: Any) -> Any:
            actions = state.legal_actions()
            return [(action, 1.0 / len(actions)) for action in actions]

    return Uniform()


def net_evaluator(game: Any, channels: int, blocks: int) -> Tuple[Any, str]:
    """OpenSpiel's AlphaZero evaluator with a torch net in place of its own, and the number format that is faster here."""
    import numpy as np
    import torch
    from open_spiel.python.algorithms.alpha_zero.evaluator import AlphaZeroEvaluator

    torch.set_num_threads(1)  # one process plays on each core
    shape, actions = game.observation_tensor_shape(), game.num_distinct_actions()
    net = se_resnet(shape[0], channels, blocks, actions).eval().to(memory_format=torch.channels_last)

    class Model:
        def __init__(self, dtype: torch.dtype) -> None:
            self.net, self.dtype = net.to(dtype), dtype

        @torch.inference_mode()
        def inference(self, observation: Any, mask: Any) -> Any:
            planes = torch.from_numpy(np.asarray(observation, np.float32).reshape(1, *shape))
            logits, value = self.net(planes.to(self.dtype).contiguous(memory_format=torch.channels_last))
            logits = logits[0].float().masked_fill(torch.from_numpy(np.asarray(mask)) == 0, -torch.inf)
            return float(value), torch.softmax(logits, 0).numpy()

    def seconds(dtype: torch.dtype) -> float:
        model, state = Model(dtype), game.new_initial_state()
        question = (np.asarray(state.observation_tensor()), np.asarray(state.legal_actions_mask()))
        model.inference(*question)
        started = time.perf_counter()
        for _ in range(50):
            model.inference(*question)
        return time.perf_counter() - started

    dtype = min((torch.float32, torch.bfloat16), key=seconds)
    return AlphaZeroEvaluator(game, Model(dtype)), str(dtype).rpartition(".")[2]


def se_resnet(planes: int, channels: int, blocks: int, actions: int) -> Any:
    """The tower of pawnzero's net, for this game's planes and actions."""
    import torch
    from torch import nn

    def convolution(inputs: int, outputs: int) -> nn.Module:
        return nn.Conv2d(inputs, outputs, 3, padding=1)

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = convolution(channels, channels), convolution(channels, channels)
            self.squeeze, self.excite = nn.Linear(channels, channels // 4), nn.Linear(channels // 4, 2 * channels)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            branch = self.second(torch.relu(self.first(x)))
            gates = self.excite(torch.relu(self.squeeze(branch.mean((2, 3)))))
            scale, shift = gates[:, :, None, None].chunk(2, dim=1)
            return torch.relu(x + torch.sigmoid(scale) * branch + shift)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tower = nn.Sequential(convolution(planes, channels), nn.ReLU(), *(Block() for _ in range(blocks)))
            self.policy = nn.Sequential(
                convolution(channels, channels), nn.ReLU(), convolution(channels, -(-actions // 64)), nn.Flatten()
            )
            self.value = nn.Sequential(
                nn.Conv2d(channels, 32, 1),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(32 * 64, 128),
                nn.ReLU(),
                nn.Linear(128, 1),
                nn.Tanh(),
            )

        def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
            x = self.tower(x)
            return self.policy(x)[:, :actions], self.value(x)

    torch.manual_seed(0)
    return Net()


if __name__ == "__main__":
    take_turn(set_up, "pip install open_spiel jax torch")
