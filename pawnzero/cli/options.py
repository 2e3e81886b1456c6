"""Arguments that several commands share. Flags for settings are generated from the settings' declarations."""

from __future__ import annotations

import argparse
import re
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Set, Tuple

from pawnzero.config import Config, ModelConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.settings import SETTINGS, Setting, combined, settings_in

_DEFAULT_FILE = Path("training") / "config_rx580.json"
_PREFIX = "setting:"
_BY_NAME = "settings by name"
_AMOUNTS = ("num_selfplay", "trainer_iters", "eval_games")

_SIMS_HELP = (
    "simulations per move of a net; 0: the raw policy "
    f"(default: mcts_sims in the settings file, else {SETTINGS['mcts_sims'].default})"
)

_OTHER_NAMES: Mapping[str, Tuple[str, ...]] = {
    "mcts_sims": ("--sims",),
    "trainer_iters": ("--iters-per-epoch",),
    "eval_threshold": ("--threshold",),
}

_RULES: Mapping[str, str] = {"eval_threshold": "threshold", "eval_elo0": "sprt", "eval_elo1": "sprt"}
"""Settings that matter under one promotion rule only."""

_KEPT: Mapping[str, str] = {
    "replay_capacity": "the replay buffer keeps its {:,} positions",
    "keep_checkpoints": "{:,} numbered checkpoints are kept, as before",
}
"""Settings that are not lowered unless the user asks, because lowering them deletes data; and the message for each."""


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json and --quiet."""
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object; progress goes to stderr")
    parser.add_argument("--quiet", action="store_true", help="print only the result, no progress")


def add_agent(parser: argparse.ArgumentParser, *, creates: bool) -> None:
    """Add the agent's directory as a positional argument."""
    what = "created if missing" if creates else "must exist"
    parser.add_argument("agent_dir", metavar="AGENT_DIR", type=Path, help=f"the agent's directory ({what})")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add --device."""
    parser.add_argument(
        "--device", type=_device, default="auto", metavar="DEVICE", help="auto, cpu, cuda or cuda:N (default: auto)"
    )


def add_sims(parser: argparse.ArgumentParser, low: int = 0, text: str = _SIMS_HELP) -> None:
    """Add --sims of at least `low`, for commands in which it is no setting's flag: it may be 0, or `text` gives its default."""
    parser.add_argument("--sims", "--mcts-sims", action=_OneName, type=natural(low), metavar="N", help=text)


def add_amp(parser: argparse.ArgumentParser) -> None:
    """Add --use-amp."""
    parser.add_argument("--use-amp", action="store_true", help="train in mixed precision if that is faster")


def add_iteration_settings(parser: argparse.ArgumentParser) -> None:
    """Add the settings flags of `iterate` and `run`, and --use-amp."""
    add_settings(
        parser,
        "num_selfplay",
        "trainer_iters",
        "eval_games",
        "eval_threshold",
        "eval_promotion",
        "eval_elo0",
        "eval_elo1",
        "mcts_sims",
        "batch_size",
        "grad_accum_steps",
        "trainer.lr",
        "trainer.schedule",
        "trainer.schedule_steps",
        "trainer.replay_ratio",
        "selfplay.max_plies",
        "replay_capacity",
        "keep_checkpoints",
        "seed",
        "game",
        "model.channels",
        "model.blocks",
    )
    add_amp(parser)


def add_settings(parser: argparse.ArgumentParser, *keys: str, names: Optional[Mapping[str, Tuple[str, ...]]] = None) -> None:
    """Add --config and a flag for each setting in `keys`; `names` replaces the default flags of a setting."""
    group = parser.add_argument_group("settings", "Flags override the settings file, which overrides the defaults.")
    group.add_argument(
        "--config", type=Path, metavar="FILE", help=f"settings file, JSON (default: {_DEFAULT_FILE.as_posix()}, if it exists)"
    )
    for key in keys:
        setting = SETTINGS[key]
        own = ("--" + key.rpartition(".")[2].replace("_", "-"), *_OTHER_NAMES.get(key, ()))
        group.add_argument(
            *(names or {}).get(key, own),
            dest=_PREFIX + key,
            action=_OneName,
            type=_checked(setting),
            metavar={int: "N", float: "X"}.get(setting.kind, "NAME"),
            help=f"{setting.help} (default: {setting.default})",
        )


