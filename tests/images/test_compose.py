"""Composition on truth: nothing moves that fits, colours never bleed, masks keep what they cover."""

import numpy as np
import pytest

from limner.images.compose import fit, fit_mask, flatten, is_opaque, paste_by_mask


def test_a_picture_that_fits_is_untouched() -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (6, 9, 4), dtype=np.uint8)
    assert np.array_equal(fit(rgba, 9, 6), rgba)


def test_a_wide_picture_loses_its_two_sides_alike() -> None:
    rgba = np.zeros((10, 30, 4), np.uint8)
    rgba[..., 3] = 255
    rgba[:, :10, 0] = rgba[:, 20:, 2] = 255
    rgba[:, 10:20, 1] = 255
    middle = fit(rgba, 10, 10)
    assert (middle == [0, 255, 0, 255]).all()


@pytest.mark.parametrize(("width", "height"), [(5, 9), (64, 64), (13, 2), (1, 1), (300, 200)])
def test_one_colour_stays_that_colour_at_every_size(width: int, height: int) -> None:
    rgba = np.full((17, 23, 4), (12, 200, 77, 128), np.uint8)
    fitted = fit(rgba, width, height)
    assert fitted.shape == (height, width, 4)
    assert np.abs(fitted.astype(int) - [12, 200, 77, 128]).max() <= 1


def test_the_colour_of_clear_pixels_does_not_bleed() -> None:
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:, :4] = (255, 0, 0, 255)
    rgba[:, 4:] = (0, 255, 0, 0)
    seen = fit(rgba, 4, 4)
    assert seen[seen[..., 3] > 0][:, 1].max() == 0


def test_a_mask_is_scaled_like_its_picture_and_keeps_its_two_values() -> None:
    mask = np.zeros((10, 30), np.uint8)
    mask[:, 10:20] = 255
    assert (fit_mask(mask, 20, 20) == 255).all()
    assert set(np.unique(fit_mask(mask, 45, 15))) == {0, 255}


def test_flattening_mixes_by_alpha() -> None:
    rgba = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 51]]], np.uint8)
    assert flatten(rgba).tolist() == [[[255, 0, 0, 255], [255, 255, 255, 255], [204, 204, 204, 255]]]
    assert flatten(rgba, (0, 0, 100))[0, 1].tolist() == [0, 0, 100, 255]


def test_an_opaque_picture_is_flat_as_it_is() -> None:
    rgba = np.full((3, 4, 4), 255, np.uint8)
    assert is_opaque(rgba)
    assert flatten(rgba) is rgba
    rgba[2, 3, 3] = 254
    assert not is_opaque(rgba)
    assert flatten(rgba) is not rgba


def test_the_mask_keeps_exactly_what_it_covers() -> None:
    chance = np.random.default_rng(2)
    original, made = chance.integers(0, 256, (2, 5, 5, 4), dtype=np.uint8)
    mask = np.where(chance.random((5, 5)) < 0.5, 0, 255).astype(np.uint8)
    pasted = paste_by_mask(original, made, mask)
    assert np.array_equal(pasted[mask == 255], original[mask == 255])
    assert np.array_equal(pasted[mask == 0], made[mask == 0])
    half = paste_by_mask(original, made, np.full((5, 5), 128, np.uint8))
    assert np.abs(half.astype(int) - (original.astype(int) + made) / 2).max() <= 1.1
