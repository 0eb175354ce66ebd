"""A storybook of toy size, the same for every test of the room."""

import pytest
import torch

from limner.model.autoencoder import AutoencoderConfig
from limner.model.checkpoint import Config, Storybook
from limner.model.network import DenoiserConfig
from limner.model.text import SPECIAL, TextConfig
from limner.model.upsampler import UpsamplerConfig

WORDS = ("ball", "blue", "dog", "red")


@pytest.fixture
def toy() -> Storybook:
    torch.manual_seed(0)
    config = Config(
        autoencoder=AutoencoderConfig(latent=4, quarter=16, eighth=16, sixteenth=16, blocks=1),
        denoiser=DenoiserConfig(latent=4, stem=16, width=64, depth=2, heads=1),
        text=TextConfig(len(SPECIAL) + len(WORDS), length=8, width=64, depth=1, heads=1),
        upsampler=UpsamplerConfig(channels=16, blocks=1),
        shift=1.0,
        last=0.3,
    )
    return Storybook(config, (*SPECIAL, *WORDS))