class _OneName(argparse.Action):
    """Stores a setting's value. If a flag is repeated, the last one counts.

    Two different flags of the same setting must agree, because otherwise their order alone would decide.
    """

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: Optional[str] = None
    ) -> None:
        given = vars(namespace).setdefault(_BY_NAME, {}).setdefault(self.dest, {})
        given[option_string] = values
        for name, value in given.items():
            if value != values:
                parser.error(
                    f"{name} and {option_string} are the same setting: expected one of them, or the same value for both"
                )
        setattr(namespace, self.dest, values)


def read_settings(args: argparse.Namespace) -> Config:
    """The settings of this run: flags override the file, the file overrides the defaults. Prints which file is used.

    If the agent exists, it supplies the game and the net's shape where neither flag nor file names them. Its replay capacity
    and its number of kept checkpoints also apply if they are larger than the default, the setting has its default value, and
    neither a flag nor --config names it.
    Raises UsageError for invalid settings, for a flag that has no effect under the promotion rule in force, and for a --game
    that is not the agent's (a settings file may name another game).
    """
    path = _settings_file(args)
    in_file = settings_in(path) if path else {}  # read once: it may be a pipe
    given = {name[len(_PREFIX) :]: value for name, value in vars(args).items() if name.startswith(_PREFIX)}
    config = combined(in_file, path, given)
    flags = {key for key, value in given.items() if value is not None}
    _check_game(config.game, None if "game" in flags else path)
    _check_promotion(args, config, path)
    directory = getattr(args, "agent_dir", None)
    kept: Dict[str, Any] = {}
    if directory is not None:
        config = _with_own_net(directory, config, flags, set(in_file))
        asked = flags | (set(in_file) if args.config else set())
        kept = {name: larger for name, larger in _larger(directory, config).items() if name not in asked}
    # keep_checkpoints is reported only by commands that delete checkpoints, which are those with a flag for it.
    told = "".join(f"; {_KEPT[name]}".format(kept[name]) for name in kept if name != "keep_checkpoints" or name in given)
    print(f"settings: {path or 'defaults (no file)'}{told}")
    if "trainer.replay_ratio" in given and "trainer_iters" in flags and config.trainer.replay_ratio > 0.0:
        print(
            f"trainer_iters {config.trainer_iters} is not used: trainer.replay_ratio {config.trainer.replay_ratio:g} sets the "
            "number of steps; --replay-ratio 0 makes trainer_iters count"
        )
    return replace(config, **kept)


def _settings_file(args: argparse.Namespace) -> Optional[Path]:
    """The file of --config, else the one that is used by default, if it exists."""
    if args.config:
        return Path(args.config)
    stock: Path = getattr(args, "stock_config", _DEFAULT_FILE)
    return stock if stock.is_file() else None


def _check_promotion(args: argparse.Namespace, config: Config, path: Optional[Path]) -> None:
    """Raises UsageError for a flag that belongs to the promotion rule not in force.

    A threshold flag beside a file that sets the rule to a test is only reported as unused: documented commands pass one.
    """
    for key, rule in _RULES.items():
        names = vars(args).get(_BY_NAME, {}).get(_PREFIX + key, {})
        if names and config.eval_promotion != rule:
            given = vars(args).get(_PREFIX + "eval_promotion") is not None
            where = "" if given or path is None else f" with {path}"
            if key == "eval_threshold" and where:
                print(f"{next(iter(names))} is not used: {path} sets eval_promotion to {config.eval_promotion}")
                continue
            remedy = f"{rule} there" if given else f"--eval-promotion {rule} as well"
            raise UsageError(
                f"{next(iter(names))} needs --eval-promotion {rule}, but eval_promotion is {config.eval_promotion}{where}; "
                f"expected {remedy}, or no {next(iter(names))}"
            )


