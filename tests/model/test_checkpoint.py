"""One file holds everything that a picture depends on."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from limner.model import checkpoint, flow, sampler
from limner.model.checkpoint import Storybook


def paint(model: Storybook) -> torch.Tensor:
    with torch.no_grad():
        text, present = model.text(model.tokenizer.encode(["red ball", ""]))
        velocity = sampler.guide(model.denoiser, text, present, 2.0)
        *_, end = sampler.euler(velocity, sampler.draw_noise((4, 4, 4), 3), flow.schedule(3, 1.0))
        painted: torch.Tensor = model.upsampler(model.autoencoder.decode(end.x_t))
        return painted


def test_a_saved_and_loaded_checkpoint_gives_equal_pixels(toy: Storybook, tmp_path: Path) -> None:
    for parameter in toy.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    toy.half().float().eval()  # what half precision cannot hold is lost on saving, and only that
    checkpoint.save(toy, tmp_path / "toy.safetensors")
    loaded = checkpoint.load(tmp_path / "toy.safetensors")
    assert loaded.config == toy.config
    assert loaded.tokenizer.words == toy.tokenizer.words
    assert torch.equal(paint(loaded), paint(toy))


def test_whoever_may_read_the_folder_may_read_the_checkpoint(toy: Storybook, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    checkpoint.save(toy, tmp_path / "toy.safetensors")
    assert (tmp_path / "toy.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_file_that_is_not_a_checkpoint_is_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_bytes(b"no weights at all")
    for name in ("other.safetensors", "text.safetensors"):
        with pytest.raises(ValueError, match="not a storybook checkpoint"):
            checkpoint.load(tmp_path / name)
