"""Failures in OpenAI's words: which paths speak that dialect, the envelope `error.message, type, param, code`, retries.

Not here: which failures there are (`limner.errors`) and who catches them (`api.problems`).
"""

from limner import errors
from limner.errors import InvalidRequest

OUR_WORDS = {"input_image": "image"}
"""Fields of an ImageRequest that are called otherwise in this dialect."""
ALSO_HERE = tuple(f"/api/ai/images/{name}" for name in ("generations", "edits", "variations"))
"""Paths of this dialect below the hub's base URL."""
LONGEST_RETRY_SECONDS = 60
"""OpenAI's clients wait no longer than this, or wait blindly for as long as they are told."""
RETRY_SECONDS = 5
USER_ERROR = "image_generation_user_error"
"""The type of what is wrong with the picture asked for, not with the request's form."""
NO_MASK = "Invalid mask image format"

TYPES: dict[type[errors.LimnerError], tuple[str, str | None]] = {
    errors.InvalidRequest: ("invalid_request_error", "invalid_value"),
    errors.Unauthenticated: ("invalid_request_error", "invalid_api_key"),
    errors.Forbidden: ("invalid_request_error", "forbidden"),
    errors.NotFound: ("invalid_request_error", None),
    errors.Conflict: ("invalid_request_error", "conflict"),
    errors.TooLarge: ("invalid_request_error", "too_large"),
    errors.TooBusy: ("requests", "rate_limit_exceeded"),
    errors.EngineFailed: ("image_generation_server_error", "image_generation_failed"),
    errors.OutOfMemory: ("image_generation_server_error", "out_of_memory"),
    errors.LeaseLost: ("image_generation_server_error", "image_generation_failed"),
    errors.StorageFailed: ("server_error", "storage_failed"),
    errors.Stopping: ("server_error", "stopping"),
    errors.TimedOut: ("server_error", "timed_out"),
}
"""The `type` and the `code` that an error of ours has in this dialect."""

FINAL = (errors.EngineFailed, errors.OutOfMemory, errors.LeaseLost, errors.TimedOut, errors.Conflict)
"""What a client would try again although it fails again: the queue has already tried as often as it makes sense."""


class Refusal(InvalidRequest):
    """A bad request in this dialect's own words: `reason` is the `code` of the answer, `kind` its `type`."""

    def __init__(
        self, message: str, *, field: str | None, reason: str | None, kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message, field=field)
        self.reason = reason
        self.kind = kind


def speaks_openai(path: str) -> bool:
    """Whether answers at this path have OpenAI's shape: all of /v1, and its image routes below the hub's base URL."""
    return path == "/v1" or path.startswith("/v1/") or path in ALSO_HERE


def describe(error: errors.LimnerError) -> dict[str, str | None]:
    """The inside of the envelope; all four keys are always there."""
    kind, code = TYPES[next(parent for parent in type(error).__mro__ if parent in TYPES)]
    if isinstance(error, Refusal):
        kind, code = error.kind, error.reason
    message, param = error.message, error.field and OUR_WORDS.get(error.field, error.field)
    if type(error) is InvalidRequest and param == "mask":
        kind, code, message = USER_ERROR, "invalid_mask_image_format", f"{NO_MASK} - {message}"
    if isinstance(error, errors.NotFound) and param == "model":
        code = "model_not_found"
    return {"message": message, "type": kind, "param": param, "code": code}


def describe_protocol(status: int, code: str, detail: str, method: str, path: str) -> dict[str, str | None]:
    """The inside of the envelope for what HTTP itself refuses: an unknown path, a wrong method."""
    message = f"Invalid URL ({method} {path})" if status == 404 else detail
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"message": message, "type": kind, "param": None, "code": None if status == 404 else code}


def retry_headers(error: errors.LimnerError) -> dict[str, str]:
    """When to try again, or that it is no use: OpenAI's clients retry 409, 429 and every 5xx unless they are told."""
    if isinstance(error, FINAL):
        return {"x-should-retry": "false"}
    if isinstance(error, errors.TooBusy):
        return {"Retry-After": str(min(max(error.retry_after_seconds, 1), LONGEST_RETRY_SECONDS))}
    if isinstance(error, errors.StorageFailed | errors.Stopping):
        return {"Retry-After": str(RETRY_SECONDS)}
    return {}
