"""The distance that the quality benchmark reports: zero for the same, and what the formula says for Gaussians."""

import pytest
import torch

from benchmarks.quality import frechet_distance, scenes
from limner.training.world.scene import NO_PLACE, is_held_out


def test_the_distance_of_gaussians_is_that_of_their_means_and_spreads() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(4000, 3, generator=generator, dtype=torch.float64)
    noise = (noise - noise.mean(dim=0)) @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(noise.T))).T
    assert frechet_distance(noise, noise) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(noise, noise + 2) == pytest.approx(12)
    assert frechet_distance(noise, noise * 3) == pytest.approx(3 * (3 - 1) ** 2)


def test_its_scenes_are_of_the_world_that_may_be_trained_on() -> None:
    shown = [scene for scene, _ in scenes(60)]
    assert len(shown) > 40
    assert not any(is_held_out(scene) or scene.place == NO_PLACE for scene in shown)
