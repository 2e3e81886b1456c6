"""All settings, declared once. Command-line flags and the keys of a configuration file are derived from these classes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Dict

from pawnzero.errors import UsageError

MOST_ELO = 4000.0
"""Largest Elo difference in a sequential test's hypotheses: a score of 1 − 10⁻¹⁰."""

_MOST_ROWS = 10**10


@dataclass(frozen=True)
class ModelConfig:
    """The net's shape. It is fixed when an agent is created."""

    channels: int = field(default=64, metadata={"help": "width of the residual trunk", "min": 1, "max": 4096})
    blocks: int = field(default=6, metadata={"help": "residual blocks", "min": 1, "max": 1024})
    se_ratio: int = field(
        default=4, metadata={"help": "reduction factor of squeeze-excitation; 0: no squeeze-excitation", "min": 0}
    )
    mirrored: bool = field(
        default=False,
        metadata={"help": "the net answers mirrored positions with mirrored policies; for games whose rules allow it"},
    )

    def __post_init__(self) -> None:
        """Raise UsageError if settings contradict each other."""
        if self.mirrored and (self.channels % 2 or self.squeezed % 2):
            squeezed = f" ({self.squeezed} inside squeeze-excitation, by model.se_ratio)" if self.squeezed else ""
            raise UsageError(
                f"model.mirrored: model.channels is {self.channels}{squeezed}, expected even numbers",
                keys=("model.mirrored", "model.channels", "model.se_ratio"),
            )

    @property
    def trunk_weights(self) -> int:
        """Weights of the convolutions in the residual blocks, which are nearly all of a large net's."""
        return self.blocks * 2 * 9 * self.channels**2

    @property
    def squeezed(self) -> int:
        """Channels inside squeeze-excitation; 0 without it."""
        return max(1, self.channels // self.se_ratio) if self.se_ratio else 0


@dataclass(frozen=True)
class SearchConfig:
    """Settings of the search. Names are those of the papers, mctx and lc0."""

    algorithm: str = field(
        default="gumbel",
        metadata={"help": "search algorithm: gumbel (learns from few simulations) or puct", "choices": ("gumbel", "puct")},
    )
    solver: bool = field(default=True, metadata={"help": "back proven wins, draws and losses up the tree"})
    look_ahead: bool = field(
        default=True,
        metadata={"help": "with the solver: look for a move that wins at once before the net is asked"},
    )
    gumbel_considered: int = field(default=16, metadata={"help": "maximum number of actions a Gumbel root considers", "min": 1})
    gumbel_value_scale: float = field(
        default=0.1, metadata={"help": "weight of values against policy logits in a Gumbel search", "min": 0.0}
    )
    gumbel_visit_offset: float = field(
        default=50.0, metadata={"help": "gumbel_value_scale is multiplied by the largest visit count plus this", "min": 0.0}
    )
    cpuct: float = field(default=0.6, metadata={"help": "exploration constant of PUCT", "min": 0.0})
    cpuct_base: float = field(
        default=19652.0, metadata={"help": "visits at which PUCT's exploration constant has grown by ln 2", "min": 1.0}
    )
    fpu_reduction: float = field(
        default=0.0, metadata={"help": "an unvisited move's value is its parent's minus this times sqrt(visited policy)"}
    )
    dirichlet_alpha: float = field(
        default=0.3, metadata={"help": "concentration of the Dirichlet noise at a PUCT root", "min": 0.001}
    )
    dirichlet_epsilon: float = field(
        default=0.25, metadata={"help": "share of Dirichlet noise in a PUCT root's prior", "min": 0.0, "max": 1.0}
    )
    keep_answers: bool = field(default=True, metadata={"help": "cache the net's answers and reuse them when a position recurs"})
    leaves_per_tree: int = field(
        default=0,
        metadata={
            "help": "leaves per tree and wave; 0: with Gumbel up to 8 of one round, with PUCT 1, with few games up to 8",
            "min": 0,
            "max": 10**6,
        },
    )


@dataclass(frozen=True)
class SelfplayConfig:
    """Settings of self-play games."""

    max_plies: int = field(
        default=200, metadata={"help": "plies after which a game is adjudicated a draw", "min": 1, "max": 1_000_000}
    )
    temperature: float = field(default=1.0, metadata={"help": "temperature of move choice in the opening", "min": 0.0})
    temperature_plies: int = field(default=30, metadata={"help": "plies before the temperature falls", "min": 0})
    temperature_end: float = field(default=0.25, metadata={"help": "temperature after temperature_plies", "min": 0.0})
    full_search_share: float = field(
        default=1.0,
        metadata={
            "help": "share of moves searched with mcts_sims; the others get cheap_sims and train the value only",
            "min": 0.01,
            "max": 1.0,
        },
    )
    cheap_sims: int = field(default=16, metadata={"help": "simulations of a cheap search", "min": 1})
    later_sims: int = field(
        default=0,
        metadata={
            "help": "simulations per move instead of mcts_sims from iteration later_from on; 0: always mcts_sims",
            "min": 0,
            "max": 10**9,
        },
    )
    later_from: int = field(
        default=0, metadata={"help": "the first iteration whose games are played with later_sims", "min": 0}
    )
    random_opening_share: float = field(
        default=0.0, metadata={"help": "share of games that begin with random moves", "min": 0.0, "max": 1.0}
    )
    random_opening_plies: int = field(default=8, metadata={"help": "maximum number of random plies in such a game", "min": 1})
    restart_share: float = field(
        default=0.0, metadata={"help": "share of games that begin at a position from the replay buffer", "min": 0.0, "max": 1.0}
    )
    resign: bool = field(
        default=False, metadata={"help": "resign hopeless games, once enough games have shown which scores are hopeless"}
    )
    resign_playthrough: float = field(
        default=0.1,
        metadata={"help": "share of games played to the end, to measure false resignations", "min": 0.0, "max": 1.0},
    )
    resign_false_positives: float = field(
        default=0.03,
        metadata={"help": "largest accepted share of resignations in games that were not lost", "min": 0.0, "max": 1.0},
    )
    int8: bool = field(
        default=True, metadata={"help": "run the net in 8-bit integers on a CPU where that is faster and accurate enough"}
    )
    games_in_flight: int = field(
        default=0, metadata={"help": "games played at once; 0: chosen from memory and device", "min": 0}
    )


@dataclass(frozen=True)
class TrainConfig:
    """Settings of training. In files, "trainer.iters" is another name of the top level's `trainer_iters`."""

    lr: float = field(default=1e-3, metadata={"help": "peak learning rate of AdamW", "min": 0.0})
    wd: float = field(default=1e-4, metadata={"help": "decoupled weight decay, on weights only", "min": 0.0})
    warmup_steps: int = field(default=100, metadata={"help": "warm-up: steps over which the learning rate rises", "min": 0})
    schedule: str = field(
        default="constant",
        metadata={
            "help": "the learning rate after the warm-up: constant, cosine (falls slowly) or drop (falls at once)",
            "choices": ("constant", "cosine", "drop"),
        },
    )
    schedule_steps: int = field(
        default=0,
        metadata={
            "help": "step at which cosine ends or drop falls; 0: cosine falls anew in each call or iteration",
            "min": 0,
        },
    )
    schedule_factor: float = field(
        default=0.1, metadata={"help": "learning rate after the fall, as a share of lr", "min": 0.0, "max": 1.0}
    )
    grad_clip: float = field(default=5.0, metadata={"help": "largest gradient norm; 0: no limit", "min": 0.0})
    ema_decay: float = field(
        default=0.99, metadata={"help": "decay per step of the averaged weights, which play", "min": 0.0, "max": 1.0}
    )
    value_mix: float = field(
        default=0.75,
        metadata={
            "help": "share of the search's WDL in the value target; the rest is the game's result",
            "min": 0.0,
            "max": 1.0,
        },
    )
    value_weight: float = field(default=1.0, metadata={"help": "weight of the value loss", "min": 0.0})
    reply_weight: float = field(
        default=0.0, metadata={"help": "loss weight of predicting the opponent's reply; 0: off", "min": 0.0}
    )
    plies_left_weight: float = field(
        default=0.0, metadata={"help": "loss weight of predicting the plies to the game's end; 0: off", "min": 0.0}
    )
    replay_ratio: float = field(
        default=0.0,
        metadata={
            "help": "samples an iteration trains on per new position, overriding trainer_iters; 0: trainer_iters steps",
            "min": 0.0,
            "max": 1000.0,
        },
    )
    reset_every: int = field(
        default=0,
        metadata={
            "help": "every so many iterations a new net replaces the old one and learns what is stored; 0: never",
            "min": 0,
        },
    )
    reset_until: int = field(
        default=0, metadata={"help": "the last iteration in which reset_every has an effect; 0: there is no last one", "min": 0}
    )
    reset_ratio: float = field(
        default=2.0,
        metadata={
            "help": "samples a new net trains on after a reset, per position it may draw",
            "min": 0.001,
            "max": 1000.0,
        },
    )
    window_start: int = field(
        default=0,
        metadata={"help": "positions after which the sampling window grows more slowly; 0: sample the whole buffer", "min": 0},
    )
    window_growth: float = field(
        default=0.4, metadata={"help": "growth of the sampling window per new position at window_start", "min": 0.0, "max": 1.0}
    )
    window_exponent: float = field(
        default=0.75,
        metadata={"help": "exponent of the sampling window's growth in the positions so far", "min": 0.01, "max": 1.0},
    )
    augment: bool = field(
        default=True, metadata={"help": "also train on rotated and mirrored positions, where the rules allow it"}
    )

    def __post_init__(self) -> None:
        """Raise UsageError if settings contradict each other."""
        if self.schedule == "drop" and self.schedule_steps == 0:
            raise UsageError(
                "trainer.schedule is 'drop', expected trainer.schedule_steps above 0: the step of the drop",
                keys=("trainer.schedule", "trainer.schedule_steps"),
            )


@dataclass(frozen=True)
class Config:
    """All settings of a run. The defaults are meant for an RX580 with 8 GB."""

    game: str = field(default="chess", metadata={"help": "chess, connect_four or tic_tac_toe"})
    mcts_sims: int = field(default=64, metadata={"help": "simulations per move", "min": 1, "max": 10**9})
    num_selfplay: int = field(default=10, metadata={"help": "self-play games per iteration or call", "min": 1, "max": 10**7})
    batch_size: int = field(default=64, metadata={"help": "samples per forward pass in training", "min": 1, "max": 10**9})
    grad_accum_steps: int = field(default=1, metadata={"help": "forward passes per training step", "min": 1, "max": 10**6})
    trainer_iters: int = field(
        default=100,
        metadata={
            "help": "training steps per iteration (if replay_ratio is 0) and per epoch of train.py",
            "min": 1,
            "max": 10**9,
        },
    )
    replay_capacity: int = field(
        default=100_000, metadata={"help": "positions the replay buffer holds", "min": 1, "max": _MOST_ROWS}
    )
    eval_games: int = field(default=20, metadata={"help": "games of the latest net against the best one", "min": 1})
    eval_threshold: float = field(
        default=0.55, metadata={"help": "promote the latest net if its score is above this", "min": 0.0, "max": 1.0}
    )
    eval_promotion: str = field(
        default="threshold",
        metadata={
            "help": "what promotes: threshold (a score above eval_threshold) or sprt (a test that accepts eval_elo1)",
            "choices": ("threshold", "sprt"),
        },
    )
    eval_elo0: float = field(
        default=0.0, metadata={"help": "Elo difference at which the SPRT keeps the best net", "min": -MOST_ELO, "max": MOST_ELO}
    )
    eval_elo1: float = field(
        default=35.0,
        metadata={"help": "Elo difference at which the SPRT promotes the latest net", "min": -MOST_ELO, "max": MOST_ELO},
    )
    keep_checkpoints: int = field(default=5, metadata={"help": "how many numbered checkpoints to keep", "min": 1})
    seed: int = field(default=0, metadata={"help": "seed of all random numbers", "min": 0})
    model: ModelConfig = field(default_factory=ModelConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    selfplay: SelfplayConfig = field(default_factory=SelfplayConfig)
    trainer: TrainConfig = field(default_factory=TrainConfig)

    @property
    def step_samples(self) -> int:
        """Samples per training step."""
        return self.batch_size * self.grad_accum_steps

    def selfplay_sims(self, iteration: int) -> int:
        """Simulations per move of an iteration's games."""
        later = self.selfplay.later_sims > 0 and iteration >= self.selfplay.later_from
        return self.selfplay.later_sims if later else self.mcts_sims

    def check_selfplay(self) -> None:
        """Raise UsageError if settings of self-play contradict each other.

        Cheap searches must be cheaper than full ones, since they train no policy; the shares of special starts must not exceed
        1 together; and resignation needs games that are played to the end.

        Not checked whenever settings are read: a match or a game in the terminal may well use fewer simulations than
        `selfplay.cheap_sims`.
        """
        for name, sims in (("mcts_sims", self.mcts_sims), ("selfplay.later_sims", self.selfplay.later_sims)):
            if self.selfplay.full_search_share < 1.0 and 0 < sims <= self.selfplay.cheap_sims:
                raise UsageError(
                    f"selfplay.cheap_sims is {self.selfplay.cheap_sims}, expected fewer than {name}, which is {sims}, "
                    f"because selfplay.full_search_share is below 1 ({self.selfplay.full_search_share:g})"
                )
        restarts, random = self.selfplay.restart_share, self.selfplay.random_opening_share
        if restarts + random > 1.0 + 1e-9:
            raise UsageError(
                f"selfplay.restart_share is {restarts:g} and selfplay.random_opening_share {random:g}, expected a sum of at "
                "most 1: they are shares of the same games"
            )
        if self.selfplay.resign and self.selfplay.resign_playthrough == 0.0:
            raise UsageError(
                "selfplay.resign_playthrough is 0, expected more where selfplay.resign is on: only games played to the end "
                "show which scores are hopeless"
            )


def to_json(config: Config) -> Dict[str, Any]:
    """The settings as nested plain values, which `load_config` can read back from a JSON file."""
    return dataclasses.asdict(config)
