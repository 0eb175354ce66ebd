"""The candidates' networks and codec, without any training: shapes, sizes, and what a picture implies."""

from typing import cast

import pytest
import torch
from torch import nn

from benchmarks.candidate_networks import CONTRAST, PixelCodec, PixelNetwork
from benchmarks.candidates import NAMES, build
from limner.model import checkpoint, flow
from limner.model.checkpoint import Storybook
from limner.training import muon
from limner.training.world import captions


@pytest.fixture(scope="module", params=NAMES)
def model(request: pytest.FixtureRequest) -> Storybook:
    return build(request.param, captions.words())


def test_the_candidates_are_about_equally_large(model: Storybook) -> None:
    assert 6e6 < checkpoint.count_parameters(nn.ModuleList([model.denoiser, model.text])) < 9e6


def test_each_can_be_taught_by_all_optimizers(model: Storybook) -> None:
    patches = torch.randn(2, model.config.autoencoder.latent, 8, 8)
    ids = model.tokenizer.encode(["a red car", ""])
    velocity = model.denoiser(patches, torch.tensor([0.3, 0.9]), *model.text(ids))
    assert velocity.shape == patches.shape
    velocity.square().mean().backward()
    matrices = list(muon.hidden_matrices(nn.ModuleList([model.denoiser, model.text])))
    assert len(matrices) > 40
    assert all(matrix.grad is not None for matrix in matrices)


def test_pixels_become_patches_and_patches_pixels() -> None:
    codec, picture = PixelCodec(), torch.rand(2, 4, 128, 64) * 2 - 1
    patches = codec.encode(picture)
    assert patches.shape == (2, 1024, 8, 4)
    assert torch.allclose(codec.decode(patches), picture, atol=1e-6)


@pytest.mark.parametrize("name", ["pixels", "unet"])
def test_a_network_that_sees_the_true_picture_gives_the_true_velocity(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(name, captions.words())
    net = cast(PixelNetwork, model.denoiser)
    picture, noise, t = torch.randn(2, 1024, 8, 8), torch.randn(2, 1024, 8, 8), torch.tensor([0.1, 0.9])
    image = picture * CONTRAST
    monkeypatch.setattr(net, "see", lambda *_: picture)
    velocity = net(flow.add_noise(image, noise, t), t, *model.text(model.tokenizer.encode(["a", "b"])))
    assert torch.allclose(velocity, flow.velocity(image, noise), atol=1e-4)