def _check_game(game: str, path: Optional[Path]) -> None:
    """Raises UsageError for an unknown game, naming the file or flag that it came from."""
    if game == Config().game:
        return
    from pawnzero.games import get_game  # imported here because games are slow to load

    try:
        get_game(game)
    except UsageError as error:
        raise UsageError(f"{path or 'argument --game'}: {error}") from None


def _with_own_net(directory: Path, config: Config, flags: Set[str], in_file: Set[str]) -> Config:
    """`config` with the game and net shape of the agent in `directory`, except for what a flag or the file names.

    Raises UsageError if the --game flag is not the agent's game.
    """
    from pawnzero.agent import Agent

    if not Agent.is_at(directory):
        return config
    agent, named = Agent.open(directory), flags | in_file
    if "game" in flags and config.game != agent.game:
        raise UsageError(f"argument --game: {config.game!r}, but the agent {directory} plays {agent.game}")
    own = {item.name: getattr(agent.model, item.name) for item in fields(ModelConfig) if f"model.{item.name}" not in named}
    return replace(config, game=config.game if "game" in named else agent.game, model=replace(config.model, **own))


def settings_again(args: argparse.Namespace, single: bool = False) -> List[str]:
    """The command-line words that give `pawnzero iterate` or `run` the settings of this run.

    They name the settings file, unless it is the one found by default, every settings flag given, --use-amp and --device.

    single: this was one iteration; leave out its amounts (_AMOUNTS), which are often lowered to see one iteration quickly
    """
    path = _settings_file(args)
    words = [] if path is None or (args.config is None and path == _DEFAULT_FILE) else ["--config", str(path)]
    for dest, given in vars(args).get(_BY_NAME, {}).items():
        if not (single and dest[len(_PREFIX) :] in _AMOUNTS):
            name, value = list(given.items())[-1]
            words += [f"{name}={value}"] if str(value).startswith("-") else [name, str(value)]
    words += ["--use-amp"] if args.use_amp else []
    return words + (["--device", args.device] if args.device != "auto" else [])


def _larger(directory: Path, config: Config) -> Dict[str, int]:
    """The agent's values, by name, of the settings in _KEPT that exceed `config`'s, where `config` has the default.

    This keeps a command that lacks the agent's original --config from discarding its positions or checkpoints.
    """
    from pawnzero.agent import Agent
    from pawnzero.replay import ReplayBuffer

    has = dict.fromkeys(_KEPT, 0)
    if Agent.is_at(directory):
        agent = Agent.open(directory)
        has = {name: agent.last_used(name) for name in _KEPT}
    replay = directory / "checkpoints" / "replay.pt"
    if replay.exists():
        with suppress(PawnzeroError), ReplayBuffer(replay) as buffer:  # a damaged file is reported where it is needed
            has["replay_capacity"] = buffer.capacity
    by_default = {name: getattr(config, name) == SETTINGS[name].default for name in _KEPT}
    return {name: value for name, value in has.items() if by_default[name] and value > getattr(config, name)}


def read_device(args: argparse.Namespace) -> str:
    """The value of --device, after checking that the device exists. Raises UsageError if it does not."""
    from pawnzero.nets.device import resolve_device

    resolve_device(args.device)
    return str(args.device)


def natural(low: int, most: int = 10**9) -> Callable[[str], int]:
    """An argument type: integers from `low` to `most`."""
    return _checked(Setting("", int, low, "", low, most, ()))


def finite(text: str) -> float:
    """An argument type: numbers within a million of 0, such as ratings."""
    return float(_checked(Setting("", float, 0.0, "", -1e6, 1e6, ()))(text))


def positive(text: str) -> float:
    """An argument type: numbers above 0, up to a billion, such as hours."""
    with suppress(ValueError):
        if 0.0 < float(text) <= 1e9:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r}, expected a number above 0, up to a billion")


def _checked(setting: Setting) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            return setting.parse(text)
        except UsageError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


def _device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r}, expected auto, cpu, cuda or cuda:N")
    return text
