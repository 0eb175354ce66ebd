"""The queue's two clocks: the wall clock, which people read and may set, and the uptime, which nobody can set.

Whatever asks "how long" goes by the uptime: it never goes back, and it is one for all processes of a boot, so that
leases can cross processes. What is shown, and what must outlive a boot, is wall time.
"""

import time
from collections import deque
from collections.abc import Callable
from itertools import pairwise

STEP_SECONDS = 1.0
"""From here on a change of the wall clock is a step and not the slow hand of NTP."""
KEPT_STEPS = 100

Seconds = Callable[[], float]


class Clock:
    """Both clocks of this process. `wall` gives unix seconds, `uptime` seconds since one moment of this boot."""

    def __init__(self, wall: Seconds = time.time, uptime: Seconds = time.monotonic) -> None:
        self.wall = wall
        self.uptime = uptime
        self._first = wall() - uptime()
        self._offsets = deque([(uptime(), self._first)], maxlen=KEPT_STEPS)
        """Since which uptime the wall clock is how far ahead of it."""

    def steady(self) -> float:
        """Unix seconds as if the wall clock had never been set since this clock was made."""
        return self._first + self.uptime()

    def look(self) -> None:
        """Note whether the wall clock was set since the last look; what asks `past` wants one about every second."""
        offset = self.wall() - self.uptime()
        if abs(offset - self._offsets[-1][1]) > STEP_SECONDS:
            self._offsets.append((self.uptime(), offset))

    def past(self, seconds: float) -> float:
        """The lowest that the wall clock can have shown within the last `seconds`, however it was set meanwhile."""
        self.look()
        since = self.uptime() - seconds
        offsets = list(self._offsets)
        shown = [offset for (_, offset), (until, _) in pairwise(offsets) if until > since]
        return min([*shown, offsets[-1][1]]) + since
