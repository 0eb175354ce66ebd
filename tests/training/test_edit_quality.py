"""Scores of edits: what counts as followed, and what is measured of the rest."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from limner.training.edit_quality import SIDE, EditAnswer, followed, halo, means, preservation, structural_similarity
from limner.training.judge import Reading
from limner.training.world import render
from limner.training.world.edits import EDITS, Edit, draw_edit
from limner.training.world.scene import FRONT, Scene


def reading(scene: Scene) -> Reading:
    """What a perfect judge would say."""
    names = ("kind", "colour", "size", "facing")
    return Reading(
        {name: getattr(scene, name) for name in ("place", "time", "weather", "style", "light")}
        | {"warmth": scene.seen_warmth},
        {
            at: {name: getattr(subject, name) for name in names}
            for subject in scene.subjects
            for at, row in subject.standing()
            if row == FRONT
        },
    )


def drawn(kind: str) -> list[Edit]:
    rng = random.Random(kind)
    return [draw_edit(rng, kind) for _ in range(30)]


@pytest.mark.parametrize("kind", EDITS)
def test_the_true_result_follows_its_instruction_and_the_input_does_not(kind: str) -> None:
    for edit in drawn(kind):
        assert followed(edit, reading(edit.after))
        assert not followed(edit, reading(edit.before)) or (kind, edit.before.place) == ("combine", edit.after.place)


def test_what_stayed_is_measured_where_the_true_edit_changes_nothing() -> None:
    edit = next(edit for edit in drawn("recolour") if edit.before.place != "none" and edit.named.size == "small")
    before, after = (render.render(scene, SIDE, SIDE) for scene in (edit.before, edit.after))
    psnr, ssim = preservation(before, after, after)
    assert psnr == pytest.approx(60)
    assert ssim == pytest.approx(1)
    spoiled = after.copy()
    spoiled[:20] = 255 - spoiled[:20]
    assert preservation(before, spoiled, after)[0] < 20
    night = render.render(replace(edit.after, time="night", weather="rain"), SIDE, SIDE)
    assert np.isnan(preservation(before, after, night)[0])


def test_a_halo_is_seen_on_the_paper_that_it_differs_from_most() -> None:
    edit = next(edit for edit in drawn("background") if edit.named.colour == "black")
    truth = render.render(edit.after, SIDE, SIDE)
    assert halo(truth, truth) == 0
    fringed = truth.copy()
    fringed[(truth[..., 3] > 0) & (truth[..., 3] < 255)] = 255
    assert halo(fringed, truth) > 0.05
    assert np.isnan(halo(truth, np.zeros_like(truth)))


def test_similarity_is_one_for_equals_and_falls_with_noise() -> None:
    picture = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    noisy = (picture + 0.3 * torch.randn(picture.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    assert float(structural_similarity(picture, picture).mean()) == pytest.approx(1)
    assert float(structural_similarity(picture, noisy).mean()) < 0.9


def test_means_leave_out_what_could_not_be_measured() -> None:
    def answer(kind: str, psnr: float) -> EditAnswer:
        return EditAnswer(
            drawn(kind)[0], "", (), followed=psnr > 30, psnr=psnr, ssim=0.9, alpha_error=0.1, halo=0.2, light_kept=True
        )

    told = means([answer("recolour", 40.0), answer("recolour", float("nan"))])
    assert told == {"followed": 0.5, "psnr": 40.0, "ssim": 0.9, "light_kept": 1.0}
    assert means([answer("background", float("nan"))]).keys() == {"followed", "ssim", "alpha_error", "halo"}
