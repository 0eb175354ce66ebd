"""A second lesson for the denoiser: say, token by token, what lies there and in which surroundings. Training only.

Asked of a layer in the middle of the network while the picture is still noise, it can be answered only from the words,
so the way from words to places is learned sooner than from the velocity alone. Yu et al. 2024, Representation Alignment
for Generation, https://arxiv.org/abs/2410.06940, align with features of another network; here the truth is known.
"""

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from limner.training.world.render import frame_of, stand
from limner.training.world.scene import COLOURS, KINDS, NO_PLACE, PLACES, STYLES, TIMES, WEATHERS, Scene

NOTHING = 0
CLASSES = (len(KINDS) + 1, len(COLOURS) + 1, len(PLACES) + 1, len(TIMES), len(WEATHERS), len(STYLES))
"""Answers there are to each question: kind, colour, place, time of day, weather, style."""


def label(scene: Scene, rows: int, columns: int) -> Int64[Tensor, "q n"]:
    """The right answers for each token of a (rows, columns) grid; kind and colour are 0 where no subject is."""
    frame = frame_of(columns, rows)
    y = (np.arange(rows) + 0.5) / rows * frame[1]
    x = (np.arange(columns) + 0.5) / columns * frame[0]
    labels = np.full((len(CLASSES), rows, columns), NOTHING)
    labels[2] = (*PLACES, NO_PLACE).index(scene.place)
    labels[3] = TIMES.index(scene.time)
    labels[4] = WEATHERS.index(scene.weather)
    labels[5] = STYLES.index(scene.style)
    for subject, at in [(each, at) for each in scene.subjects for at in each.standing()]:
        middle, base, box = stand(scene, subject, at, frame)
        inside = ((y > base - box) & (y < base))[:, None] & (np.abs(x - middle) < box * 0.45)[None]
        labels[0][inside] = KINDS.index(subject.kind) + 1
        labels[1][inside] = COLOURS.index(subject.colour) + 1
    return torch.from_numpy(labels.reshape(len(CLASSES), -1))


class LayoutHead(nn.Module):
    """Reads the answers off the tokens of a middle layer; thrown away after training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.read = nn.Linear(width, sum(CLASSES))

    def forward(self, tokens: Float[Tensor, "b n d"], labels: Int64[Tensor, "b q n"]) -> Float[Tensor, ""]:
        """Cross-entropy of the answers, summed over the questions and averaged over the tokens."""
        answers = self.read(tokens).flatten(0, 1).split(CLASSES, dim=-1)
        losses = [F.cross_entropy(answer, labels[:, i].flatten()) for i, answer in enumerate(answers)]
        return torch.stack(losses).sum()
