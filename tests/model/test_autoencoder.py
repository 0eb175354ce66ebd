"""The autoencoder and the upsampler: shapes that fit together, and an encoder that keeps what matters most."""

import torch

from limner.model.autoencoder import PATCH
from limner.model.checkpoint import Storybook


def test_a_fitted_encoder_keeps_what_most_of_the_patches_are_made_of(toy: Storybook) -> None:
    torch.manual_seed(1)
    strength = torch.tensor([8.0, 4.0, 2.0, 1.0])
    directions = torch.linalg.qr(torch.randn(PATCH, 4)).Q.T
    patches = (torch.randn(500, 4) * strength) @ directions + 0.3
    spread = toy.autoencoder.fit(patches, torch.ones(500))
    pictures = torch.pixel_shuffle(patches.view(500, PATCH, 1, 1), 16)
    latents = toy.autoencoder.encode(pictures)
    assert torch.allclose(latents.std(dim=(0, 2, 3)), spread, rtol=0.02)
    assert torch.allclose(spread, (strength / strength.mean()).sqrt(), rtol=0.1)  # one to another, by the square root
    for parameter in toy.autoencoder.decoder.parameters():
        torch.nn.init.zeros_(parameter)
    assert torch.allclose(toy.autoencoder.decode(latents), pictures, atol=0.02)


def test_a_patch_weighs_what_it_is_told_to(toy: Storybook) -> None:
    patches = torch.zeros(4, PATCH)
    patches[0, 0], patches[1, 0], patches[2, 1], patches[3, 1] = 1, -1, 1, -1
    toy.autoencoder.fit(patches, torch.tensor([1.0, 1.0, 3.0, 3.0]))
    assert toy.autoencoder.basis[0].abs().argmax() == 1
    assert toy.autoencoder.basis[1].abs().argmax() == 0


def test_a_latent_is_a_sixteenth_of_the_side_and_an_upsampled_picture_eight_times(toy: Storybook) -> None:
    latent = toy.autoencoder.encode(torch.zeros(1, 4, 32, 48))
    assert latent.shape == (1, 4, 2, 3)
    assert toy.upsampler(toy.autoencoder.decode(latent)).shape == (1, 4, 256, 384)


def test_an_untrained_upsampler_is_plain_interpolation(toy: Storybook) -> None:
    even = torch.full((1, 4, 4, 4), 0.25)
    with torch.no_grad():
        toy.upsampler.shuffle.bias.zero_()  # type: ignore[union-attr]
    assert torch.allclose(toy.upsampler(even), torch.full((1, 4, 32, 32), 0.25))
