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


@pytest.mark.parametrize(("steps", "start"), [(0, 1.0), (3, 0.0), (3, 1.5)])
def test_a_schedule_without_steps_or_with_an_impossible_start_is_a_mistake(steps: int, start: float) -> None:
    with pytest.raises(ValueError, match="needs steps"):
        flow.schedule(steps, 1.0, start)
