"""lc0's weights: what we write is what the real lc0 was asked about, and what it answered is what we answer."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Callable, Optional

import numpy as np
import pytest
import torch
from torch.nn import functional

from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.formats import lc0_file, wire
from pawnzero.formats.lc0 import decode_lc0, encode_lc0
from pawnzero.formats.load import load_net
from tests.formats.answers import differences, read_answers
from tests.formats.known_net import STEP, known_checkpoint, known_net
from tests.formats.norms import CONVOLUTION, with_batch_norm
from tests.oracles.lc0 import weights_digest

ANSWERS = read_answers(Path(__file__).parent / "golden" / "lc0_answers.npz")


@pytest.fixture(scope="module")
def known_file() -> bytes:
    return encode_lc0(known_checkpoint())


def test_lc0_was_asked_about_the_file_that_is_written_now(known_file: bytes) -> None:
    assert weights_digest(known_file) == str(ANSWERS["digest"])


def test_the_file_read_back_answers_as_lc0_does(known_file: bytes) -> None:
    found = differences(decode_lc0(known_file).make_net(), ANSWERS)
    assert found.positions == 287
    assert found.logit < 2e-5
    assert max(found.result, found.draw) < 1e-5


def test_the_net_itself_differs_by_the_16_bits_of_its_weights() -> None:
    assert np.abs(ANSWERS["logits"]).max() > 2.0
    found = differences(known_net(), ANSWERS)
    assert 1e-5 < found.logit < 3e-3
    assert max(found.result, found.draw) < 1e-3


def test_what_is_read_is_a_checkpoint_that_plays(known_file: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.pb.gz"
    path.write_bytes(known_file)
    found, original = load_net(path), known_checkpoint()
    assert (found.game, found.model, found.step, found.training) == ("chess", original.model, STEP, None)
    for name, weights in original.averaged.items():
        if "blocks" in name and ("scale" in name or "second" in name):
            continue  # the scale is in the convolution's weights
        step = float(weights.max() - weights.min()) / 65535
        if name == "stem.weight":
            step *= 99  # where plane 109 is divided by 99
        np.testing.assert_allclose(found.averaged[name].numpy(), weights.numpy(), atol=step, err_msg=name)


def test_a_net_without_squeeze_excitation_comes_back() -> None:
    original = known_checkpoint(se_ratio=0)
    file = encode_lc0(original)
    assert lc0_file.unpack(file).kind["network"] == 3  # NETWORK_CLASSICAL_WITH_HEADFORMAT
    found = decode_lc0(file)
    assert found.model == original.model
    planes = torch.rand(3, 112, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for got, wanted in zip(found.make_net()(planes), original.make_net()(planes)):
            assert torch.allclose(got, wanted, atol=0.01)


def test_averaged_weights_are_exported() -> None:
    original = known_checkpoint()
    trained = {name: weights + 1.0 for name, weights in original.net.items()}
    assert encode_lc0(replace(original, net=trained)) == encode_lc0(original)
    assert encode_lc0(replace(original, averaged=trained)) != encode_lc0(original)


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("gammas", [True, False])
def test_batch_norm_folds_as_torch_computes_it(known_file: bytes, biased: bool, gammas: bool) -> None:
    normed = with_batch_norm(lc0_file.unpack(known_file), biased, gammas)
    found = lc0_file.unpack(lc0_file.pack(normed)).layers
    net = decode_lc0(lc0_file.pack(normed)).make_net()
    x = torch.randn(3, 112, 8, 8, generator=torch.Generator().manual_seed(2))
    layer = {name: torch.from_numpy(found[f"input.{name}"]) for name in CONVOLUTION if f"input.{name}" in found}
    y = functional.conv2d(x, layer["weights"].view(16, 112, 3, 3), layer.get("biases"), padding=1)
    y = functional.batch_norm(y, layer["bn_means"], layer["bn_stddivs"], layer.get("bn_gammas"), layer.get("bn_betas"))
    with torch.no_grad():
        assert torch.allclose(net.stem(x * net.plane_scale), y, atol=1e-4)
        plain = decode_lc0(known_file).make_net()
        assert not torch.allclose(net.blocks[1].second.weight, plain.blocks[1].second.weight, atol=1e-2)


def _of_kind(**kind: int) -> bytes:
    net = lc0_file.unpack(encode_lc0(known_checkpoint()))
    return lc0_file.pack(replace(net, kind={**net.kind, **kind}))


def _with_layers(**layers: Optional[np.ndarray]) -> bytes:
    net = lc0_file.unpack(encode_lc0(known_checkpoint()))
    changed = {**net.layers, **{name.replace("__", "."): values for name, values in layers.items()}}
    return lc0_file.pack(replace(net, layers={name: values for name, values in changed.items() if values is not None}))


def _normed(**layers: np.ndarray) -> bytes:
    """With batch norm after the first convolution, of which `layers` replace some."""
    norm = {"bn_means": np.zeros(16, np.float32), "bn_stddivs": np.ones(16, np.float32), **layers}
    return _with_layers(**{f"input__{name}": values for name, values in norm.items()})


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (lambda: _of_kind(network=6), "network is attention body; expected a ResNet or SE-ResNet on the classical 112 planes"),
        (lambda: _of_kind(network=2), "network is SE with a classical policy"),
        (lambda: _of_kind(input=3), "input is canonical 112 planes"),
        (lambda: _of_kind(input=0), "input is number 0"),
        (lambda: _of_kind(policy=1), "policy is classical"),
        (lambda: _of_kind(value=1), "value is classical"),
        (lambda: _of_kind(output=1), "output is classical"),
        (lambda: _of_kind(default_activation=1), "default_activation is mish"),
        (lambda: _with_layers(policy1__weights=None), "without policy1.weights"),
        (lambda: _with_layers(residual__1__se__w1=None), "without residual.1.se.w1"),
        (lambda: _with_layers(residual__0__se__b1=np.ones(7, np.float32)), "squeezes 16 channels to 7"),
        (lambda: _with_layers(ip1_val_b=np.ones(64, np.float32)), "ip1_val_b are 64 numbers, expected 128"),
        (lambda: _with_layers(policy__biases=np.ones(73, np.float32)), "policy.biases are 73 numbers, expected 80"),
        (lambda: _with_layers(value__biases=np.full(32, np.nan, np.float32)), "damaged: layer value.biases"),
        (lambda: _normed(bn_gammas=np.ones(15, np.float32)), "input.bn_gammas are 15 numbers, expected 16"),
        (lambda: _normed(bn_betas=np.ones(3, np.float32)), "input.bn_betas are 3 numbers, expected 16"),
        (lambda: _normed(biases=np.ones(17, np.float32)), "input.biases are 17 numbers, expected 16"),
        (lambda: _normed(bn_stddivs=np.linspace(-2, 1, 16)), "a variance of -2 in input.bn_stddivs, expected none below 0"),
        (lambda: encode_lc0(known_checkpoint())[:-100], "damaged or truncated"),
        (lambda: gzip.compress(b"text, and no message"), "expected a protobuf message|truncated"),
        (lambda: gzip.compress(wire.block(2, "a licence")), "magic number is missing"),
        (lambda: gzip.compress(wire.four_bytes(1, lc0_file.MAGIC)), "no weights in lc0's encoding"),
        (lambda: gzip.compress(_message()[:-5]), "truncated"),
        (lambda: gzip.compress(_message() + wire.block(10, wire.block(27, b""))), "with attention"),
    ],
)
def test_what_is_not_of_the_family_is_one_line(file: Callable[[], bytes], told: str, tmp_path: Path) -> None:
    path = tmp_path / "theirs.pb.gz"
    path.write_bytes(file())
    with pytest.raises(PawnzeroError, match=told) as caught:
        load_net(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def _message() -> bytes:
    return gzip.decompress(encode_lc0(known_checkpoint()))


def test_lc0_plays_chess_alone() -> None:
    with pytest.raises(UsageError, match="a net for connect_four, expected one for chess"):
        encode_lc0(known_checkpoint("connect_four"))
