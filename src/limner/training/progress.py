"""How far a run has come, told to whoever watches it. It shows nothing itself; `limner train` does."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One stage at one moment. What a stage that trains nothing does not know is None."""

    stage: str
    done: float
    """Share of the stage that is behind it."""
    seconds_left: float | None = None
    pictures_per_second: float | None = None
    loss: float | None = None


Watch = Callable[[Progress], None]


def unwatched(progress: Progress) -> None:
    """For a run that nobody watches."""
