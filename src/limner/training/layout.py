"""A second lesson for the denoiser: say, token by token, which kind and colour of thing lies there. Training only.

Asked of a layer in the middle of the network while the picture is still noise, it can be answered only from the words,
so the way from words to places is learned sooner than from the velocity alone. Yu et al. 2024, Representation Alignment
for Generation, https://arxiv.org/abs/2410.06940, align with features of another network; here the truth is known.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from limner.training.world.render import stand
from limner.training.world.scene import COLOURS, KINDS, Scene

NOTHING = 0
KIND_CLASSES, COLOUR_CLASSES = len(KINDS) + 1, len(COLOURS) + 1


def label(scene: Scene, rows: int, columns: int) -> Int64[Tensor, "2 n"]:
    """Kind and colour at the centre of each token of a (rows, columns) grid; 0 where no subject is."""
    side = min(rows, columns)
    frame = columns / side * 100, rows / side * 100
    y = (torch.arange(rows) + 0.5) / rows * frame[1]
    x = (torch.arange(columns) + 0.5) / columns * frame[0]
    labels = torch.full((2, rows, columns), NOTHING)
    for subject in scene.subjects:
        middle, base, box = stand(scene, subject, frame)
        inside = ((y > base - box) & (y < base))[:, None] & ((x - middle).abs() < box * 0.45)[None]
        labels[0][inside] = KINDS.index(subject.kind) + 1
        labels[1][inside] = COLOURS.index(subject.colour) + 1
    return labels.flatten(1)


class LayoutHead(nn.Module):
    """Reads kind and colour off the tokens of a middle layer; thrown away after training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.read = nn.Linear(width, KIND_CLASSES + COLOUR_CLASSES)

    def forward(self, tokens: Float[Tensor, "b n d"], labels: Int64[Tensor, "b 2 n"]) -> Float[Tensor, ""]:
        """Mean cross-entropy of both answers."""
        kind, colour = self.read(tokens).split([KIND_CLASSES, COLOUR_CLASSES], dim=-1)
        return F.cross_entropy(kind.flatten(0, 1), labels[:, 0].flatten()) + F.cross_entropy(
            colour.flatten(0, 1), labels[:, 1].flatten()
        )
