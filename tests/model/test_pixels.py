"""Bytes to floats and back."""

import pytest
import torch

from limner.model import pixels


def test_opaque_bytes_come_back_as_they_were() -> None:
    rgba = torch.randint(0, 256, (1, 8, 8, 4), dtype=torch.uint8)
    rgba[..., 3] = 255
    assert torch.equal(pixels.to_bytes(pixels.to_floats(rgba), opaque=False), rgba)


def test_what_is_invisible_has_no_colour() -> None:
    rgba = torch.tensor([[[[200, 100, 50, 0]]]], dtype=torch.uint8)
    assert torch.equal(pixels.to_floats(rgba), torch.full((1, 4, 1, 1), -1.0))


def test_half_transparent_colours_survive_within_a_rounding() -> None:
    rgba = torch.tensor([[[[200, 100, 50, 128]]]], dtype=torch.uint8)
    back = pixels.to_bytes(pixels.to_floats(rgba), opaque=False)
    assert (back.int() - rgba.int()).abs().max() <= 1


def test_opaque_output_has_no_hole_and_shows_white_behind() -> None:
    clear = torch.full((1, 4, 2, 2), -1.0)
    assert torch.equal(pixels.to_bytes(clear, opaque=True), torch.full((1, 2, 2, 4), 255, dtype=torch.uint8))


@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 24), (24, 16), (33, 7), (1, 1), (1, 500)])
def test_cover_keeps_the_centre_and_fills_the_frame(height: int, width: int) -> None:
    rgba = torch.zeros(1, 4, height, width)
    covered = pixels.cover(rgba, 16, 24)
    assert covered.shape == (1, 4, 16, 24)
    assert torch.equal(covered, torch.zeros(1, 4, 16, 24))
