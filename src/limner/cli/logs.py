"""How the long-running commands log: lines on the error stream, from one level on. It decides no content.

Every line of ours has an `action`, one of a few words (tests/test_house.py lists them), and names the `generation` it
concerns, if it concerns one. What a library logs has the action `library`.
"""

import logging
import sys
from typing import TYPE_CHECKING, Literal

from limner import errors

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger


def configure(level: str, format: Literal["text", "json"]) -> None:
    """Log to the error stream from this level on (DEBUG to CRITICAL); InvalidRequest if there is no such level."""
    import structlog

    levels = logging.getLevelNamesMapping()
    if level.upper() not in levels:
        raise errors.InvalidRequest(f"LIMNER_LOG_LEVEL must be one of {', '.join(levels)}.", field="LIMNER_LOG_LEVEL")
    marks: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[structlog.typing.Processor]
    if format == "json":
        render = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        render = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[*marks, *render],
        wrapper_class=structlog.make_filtering_bound_logger(levels[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    if logging.lastResort is not None:  # where the warnings of libraries go that nobody has set up
        logging.lastResort.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=[*marks, _name_library],
                processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
            )
        )


def _name_library(_logger: "WrappedLogger", _method: str, line: "EventDict") -> "EventDict":
    return {"action": "library", "logger": line["_record"].name, **line}
