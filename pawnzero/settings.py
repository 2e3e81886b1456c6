"""Reads and validates settings: configuration files, overrides, and the net shapes stored in an agent's files."""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple, get_type_hints

from pawnzero.config import Config, ModelConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.files import read_json

_ALIASES = {"trainer.iters": "trainer_iters"}
"""Alternative keys of settings."""
_ELSEWHERE = {
    "learning_rate": "trainer.lr",
    "weight_decay": "trainer.wd",
    "num_simulations": "mcts_sims",
    "simulations": "mcts_sims",
    "games": "num_selfplay",
    "steps": "trainer_iters",
    "buffer_size": "replay_capacity",
    "filters": "model.channels",
    "layers": "model.blocks",
}
"""Other programs' names of settings; not accepted, but used to suggest the right key."""


@dataclass(frozen=True)
class Setting:
    """One setting: its dotted key ("trainer.lr"), its type, and its declared default, help, range and choices."""

    key: str
    kind: type
    default: Any
    help: str
    low: Optional[float]
    high: Optional[float]
    choices: Tuple[str, ...]

    @property
    def expectation(self) -> str:
        """A description of valid values: "an integer of at least 1"."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        words = {int: "an integer", float: "a number", str: "a text", bool: "true or false"}[self.kind]
        if self.low is not None and self.high is not None:
            return f"{words} from {self.low:g} to {self.high:{',' if self.kind is int else 'g'}}"
        return words if self.low is None else f"{words} of at least {self.low:g}"

    def check(self, value: Any) -> Any:
        """Return `value` as this setting stores it. Raises UsageError with the value and the expectation, without a place."""
        if self.kind is float and type(value) is int:
            value = float(value) if abs(value) < 1 << 63 else math.inf
        if self.kind is int and type(value) is int and abs(value) >= 1 << 63:
            raise UsageError(f"{_written(value)}, expected {self.expectation}, below 2^63")
        fits = type(value) is self.kind
        if fits and self.kind is float:
            fits = math.isfinite(value)
        if self.choices:
            fits = fits and value in self.choices
        if not fits or (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise UsageError(f"{_written(value)}, expected {self.expectation}")
        return value

    def parse(self, text: str) -> Any:
        """`check` for a value written on the command line."""
        try:
            value = {"true": True, "false": False}[text.lower()] if self.kind is bool else self.kind(text)
        except (KeyError, ValueError):
            raise UsageError(f"{text!r}, expected {self.expectation}") from None
        return self.check(value)


def _written(value: Any) -> str:
    """A value as written in a settings file: true, not True."""
    return json.dumps(value) if value is None or isinstance(value, (bool, list, dict)) else repr(value)


def _walk(section: Any, prefix: str) -> Iterator[Setting]:
    kinds = get_type_hints(section)
    for item in dataclasses.fields(section):
        kind = kinds[item.name]
        if dataclasses.is_dataclass(kind):
            yield from _walk(kind, f"{prefix}{item.name}.")
        else:
            told = item.metadata
            yield Setting(
                prefix + item.name, kind, item.default, told["help"], told.get("min"), told.get("max"), told.get("choices", ())
            )


SETTINGS: Mapping[str, Setting] = {setting.key: setting for setting in _walk(Config, "")}
"""Every setting by its dotted key."""

_SECTIONS = tuple(item.name for item in dataclasses.fields(Config) if item.name not in SETTINGS)


def _nearest(key: str) -> str:
    """The valid key closest to `key`: the same name in another section, else the closest in its own section, else of all."""
    section, _, last = key.rpartition(".")
    known = [*SETTINGS, *_ALIASES, *_SECTIONS]
    names = {**_ELSEWHERE, **{other.rpartition(".")[2]: other for other in reversed(known)}}
    if last not in names and section in _SECTIONS:
        names = {name: other for name, other in names.items() if other.rpartition(".")[0] == section}
    return names[difflib.get_close_matches(last.lower(), list(names), n=1, cutoff=0.0)[0]]


def _unknown(key: str) -> str:
    """The error message for an unknown key."""
    return f"unknown key {key!r}; the nearest valid one is {_nearest(key)!r} (README.md, Settings, lists the usual ones)"


def _flatten(values: Mapping[str, Any], prefix: str, place: str) -> Iterator[Tuple[str, Any]]:
    """(dotted key, value) of each setting in a nested file. Raises UsageError for an invalid section or a key with a dot."""
    for name, value in values.items():
        if not prefix and name in _SECTIONS:
            if not isinstance(value, dict):
                raise UsageError(f"{place}: {name} is {_written(value)}, expected a JSON object")
            yield from _flatten(value, f"{name}.", place)
        elif "." in name:
            raise UsageError(f"{place}: unknown key {name!r}; sections are nested, as in {_nested(_nearest(name))}")
        else:
            yield prefix + name, value


def _nested(key: str) -> str:
    return '"' + '": {"'.join(key.split(".")) + '": …' + "}" * key.count(".")


def _collect(pairs: Iterator[Tuple[str, Any]], place: str) -> Dict[str, Any]:
    """Validated values by dotted key, with aliases resolved. Raises UsageError that names `place`."""
    found: Dict[str, Any] = {}
    named: Dict[str, str] = {}
    for key, value in pairs:
        target = resolved(key)
        if target not in SETTINGS:
            raise UsageError(f"{place}: {_unknown(key)}")
        try:
            checked = SETTINGS[target].check(value)
        except UsageError as error:
            raise UsageError(f"{place}: {key} is {error}") from None
        if target in found and found[target] != checked:
            raise UsageError(
                f"{place}: {named[target]} is {_written(found[target])} and {key} is {_written(checked)}, "
                "but they are the same setting"
            )
        found[target], named[target] = checked, key
    return found


def _build(section: Any, prefix: str, found: Mapping[str, Any]) -> Any:
    kinds = get_type_hints(section)
    values = {}
    for item in dataclasses.fields(section):
        key = prefix + item.name
        if dataclasses.is_dataclass(kinds[item.name]):
            values[item.name] = _build(kinds[item.name], f"{key}.", found)
        elif key in found:
            values[item.name] = found[key]
    return section(**values)


def load_config(path: Optional[Path] = None, overrides: Optional[Mapping[str, Any]] = None) -> Config:
    """The settings of a run: `overrides` take precedence over the file at `path`, and the file over the defaults.

    `overrides` are by dotted key ("trainer.lr"); a value of None counts as not given.

    Raises UsageError for a file that cannot be read or is not JSON, an unknown key (with the nearest valid one), a value of the
    wrong type or out of range, and settings that contradict each other, each with its place.
    """
    return combined({} if path is None else settings_in(path), path, overrides or {})


def settings_in(path: Path) -> Dict[str, Any]:
    """The settings that the file at `path` names, validated, by dotted key with aliases resolved. Raises as `load_config`."""
    try:
        values = read_json(path)
    except PawnzeroError as error:
        raise UsageError(str(error)) from None
    if not isinstance(values, dict):
        raise UsageError(f'{path}: expected a JSON object of settings, as in {{"batch_size": 64}}')
    return _collect(_flatten(values, "", str(path)), str(path))


def combined(in_file: Mapping[str, Any], path: Optional[Path], overrides: Mapping[str, Any]) -> Config:
    """The settings of `load_config`, where `in_file` are those in the file at `path` (see `settings_in`)."""
    given = _collect(((key, value) for key, value in overrides.items() if value is not None), "given settings")
    try:
        return _whole({**in_file, **given})
    except UsageError as error:
        if in_file.keys() & set(error.keys) and not given.keys() & set(error.keys):
            raise UsageError(f"{path}: {error}") from None
        raise


def _whole(found: Mapping[str, Any]) -> Config:
    """The settings `found`, with defaults for the others. Raises UsageError if some contradict each other."""
    config: Config = _build(Config, "", found)
    if config.eval_promotion == "sprt" and not config.eval_elo0 < config.eval_elo1:
        raise UsageError(
            f"eval_elo1 is {config.eval_elo1:g}, expected more than eval_elo0, which is {config.eval_elo0:g}",
            keys=("eval_promotion", "eval_elo0", "eval_elo1"),
        )
    return config


def assignment(text: str) -> Tuple[str, Any]:
    """The key and value in "trainer.lr=0.001", for `load_config`, which rejects unknown keys.

    Raises UsageError for a text without "=", and for a value that the key cannot have.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f'"{text}", expected KEY=VALUE, as in trainer.lr=0.001')
    known = SETTINGS.get(resolved(key))
    try:
        return key, known.parse(value) if known else value
    except UsageError as error:
        raise UsageError(f"{key} is {error}") from None


