"""The whole road from drawn pictures to a checkpoint, at a size that proves nothing but the road."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from limner.errors import InvalidRequest
from limner.model import checkpoint
from limner.training import evaluate, recipe, stages
from limner.training.recipe import Stage


def test_the_tiny_recipe_makes_a_checkpoint_that_draws(tmp_path: Path) -> None:
    torch.manual_seed(0)
    blink = dataclasses.replace(
        recipe.recipe("tiny"),
        large_pictures=2,
        decoder=Stage(0.02, 2, 1e-3, 1e-3),
        upsampler=Stage(0.02, 2, 1e-3, 1e-3),
        denoiser=Stage(0.02, 4, 1e-3, 1e-3),
    )
    model = stages.train(blink, tmp_path / "run", processes=2)
    stages.export(model, tmp_path / "toy.safetensors")
    told = json.loads((tmp_path / "toy.json").read_text())
    assert "ox" in told["vocabulary"]
    assert told["parameters"] == checkpoint.count_parameters(model)
    loaded = checkpoint.load(tmp_path / "toy.safetensors")
    picture = evaluate.draw_base(loaded, "a red ball", 0, steps=1, guidance=1.0)
    assert picture.shape == (128, 128, 4)
    assert (picture[..., 3] == 255).all()

    further = stages.train(blink, tmp_path / "further", processes=2, start=tmp_path / "toy.safetensors")
    for name in ("basis", "mean", "scale"):
        assert torch.equal(further.autoencoder.get_buffer(name), loaded.autoencoder.get_buffer(name))
    kept = torch.load(tmp_path / "further" / "encoder.pt", weights_only=True)
    torch.save({name: tensor + 1 for name, tensor in kept.items()}, tmp_path / "further" / "encoder.pt")
    with pytest.raises(InvalidRequest, match="begun with another encoder than toy"):
        stages.train(blink, tmp_path / "further", processes=2, start=tmp_path / "toy.safetensors")
    with pytest.raises(InvalidRequest, match="other words or sizes"):
        stages.train(recipe.recipe("small"), tmp_path / "run", 2, start=tmp_path / "toy.safetensors")


def test_an_unknown_size_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(InvalidRequest, match="tiny, small"):
        recipe.recipe("giant")
