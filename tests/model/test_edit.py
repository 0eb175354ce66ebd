"""Edits on truth: what is held arrives exactly, what is open does not, and the places that are open follow the mask."""

import torch

from limner.model import edit, flow, sampler
from limner.model.autoencoder import Autoencoder, AutoencoderConfig


def test_what_is_held_arrives_at_the_input_in_any_number_of_steps() -> None:
    latent, noise = torch.randn(2, 1, 4, 6, 6, generator=torch.Generator().manual_seed(1)).unbind()
    places = torch.zeros(1, 1, 6, 6, dtype=torch.bool)
    places[..., 2:4, 2:4] = True
    velocity = edit.hold(lambda x_t, t: torch.zeros_like(x_t), latent, noise, places)
    for steps in (1, 5):
        *_, last = sampler.euler(velocity, noise, flow.schedule(steps, 1.0))
        assert torch.allclose(torch.where(places, latent, last.x_t), latent, atol=1e-5)
        assert torch.equal(torch.where(places, last.x_t, noise), noise)


def test_an_erased_place_looks_as_if_its_pixels_were_see_through() -> None:
    autoencoder = Autoencoder(AutoencoderConfig(quarter=16, eighth=32, sixteenth=32, blocks=1))
    picture = torch.rand(2, 4, 48, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1
    places = torch.zeros(2, 1, 3, 4, dtype=torch.bool)
    places[0, :, 1, 2] = True
    holed = picture.clone()
    holed[0, :, 16:32, 32:48] = -1
    erased = edit.erase(autoencoder, autoencoder.encode(picture), places)
    assert torch.allclose(erased, autoencoder.encode(holed), atol=1e-5)


def test_a_latent_may_change_where_any_of_its_pixels_may() -> None:
    noise = torch.zeros(1, 4, 8, 12)
    mask = torch.full((1, 1, 1024, 1536), 255, dtype=torch.uint8)
    assert not edit.open_places(mask, noise).any()
    mask[..., 300, 700] = 0
    assert edit.open_places(mask, noise).nonzero().tolist() == [[0, 0, 2, 5]]
    mask[:] = 0
    assert edit.open_places(mask, noise).all()
