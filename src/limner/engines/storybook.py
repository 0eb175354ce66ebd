"""The engine of storybook: a plan's words to ids, noise to latents, latents to pixels. The prompt is never parsed here.

One job at a time: on a CPU a batch is no faster, and alone the same seed gives the same bytes whatever else is running.
"""

from collections.abc import Iterator
from pathlib import Path

import torch

from limner.engines import registry
from limner.engines.engine import Control, Job, Pixels
from limner.engines.plan import preview_steps
from limner.errors import EngineFailed
from limner.model import checkpoint, edit, flow, pixels, sampler
from limner.model.autoencoder import FACTOR as LATENT_FACTOR
from limner.model.upsampler import FACTOR as LARGE_FACTOR

WEIGHTS = Path(__file__).parent.parent / "weights" / "storybook.safetensors"
PIXELS_PER_LATENT = LATENT_FACTOR * LARGE_FACTOR


class StorybookEngine:
    """Runs the shipped checkpoint on the CPU."""

    def __init__(self) -> None:
        self.card = registry.cards()["storybook"]

    def load(self) -> None:
        """Read the weights."""
        try:
            self._model = checkpoint.load(WEIGHTS)
        except (OSError, ValueError) as error:
            raise EngineFailed("storybook's weights cannot be read; install Limner again") from error

    def run(self, first: list[Job], control: Control) -> None:
        """Make the pictures one after the other; a cancelled job is dropped before its next step."""
        for job in first:
            opaque, shown = job.plan.background == "opaque", preview_steps(job.plan)
            for i, step in enumerate(self._steps(job), start=1):
                if control.cancelled(job.id):
                    break
                control.step(job.id, i, job.plan.steps)
                if i in shown:
                    control.preview(job.id, self._paint(step.estimate, opaque=opaque))
                if i == job.plan.steps:
                    control.done(job.id, self._paint(step.x_t, opaque=opaque), ())

    @torch.inference_mode()
    def _steps(self, job: Job) -> Iterator[sampler.Step]:
        plan, model = job.plan, self._model
        transparent = plan.background == "transparent"
        ids = model.tokenizer.encode([plan.prompt, plan.negative_prompt], transparent=[transparent, False])
        text, present = model.text(ids)
        rows, columns = plan.height // PIXELS_PER_LATENT, plan.width // PIXELS_PER_LATENT
        noise = sampler.draw_noise((model.config.autoencoder.latent, rows, columns), plan.seed)
        x_t, t = noise, 1.0
        velocity = sampler.guide(model.denoiser, text, present, plan.guidance)
        if job.inputs:
            latent = edit.read_input(model.autoencoder, pixels.from_array(job.inputs[0]), noise)
            t = (edit.STARTS if job.mask is None else edit.MASKED_STARTS)[plan.input_fidelity]
            x_t = flow.add_noise(latent, noise, torch.tensor([t]))
            if job.mask is not None:
                places = edit.open_places(torch.tensor(job.mask)[None, None], noise)
                velocity = edit.hold(velocity, latent, noise, places)
        yield from sampler.heun(velocity, x_t, flow.schedule(plan.steps, model.config.shift, t, model.config.last))

    @torch.inference_mode()
    def _paint(self, latent: torch.Tensor, *, opaque: bool) -> Pixels:
        large = self._model.upsampler(self._model.autoencoder.decode(latent))
        return pixels.to_bytes(large, opaque=opaque)[0].numpy()
