"""The autoencoder and the upsampler: shapes that fit together, and a scale that calibration sets."""

import torch

from limner.model.checkpoint import Storybook


def test_calibrated_latents_have_unit_variance_and_decode_the_same(toy: Storybook) -> None:
    pictures = torch.randn(8, 4, 32, 32).clamp(-1, 1)
    before = toy.autoencoder.decode(toy.autoencoder.encode(pictures))
    toy.autoencoder.calibrate(pictures)
    latents = toy.autoencoder.encode(pictures)
    assert torch.allclose(latents.std(dim=(0, 2, 3)), torch.ones(4), atol=1e-3)
    assert torch.allclose(toy.autoencoder.decode(latents), before, atol=1e-4)


def test_a_latent_is_a_sixteenth_of_the_side_and_an_upsampled_picture_eight_times(toy: Storybook) -> None:
    latent = toy.autoencoder.encode(torch.zeros(1, 4, 32, 48))
    assert latent.shape == (1, 4, 2, 3)
    assert toy.upsampler(toy.autoencoder.decode(latent)).shape == (1, 4, 256, 384)


def test_an_untrained_upsampler_is_plain_interpolation(toy: Storybook) -> None:
    even = torch.full((1, 4, 4, 4), 0.25)
    with torch.no_grad():
        toy.upsampler.shuffle.bias.zero_()  # type: ignore[union-attr]
    assert torch.allclose(toy.upsampler(even), torch.full((1, 4, 32, 32), 0.25))
