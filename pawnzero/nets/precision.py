"""The number format for a net on a device: the fastest of those that give correct results."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Dict, Sequence, Tuple

import torch
from torch.nn import functional

from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.machine.remembered import Remembered
from pawnzero.nets.batches import CARD_BATCHES
from pawnzero.nets.device import describe_device, is_out_of_memory
from pawnzero.nets.fold import CompiledNet, FoldedNet, unfolded
from pawnzero.nets.planes import unpack_tensor
from pawnzero.nets.resnet import PolicyValueNet

FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

_TOLERANCE = {torch.float32: 0.01, torch.bfloat16: 0.05, torch.float16: 0.05}
"""Largest accepted error against a float32 CPU: of a policy logit relative to the largest one, and of a WDL probability.

float32 is not held to its own rounding, since GPUs may multiply it with 10-bit mantissas (TF32).
"""
_MEASURED = Remembered("formats")
_CHECK_POSITIONS = 16
_CHECK_REPEATS = 3
_GAIN = 1.1
"""Half precision must be at least this many times as fast to be worth its rounding."""
_CPU_BATCH = 64
_CPU_CONVOLUTIONS = 3
_CARD_SECONDS = 0.01
"""Time of the convolutions between two synchronisations with a GPU, so that neither the wait nor the first launch matters."""
_RUNS = 5


@dataclass(frozen=True)
class Precision:
    """A number format and, in words, why it was chosen."""

    dtype: torch.dtype
    reason: str

    @property
    def name(self) -> str:
        """float32, bfloat16 or float16."""
        return format_name(self.dtype)


def format_name(dtype: torch.dtype) -> str:
    """float32, bfloat16 or float16."""
    return str(dtype).replace("torch.", "")


def half_formats(device: torch.device) -> Tuple[torch.dtype, ...]:
    """Return the half-precision formats that a device may multiply faster than float32."""
    if device.type == "cpu":
        return (torch.bfloat16,) if _cpu_has_bfloat16() else ()
    if getattr(torch.version, "hip", None):
        name = str(getattr(torch.cuda.get_device_properties(device), "gcnArchName", "")).split(":")[0]
        older = ("gfx7", "gfx8", "gfx900", "gfx902", "gfx906")  # Polaris and Vega: half precision gains nothing
        return () if not name or name.startswith(older) else (torch.bfloat16, torch.float16)
    major, _ = torch.cuda.get_device_capability(device)
    if major >= 8:
        return (torch.bfloat16,)
    return (torch.float16,) if major == 7 else ()


def choose_precision(net: PolicyValueNet, device: torch.device, wanted: str = "auto") -> Precision:
    """Choose the format for a net on a device: `wanted`, or for "auto" the fastest of those the device may support well.

    Before a format is used, the folded net's results are compared with those of the net itself in float32 on the CPU; "auto"
    falls back to float32 if they differ. Raises UsageError for a format that is not available, PawnzeroError if `wanted`, or
    even float32, gives wrong results, and if the net's own results are not finite.
    """
    if wanted != "auto" and wanted not in FORMATS:
        raise UsageError(f"precision {wanted!r}: expected auto, {', '.join(FORMATS)}")
    if device.type == "cpu" and wanted == "float16":
        raise UsageError("precision 'float16': not on a CPU; use auto, float32 or bfloat16")
    dtype, reason = (FORMATS[wanted], "as asked") if wanted != "auto" else fastest_format(device, net.shape.channels)
    wrong = disagreement(net, device, dtype)
    if not wrong:
        return Precision(dtype, reason)
    if wanted == "auto" and dtype != torch.float32:
        wrong_float = disagreement(net, device, torch.float32)
        if not wrong_float:
            return Precision(torch.float32, f"{format_name(dtype)} was faster but wrong: {wrong}")
        dtype, wrong = torch.float32, wrong_float
    raise PawnzeroError(f"{device}: {format_name(dtype)} gives wrong numbers ({wrong}); use another device or precision")


@lru_cache(maxsize=None)
def fastest_format(device: torch.device, channels: int, batch: int = CARD_BATCHES[-1]) -> Tuple[torch.dtype, str]:
    """Return the format in which `device` convolves fastest, and why; measured once per machine, width and (on a GPU) batch.

    batch: positions at once. With few, a GPU waits for its next operator in any format; a CPU is always measured with one size.

    The measurement is saved in `formats.json` in the cache folder. It is repeated without that file, and if the device no
    longer supports the format.
    """
    on_cpu = device.type == "cpu"
    batch = _CPU_BATCH if on_cpu else min(batch, CARD_BATCHES[-1])
    key = f"{describe_device(device)} width {channels}" + ("" if on_cpu else f" batch {batch}")
    name, reason = (_MEASURED.recall(key) or ["", ""])[:2]
    dtype = FORMATS.get(name)
    if dtype is not None and (dtype == torch.float32 or dtype in half_formats(device)):
        return dtype, reason
    dtype, reason = _measure_formats(device, channels, batch)
    _MEASURED.keep(key, [format_name(dtype), reason])
    return dtype, reason


def _measure_formats(device: torch.device, channels: int, batch: int) -> Tuple[torch.dtype, str]:
    halves = half_formats(device)
    if not halves:
        return torch.float32, "half precision gains nothing on this device"
    batch, seconds = _seconds_by_format(device, channels, (torch.float32, *halves), batch)
    if device.type == "cuda":
        torch.cuda.empty_cache()  # leave a large batch's memory to the net
    best = min(halves, key=lambda dtype: seconds[dtype])
    ratio = seconds[torch.float32] / seconds[best]
    name = format_name(best)
    how = "" if device.type == "cpu" else f", {batch} positions at once"
    if ratio < _GAIN:
        return torch.float32, f"{name} convolves only {ratio:.2f} times as fast{how}"
    return best, f"convolves {ratio:.1f} times as fast as float32{how}"


def _cpu_has_bfloat16() -> bool:
    """Whether oneDNN supports bfloat16 on this CPU at all. If not, torch takes a hundred times as long."""
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False


def _seconds_by_format(
    device: torch.device, channels: int, formats: Sequence[torch.dtype], batch: int
) -> Tuple[int, Dict[torch.dtype, float]]:
    """The batch, halved until it fits in memory, and the `_convolution_seconds` of each format with it."""
    while True:
        try:
            return batch, {dtype: _convolution_seconds(device, channels, dtype, batch) for dtype in formats}
        except (RuntimeError, MemoryError) as error:
            if batch == 1 or not is_out_of_memory(error):
                raise
        batch //= 2


def _convolution_seconds(device: torch.device, channels: int, dtype: torch.dtype, batch: int) -> float:
    """The time of one convolution of the net's width over a batch of boards: the shortest of a few runs."""
    with torch.inference_mode():
        x = torch.randn(batch, channels, 8, 8, device=device).to(dtype).contiguous(memory_format=torch.channels_last)
        weight = torch.randn(channels, channels, 3, 3).to(device, dtype).contiguous(memory_format=torch.channels_last)

        def seconds(count: int) -> float:
            started = time.perf_counter()
            for _ in range(count):
                functional.conv2d(x, weight, padding=1)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            return time.perf_counter() - started

        count = _CPU_CONVOLUTIONS
        seconds(count)  # warm-up: libraries prepare each shape anew
        while device.type == "cuda" and seconds(count) < _CARD_SECONDS:
            count *= 2
        return min(seconds(count) for _ in range(_RUNS)) / count


