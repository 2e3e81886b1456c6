"""Checkpoints: what is saved comes back, and what is no checkpoint of ours is refused in one line."""

from __future__ import annotations

import errno
import io
import os
import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pawnzero.config import ModelConfig
from pawnzero.errors import PawnzeroError
from pawnzero.files import replacing
from pawnzero.nets.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

SHAPE = ModelConfig(channels=8, blocks=2)


@pytest.fixture
def checkpoint(awake):  # type: ignore[no-untyped-def]
    net, averaged = awake("tic_tac_toe", 8), awake("tic_tac_toe", 8)
    with torch.no_grad():
        averaged.stem.bias.fill_(0.25)
    optimizer = torch.optim.AdamW(net.parameters())
    optimizer.step()
    training = {"optimizer": optimizer.state_dict(), "note": "x", "numbers": [1, 0.1, None, (3, True, float("inf"))]}
    return Checkpoint("tic_tac_toe", SHAPE, 7, 2, net.state_dict(), averaged.state_dict(), training)


def _refusal(path, **wanted) -> str:  # type: ignore[no-untyped-def]
    with pytest.raises(PawnzeroError) as caught:
        load_checkpoint(path, **wanted)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    return text


def test_what_is_saved_comes_back(tmp_path, checkpoint) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "latest.pt"
    save_checkpoint(path, checkpoint)
    back = load_checkpoint(path, game="tic_tac_toe", model=SHAPE)
    assert replace(back, net={}, averaged={}, training=None) == replace(checkpoint, net={}, averaged={}, training=None)
    for ours, theirs in ((checkpoint.net, back.net), (checkpoint.averaged, back.averaged)):
        assert list(ours) == list(theirs)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert back.training["numbers"] == [1, 0.1, None, (3, True, float("inf"))]
    assert back.training["optimizer"]["param_groups"] == checkpoint.training["optimizer"]["param_groups"]
    assert back.make_net().stem.bias[0].item() == 0.25
    assert back.make_net(averaged=False).stem.bias[0].item() != 0.25
    assert [entry.name for entry in tmp_path.iterdir()] == ["latest.pt"]


def test_another_game_or_shape(tmp_path, checkpoint) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "best.pt"
    save_checkpoint(path, checkpoint)
    assert "a net for tic_tac_toe, expected one for chess" in _refusal(path, game="chess")
    said = _refusal(path, model=ModelConfig(channels=64))
    assert "8 channels × 2 blocks" in said
    assert "64 channels × 6 blocks" in said


