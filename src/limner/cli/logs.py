"""How the long-running commands log: lines on the error stream, from one level on. It decides no content."""

import logging
import sys

from limner import errors


def configure(level: str) -> None:
    """Log to the error stream from this level on (DEBUG to CRITICAL); InvalidRequest if there is no such level."""
    import structlog

    levels = logging.getLevelNamesMapping()
    if level.upper() not in levels:
        raise errors.InvalidRequest(f"LIMNER_LOG_LEVEL must be one of {', '.join(levels)}.", field="LIMNER_LOG_LEVEL")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(levels[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
