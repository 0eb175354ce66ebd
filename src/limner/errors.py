"""The whole error tree. It knows no dialect: `api.problems` renders these in each dialect's documented shape.

LimnerError
├── CallerError                the caller's fault
│   ├── InvalidRequest    400  a field is missing, unknown, of the wrong type or out of range
│   ├── Unauthenticated   401  no key where one is needed, or an unknown one
│   ├── Forbidden         403  known, but not allowed
│   ├── NotFound          404  no such generation, model, file or route
│   ├── Conflict          409  the thing's present state does not allow it
│   ├── TooLarge          413  more bytes or pixels than are accepted
│   └── TooBusy           429  the queue is full; try again later
└── ServerError                ours
    ├── EngineFailed      500  the engine could not make the picture
    ├── OutOfMemory       500  the picture does not fit into the machine's memory
    ├── LeaseLost         500  the worker no longer owns the generation
    ├── StorageFailed     503  the database or the image store cannot be used
    │   └── DiskFull      503  the disk is full; to a caller the same as the one above
    ├── Stopping          503  the server is shutting down
    └── TimedOut          504  the picture took longer than a synchronous call may wait

A programmer's mistake is a plain ValueError and is not part of this tree.
"""

from typing import ClassVar


class LimnerError(Exception):
    """An expected failure with a stable `code`, an HTTP `status` and a message fit for the caller's eyes.

    `field` names the request field at fault, where there is one.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class CallerError(LimnerError):
    """The request was at fault; the same request fails again."""


class ServerError(LimnerError):
    """The server was at fault; the same request may succeed later."""


class InvalidRequest(CallerError):
    """A field is missing, unknown, of the wrong type or out of range."""

    code = "invalid_params"
    status = 400
    title = "The request has invalid parameters"


class Unauthenticated(CallerError):
    """A key is needed and none was given, or it is unknown."""

    code = "unauthenticated"
    status = 401
    title = "A valid key is required"


class Forbidden(CallerError):
    """The caller is known but may not do this."""

    code = "forbidden"
    status = 403
    title = "This is not allowed"


class NotFound(CallerError):
    """The named generation, model, file or route does not exist."""

    code = "resource_not_found"
    status = 404
    title = "The requested resource could not be found"


class Conflict(CallerError):
    """The present state of the thing does not allow the request."""

    code = "conflict"
    status = 409
    title = "The request conflicts with the present state"


class TooLarge(CallerError):
    """More bytes or pixels than are accepted."""

    code = "too_large"
    status = 413
    title = "The request is too large"


class TooBusy(CallerError):
    """The queue is full; `retry_after_seconds` says when to try again."""

    code = "too_busy"
    status = 429
    title = "The server is busy"

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class EngineFailed(ServerError):
    """The engine could not make the picture."""

    code = "engine_failed"
    status = 500
    title = "The engine failed"


class OutOfMemory(ServerError):
    """The picture does not fit into the memory of the machine."""

    code = "out_of_memory"
    status = 500
    title = "The machine ran out of memory"


class LeaseLost(ServerError):
    """The worker no longer owns the generation: cancelled, or handed to another after a missed heartbeat."""

    code = "lease_lost"
    status = 500
    title = "The generation is no longer this worker's"


class StorageFailed(ServerError):
    """The database or the image store cannot be used."""

    code = "storage_failed"
    status = 503
    title = "Storage is not available"


class DiskFull(StorageFailed):
    """There is no room for it. Whoever can wait tries again, since room can be made."""

    def __init__(self) -> None:
        super().__init__("The disk of the server is full; nothing was stored. Try again when room has been made.")


class Stopping(ServerError):
    """The server is shutting down; what was queued stays queued."""

    code = "stopping"
    status = 503
    title = "The server is shutting down"


class TimedOut(ServerError):
    """The picture took longer than a synchronous call may wait."""

    code = "timed_out"
    status = 504
    title = "The picture took too long"
