"""Scores of edits, whose truth is exact: was the instruction followed, and was everything else left alone?

Beside `quality.py`, which asks for pictures from words alone. The judge reads what was followed; what was left alone is
measured on pixels, where the true edit changes none.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from limner.model import pixels
from limner.model.checkpoint import Storybook
from limner.training import evaluate
from limner.training.data import HOLE_CELLS
from limner.training.judge import Judge, Reading
from limner.training.world import render, sheet
from limner.training.world.edits import EDITS, FILLED, Edit, draw_edit, fill, hole, instruct
from limner.training.world.scene import NO_PLACE, RING, Subject

SIDE = 128
FILL = "fill"
KINDS = (*EDITS, FILL)
"""Kinds of edit, and the filling of a hole with what an edit of a subject brings."""
PAPERS = ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0))
"""White, black and red: what cut-outs are laid on."""
EDGE = 2
FIRST_SEED = 80_000_000
"""Edits from here on are never trained on."""
MARGIN = 9
"""Pixels around what the true edit changes that are not asked to stay: shadows and outlines are soft."""
LIGHTING = ("time", "light", "combine", "background")
"""Kinds of edit that change the light."""
LEAST_OUTSIDE = 0.15
"""Share of a picture that must stay for its preservation to be measured."""


@dataclass(frozen=True)
class EditAnswer:
    """One edit and its result; `psnr` in dB and `ssim` outside what had to change, nan where everything had to."""

    edit: Edit
    prompt: str
    pictures: tuple[NDArray[np.uint8], ...]
    """Inputs, result, truth."""
    followed: bool
    psnr: float
    ssim: float
    alpha_error: float
    halo: float
    light_kept: bool


def ask(
    model: Storybook,
    judge: Judge,
    per_kind: int,
    draft: evaluate.Draft,
    kinds: tuple[str, ...] = KINDS,
    ring: int = RING,
) -> list[EditAnswer]:
    """The answers to `per_kind` edits of each kind, of the world up to a ring; the same edits and seeds always."""
    answers = []
    for kind in kinds:
        for number in range(per_kind):
            rng = random.Random(f"{kind}{FIRST_SEED + number}")
            if kind == FILL:
                edit = draw_edit(rng, rng.choice(FILLED), ring)
                prompt, cells = fill(edit, rng), hole(edit, *HOLE_CELLS)
            else:
                edit = draw_edit(rng, kind, ring)
                prompt, cells = instruct(edit, rng), None
            answers.append(_answer(model, judge, edit, prompt, cells, number, draft))
    return answers


def _answer(
    model: Storybook,
    judge: Judge,
    edit: Edit,
    prompt: str,
    cells: NDArray[np.bool_] | None,
    seed: int,
    draft: evaluate.Draft,
) -> EditAnswer:
    *inputs, truth = (render.render(scene, SIDE, SIDE) for scene in (*edit.inputs, edit.after))
    bare = edit.after.place == NO_PLACE
    made = evaluate.draw_base(model, prompt, seed, draft, inputs=inputs, transparent=bare, hole=cells)
    (seen,) = judge.read(pixels.to_floats(pixels.from_array(made)))
    psnr, ssim = preservation(inputs[0], made, truth) if edit.second is None else (float("nan"), float("nan"))
    return EditAnswer(
        edit=edit,
        prompt=prompt,
        pictures=(*inputs, made, truth),
        followed=followed(edit, seen),
        psnr=psnr,
        ssim=ssim,
        alpha_error=float(np.abs(made[..., 3].astype(float) - truth[..., 3]).mean() / 255),
        halo=halo(made, truth),
        light_kept=lit(edit, seen),
    )


def halo(made: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """How wrong the edge of a cut-out is over white, black or red, where it is worst: a share of the range.

    The mean over a band of `EDGE` pixels on both sides of the true edge; nan if there is none.
    """
    alpha = torch.from_numpy(truth[..., 3].astype(np.float32) / 255)[None]
    wide = F.max_pool2d(alpha, 2 * EDGE + 1, stride=1, padding=EDGE)[0]
    narrow = -F.max_pool2d(-alpha, 2 * EDGE + 1, stride=1, padding=EDGE)[0]
    band = ((wide > 0) & (narrow < 1)).numpy()
    if not band.any():
        return float("nan")
    return max(float(np.abs(_over(made, paper) - _over(truth, paper))[band].mean()) for paper in PAPERS)


def _over(picture: NDArray[np.uint8], paper: tuple[float, float, float]) -> NDArray[np.float64]:
    alpha = picture[..., 3:] / 255
    shown: NDArray[np.float64] = picture[..., :3] / 255 * alpha + np.array(paper) * (1 - alpha)
    return shown


def lit(edit: Edit, seen: Reading) -> bool:
    """Whether the light comes from where it should, in the colour it should have."""
    return (seen.scene["light"], seen.scene["warmth"]) == (edit.after.light, edit.after.seen_warmth)


def followed(edit: Edit, seen: Reading) -> bool:
    """Whether the picture shows what the instruction named; what else it shows is not asked here."""
    named = edit.named
    if edit.kind == "light":
        return lit(edit, seen)
    if edit.kind in ("weather", "time", "place", "style"):
        return bool(seen.scene[edit.kind] == getattr(edit.after, edit.kind))
    if edit.kind == "remove":
        return named.position not in seen.subjects
    if edit.kind == "background":
        return seen.scene["place"] == NO_PLACE and _stands(named, seen, ("kind",))
    if edit.kind == "combine":
        return seen.scene["place"] == edit.after.place and _stands(named, seen, ("kind", "colour"))
    (made,) = set(edit.after.subjects) - set(edit.before.subjects)
    asked = {"move": ("kind",), "resize": ("kind", "size")}.get(edit.kind, ("kind", "colour"))
    return _stands(made, seen, asked)


def _stands(subject: Subject, seen: Reading, asked: tuple[str, ...]) -> bool:
    at = subject.standing()[-1][0]
    told = seen.subjects.get(at, {})
    return all(told.get(name) == getattr(subject, name) for name in asked)


def preservation(before: NDArray[np.uint8], made: NDArray[np.uint8], truth: NDArray[np.uint8]) -> tuple[float, float]:
    """PSNR in dB and mean SSIM of `made` against `before` where `truth` is like it; nan if that is hardly anywhere."""
    same = torch.from_numpy(np.abs(before.astype(int) - truth).max(axis=-1) < 3)
    changed = F.max_pool2d((~same)[None].float(), 2 * MARGIN + 1, stride=1, padding=MARGIN)[0] > 0
    outside = ~changed
    if outside.float().mean() < LEAST_OUTSIDE:
        return float("nan"), float("nan")
    first, second = (torch.from_numpy(each[..., :3]).permute(2, 0, 1).float() / 255 for each in (before, made))
    error = (first - second).square().mean(dim=0)[outside].mean()
    psnr = float(-10 * torch.log10(error.clamp(min=1e-6)))
    return psnr, float(structural_similarity(first, second)[outside].mean())


def structural_similarity(first: Float[Tensor, "c h w"], second: Float[Tensor, "c h w"]) -> Float[Tensor, "h w"]:
    """SSIM of each pixel's 7x7 surroundings, mean over channels, values in [0, 1].

    Wang et al. 2004, Image Quality Assessment: From Error Visibility to Structural Similarity, equation 13.
    """

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 7, stride=1, padding=3, count_include_pad=False)

    a, b = mean(first), mean(second)
    spread_a, spread_b = mean(first.square()) - a.square(), mean(second.square()) - b.square()
    together = mean(first * second) - a * b
    least, tiny = 0.01**2, 0.03**2
    shares = (2 * a * b + least) * (2 * together + tiny)
    return (shares / ((a.square() + b.square() + least) * (spread_a + spread_b + tiny))).mean(dim=0)


def means(found: list[EditAnswer]) -> dict[str, float]:
    """The share of edits that were followed, and the means of what could be measured."""
    told = {"followed": float(np.mean([answer.followed for answer in found]))}
    for name in ("psnr", "ssim"):
        values = np.array([getattr(answer, name) for answer in found])
        if not np.isnan(values).all():
            told[name] = float(np.nanmean(values))
    cut = [answer.alpha_error for answer in found if answer.edit.kind == "background"]
    if cut:
        told["alpha_error"] = float(np.mean(cut))
        told["halo"] = float(np.mean([answer.halo for answer in found if answer.edit.kind == "background"]))
    unlit = [answer.light_kept for answer in found if answer.edit.kind not in LIGHTING]
    if unlit:
        told["light_kept"] = float(np.mean(unlit))
    return told


def write_sheet(answers: list[EditAnswer], path: Path) -> None:
    """Input, result and truth of every edit, into one PNG; of two inputs the first is shown."""
    pictures, captions = [], []
    for answer in answers:
        pictures += [answer.pictures[0], *answer.pictures[-2:]]
        captions += [answer.edit.kind, f"{'yes' if answer.followed else 'NO'}: {answer.prompt}", "truth"]
    Image.fromarray(sheet.contact_sheet(pictures, 12, captions)).save(path)