def resolved(key: str) -> str:
    """The key of the setting that `key` names: itself, unless it is an alias."""
    return _ALIASES.get(key, key)


def read_shape(values: Any, place: str) -> ModelConfig:
    """The net shape stored in an agent or a checkpoint. Fields that older files lack have their defaults.

    Raises UsageError, with `place`, for an invalid shape.
    """
    if not isinstance(values, dict):
        raise UsageError(f"{place}: model is {_written(values)}, expected a JSON object")
    # Older files name an activation; "relu" is the only one that is left.
    values = {name: value for name, value in values.items() if (name, value) != ("activation", "relu")}
    known = [item.name for item in dataclasses.fields(ModelConfig)]
    for name in values:
        if name not in known:
            raise UsageError(f"{place}: model has {name!r}, which is unknown here (written by another version?)")
    for name in ("channels", "blocks", "se_ratio"):
        if name not in values:
            raise UsageError(f"{place}: model is {values!r}, expected {name} in it")
    found = _collect(_flatten({"model": values}, "", place), place)
    try:
        shape: ModelConfig = _build(ModelConfig, "model.", found)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None
    return shape


def by_dotted_key(values: Mapping[str, Any], prefix: str = "") -> Dict[str, Any]:
    """Nested values by dotted key."""
    found: Dict[str, Any] = {}
    for name, value in values.items():
        found.update(by_dotted_key(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value})
    return found


def merged(values: Mapping[str, Any], others: Mapping[str, Any], used: Tuple[str, ...], prefix: str = "") -> Dict[str, Any]:
    """Nested `values`, but with those of `others`, if present, where no prefix in `used` matches the dotted key."""
    found: Dict[str, Any] = {}
    for name, value in values.items():
        key, other = prefix + name, others.get(name, value)
        if isinstance(value, dict):
            found[name] = merged(value, other if isinstance(other, dict) else {}, used, f"{key}.")
        else:
            found[name] = value if key.startswith(used) else other
    return found
