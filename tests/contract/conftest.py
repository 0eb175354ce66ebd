"""A real server process with the *tiny* engine on a free port, shared by all tests of this room."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a running server."""
    with tempfile.TemporaryDirectory(prefix="limner-contract-") as data, Path(data, "log").open("w+") as log:
        command = [sys.executable, "-m", "limner", "serve", "--port", "0", "--data", data]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process:
            try:
                greeting = process.stdout.readline() if process.stdout else ""
                found = re.search(r"http://[0-9.:]+", greeting)
                assert found is not None, Path(data, "log").read_text()
                yield found[0].rstrip(".")
            finally:
                process.terminate()
