"""The two clocks of the queue: one may be set at any time, and nothing that asks "how long" may notice."""

from typing import Protocol

import pytest

from limner.queue.clock import KEPT_STEPS, Clock


class StoppedClock(Protocol):
    time: float

    def step(self, seconds: float) -> None: ...

    def steady(self) -> float: ...

    def look(self) -> None: ...

    def past(self, seconds: float) -> float: ...


def test_the_steady_clock_begins_as_the_wall_clock_and_is_never_set(clock: StoppedClock) -> None:
    began = clock.time
    assert clock.steady() == began
    for step in (3600.0, -7200.0):
        clock.step(step)
        clock.time += 10
    assert clock.steady() == began + 20


def test_the_past_is_what_the_wall_clock_showed_then(clock: StoppedClock) -> None:
    began = clock.time
    clock.time += 100
    assert clock.past(100) == began
    clock.step(3600)
    clock.look()
    clock.time += 50
    assert clock.past(150) == began, "the window begins before the step"
    clock.time += 100
    assert clock.past(100) == clock.time - 100, "the step is forgotten"
    clock.step(-3600)
    assert clock.past(100) == clock.time - 100


@pytest.mark.parametrize("drift", [0.001, -0.001])
def test_a_clock_that_drifts_is_followed_without_keeping_all_of_it(clock: StoppedClock, drift: float) -> None:
    for _ in range(2 * KEPT_STEPS):
        clock.time += 3000
        clock.step(3000 * drift)
        clock.look()
    assert clock.past(300) == pytest.approx(clock.time - 300, abs=5)


def test_the_clocks_of_a_process_run_as_its_own() -> None:
    clock = Clock()
    assert clock.steady() == pytest.approx(clock.wall(), abs=1)
    assert clock.past(300) == pytest.approx(clock.wall() - 300, abs=1)
