"""Images made in this process, without a server: what `limner.generate`, `limner.edit` and their commands share.

The road is the worker's own (intake, plan, the engine through `workers.run`, encode), without queue and database.
"""

import secrets
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypedDict, Unpack

from pydantic import ValidationError

from limner import errors, wire
from limner.engines import plan as planner
from limner.engines import registry
from limner.engines.engine import Engine, Job, Mask, Pixels
from limner.images.intake import parse_data_uri, read_image
from limner.pictures import Image, Images, Source, Sources, read_sources
from limner.settings import Settings
from limner.workers import run

_loaded: dict[str, Engine] = {}
"""The engine of the last call by its card's id. One is kept and no more: two large models may not fit."""
_alone = threading.Lock()
"""An engine runs in one thread at a time."""


class Parameters(TypedDict, total=False):
    """What a request may ask for besides its model and prompt, as the server's routes name it."""

    size: str
    aspect_ratio: str
    quality: str
    background: str
    seed: int
    num_inference_steps: int
    negative_prompt: str
    input_fidelity: str
    output_format: str
    output_compression: int


def generate(prompt: str, *, model: str = "storybook", n: int = 1, **parameters: Unpack[Parameters]) -> Images:
    """Make `n` images from a prompt, here. The model stays loaded for the next call that names it."""
    return _make(parameters, [], prompt=prompt, model=model, n=n)


def edit(
    prompt: str,
    input_image: Sources,
    *,
    mask: "Source | None" = None,
    model: str = "storybook",
    n: int = 1,
    **parameters: Unpack[Parameters],
) -> Images:
    """Make `n` images from an image, or a list of them, as a prompt says, here. URLs are not opened.

    With a mask, a picture of the size of the first image, only its transparent pixels (alpha 0) are drawn anew.
    """
    inputs = list(read_pixels(input_image))
    return _make(parameters, inputs, None if mask is None else read_mask(mask), prompt=prompt, model=model, n=n)


def read_pixels(sources: Sources, field: str = "input_image", *, needs_alpha: bool = False) -> Iterator[Pixels]:
    """The images after intake; an error names the one that cannot be read."""
    settings = Settings.read()
    for name, source in read_sources(sources, field):
        if isinstance(source, str):
            source = parse_data_uri(source, settings.max_image_bytes, field=name)
        yield read_image(source, max_pixels=settings.max_image_pixels, field=name, needs_alpha=needs_alpha)


def read_mask(source: Source) -> Mask:
    """The alpha of a mask after intake."""
    (rgba,) = read_pixels(source, "mask", needs_alpha=True)
    return rgba[..., 3]


def plan_jobs(asked: dict[str, Any], inputs: list[Pixels], mask: Mask | None = None) -> list[Job]:
    """The jobs of one request; `asked` holds fields of ImageRequest. InvalidRequest names the one that is wrong."""
    try:
        request = wire.ImageRequest(
            namespace="local",
            inputs=tuple(f"input-{i}" for i in range(len(inputs))),
            input_sizes=tuple((rgba.shape[1], rgba.shape[0]) for rgba in inputs),
            mask=None if mask is None else "mask",
            mask_size=None if mask is None else (mask.shape[1], mask.shape[0]),
            **asked,
        )
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise errors.InvalidRequest(f"{name}: {first['msg']}", field=name) from None
    seed = secrets.randbelow(planner.MAX_SEED + 1) if request.seed is None else request.seed
    plans = planner.plan(request, registry.resolve(request.model), seed)
    return [Job(str(plan.image_index), plan, tuple(inputs), mask) for plan in plans]


def run_jobs(jobs: list[Job], step: Callable[[str, int, int], None]) -> list[bytes]:
    """The encoded images of jobs that share a card, in order; `step` is told job id, step done and steps in all."""
    try:
        with _alone:
            pictures = run.run_here(_load(jobs[0].plan.card), jobs, step)
    except (RuntimeError, MemoryError, OSError) as cause:  # what PyTorch, and reading weights, may raise
        raise run.error_of(cause) from cause
    return [run.encode_picture(job, pictures[job.id]) for job in jobs]


def _load(card_id: str) -> Engine:
    if card_id not in _loaded:
        _loaded.clear()
        engine = registry.load_engine(card_id)
        engine.load()
        _loaded[card_id] = engine
    return _loaded[card_id]


def _make(parameters: Parameters, inputs: list[Pixels], mask: Mask | None = None, **asked: Any) -> Images:
    for name in parameters:
        if name not in Parameters.__annotations__:
            known = ", ".join(Parameters.__annotations__)
            raise errors.InvalidRequest(f"Unknown parameter `{name}`; without a server there are {known}.", field=name)
    jobs = plan_jobs({**parameters, **asked}, inputs, mask)
    files = run_jobs(jobs, lambda id, i, of: None)
    return Images(Image(file, job.plan.seed, job.plan.warnings) for file, job in zip(files, jobs, strict=True))