def test_files_that_are_no_checkpoints(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "x.pt"
    assert "cannot be read" in _refusal(path)
    assert "cannot be read" in _refusal(tmp_path)
    for content in (b"", b"hello", pickle.dumps({"format": 1})):
        path.write_bytes(content)
        assert "not a pawnzero checkpoint" in _refusal(path)
    torch.save({"state_dict": {}}, str(path))
    assert "not a pawnzero checkpoint" in _refusal(path)
    torch.save([1, 2], str(path))
    assert "not a pawnzero checkpoint" in _refusal(path)


class _Trap:
    def __reduce__(self):  # type: ignore[no-untyped-def]
        return (print, ("executed",))


def test_nothing_in_a_file_is_executed(tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "trap.pt"
    torch.save({"name": _Trap()}, str(path))
    assert "not a pawnzero checkpoint" in _refusal(path)
    assert "executed" not in capsys.readouterr().out


def test_a_torn_file(tmp_path, checkpoint) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "latest.pt"
    save_checkpoint(path, checkpoint)
    whole = path.read_bytes()
    for length in (5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert "truncated or damaged" in _refusal(path)


def test_a_single_bit_of_a_weight(tmp_path, checkpoint) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "latest.pt"
    save_checkpoint(path, checkpoint)
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(checkpoint.net["stem.weight"].numpy().tobytes()[:64])] ^= 1
    path.write_bytes(damaged)
    assert "truncated or damaged" in _refusal(path)


@pytest.mark.parametrize("error", [TypeError, AttributeError, IndexError, KeyError, RuntimeError, OSError])
def test_damage_that_torch_stumbles_over(error, tmp_path, checkpoint, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def stumble(*given: object, **named: object) -> None:
        raise error("x")

    path = tmp_path / "latest.pt"
    save_checkpoint(path, checkpoint)
    monkeypatch.setattr(torch, "load", stumble)
    assert "truncated or damaged" in _refusal(path)


def test_memory_that_runs_out_is_no_damage(tmp_path, checkpoint, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def greedy(*given: object, **named: object) -> None:
        raise MemoryError

    path = tmp_path / "latest.pt"
    save_checkpoint(path, checkpoint)
    monkeypatch.setattr(torch, "load", greedy)
    with pytest.raises(MemoryError):
        load_checkpoint(path)


def test_contents_that_do_not_fit_together(tmp_path, checkpoint) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "latest.pt"

    def said(**changes) -> str:  # type: ignore[no-untyped-def]
        save_checkpoint(path, replace(checkpoint, **changes))
        return _refusal(path)

    assert "[8, " in said(model=ModelConfig(channels=16, blocks=2))
    planes = checkpoint.net["stem.weight"].shape[1]
    fewer = {**checkpoint.net, "stem.weight": checkpoint.net["stem.weight"][:, 1:]}  # as when a game's planes have changed
    refusal = said(net=fewer)
    assert f"[8, {planes - 1}, 3, 3], expected [8, {planes}, 3, 3] for a net of tic_tac_toe with 8 channels" in refusal
    assert "written by another version?" in refusal
    assert "missing or unknown" in said(model=ModelConfig(channels=8, blocks=3))
    assert "missing or unknown" in said(averaged={})
    assert "unknown game 'go'" in said(game="go")
    assert "not all finite" in said(net={**checkpoint.net, "stem.bias": torch.full((8,), float("nan"))})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "format 2, expected 1"),
        ({"model": 7}, "damaged checkpoint: model is 7"),
        ({"model": {"channels": 8, "blocks": 2}}, "damaged checkpoint: .* expected se_ratio in it"),
        (
            {"model": {"channels": "a", "blocks": 2, "se_ratio": 4}},
            "model.channels is 'a', expected an integer from 1 to 4,096",
        ),
        ({"model": {"channels": 8, "blocks": 2, "se_ratio": 4, "mirrored": 1}}, "model.mirrored is 1, expected true or false"),
        (
            {"model": {"channels": 8, "blocks": 2, "se_ratio": 4, "activation": "silu"}},
            "model has 'activation', which is unknown here",
        ),
        ({"game": ...}, "damaged"),
        ({"game": ["chess"]}, "damaged checkpoint .*game is of type list"),
        ({"step": "7"}, "damaged checkpoint .*step is of type str"),
        ({"net": [1]}, "damaged checkpoint .*net is of type list"),
        ({"averaged": {"stem.bias": 1}}, "damaged checkpoint .*averaged holds more than weights by name"),
    ],
)
def test_another_version_or_damage_inside(changes, said, tmp_path, checkpoint) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "latest.pt"
    save_checkpoint(path, checkpoint)
    content = torch.load(str(path), weights_only=True)
    content.update(changes)
    torch.save({key: value for key, value in content.items() if value is not ...}, str(path))
    assert re.search(said, _refusal(path))


@pytest.mark.parametrize("more", [{}, {"mirrored": False, "activation": "relu"}])
def test_a_file_from_before_nets_were_mirrored_and_one_that_names_the_activation(more, tmp_path, checkpoint) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "latest.pt"
    save_checkpoint(path, checkpoint)
    content = torch.load(str(path), weights_only=True)
    del content["model"]["mirrored"]
    content["model"].update(more)
    torch.save(content, str(path))
    assert load_checkpoint(path).model == SHAPE


def test_a_net_of_another_kind_comes_back_as_it_is(tmp_path, awake) -> None:  # type: ignore[no-untyped-def]
    path, net = tmp_path / "latest.pt", awake("tic_tac_toe", 8, se_ratio=0)
    save_checkpoint(path, Checkpoint("tic_tac_toe", net.shape, 1, 0, net.state_dict(), net.state_dict()))
    back = load_checkpoint(path, model=net.shape)
    planes = torch.rand(2, 3, 3, 3)
    assert torch.equal(back.make_net()(planes)[1], net(planes)[1])
    assert "8 channels × 2 blocks (se_ratio 0), expected 8 channels × 2 blocks (se_ratio 4)" in _refusal(path, model=SHAPE)


def test_a_folder_that_cannot_be_written(tmp_path, checkpoint) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PawnzeroError, match="cannot be written"):
        save_checkpoint(tmp_path / "nowhere" / "latest.pt", checkpoint)


@pytest.fixture
def full_after(monkeypatch):  # type: ignore[no-untyped-def]
    """full_after(n): from now on `replacing` finds the disk full once n bytes are written."""

    def arrange(room: int) -> None:
        class Full(io.FileIO):
            def write(self, content) -> int:  # type: ignore[no-untyped-def]
                left = room - self.tell()
                if left <= 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return super().write(content[:left])

        def opened(path: Path, mode: str) -> io.BufferedWriter:
            return io.BufferedWriter(Full(str(path), mode), 16)

        monkeypatch.setattr("pawnzero.files.atomic.open", opened, raising=False)

    return arrange


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_full_disk(share, tmp_path, checkpoint, full_after) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "latest.pt"
    save_checkpoint(path, checkpoint)
    before = path.read_bytes()
    full_after(int(share * len(before)))
    with pytest.raises(PawnzeroError) as caught:
        save_checkpoint(path, checkpoint)
    assert str(caught.value) == f"{path}: cannot be written ({os.strerror(errno.ENOSPC)})"
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_is_full_when_the_file_is_closed(tmp_path, full_after) -> None:  # type: ignore[no-untyped-def]
    full_after(-1)
    with pytest.raises(PawnzeroError, match=r"x\.json: cannot be written"), replacing(tmp_path / "x.json") as stream:
        stream.write(b"{}")
    assert list(tmp_path.iterdir()) == []


def test_a_file_whose_place_is_taken(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "x.json").mkdir()
    with pytest.raises(PawnzeroError, match=r"x\.json: cannot be written"), replacing(tmp_path / "x.json") as stream:
        stream.write(b"{}")
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]


def test_another_file_keeps_its_name_in_the_error(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(FileNotFoundError, match=r"other\.pt"), replacing(tmp_path / "best.pt") as stream:
        stream.write((tmp_path / "other.pt").read_bytes())


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory"), RuntimeError("CUDA error")])
def test_no_memory_to_save_is_told_apart(error, tmp_path, checkpoint, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def failing(*given: object) -> None:
        raise error

    monkeypatch.setattr(torch, "save", failing)
    with pytest.raises(type(error)) as caught:
        save_checkpoint(tmp_path / "latest.pt", checkpoint)
    assert caught.value is error
