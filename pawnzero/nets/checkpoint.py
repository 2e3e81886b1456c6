"""Checkpoint files: game, shape, weights, averaged weights, and what training needs to resume. Validated when read."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from collections import OrderedDict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Optional

import torch

from pawnzero.config import ModelConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.files import reading, replacing
from pawnzero.nets.device import is_out_of_memory
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.settings import read_shape

FORMAT = 1
"""Incremented when the contents change so that an older reader would misread them."""

_NAME = "pawnzero checkpoint"
_FLOAT = "float: "
"""Floats are stored as this prefix and their hexadecimal digits, because torch 1.13 cannot read floats with `weights_only`."""

_KINDS = {
    "game": (str,),
    "step": (int,),
    "epoch": (int,),
    "net": (dict, OrderedDict),
    "averaged": (dict, OrderedDict),
    "training": (dict, type(None)),
}

Weights = Dict[str, torch.Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """The contents of a checkpoint file.

    step:     training steps so far; epoch: groups of them (`trainer_iters` each) completed
    net:      weights as trained (a state dict); averaged: their moving average, which is used to play
    training: the trainer's state (numbers, text, lists, dicts and tensors), to resume from; None in a file that can only play
    """

    game: str
    model: ModelConfig
    step: int
    epoch: int
    net: Weights
    averaged: Weights
    training: Optional[Dict[str, Any]] = None

    def make_net(self, averaged: bool = True) -> PolicyValueNet:
        """Create the net on the CPU, with the averaged weights or the weights as trained."""
        net = PolicyValueNet(self.model, self.game)
        net.load_state_dict(self.averaged if averaged else self.net)
        return net


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the file `path` by `checkpoint`. Raises PawnzeroError if it cannot be written."""
    content = {
        "format": FORMAT,
        "name": _NAME,
        "game": checkpoint.game,
        "model": asdict(checkpoint.model),
        "step": checkpoint.step,
        "epoch": checkpoint.epoch,
        "net": _on_cpu(checkpoint.net),
        "averaged": _on_cpu(checkpoint.averaged),
        "training": _with_floats_as_text(checkpoint.training),
    }
    archive = io.BytesIO()
    torch.save(content, archive)  # into memory, since torch 1.13 kills the process if writing fails halfway
    with replacing(Path(path)) as stream:
        stream.write(archive.getbuffer())


def load_checkpoint(path: Path, game: Optional[str] = None, model: Optional[ModelConfig] = None) -> Checkpoint:
    """Load a checkpoint, its tensors on the CPU, and check that it is complete and consistent.

    game, model: what it must be for, if given. Nothing in the file is executed. Raises PawnzeroError with one line that names
    the file and the fault, and both shapes if the shape differs.
    """
    path = Path(path)
    content = _read(path)
    if not isinstance(content, dict) or content.get("name") != _NAME:
        raise PawnzeroError(f"{path}: not a pawnzero checkpoint")
    if content.get("format") != FORMAT:
        raise PawnzeroError(
            f"{path}: checkpoint format {content.get('format')}, expected {FORMAT} (written by another version?)"
        )
    checkpoint = _parse(path, content)
    if game is not None and checkpoint.game != game:
        raise PawnzeroError(f"{path}: a net for {checkpoint.game}, expected one for {game}")
    if model is not None and checkpoint.model != model:
        raise PawnzeroError(f"{path}: a net of {describe_shape(checkpoint.model)}, expected {describe_shape(model)}")
    _check_weights(path, checkpoint)
    return checkpoint


def describe_shape(model: ModelConfig) -> str:
    """Describe a net's shape: "64 channels × 6 blocks (se_ratio 4, mirrored)"."""
    mirrored = ", mirrored" if model.mirrored else ""
    return f"{model.channels} channels × {model.blocks} blocks (se_ratio {model.se_ratio}{mirrored})"


def _read(path: Path) -> Any:
    with reading(path), open(path, "rb") as stream:
        start = stream.read(4)
    if not start.startswith(b"PK"):  # torch's files are zip archives
        raise PawnzeroError(f"{path}: not a pawnzero checkpoint")
    try:
        with zipfile.ZipFile(str(path)) as archive:
            whole = archive.testzip() is None  # torch does not check the checksums
        if whole:
            with warnings.catch_warnings():  # torch 2.0 to 2.1 warn of their own reader
                warnings.filterwarnings("ignore", "TypedStorage is deprecated")
                return torch.load(str(path), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "PytorchStreamReader" not in str(error):
            raise PawnzeroError(f"{path}: not a pawnzero checkpoint (it holds more than plain values)") from None
    except Exception as error:  # which error depends on the damaged byte
        if is_out_of_memory(error):
            raise
    raise PawnzeroError(f"{path}: truncated or damaged checkpoint")


def _parse(path: Path, content: Dict[str, Any]) -> Checkpoint:
    try:
        fields = {key: content[key] for key in ("game", "step", "epoch", "net", "averaged", "training")}
        for key, kinds in _KINDS.items():
            if type(fields[key]) not in kinds:
                raise TypeError(f"{key} is of type {type(fields[key]).__name__}")
        for key in ("net", "averaged"):
            if not all(isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in fields[key].items()):
                raise TypeError(f"{key} holds more than weights by name")
        fields["training"] = _with_floats_again(fields["training"])
        return Checkpoint(model=read_shape(content["model"], f"{path}: damaged checkpoint"), **fields)
    except UsageError as error:
        raise PawnzeroError(str(error)) from None
    except (KeyError, TypeError, ValueError) as error:
        raise PawnzeroError(f"{path}: damaged checkpoint ({type(error).__name__}: {error})") from None


def _check_weights(path: Path, checkpoint: Checkpoint) -> None:
    """Check that both sets of weights are finite and fit a net of the checkpoint's game and shape."""
    try:
        expected = PolicyValueNet(checkpoint.model, checkpoint.game).state_dict()
    except UsageError as error:
        raise PawnzeroError(f"{path}: {error}") from None
    for weights in (checkpoint.net, checkpoint.averaged):
        names = sorted(set(expected).symmetric_difference(weights))
        if names:
            raise PawnzeroError(f"{path}: damaged checkpoint (weights {names[0]} are missing or unknown)")
        for name, tensor in weights.items():
            if tensor.shape != expected[name].shape:
                found, wanted = list(tensor.shape), list(expected[name].shape)
                raise PawnzeroError(
                    f"{path}: weights {name} are {found}, expected {wanted} for a net of {checkpoint.game} with "
                    f"{describe_shape(checkpoint.model)} (written by another version?)"
                )
            if not bool(torch.isfinite(tensor).all()):
                raise PawnzeroError(f"{path}: weights {name} are not all finite numbers")


def _on_cpu(weights: Weights) -> Weights:
    return {name: tensor.detach().cpu() for name, tensor in weights.items()}


def _with_floats_as_text(value: Any) -> Any:
    if isinstance(value, float):
        return _FLOAT + value.hex()
    return _mapped(_with_floats_as_text, value)


def _with_floats_again(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FLOAT):
        return float.fromhex(value[len(_FLOAT) :])
    return _mapped(_with_floats_again, value)


def _mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply `function` to the items of a dict, list or tuple; return anything else unchanged."""
    if isinstance(value, dict):
        return {key: function(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(function(item) for item in value)
    return value
