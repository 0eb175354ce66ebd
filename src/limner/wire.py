"""What crosses a process: ImageRequest, Plan, Generation, Event. All JSON-able and versioned; no behaviour.

A dialect makes an ImageRequest; `engines.plan` turns it into a Plan in which nothing is left open; the queue stores
the Plan with each Generation; workers read only the Plan.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

VERSION = 1

State = Literal["queued", "processing", "succeeded", "failed", "cancelled"]
EventKind = Literal["started", "succeeded", "failed", "cancelled", "requeued", "queued"]
Quality = Literal["low", "medium", "high"]
OutputFormat = Literal["png", "jpeg", "webp"]
Background = Literal["transparent", "opaque"]
Fidelity = Literal["low", "high"]


class Frozen(BaseModel):
    """A value that never changes and accepts no unknown field."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageRequest(Frozen):
    """What the caller asked, in one vocabulary for both dialects. Strings may still be `auto`."""

    version: int = VERSION
    namespace: str
    model: str
    """The model id as the caller wrote it; answers echo it."""
    prompt: str
    negative_prompt: str = ""
    inputs: tuple[str, ...] = ()
    """Digests (SHA-256, hex) of input images that intake has normalised and stored."""
    input_sizes: tuple[tuple[int, int], ...] = ()
    """Width and height in pixels of each input, after intake."""
    mask: str | None = None
    """Digest of the mask, a picture of the size of the first input; alpha 0 = edit here."""
    mask_size: tuple[int, int] | None = None
    """Width and height of the mask in pixels."""
    n: int = 1
    size: str = "auto"
    """`auto`, `square`, `portrait`, `landscape` or `WIDTHxHEIGHT`."""
    aspect_ratio: str | None = None
    quality: str = "auto"
    input_fidelity: str = "low"
    background: str = "auto"
    output_format: str = "png"
    output_compression: int | None = None
    seed: int | None = None
    num_inference_steps: int | None = None
    partial_images: int = 0
    """How many pictures of the unfinished image are shown on the way."""
    priority: int = 0
    """Higher goes first among the generations of one namespace."""
    cancel_after_seconds: float | None = None
    idempotency_key: str | None = None
    fingerprint: str = ""
    """SHA-256 (hex) of what must be equal when the key comes again."""
    submitted: dict[str, Any] = Field(default_factory=dict)
    """The parameters as the caller sent them (inputs as URLs, never bytes), to be shown back."""


class Plan(Frozen):
    """One image to make, with nothing left to decide. The n plans of one request differ in seed and index."""

    version: int = VERSION
    card: str
    """The card's own id (`storybook`); the caller's name for it stays in the ImageRequest."""
    prompt: str
    negative_prompt: str
    inputs: tuple[str, ...]
    mask: str | None
    width: int
    height: int
    steps: int
    guidance: float
    seed: int
    image_index: int
    quality: Quality
    input_fidelity: Fidelity
    background: Background
    output_format: OutputFormat
    output_compression: int | None
    partial_images: int = 0
    batch_key: str
    """Generations with equal keys may share one forward pass."""
    cost: float
    """Megapixels times steps."""
    warnings: tuple[str, ...] = ()


class Generation(Frozen):
    """One image to make: a row of the queue as readers see it. Times are unix seconds."""

    id: str
    request_id: str
    image_index: int
    namespace: str
    model: str
    """The model id as the caller wrote it."""
    state: State
    plan: Plan
    submitted: dict[str, Any]
    attempt: int
    """How often a worker has taken it."""
    worker: str | None
    error_code: str | None
    error_message: str | None
    result_path: str | None
    """Path of the image in the blob store."""
    warnings: tuple[str, ...]
    enqueued_at: float
    started_at: float | None
    completed_at: float | None
    favourite: bool = False


class Event(Frozen):
    """One move of one generation. `id` rises without holes inside a namespace, in commit order."""

    id: int
    namespace: str
    generation_id: str
    kind: EventKind
    created_at: float
    data: dict[str, Any]
