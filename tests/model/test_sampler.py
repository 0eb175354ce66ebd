"""The samplers on a distribution whose velocity is known exactly: a Gaussian of mean 2 and deviation 0.5."""

import pytest
import torch
from torch import Tensor

from limner.model import flow, sampler
from limner.model.network import Denoiser, DenoiserConfig

MEAN, DEVIATION = 2.0, 0.5


def exact_velocity(x_t: Tensor, t: Tensor) -> Tensor:
    """E[noise - image | x_t] when the image is normal: a linear regression of two joint Gaussians."""
    t = t.view(-1, 1, 1, 1)
    variance = ((1 - t) * DEVIATION) ** 2 + t**2
    covariance = t - (1 - t) * DEVIATION**2
    return -MEAN + covariance / variance * (x_t - (1 - t) * MEAN)


def last(steps: "object") -> Tensor:
    *_, end = steps  # type: ignore[misc]
    return end.x_t  # type: ignore[has-type,no-any-return]


def exact_end(noise: Tensor) -> Tensor:
    """Where the exact flow takes each noise: Gaussians keep their order."""
    return MEAN + DEVIATION * noise


def test_a_sampler_brings_noise_to_the_known_mean_and_deviation() -> None:
    noise = torch.randn(1, 1, 100, 100, generator=torch.Generator().manual_seed(0))
    end = last(sampler.euler(exact_velocity, noise, flow.schedule(64, 1.0)))
    assert float(end.mean()) == pytest.approx(MEAN, abs=0.03)
    assert float(end.std()) == pytest.approx(DEVIATION, abs=0.03)


def test_more_steps_err_less() -> None:
    noise = torch.randn(1, 1, 50, 50, generator=torch.Generator().manual_seed(1))
    errors = [
        float((last(sampler.euler(exact_velocity, noise, flow.schedule(n, 1.0))) - exact_end(noise)).abs().mean())
        for n in (4, 8, 16, 32)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 4


def test_a_guidance_of_one_equals_none_and_ignores_the_second_text() -> None:
    torch.manual_seed(0)
    net = Denoiser(DenoiserConfig(latent=2, stem=8, width=64, depth=1, heads=1)).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    text, present = torch.randn(2, 5, 64), torch.ones(2, 5, dtype=torch.bool)
    x_t, t = torch.randn(1, 2, 4, 4), torch.full((1,), 0.5)
    plain = net(x_t, t, text[:1], present[:1])
    assert torch.equal(sampler.guide(net, text, present, 1.0)(x_t, t), plain)
    nearly = sampler.guide(net, text, present, 1.0001)(x_t, t)
    assert torch.allclose(nearly, plain, atol=1e-3)
    assert not torch.allclose(sampler.guide(net, text, present, 4.0)(x_t, t), plain, atol=1e-3)


def test_the_same_seed_is_the_same_noise_and_another_is_not() -> None:
    assert torch.equal(sampler.draw_noise((2, 4, 4), 7), sampler.draw_noise((2, 4, 4), 7))
    assert not torch.equal(sampler.draw_noise((2, 4, 4), 7), sampler.draw_noise((2, 4, 4), 8))
