"""The engine of storybook: a plan's words to ids, noise to latents, latents to pixels. The prompt is never parsed here.

Pictures under way take their steps in turn, each step for one of them alone: in a batch, sums are rounded another way,
and the same seed would not give the same bytes in every company.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from limner.engines import registry
from limner.engines.engine import Control, Job, Pixels
from limner.engines.plan import preview_steps
from limner.errors import EngineFailed
from limner.model import checkpoint, cutout, edit, flow, pixels, sampler
from limner.model.autoencoder import FACTOR as LATENT_FACTOR
from limner.model.upsampler import FACTOR as LARGE_FACTOR

WEIGHTS = Path(__file__).parent.parent / "weights" / "storybook.safetensors"
PIXELS_PER_LATENT = LATENT_FACTOR * LARGE_FACTOR
THREADS = 1
"""Tensors are so small here that a second thread mostly waits for the first; if another program has its core, that
takes many times longer than the work. A second worker is the use for a second core."""
AT_ONCE = 4
"""Most pictures under way."""
OPEN_STEPS = 200
"""Then nobody joins any more, so that the batch ends and the queue decides who is next, of other models too."""
PATIENCE = 4
"""Shorter pictures that come later go first, until this many times a picture's own steps were taken since it came."""


@dataclass(frozen=True)
class Picture:
    """One that is under way: each `next` of `steps` takes a step, and the last one ends it."""

    id: str
    due: int
    """Steps the engine should have taken when it is finished; who is due first goes next."""
    steps: Iterator[int]


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
        _lay_out(self._model)

    def run(self, first: list[Job], control: Control) -> None:
        """Make the pictures, the one due first a step at a time; newcomers join and cancelled ones leave in between."""
        with _few_threads():
            self._run(first, control)

    def _run(self, first: list[Job], control: Control) -> None:
        batch_key, taken = first[0].plan.batch_key, 0
        arrived, open = first, list[Picture]()
        while arrived or open:
            open += [Picture(job.id, taken + PATIENCE * job.plan.steps, self._make(job, control)) for job in arrived]
            open = [picture for picture in open if not control.cancelled(picture.id)]
            if open:
                picture = min(open, key=lambda picture: picture.due)
                taken += 1
                if next(picture.steps, None) is None:
                    open.remove(picture)
            arrived = control.newcomers(batch_key, AT_ONCE - len(open)) if open and taken < OPEN_STEPS else []

    @torch.inference_mode()
    def _make(self, job: Job, control: Control) -> Iterator[int]:
        """Take the steps of one picture, pausing after each but the last, and report them."""
        opaque, shown = job.plan.background == "opaque", preview_steps(job.plan)
        references = self._read(job)
        for i, step in enumerate(self._steps(job, references), start=1):
            control.step(job.id, i, job.plan.steps)
            if i == job.plan.steps:
                control.done(job.id, _bytes(self._finish(job, references, step.x_t), opaque=opaque), ())
                return
            if i in shown:
                control.preview(job.id, _bytes(self._paint(job, step.estimate), opaque=opaque))
            yield i

    def _read(self, job: Job) -> list[torch.Tensor]:
        noise = self._noise(job)
        return [edit.read_input(self._model.autoencoder, pixels.from_array(rgba), noise) for rgba in job.inputs]

    def _noise(self, job: Job) -> torch.Tensor:
        rows, columns = job.plan.height // PIXELS_PER_LATENT, job.plan.width // PIXELS_PER_LATENT
        return sampler.draw_noise((self._model.config.autoencoder.latent, rows, columns), job.plan.seed)

    def _steps(self, job: Job, references: list[torch.Tensor]) -> Iterator[sampler.Step]:
        plan, model = job.plan, self._model
        transparent = plan.background == "transparent"
        ids = model.tokenizer.encode([plan.prompt, plan.negative_prompt], transparent=[transparent, False])
        text, present = model.text(ids)
        noise = self._noise(job)
        # With a mask of low fidelity the words alone say what is drawn in the hole.
        seen = references if job.mask is None or plan.input_fidelity == "high" else []
        velocity = sampler.guide(model.denoiser, text, present, plan.guidance, seen)
        if job.mask is not None:
            places = edit.open_places(torch.tensor(job.mask)[None, None], noise)
            velocity = edit.hold(velocity, references[0], noise, places)
        times = flow.schedule(plan.steps, model.config.shift, last=model.config.last)
        yield from sampler.euler(velocity, noise, times)

    def _finish(self, job: Job, references: list[torch.Tensor], latent: torch.Tensor) -> torch.Tensor:
        """The picture; an edit of high fidelity keeps the pixels of its input wherever nothing was changed."""
        painted = self._paint(job, latent)
        if not references or job.mask is not None or job.plan.input_fidelity == "low":
            return painted
        picture = pixels.cover_bytes(pixels.from_array(job.inputs[0]), job.plan.height, job.plan.width)
        places = edit.changed_places(self._model.autoencoder, latent, references[0])
        return edit.keep_unchanged(painted, picture, places)

    def _paint(self, job: Job, latent: torch.Tensor) -> torch.Tensor:
        base = self._model.autoencoder.decode(latent)
        if job.plan.background == "transparent":
            base = cutout.settle(base)
        large: torch.Tensor = self._model.upsampler(base)
        return large


@contextmanager
def _few_threads() -> Iterator[None]:
    """Compute on `THREADS`, and leave what else this process computes with those it had."""
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _lay_out(model: nn.Module) -> None:
    """Order the weights as the kernels read them, which saves a tenth of the time; their values stay."""
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.data = layer.weight.data.t().contiguous().t()


def _bytes(floats: torch.Tensor, *, opaque: bool) -> Pixels:
    return pixels.to_bytes(floats, opaque=opaque)[0].numpy()
