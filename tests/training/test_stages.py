"""The whole road from pictures to a checkpoint, at a size that proves nothing but the road."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from limner.errors import InvalidRequest
from limner.model import checkpoint
from limner.model.text import SPECIAL
from limner.training import evaluate, latents, layout, recipe, stages
from limner.training.data import FIRST_EDIT
from limner.training.folder import Folder
from limner.training.progress import Progress
from limner.training.recipe import Stage
from limner.training.source import World
from limner.training.world import captions

CPU, META = torch.device("cpu"), torch.device("meta")
BLINK = dataclasses.replace(
    recipe.recipe("tiny"),
    large_pictures=2,
    decoder=Stage(0.02, 2, 1e-3, 1e-3),
    upsampler=Stage(0.02, 2, 1e-3, 1e-3),
    denoiser=Stage(0.02, 4, 1e-3, 1e-3),
)
WORLD = World(BLINK.shapes, BLINK.edits, processes=2)


def test_the_tiny_recipe_makes_a_checkpoint_that_draws_and_learns_on(tmp_path: Path) -> None:
    torch.manual_seed(0)
    seen: list[Progress] = []
    model = stages.train(latents.Run(BLINK, WORLD, tmp_path / "run", CPU, seen.append))
    assert list(dict.fromkeys(now.stage for now in seen)) == ["drawing", "decoder", "upsampler", "denoiser"]
    assert seen[-1].done == 1
    stages.export(model, tmp_path / "toy.safetensors")
    told = json.loads((tmp_path / "toy.json").read_text())
    assert "ox" in told["vocabulary"]
    assert told["parameters"] == checkpoint.count_parameters(model)
    loaded = checkpoint.load(tmp_path / "toy.safetensors")
    picture = evaluate.draw_base(loaded, "a red ball", 0, evaluate.Draft(1, 1.0))
    assert picture.shape == (128, 128, 4)
    assert (picture[..., 3] == 255).all()

    (tmp_path / "own").mkdir()
    for i in range(5):
        Image.new("RGB", (130, 130), (40 * i, 0, 0)).save(tmp_path / "own" / f"{i}.png")
        (tmp_path / "own" / f"{i}.txt").write_text("an axolotl in the snow")
    own = latents.Run(BLINK, Folder(tmp_path / "own", BLINK, processes=1), tmp_path / "further", CPU)
    further = stages.train(own, start=tmp_path / "toy.safetensors")
    assert set(further.tokenizer.words) == {*SPECIAL, *captions.words(), "axolotl"}
    for name in ("basis", "mean", "scale"):
        assert torch.equal(further.autoencoder.get_buffer(name), loaded.autoencoder.get_buffer(name))
    kept = torch.load(tmp_path / "further" / "encoder.pt", weights_only=True)
    torch.save({name: tensor + 1 for name, tensor in kept.items()}, tmp_path / "further" / "encoder.pt")
    with pytest.raises(InvalidRequest, match="begun with another encoder than that of --from"):
        stages.train(own, start=tmp_path / "toy.safetensors")
    with pytest.raises(InvalidRequest, match="other sizes than this recipe"):
        stages.train(dataclasses.replace(own, recipe=recipe.recipe("small")), start=tmp_path / "toy.safetensors")


def test_weights_that_do_not_copy_learn_to() -> None:
    words, plain = captions.words(), dataclasses.replace(BLINK.config(1).denoiser, copies=False)
    config = dataclasses.replace(BLINK.config(len(words)), denoiser=plain)
    finished = checkpoint.Storybook(config, (*SPECIAL, *sorted(words)))
    model = checkpoint.Storybook(BLINK.config(len(words)), (*SPECIAL, *sorted(words)))
    stages._take_over(model, finished)
    assert model.denoiser.config.copies
    assert torch.equal(model.denoiser.tokens_in.weight, finished.denoiser.tokens_in.weight)


def test_every_loss_is_computed_on_the_device_of_the_run() -> None:
    words = captions.words()
    model = checkpoint.Storybook(BLINK.config(len(words)), (*SPECIAL, *sorted(words))).to(META)
    run = latents.Run(BLINK, WORLD, Path(), META)
    pictures, edits = torch.zeros(9, 64, 8, 8), torch.zeros(9, 3, 64, 8, 8)
    encoded = [latents.Encoded(Path(), pictures, 0), latents.Encoded(Path(), edits, FIRST_EDIT["combine"])]
    head, seen = layout.LayoutHead(model.config.denoiser.width).to(META), []
    tokens = torch.zeros(4, 64, model.config.denoiser.width, device=META)

    def second_lesson(labels: torch.Tensor) -> torch.Tensor:
        seen.append(labels.device)
        return head(tokens, labels)  # type: ignore[no-any-return]

    truth = np.zeros((1024, 1024, 4), np.uint8)
    losses = [
        stages.denoiser_loss(model, run, encoded, second_lesson),
        stages.decoder_loss(model, run, [(pictures, np.zeros((9, 128, 128, 4), np.uint8))]),
        stages.upsampler_loss(model, run, [(torch.zeros(4, 128, 128, device=META), truth)]),
    ]
    for loss in losses:
        for step in range(6):
            value, count = loss(step)
            value.backward()  # type: ignore[no-untyped-call]
            assert (value.device, value.dtype) == (META, torch.float32)
            assert count in (2, 4)
    assert set(seen) == {META}


def test_what_is_known_of_a_picture_is_a_second_lesson() -> None:
    words = captions.words()
    torch.manual_seed(0)
    model = checkpoint.Storybook(BLINK.config(len(words)), (*SPECIAL, *sorted(words)))
    encoded = [latents.Encoded(Path(), torch.randn(9, 64, 8, 8), 0)]
    run = latents.Run(BLINK, WORLD, Path(), CPU)
    zero, ten = torch.zeros(()), torch.full((), 10.0)
    none = float(stages.denoiser_loss(model, run, encoded, lambda labels: zero)(0)[0].detach())
    some = float(stages.denoiser_loss(model, run, encoded, lambda labels: ten)(0)[0].detach())
    assert some == pytest.approx(none + 10 * stages.LAYOUT_WEIGHT)


def test_a_state_of_other_networks_is_refused(tmp_path: Path) -> None:
    for words in ({"ox"}, {"ox", "dog"}):
        model = checkpoint.Storybook(BLINK.config(len(words)), (*SPECIAL, *sorted(words)))
        run = latents.Run(BLINK, WORLD, tmp_path, CPU)
        if len(words) == 2:
            with pytest.raises(InvalidRequest, match="is the state of other networks or words; take another --folder"):
                stages.train_denoiser(model, run, [latents.Encoded(Path(), torch.zeros(9, 64, 8, 8), 0)])
        else:
            stages.train_denoiser(model, run, [latents.Encoded(Path(), torch.zeros(9, 64, 8, 8), 0)])


def test_an_unknown_size_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(InvalidRequest, match="tiny, small"):
        recipe.recipe("giant")
