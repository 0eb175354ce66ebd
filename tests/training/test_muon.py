"""The optimizer of hidden layers: its steps are orthogonal, it learns, and it takes the matrices it is meant for."""

import pytest
import torch
from torch import nn

from limner.model.network import Denoiser, DenoiserConfig
from limner.training import muon


@pytest.mark.parametrize("shape", [(16, 16), (16, 80), (80, 16)])
def test_an_orthogonalised_matrix_has_singular_values_near_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(3, *shape)
    made = muon.orthogonalise(matrices)
    found = torch.linalg.svdvals(made)
    assert found.min() > 0.6
    assert found.max() < 1.3
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    assert torch.nn.functional.cosine_similarity(made.flatten(1), (left @ right).flatten(1)).min() > 0.97


def test_it_finds_a_known_matrix() -> None:
    torch.manual_seed(0)
    wanted, weight = torch.randn(8, 8), nn.Parameter(torch.zeros(8, 8))
    optimizer = muon.Muon([weight], rate=0.1, decay=0.0)
    for step in range(300):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 300)
        optimizer.zero_grad()
        (weight - wanted).square().sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert (weight - wanted).abs().max() < 0.05


def test_hidden_matrices_are_those_of_blocks_without_the_modulation() -> None:
    net = Denoiser(DenoiserConfig(latent=2, stem=8, width=64, depth=1, heads=1))
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    found = {names[id(parameter)] for parameter in muon.hidden_matrices(net)}
    assert "blocks.0.expand.weight" in found
    assert all(name.startswith("blocks.") and name.endswith(".weight") for name in found)
    assert not any("modulation" in name or "norm" in name for name in found)
