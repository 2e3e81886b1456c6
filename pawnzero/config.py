"""Every setting, declared once. Command-line flags and the keys of a configuration file derive from these classes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Dict

from pawnzero.errors import UsageError

MOST_ELO = 4000.0
"""Largest Elo difference of a sequential test: a score of 1 − 10⁻¹⁰."""

_MOST_ROWS = 10**10


@dataclass(frozen=True)
class ModelConfig:
    """The net's shape. It belongs to the agent: once an agent exists, its own shape is kept."""

    channels: int = field(default=64, metadata={"help": "width of the residual trunk", "min": 1, "max": 4096})
    blocks: int = field(default=6, metadata={"help": "residual blocks", "min": 1, "max": 1024})
    se_ratio: int = field(
        default=4, metadata={"help": "squeeze-excitation narrows channels by this factor; 0: there is none", "min": 0}
    )
    mirrored: bool = field(
        default=False, metadata={"help": "mirrored positions get mirrored answers, in games that may always be mirrored"}
    )

    def __post_init__(self) -> None:
        """Raises UsageError for settings that do not fit together."""
        if self.mirrored and (self.channels % 2 or self.squeezed % 2):
            squeezed = f" and by model.se_ratio {self.squeezed} in squeeze-excitation" if self.squeezed else ""
            raise UsageError(
                f"model.mirrored: model.channels is {self.channels}{squeezed}, expected even numbers",
                keys=("model.mirrored", "model.channels", "model.se_ratio"),
            )

    @property
    def squeezed(self) -> int:
        """Channels inside squeeze-excitation; 0 where there is none."""
        return max(1, self.channels // self.se_ratio) if self.se_ratio else 0


@dataclass(frozen=True)
class SearchConfig:
    """How a position is searched. Names as in the papers, mctx and lc0."""

    algorithm: str = field(
        default="gumbel", metadata={"help": "gumbel (learns from few simulations) or puct", "choices": ("gumbel", "puct")}
    )
    solver: bool = field(default=True, metadata={"help": "proven wins, draws and losses travel up the tree"})
    gumbel_considered: int = field(default=16, metadata={"help": "most actions considered at a Gumbel root", "min": 1})
    gumbel_value_scale: float = field(default=0.1, metadata={"help": "weight of values against logits", "min": 0.0})
    gumbel_visit_offset: float = field(
        default=50.0, metadata={"help": "visits added before values are weighed against logits", "min": 0.0}
    )
    cpuct: float = field(default=1.75, metadata={"help": "exploration constant of PUCT", "min": 0.0})
    cpuct_base: float = field(default=19652.0, metadata={"help": "visits over which PUCT's constant grows", "min": 1.0})
    fpu_reduction: float = field(
        default=0.25, metadata={"help": "an unvisited move's value lies this times sqrt(visited policy) under its parent's"}
    )
    dirichlet_alpha: float = field(default=0.3, metadata={"help": "shape of the root noise", "min": 0.001})
    dirichlet_epsilon: float = field(
        default=0.25, metadata={"help": "share of noise in the root prior", "min": 0.0, "max": 1.0}
    )
    keep_answers: bool = field(
        default=True, metadata={"help": "the net's answers are kept and used again where a position comes again"}
    )
    leaves_per_tree: int = field(
        default=0,
        metadata={
            "help": "leaves a tree and wave; 0: under Gumbel a round's, at most 8, under PUCT 1; of few games up to 8",
            "min": 0,
        },
    )


@dataclass(frozen=True)
class SelfplayConfig:
    """How games are played for training."""

    max_plies: int = field(default=200, metadata={"help": "longer games are adjudicated a draw", "min": 1, "max": 1_000_000})
    temperature: float = field(default=1.0, metadata={"help": "temperature of move choice in the opening", "min": 0.0})
    temperature_plies: int = field(default=30, metadata={"help": "plies before the temperature falls", "min": 0})
    temperature_end: float = field(default=0.25, metadata={"help": "temperature after that", "min": 0.0})
    full_search_share: float = field(
        default=1.0,
        metadata={
            "help": "share of moves searched fully; the others cheaply, training the value only",
            "min": 0.01,
            "max": 1.0,
        },
    )
    cheap_sims: int = field(default=16, metadata={"help": "simulations of a cheap search", "min": 1})
    random_opening_share: float = field(
        default=0.0, metadata={"help": "share of games that begin with random moves", "min": 0.0, "max": 1.0}
    )
    random_opening_plies: int = field(default=8, metadata={"help": "at most so many random plies", "min": 1})
    restart_share: float = field(
        default=0.0, metadata={"help": "share of games that begin at a position from the replay buffer", "min": 0.0, "max": 1.0}
    )
    resign: bool = field(default=False, metadata={"help": "give up hopeless games, once enough games show what is hopeless"})
    resign_playthrough: float = field(
        default=0.1, metadata={"help": "share of games played on, to measure false resignations", "min": 0.0, "max": 1.0}
    )
    resign_false_positives: float = field(
        default=0.03, metadata={"help": "largest share of resigned games that were not lost", "min": 0.0, "max": 1.0}
    )
    int8: bool = field(
        default=True, metadata={"help": "the net answers in 8-bit integers where a CPU is faster at that and it is near enough"}
    )
    games_in_flight: int = field(
        default=0, metadata={"help": "games played at once; 0: chosen from memory and device", "min": 0}
    )


@dataclass(frozen=True)
class TrainConfig:
    """How the net is trained. `iters` is the same setting as the top level's `trainer_iters`."""

    lr: float = field(default=1e-3, metadata={"help": "peak learning rate of AdamW", "min": 0.0})
    wd: float = field(default=1e-4, metadata={"help": "decoupled weight decay, on weights only", "min": 0.0})
    warmup_steps: int = field(default=100, metadata={"help": "steps over which the learning rate rises", "min": 0})
    schedule: str = field(
        default="constant",
        metadata={
            "help": "the learning rate after the rise: constant, cosine (falls slowly) or drop (falls at once)",
            "choices": ("constant", "cosine", "drop"),
        },
    )
    schedule_steps: int = field(
        default=0,
        metadata={
            "help": "step at which cosine has fallen, or drop falls; 0: cosine falls in each call or iteration",
            "min": 0,
        },
    )
    schedule_factor: float = field(
        default=0.1, metadata={"help": "share of lr that is left after the fall", "min": 0.0, "max": 1.0}
    )
    grad_clip: float = field(default=5.0, metadata={"help": "largest gradient norm; 0: no limit", "min": 0.0})
    ema_decay: float = field(
        default=0.99, metadata={"help": "decay a step of the averaged weights that play", "min": 0.0, "max": 1.0}
    )
    value_mix: float = field(
        default=0.75,
        metadata={"help": "share of the root's WDL in the value target, the rest is the game's result", "min": 0.0, "max": 1.0},
    )
    value_weight: float = field(default=1.0, metadata={"help": "weight of the value loss", "min": 0.0})
    reply_weight: float = field(
        default=0.0, metadata={"help": "weight of foretelling the opponent's reply; 0: not asked", "min": 0.0}
    )
    plies_left_weight: float = field(
        default=0.0, metadata={"help": "weight of foretelling the plies to the game's end; 0: not asked", "min": 0.0}
    )
    replay_ratio: float = field(
        default=0.0,
        metadata={
            "help": "samples an iteration trains for each new position, whatever trainer_iters says; 0: trainer_iters steps",
            "min": 0.0,
        },
    )
    window_start: int = field(
        default=0,
        metadata={"help": "positions after which the window of sampled ones grows slower; 0: all that are stored", "min": 0},
    )
    window_growth: float = field(
        default=0.4, metadata={"help": "positions the window then grows by for a new one", "min": 0.0, "max": 1.0}
    )
    window_exponent: float = field(
        default=0.75,
        metadata={"help": "power of all positions so far that the window grows with", "min": 0.01, "max": 1.0},
    )
    augment: bool = field(default=True, metadata={"help": "train on positions turned and mirrored, where the rules allow it"})

    def __post_init__(self) -> None:
        """Raises UsageError for settings that do not fit together."""
        if self.schedule == "drop" and self.schedule_steps == 0:
            raise UsageError(
                "trainer.schedule is 'drop', expected trainer.schedule_steps to say at which step",
                keys=("trainer.schedule", "trainer.schedule_steps"),
            )


@dataclass(frozen=True)
class Config:
    """All settings of a run. The defaults are those of an RX580 with 8 GB."""

    game: str = field(default="chess", metadata={"help": "chess, connect_four or tic_tac_toe"})
    mcts_sims: int = field(default=64, metadata={"help": "simulations a move", "min": 1})
    num_selfplay: int = field(default=10, metadata={"help": "self-play games an iteration", "min": 1})
    batch_size: int = field(default=64, metadata={"help": "samples a forward pass in training", "min": 1})
    grad_accum_steps: int = field(default=1, metadata={"help": "forward passes a training step", "min": 1})
    trainer_iters: int = field(
        default=100,
        metadata={"help": "training steps an iteration where replay_ratio is 0, and an epoch of train.py", "min": 1},
    )
    replay_capacity: int = field(
        default=100_000, metadata={"help": "positions the replay buffer holds", "min": 1, "max": _MOST_ROWS}
    )
    eval_games: int = field(default=20, metadata={"help": "arena games an iteration", "min": 1})
    eval_threshold: float = field(
        default=0.55, metadata={"help": "the latest net is promoted above this score", "min": 0.0, "max": 1.0}
    )
    eval_promotion: str = field(
        default="threshold",
        metadata={
            "help": "what promotes the latest net: a score above eval_threshold, or an SPRT that accepts eval_elo1",
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
    keep_checkpoints: int = field(default=5, metadata={"help": "numbered checkpoints kept", "min": 1})
    seed: int = field(default=0, metadata={"help": "seed of everything random", "min": 0})
    model: ModelConfig = field(default_factory=ModelConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    selfplay: SelfplayConfig = field(default_factory=SelfplayConfig)
    trainer: TrainConfig = field(default_factory=TrainConfig)

    @property
    def step_samples(self) -> int:
        """Samples of a training step."""
        return self.batch_size * self.grad_accum_steps

    def check_selfplay(self) -> None:
        """Raises UsageError where settings of self-play do not fit together: cheap searches would cost what full ones do and
        teach no policy for it, games would begin in more ways than there are games, or nothing would show what is hopeless.

        Not whenever settings are read: a match or a game in the terminal may well search less than `selfplay.cheap_sims`.
        """
        if self.selfplay.full_search_share < 1.0 and self.selfplay.cheap_sims >= self.mcts_sims:
            raise UsageError(
                f"selfplay.cheap_sims is {self.selfplay.cheap_sims}, expected fewer than mcts_sims, which is {self.mcts_sims}, "
                f"where selfplay.full_search_share is below 1 ({self.selfplay.full_search_share:g})"
            )
        restarts, random = self.selfplay.restart_share, self.selfplay.random_opening_share
        if restarts + random > 1.0 + 1e-9:
            raise UsageError(
                f"selfplay.restart_share is {restarts:g} and selfplay.random_opening_share {random:g}, expected no more than 1 "
                "together: they are shares of the same games"
            )
        if self.selfplay.resign and self.selfplay.resign_playthrough == 0.0:
            raise UsageError(
                "selfplay.resign_playthrough is 0, expected more where selfplay.resign is on: what is hopeless is measured on "
                "games that are played on"
            )


def to_json(config: Config) -> Dict[str, Any]:
    """The settings as nested plain values, which `load_config` reads back."""
    return dataclasses.asdict(config)
