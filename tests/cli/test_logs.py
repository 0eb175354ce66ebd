"""The log of the long-running commands: text for people, one JSON object a line for machines."""

import json
import subprocess
import sys

import pytest

from limner import errors
from limner.cli import logs

SAY = """
import logging, structlog
from limner.cli import logs
logs.configure("INFO", {format!r})
log = structlog.get_logger()
log.debug("unseen", action="claim")
log.info("worker\\nstarted", action="worker_start", generation="4711")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("batch failed", action="run")
    logging.getLogger("somebody").exception("odd %s", "thing")
logging.getLogger("somebody").info("unseen")
"""


def said(format: str) -> str:
    """The error stream of a process that logs."""
    command = [sys.executable, "-c", SAY.format(format=format)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def test_json_is_one_object_a_line_those_of_libraries_too() -> None:
    started, failed, odd = (json.loads(line) for line in said("json").splitlines())
    assert started["event"] == "worker\nstarted"
    assert (started["action"], started["generation"], started["level"]) == ("worker_start", "4711", "info")
    assert started["timestamp"].endswith("Z")
    assert "ZeroDivisionError" in failed["exception"]
    assert (odd["event"], odd["action"], odd["logger"], odd["level"]) == ("odd thing", "library", "somebody", "error")
    assert "ZeroDivisionError" in odd["exception"]


def test_text_says_the_same_to_people() -> None:
    lines = said("text")
    assert "[info     ] worker\nstarted" in lines
    assert "action=worker_start generation=4711" in lines
    assert "odd thing" in lines
    assert "unseen" not in lines
    assert lines.count("ZeroDivisionError: division by zero") == 2


def test_an_unknown_level_is_named() -> None:
    with pytest.raises(errors.InvalidRequest, match="LIMNER_LOG_LEVEL must be one of CRITICAL"):
        logs.configure("LOUD", "text")
