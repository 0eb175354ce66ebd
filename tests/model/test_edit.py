"""Edits on truth: what is held arrives exactly, what is open does not, and the places that are open follow the mask."""

import torch

from limner.model import edit, flow, sampler


def test_what_is_held_arrives_at_the_input_in_any_number_of_steps() -> None:
    latent, noise = torch.randn(2, 1, 4, 6, 6, generator=torch.Generator().manual_seed(1)).unbind()
    places = torch.zeros(1, 1, 6, 6, dtype=torch.bool)
    places[..., 2:4, 2:4] = True
    velocity = edit.hold(lambda x_t, t: torch.zeros_like(x_t), latent, noise, places)
    for steps in (1, 5):
        *_, last = sampler.euler(velocity, noise, flow.schedule(steps, 1.0))
        assert torch.allclose(torch.where(places, latent, last.x_t), latent, atol=1e-5)
        assert torch.equal(torch.where(places, last.x_t, noise), noise)


def test_a_latent_may_change_where_any_of_its_pixels_may() -> None:
    noise = torch.zeros(1, 4, 8, 12)
    mask = torch.full((1, 1, 1024, 1536), 255, dtype=torch.uint8)
    assert not edit.open_places(mask, noise).any()
    mask[..., 300, 700] = 0
    assert edit.open_places(mask, noise).nonzero().tolist() == [[0, 0, 2, 5]]
    mask[:] = 0
    assert edit.open_places(mask, noise).all()
