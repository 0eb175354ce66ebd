"""The shapes of the answers, for the OpenAPI document. The routes build them by hand; contract tests hold them to it.

What a shape does not name is never sent. Not here: the shape of errors (`contract`) and of requests (`parameters`).
"""

from typing import Any, Literal, NotRequired

from pydantic import ConfigDict
from typing_extensions import TypedDict

from limner.api.constraints import with_parameters
from limner.records.keys import Right
from limner.wire import Background, Fidelity, OutputFormat, Quality, State


class Used(TypedDict):
    """The concrete values that a picture is made with."""

    size: str
    quality: Quality
    background: Background
    output_format: OutputFormat
    input_fidelity: Fidelity
    num_inference_steps: int
    seed: int


class Image(TypedDict):
    """One finished image: a link that opens without a key until it expires, or the file as base64."""

    url: NotRequired[str]
    b64_json: NotRequired[str]
    seed: int
    generation_id: str


class Images(Used):
    """What a synchronous call made; `image_url` is the link of the first image."""

    model: str
    created: int
    images: list[Image]
    image_url: NotRequired[str]
    warnings: list[str]


class QueuedGeneration(TypedDict):
    """A new generation; under a repeated Idempotency-Key, one that may be further along."""

    generation_id: str
    status: State


class Queued(TypedDict):
    """The generations of one request, in the order of their seeds."""

    generations: list[QueuedGeneration]


class Progress(TypedDict):
    """The last step heard of."""

    step: int
    of: int


class Generation(TypedDict):
    """One generation: its state, the parameters as they were sent, and under `used` the values it is made with.

    `parameters` are those that were sent and nothing else.
    """

    __pydantic_config__ = ConfigDict(json_schema_extra=with_parameters)  # type: ignore[misc]

    generation_id: str
    model_name: str
    prompt: str
    media_type: Literal["image"]
    status: State
    size: str
    quality: str
    background: str
    output_format: str
    input_fidelity: str
    num_inference_steps: int
    seed: int
    result_url: str | None
    error_message: str | None
    enqueued_at: int
    started_at: int | None
    completed_at: int | None
    used: Used
    warnings: list[str]
    parameters: dict[str, Any]
    favourite: bool
    progress: NotRequired[Progress]
    position: NotRequired[int]
    eta_seconds: NotRequired[float | None]


class Generations(TypedDict):
    """A list of generations, newest first."""

    count: int
    generations: list[Generation]


class EventData(TypedDict, total=False):
    """What an event tells; which of it, the event's name says."""

    generation_id: str
    status: Literal["processing", "succeeded", "failed", "cancelled"]
    media_type: Literal["image"]
    model: str
    url: str | None
    error: str | None
    warnings: list[str]
    step: int
    of: int
    index: int
    last_event_id: int
    reason: str


class Cancelled(TypedDict):
    """The generation that has ended, now or before."""

    status: Literal["success"]
    generation_id: str


class Deployment(TypedDict):
    """Whether some worker has the model loaded."""

    status: Literal["active", "inactive", "deploying", "error"]


class Developer(TypedDict):
    """Who made a model."""

    name: str
    logo: None


class Capabilities(TypedDict):
    """What goes into a model and what comes out."""

    input: list[Literal["text", "image"]]
    output: list[Literal["image"]]


class Pricing(TypedDict):
    """Nothing costs anything here."""

    method: Literal["free"]


class Model(TypedDict):
    """A model. `source_model` is its own id; the two request schemas are one JSON Schema under both names in use."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    display_name: str
    description: str
    summary: str
    model_type: Literal["base"]
    endpoint: str
    capabilities: Capabilities
    pricing: Pricing
    fine_tuning: bool
    deployments: list[Deployment]
    developer: Developer
    source_model: str
    aliases: list[str]
    parameters: int
    image_url: None
    released_at: str
    request_schema: dict[str, Any]
    json_request_schema: dict[str, Any]


class Models(TypedDict):
    """A list of models."""

    object: Literal["list"]
    data: list[Model]


class Commit(TypedDict):
    """Who stored a file, when (unix seconds) and why. The e-mail is empty where it is not known."""

    id: str
    author: str
    email: str
    message: str
    timestamp: int


class FileCommit(Commit):
    """A commit with the path of its one file."""

    path: str


class StoredFile(TypedDict):
    """A file as it was stored; `digest` is the SHA-256 of its bytes."""

    path: str
    url: str
    commit_id: str
    digest: str
    size: int
    media_type: str


class Stored(TypedDict):
    """The stored files, and the commit of the last one."""

    status: Literal["success"]
    status_message: Literal["resource_created"]
    commit: Commit
    files: list[StoredFile]


class Resource(TypedDict):
    """A path at a revision."""

    path: str
    version: str


class Entry(TypedDict):
    """What stands in a folder; null is what is not known of it."""

    filename: str
    is_dir: bool
    size: int | None
    hash: str | None
    media_type: str | None
    latest_commit: Commit | None
    resource: Resource


class Page(TypedDict):
    """Which part of a list this is; pages are counted from 1."""

    status: Literal["success"]
    status_message: Literal["resource_found"]
    page_size: int
    page_number: int
    total_pages: int
    total_entries: int


class Folder(Page):
    """A page of the entries of a folder, folders first."""

    entries: list[Entry]
    resource: Resource


class Commits(Page):
    """A page of commits, newest first."""

    commits: list[FileCommit]


class Session(TypedDict):
    """Who is asking; the token goes with what a page changes within a browser's session."""

    namespace: str | None
    scopes: list[Right]
    keyless: bool
    token: str | None


class Live(TypedDict):
    """The process answers."""

    status: Literal["live"]


class Ready(TypedDict):
    """The database answers; `workers` is how many supervised workers live."""

    status: Literal["ready"]
    workers: int
