"""The optimizer of hidden layers: momentum, made orthogonal. Everything that is no hidden matrix belongs to AdamW.

Jordan et al. 2024, Muon: An optimizer for hidden layers in neural networks, https://kellerjordan.github.io/posts/muon;
the scale of a step is AdamW's (Liu et al. 2025, Muon is Scalable for LLM Training, section 2.2,
https://arxiv.org/abs/2502.16982), so that both take one rate. PyTorch's own Muon multiplies in bfloat16, for which most
CPUs have no instructions.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from limner.model.autoencoder import ResidualBlock
from limner.model.network import Block
from limner.model.text import TextBlock

ROUNDS = 5
"""Newton-Schulz iterations; after five all but the very smallest singular values lie between 0.7 and 1.2."""


def hidden_matrices(modules: nn.Module) -> Iterator[nn.Parameter]:
    """The weights inside blocks, convolutions included; not the modulation, which starts at zero and is mostly wide."""
    for module in modules.modules():
        if isinstance(module, Block | TextBlock | ResidualBlock):
            for name, parameter in module.named_parameters():
                if parameter.ndim >= 2 and not name.startswith("modulation"):
                    yield parameter


def orthogonalise(matrices: Tensor) -> Tensor:
    """About the nearest orthogonal matrix to each of (count, rows, columns): singular values become about 1.

    Every round multiplies x by a polynomial in x x^T, so the rounds can be run on that small square matrix alone and x
    be touched twice; a convolution is so wide that this costs a third.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrices.shape[1] <= matrices.shape[2]
    x = matrices if wide else matrices.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    square = x @ x.mT
    product: Tensor | None = None
    for left in reversed(range(ROUNDS)):
        polynomial = torch.baddbmm(square, square, square, beta=b, alpha=c)
        polynomial.diagonal(dim1=1, dim2=2).add_(a)
        product = polynomial if product is None else polynomial @ product
        if left:
            square = polynomial @ square @ polynomial
    made: Tensor = x if product is None else product @ x
    return made if wide else made.mT


class Muon(Optimizer):
    """Nesterov momentum of each weight, orthogonalised; convolutions are seen as (out, in * height * width).

    Weights of one shape are moved together, since many small products are slower than one of a batch.
    """

    def __init__(
        self, parameters: list[nn.Parameter], rate: float, momentum: float = 0.95, decay: float = 0.01
    ) -> None:
        super().__init__(parameters, {"lr": rate, "momentum": momentum, "weight_decay": decay})
        self._alike: dict[torch.Size, list[nn.Parameter]] = {}
        for parameter in parameters:
            self._alike.setdefault(parameter.shape, []).append(parameter)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every weight; all of them must have a gradient."""
        group = self.param_groups[0]
        for weights in self._alike.values():
            ahead = []
            for weight in weights:
                if weight.grad is None:
                    raise ValueError("a hidden matrix has no gradient")
                velocity = self.state[weight].setdefault("velocity", torch.zeros_like(weight))
                velocity.lerp_(weight.grad, 1 - group["momentum"])
                ahead.append(weight.grad.lerp(velocity, group["momentum"]).flatten(1))
            length = group["lr"] * 0.2 * max(ahead[0].shape) ** 0.5
            for weight, direction in zip(weights, orthogonalise(torch.stack(ahead)), strict=True):
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.sub_(direction.view_as(weight), alpha=length)
