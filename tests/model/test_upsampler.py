"""What the upsampler does before it has learned anything."""

import pytest
import torch
from torch.nn.functional import interpolate

from limner.model.upsampler import FACTOR, Upsampler, UpsamplerConfig


@pytest.mark.parametrize("shape", [(16, 16), (5, 7), (1, 2)])
def test_an_untrained_upsampler_interpolates_bilinearly(shape: tuple[int, int]) -> None:
    upsampler = Upsampler(UpsamplerConfig(channels=16, blocks=1)).requires_grad_(False)
    torch.nn.init.zeros_(upsampler.shuffle.bias)  # type: ignore[arg-type]
    base = torch.randn(2, 4, *shape)
    plain = interpolate(base, scale_factor=FACTOR, mode="bilinear", align_corners=False)
    assert torch.allclose(upsampler(base), plain, atol=1e-5)


def test_what_it_adds_can_be_learned() -> None:
    upsampler = Upsampler(UpsamplerConfig(channels=16, blocks=1))
    upsampler(torch.randn(1, 4, 4, 4)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in upsampler.parameters())
    assert not any(name == "plain" for name in upsampler.state_dict())