def disagreement(net: PolicyValueNet, device: torch.device, dtype: torch.dtype, repeats: int = _CHECK_REPEATS) -> str:
    """How a folded net's results differ from the net's own on a float32 CPU by more than the tolerance; "" if they do not.

    Compared `repeats` times, since some GPUs compute incorrectly only now and then. Raises PawnzeroError if the net's own
    results are not finite, which is not the fault of the device or the format.
    """
    folded = CompiledNet(net, dtype) if device.type == "cpu" else FoldedNet(net, device, dtype)
    where = torch.from_numpy(folded.policy_where).long()
    generator = torch.Generator().manual_seed(2)
    bits = net.plane_scale.shape[1]
    words = torch.randint(-(2**62), 2**62, (3, _CHECK_POSITIONS, bits), generator=generator)
    words = words[0] & words[1] & words[2]  # sparse, as pieces on a board
    tolerance = _TOLERANCE[dtype]
    with torch.inference_mode():
        planes = unpack_tensor(words, torch.zeros(_CHECK_POSITIONS, 0), folded.board_shape, torch.float32)
        policy, wdl = unfolded(net)(planes)
        if not bool(torch.isfinite(policy).all() and torch.isfinite(wdl).all()):
            raise PawnzeroError(
                "the net's own answers are not finite, so its training went wrong; if it is an agent's latest.pt, copy its "
                "newest numbered checkpoint with finite answers over it to go on from there"
            )
        limit = float(policy.abs().max()) * tolerance
        for _ in range(repeats):
            got_policy, got_wdl = folded(planes.to(device, dtype))
            off = float((got_policy.float().cpu()[:, where] - policy).abs().max())
            off_wdl = float((got_wdl.softmax(1).cpu() - wdl.softmax(1)).abs().max())
            if not off <= limit:
                return f"a policy logit is off by {off:.3g}, expected at most {limit:.3g}"
            if not off_wdl <= tolerance:
                return f"a WDL probability is off by {off_wdl:.3g}, expected at most {tolerance:.3g}"
    return ""
