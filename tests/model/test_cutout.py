"""Veils around what stands on a transparent background."""

import torch

from limner.model import cutout


def painted(alpha: torch.Tensor, grey: float = 0.5) -> torch.Tensor:
    """Premultiplied floats of one grey, as see-through as `alpha` (h, w) says."""
    return (torch.stack([grey * alpha] * 3 + [alpha])[None]) * 2 - 1


def test_what_is_certain_stays_as_it_is() -> None:
    alpha = torch.zeros(16, 16)
    alpha[:, 8:] = 1
    assert torch.allclose(cutout.settle(painted(alpha)), painted(alpha), atol=1e-5)


def test_a_veil_goes_and_what_is_nearly_there_is_there() -> None:
    alpha = torch.full((16, 16), 0.2)
    alpha[4:12, 4:12] = 0.8
    settled = (cutout.settle(painted(alpha))[0] + 1) / 2
    assert set(settled[3].flatten().tolist()) == {0.0, 1.0}
    assert settled[:, alpha < 0.5].max() == 0
    assert torch.allclose(settled[:3, alpha > 0.5], torch.tensor(0.5), atol=1e-4)


def test_edges_stay_soft_and_take_their_colour_from_inside() -> None:
    alpha = torch.linspace(1, 0, 9).repeat(9, 1)
    light = painted(alpha)
    light[:, :3, :, 4] = -1  # the colour of an edge that came out dark
    settled = (cutout.settle(light)[0] + 1) / 2
    edge = settled[3, 0, 3:6]
    assert ((edge > 0) & (edge < 1)).all()
    assert (edge[:-1] > edge[1:]).all()
    assert torch.allclose(settled[:3, 4, 4] / settled[3, 4, 4], torch.tensor(0.5), atol=0.08)


def test_nothing_at_all_is_no_division_by_nothing() -> None:
    clear = torch.full((1, 4, 8, 8), -1.0)
    assert torch.equal(cutout.settle(clear), clear)
