"""The seam between a worker and the code that makes pictures: Engine, Job, Control. No engine lives here.

An engine is synchronous and owns one thread. It checks `control.cancelled` between steps and reports through `control`,
whose methods may be called from that thread only.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from limner import errors, wire
from limner.engines.card import ModelCard

Pixels = NDArray[np.uint8]
"""uint8 RGBA with straight alpha, shape (height, width, 4)."""
Mask = NDArray[np.uint8]
"""uint8 of shape (height, width): 0 = edit here, 255 = keep, a blend between."""


@dataclass(frozen=True)
class Job:
    """A Plan with its pictures: `inputs` as they left intake, `mask` of the size of the first."""

    id: str
    plan: wire.Plan
    inputs: tuple[Pixels, ...] = ()
    mask: Mask | None = None


class Control(Protocol):
    """What an engine may ask of, and must tell, the worker that runs it."""

    def cancelled(self, id: str) -> bool:
        """Whether the generation is no longer wanted (cancelled, deadline, lease lost)."""

    def newcomers(self, batch_key: str, room: int) -> list[Job]:
        """Up to `room` more jobs of this batch key that may join between two steps."""

    def step(self, id: str, i: int, of: int) -> None:
        """Step `i` (from 1) of `of` is done."""

    def preview(self, id: str, rgba: Pixels) -> None:
        """The present estimate of the finished picture, at the steps that `plan.preview_steps` names."""

    def done(self, id: str, rgba: Pixels, warnings: tuple[str, ...]) -> None:
        """The finished picture, at the plan's width and height."""

    def failed(self, id: str, error: errors.LimnerError) -> None:
        """This job cannot be finished; the others go on."""


class Engine(Protocol):
    """Code that turns jobs into pictures. Each job ends in `done`, in `failed`, or was seen to be cancelled."""

    card: ModelCard

    def load(self) -> None:
        """Read the weights; called once, before the first run."""

    def run(self, first: list[Job], control: Control) -> None:
        """Make the pictures of `first` (one batch key), and of newcomers if the engine admits them."""
