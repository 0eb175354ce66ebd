"""The *tiny* engine: stripes from a seed, in numpy, with behaviour that the prompt orders. For tests only.

Words of the prompt that mean something (all others are ignored):

    steps=8             steps of this picture (else the plan's)
    step-seconds=0.05   length of one step (else none)
    load-seconds=1      how long the worker sleeps before the first step
    fail                this picture fails, with an error of its own
    raise               the engine raises, which ends the whole batch
    oom                 the engine raises MemoryError
    crash               the process ends at once, as after a fault in native code
    kill                the process is killed with signal 9
    hang                the engine never comes back, whatever it is told

The last six happen after half of the steps.
"""

import os
import signal
import time

import numpy as np

from limner import errors
from limner.engines.engine import Control, Job, Pixels
from limner.engines.plan import preview_steps
from limner_tiny import CARD

MAX_BATCH = 8


class Running:
    """One picture between its first and its last step."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.words = job.plan.prompt.split()
        self.steps = int(self.value("steps", job.plan.steps))
        self.step_seconds = self.value("step-seconds", 0.0)
        self.done = 0
        self.shown = preview_steps(job.plan.model_copy(update={"steps": self.steps}))

    def value(self, name: str, default: float) -> float:
        """The number of `name=number` in the prompt."""
        for word in self.words:
            key, equals, number = word.partition("=")
            if key == name and equals:
                return float(number)
        return default

    def misbehave(self) -> None:
        """Do the harm that the prompt asks for."""
        if "crash" in self.words:
            os._exit(13)
        if "kill" in self.words:
            os.kill(os.getpid(), signal.SIGKILL)
        if "oom" in self.words:
            raise MemoryError("as the prompt ordered")
        if "raise" in self.words:
            raise RuntimeError("as the prompt ordered, with a secret: /etc/shadow")
        while "hang" in self.words:
            time.sleep(0.05)


class TinyEngine:
    """Draws stripes; one step of a batch takes as long as its slowest member's."""

    card = CARD

    def load(self) -> None:
        """There is nothing to read."""

    def run(self, first: list[Job], control: Control) -> None:
        """Step all pictures together, admitting newcomers between the steps."""
        batch_key = first[0].plan.batch_key
        running = [Running(job) for job in first]
        time.sleep(max(r.value("load-seconds", 0.0) for r in running))
        while running:
            running = [r for r in running if not control.cancelled(r.job.id)]
            time.sleep(max((r.step_seconds for r in running), default=0.0))
            running = [r for r in running if self.step(r, control)]
            if running and len(running) < MAX_BATCH:
                running += [Running(job) for job in control.newcomers(batch_key, MAX_BATCH - len(running))]

    def step(self, r: Running, control: Control) -> bool:
        """Do one step of one picture; whether there are more."""
        r.done += 1
        control.step(r.job.id, r.done, r.steps)
        if r.done >= r.steps / 2:
            r.misbehave()
            if "fail" in r.words:
                control.failed(r.job.id, errors.EngineFailed("The prompt ordered a failure."))
                return False
        if r.done in r.shown:
            control.preview(r.job.id, draw(r.job) // 2)
        if r.done < r.steps:
            return True
        control.done(r.job.id, draw(r.job), ())
        return False


def draw(job: Job) -> Pixels:
    """Stripes from the seed, half covered by the first input; (height, width, 4)."""
    plan = job.plan
    random = np.random.default_rng(plan.seed)
    rows = random.integers(0, 256, (plan.height, 1, 3), dtype=np.uint8)
    columns = random.integers(0, 256, (1, plan.width, 3), dtype=np.uint8)
    rgba = np.full((plan.height, plan.width, 4), 255, dtype=np.uint8)
    rgba[..., :3] = rows // 2 + columns // 2
    if job.inputs:
        source = job.inputs[0]
        y = np.arange(plan.height // 2) * source.shape[0] // plan.height
        x = np.arange(plan.width) * source.shape[1] // plan.width
        rgba[: plan.height // 2] = source[y][:, x]
    if plan.background == "transparent":
        rgba[:, : plan.width // 2, 3] = 0
    return rgba
