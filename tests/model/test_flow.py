"""The clock: both ends, the way back, and the schedule."""

import pytest
import torch

from limner.model import flow


def test_the_ends_of_the_way_are_image_and_noise() -> None:
    image, noise = torch.randn(2, 1, 3, 3, 3)
    assert torch.equal(flow.add_noise(image, noise, torch.zeros(1)), image)
    assert torch.equal(flow.add_noise(image, noise, torch.ones(1)), noise)


def test_the_true_velocity_points_back_to_the_image_from_anywhere() -> None:
    image, noise = torch.randn(2, 5, 3, 3, 3)
    t = torch.rand(5)
    x_t = flow.add_noise(image, noise, t)
    assert torch.allclose(flow.estimate_image(x_t, flow.velocity(image, noise), t), image, atol=1e-5)


def test_of_uncorrelated_normal_numbers_the_linear_velocity_says_all_there_is_to_say() -> None:
    torch.manual_seed(0)
    spread = torch.tensor([3.0, 0.5])
    image = torch.randn(3, 2, 200, 200) * spread.view(1, 2, 1, 1)
    noise, t = torch.randn_like(image), torch.tensor([0.05, 0.5, 0.95])
    x_t = flow.add_noise(image, noise, t)
    linear, error, deviation = flow.linear_velocity(x_t, t, spread)
    rest = (flow.velocity(image, noise) - linear) / error
    assert torch.allclose(rest.std(dim=(2, 3)), torch.ones(3, 2), atol=0.02)
    assert torch.allclose((x_t / deviation).std(dim=(2, 3)), torch.ones(3, 2), atol=0.02)
    assert (rest * x_t / deviation).mean(dim=(2, 3)).abs().max() < 0.02


@pytest.mark.parametrize("start", [1.0, 0.6])
def test_a_schedule_falls_from_its_start_to_zero(start: float) -> None:
    times = flow.schedule(7, 2.0, start)
    assert len(times) == 8
    assert float(times[0]) == pytest.approx(start)
    assert float(times[-1]) == 0
    assert bool((times[1:] < times[:-1]).all())


def test_a_shift_of_one_bends_nothing_and_a_larger_one_goes_towards_noise() -> None:
    t = torch.linspace(0.1, 0.9, 5)
    assert torch.allclose(flow.shift_times(t, 1.0), t)
    assert bool((flow.shift_times(t, 3.0) > t).all())


def test_the_last_step_begins_where_it_is_told_to() -> None:
    times = flow.schedule(4, 2.0, 0.9, 0.3)
    assert len(times) == 5
    assert times[[0, 3, 4]].tolist() == pytest.approx([0.9, 0.3, 0.0])
    assert bool((times[1:] < times[:-1]).all())
    assert flow.schedule(1, 2.0, 0.9, 0.3).tolist() == pytest.approx([0.9, 0.0])


@pytest.mark.parametrize(("steps", "start", "last"), [(0, 1.0, 0.0), (3, 0.0, 0.0), (3, 1.5, 0.0), (3, 0.5, 0.5)])
def test_a_schedule_without_steps_or_with_impossible_times_is_a_mistake(steps: int, start: float, last: float) -> None:
    with pytest.raises(ValueError, match="needs steps"):
        flow.schedule(steps, 1.0, start, last)
