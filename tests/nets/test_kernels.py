"""The compiled kernels, and the same source run as plain Python, against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pawnzero.nets import kernels
from pawnzero.nets.planes import numbers
from pawnzero.nets.resnet import SqueezeExcitation

FORMATS = [torch.float32, torch.bfloat16]


def _source(kernel):  # type: ignore[no-untyped-def]
    return getattr(kernel, "py_func", kernel)


def test_bfloat16_is_read_and_rounded_as_torch_does() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(1000, generator=generator) * torch.logspace(-20, 20, 1000)
    values = torch.cat([values, torch.tensor([0.0, -0.0, 1.0, 1.00390625, 1.01171875, 3.0e38])])  # ties between neighbours too
    wanted = values.to(torch.bfloat16)
    words = wanted.view(torch.int16).numpy().view(np.uint16)
    for value, word, exact in zip(values.numpy(), words, wanted.float().numpy()):
        assert kernels.narrow(value, np.uint16(0)) == word
        assert kernels.widen(word) == exact
        assert kernels.narrow(value, np.float32(0)) == kernels.widen(value) == value


def _excited(dtype: torch.dtype, size: int, channels: int, hidden: int):  # type: ignore[no-untyped-def]
    generator = torch.Generator().manual_seed(channels)
    module = SqueezeExcitation(channels, hidden)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    x, skip = (torch.randn(size, 3, 5, channels, generator=generator).to(dtype) for _ in range(2))
    with torch.no_grad():
        wanted = (module(x.float().permute(0, 3, 1, 2)) + skip.float().permute(0, 3, 1, 2)).relu().to(dtype)
    weights = [module.squeeze.weight.t(), module.squeeze.bias, module.excite.weight.t(), module.excite.bias]
    arrays = [np.ascontiguousarray(weight.detach().numpy()) for weight in weights]
    return x.flatten(1, 2), skip.flatten(1, 2), arrays, wanted.permute(0, 2, 3, 1).flatten(1, 2)


@pytest.mark.parametrize("dtype", FORMATS)
def test_excite_and_add(dtype) -> None:  # type: ignore[no-untyped-def]
    for kernel, sizes in ((kernels.excite_and_add, (4, 40, 10)), (_source(kernels.excite_and_add), (1, 4, 2))):
        x, skip, arrays, wanted = _excited(dtype, *sizes)
        kernel(numbers(x), numbers(skip), *arrays)
        tolerance = 1e-4 if dtype == torch.float32 else 1e-2
        assert torch.allclose(x.float(), wanted.float(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", FORMATS)
def test_the_source_of_the_other_kernels_gives_what_the_compiled_ones_give(dtype) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**63, (2, 3), dtype=np.uint64)
    scalars = np.array([[0.5], [7.0]], np.float32)
    images = [torch.full((3, 64, 4), 9.0).to(dtype) for _ in range(2)]
    policy = torch.randn(2, 12).to(dtype)
    where = np.array([3, 11, 0, 7], np.int32)
    legal, count = np.array([[1, 2, 0], [3, 99, 99]], np.int16), np.array([3, 1], np.int16)
    logits = [np.full((2, 3), np.nan, np.float32) for _ in range(2)]
    for run, image, out in zip((lambda k: k, _source), images, logits):
        run(kernels.unpack_planes)(bits, scalars, 8, numbers(image))
        run(kernels.gather_logits)(numbers(policy), where, legal, count, out)
    assert torch.equal(images[0], images[1])
    np.testing.assert_array_equal(logits[0], logits[1])
    exact = policy.float().numpy()
    np.testing.assert_array_equal(logits[0], [[exact[0, 11], exact[0, 0], exact[0, 3]], [exact[1, 7], np.nan, np.nan]])


def test_quantize() -> None:
    """Halves go up, what is more than 255 steps is 255; as compiled and as written."""
    x = torch.tensor([[[0.0, 0.24, 3.0], [0.25, 0.26, 900.0]]])
    for kernel in (kernels.quantize, _source(kernels.quantize)):
        for dtype in FORMATS:
            out = np.full((1, 2, 3), 99, np.uint8)
            kernel(numbers(x.to(dtype)), np.array([2.0, 2.0, 0.5], np.float32), out)
            assert out.tolist() == [[[0, 0, 2], [1, 1, 255]]]


def test_planes_in_steps() -> None:
    """In uint8 0 to 1 is 0 to 255, and what lies outside is cut off."""
    bits, scalars = np.array([[1]], np.uint64), np.array([[0.5, -1.0, 7.0]], np.float32)
    for kernel in (kernels.unpack_planes, _source(kernels.unpack_planes)):
        image = np.full((1, 64, 4), 9, np.uint8)
        kernel(bits, scalars, 8, image)
        assert image[0, :2].tolist() == [[255, 128, 0, 255], [0, 128, 0, 255]]
