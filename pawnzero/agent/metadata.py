"""Reads and validates an agent's metadata.json and the records of its finished iterations.

metadata.json is small and replaced as a whole. The record of an iteration is a line of experiments/iterations.jsonl, since
there may be thousands. If an iteration has two lines, the later one counts: the process that wrote the earlier one was killed
before it updated metadata.json.
"""

from __future__ import annotations

import dataclasses
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, List, Mapping, Tuple

from pawnzero.config import Config, to_json
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.files import read_json
from pawnzero.files.journal import Journal
from pawnzero.settings import read_shape

FORMAT = 2
"""Version of metadata.json; no other one is read."""

_Kinds = Mapping[str, Tuple[type, ...]]

_NUMBER = (int, float)
_NONE: type = type(None)
_KINDS = {
    "game": (str,),
    "model": (dict,),
    "seed": (int,),
    "next_iteration": (int,),
    "stage": (dict, _NONE),
}
"""Types of the required entries of metadata.json."""
_OPTIONAL = {
    "config": (dict,),
    "samples_owed": _NUMBER,
    "games_outside_iterations": (int,),
    "selfplay_alone": (dict, _NONE),
}
_STAGE = {"iteration": (int,), "name": (str,), "found": (dict,)}
_FOUND = {"iteration": (int,)}
_FOUND_BY_THEN: _Kinds = {
    "frozen": (dict, _NONE),
    "selfplay": (dict, _NONE),
    "steps": (int, _NONE),
    "until_step": (int, _NONE),
    "reset": (bool, _NONE),
    "samples_owed": (*_NUMBER, _NONE),
    "lacks": (int, _NONE),
    "train": (dict, _NONE),
    "spent": _NUMBER,
}
"""Types of the entries that an iteration in progress has only from some stage on (see `under_way.UnderWay`)."""
_FROZEN: _Kinds = {"archive": (list, _NONE), "resign_below": _NUMBER, "seed": (int,)}
_ALONE = {"first": (int,), "games": (int,), "frozen": (dict,)}
_ITERATION = {"iteration": (int,), "selfplay": (dict,), "train": (dict,), "arena": (dict,), "seconds": _NUMBER}
"""Types of the entries that are read from a finished iteration's record."""
_SELFPLAY: _Kinds = {"games": (int,), "positions": (int,), "draws": (int,), "adjudicated": (int,), "endings": (dict,)}
_SELFPLAY_SECONDS: _Kinds = {"seconds": _NUMBER}
_TRAIN: _Kinds = {"step": (int,)}
_NATURAL = ("seed", "next_iteration", "games_outside_iterations")
"""Entries that may not be negative."""


def new_metadata(name: str, config: Config) -> Dict[str, Any]:
    """The contents of metadata.json for a new agent."""
    return {
        "format": FORMAT,
        "name": name,
        "game": config.game,
        "model": dataclasses.asdict(config.model),
        "seed": config.seed,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "config": to_json(config),
        "next_iteration": 0,
        "stage": None,
    }


def read_metadata(path: Path) -> Dict[str, Any]:
    """The contents of metadata.json. Raises PawnzeroError that names an invalid entry."""
    helps = "move it to another folder, and `pawnzero run` with the agent's own game, net shape and seed recreates it"
    try:
        metadata = read_json(path)
    except PawnzeroError as error:
        raise PawnzeroError(f"{error}; {helps}" if os.access(str(path), os.R_OK) else str(error)) from None
    if not isinstance(metadata, dict):
        raise PawnzeroError(f"{path}: expected a JSON object with an agent's metadata; {helps}")
    version = metadata.get("format")
    if version != FORMAT:
        raise PawnzeroError(
            f"{path}: format {version!r}, expected {FORMAT}: written by another version; use that one, or {helps}"
        )
    _check_kinds(metadata, _KINDS, "", path)
    _check_kinds(metadata, _present(_OPTIONAL, metadata), "", path)
    for key in _NATURAL:
        if metadata.get(key, 0) < 0:
            raise PawnzeroError(f"{path}: {key} is {metadata[key]}, expected 0 or more")
    stage, alone = metadata["stage"], metadata.get("selfplay_alone")
    if stage is not None:
        _check_kinds(stage, _STAGE, "stage.", path)
        _check_found(stage["found"], path)
    if alone is not None:
        _check_kinds(alone, _ALONE, "selfplay_alone.", path)
        _check_kinds(alone["frozen"], _FROZEN, "selfplay_alone.frozen.", path)
    try:
        read_shape(metadata["model"], str(path))
    except UsageError as error:
        raise PawnzeroError(str(error)) from None
    for shape in (metadata["model"], metadata.get("config", {}).get("model")):
        if isinstance(shape, dict) and shape.get("activation") == "relu":
            del shape["activation"]  # as `read_shape` does
    return metadata


def read_iterations(path: Path, before: int) -> List[Dict[str, Any]]:
    """The records in experiments/iterations.jsonl of iterations with a number below `before`, oldest first.

    Raises PawnzeroError that names an invalid entry.
    """
    found: Dict[int, Dict[str, Any]] = {}
    for line in Journal(path).lines():
        try:
            _check_iteration(line, path)
        except PawnzeroError as error:
            raise PawnzeroError(f"{error}; take that line out, and the agent goes on without it") from None
        found[line["iteration"]] = line
    return [found[number] for number in sorted(found) if number < before]


def _check_iteration(line: Mapping[str, Any], path: Path) -> None:
    """Raise PawnzeroError that names an entry of a finished iteration's record which later iterations cannot rely on."""
    prefix = f"iteration {line.get('iteration', '?')}."
    _check_kinds(line, _ITERATION, prefix, path)
    played = line["selfplay"]
    _check_kinds(played, {**_SELFPLAY, **_present(_SELFPLAY_SECONDS, played)}, f"{prefix}selfplay.", path)
    _check_kinds(played["endings"], dict.fromkeys(played["endings"], (int,)), f"{prefix}selfplay.endings.", path)
    _check_kinds(line["train"], _TRAIN, f"{prefix}train.", path)


def _check_found(found: Mapping[str, Any], path: Path) -> None:
    """Raise PawnzeroError that names an entry with which the iteration in progress cannot be resumed."""
    _check_kinds(found, {**_FOUND, **_present(_FOUND_BY_THEN, found)}, "stage.found.", path)
    if found.get("frozen") is not None:
        _check_kinds(found["frozen"], _FROZEN, "stage.found.frozen.", path)
    if found.get("selfplay") is not None:
        _check_kinds(found["selfplay"], {"positions": (int,)}, "stage.found.selfplay.", path)
    if found.get("steps") is not None:
        _check_kinds(found, {"until_step": (int,)}, "stage.found.", path)


def _present(wanted: _Kinds, values: Mapping[str, Any]) -> _Kinds:
    """The `wanted` entries that exist in `values`."""
    return {key: kinds for key, kinds in wanted.items() if key in values}


def _check_kinds(values: Mapping[str, Any], wanted: _Kinds, prefix: str, path: Path) -> None:
    """Raise PawnzeroError that names the first of the `wanted` entries that is missing or of another type."""
    for key, kinds in wanted.items():
        if type(values.get(key, ...)) not in kinds:
            is_so = f"is {values[key]!r}" if key in values else "is missing"
            expected = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
            raise PawnzeroError(f"{path}: {prefix}{key} {is_so}, expected {expected}")
