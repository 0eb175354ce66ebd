"""Real servers for OpenAI's clients, the newest official one among them, and the page that says what each can do.

With `--clients` the other clients run too, and docs/reference/openai-compatibility.md is written from what happened.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from PIL import Image

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "openai-compatibility.md"
HEAD = """# OpenAI compatibility

<!-- Written by `make contract` from the run. Do not edit. -->

Every row is a case that ran against a real server process, by the client that the row names: its own code, with its
base URL replaced. [What differs](../guides/from-openai.md) is in the guide.

| client | version | case | result |
| --- | --- | --- | --- |
"""

Picture = Callable[..., bytes]
Serving = Callable[..., AbstractContextManager[Any]]
Row = tuple[str, str, str]
"""Client, version, case."""
ran: dict[Row, list[bool]] = {}
"""Whether each run of each case went well."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The other clients only run where they are asked for: they are downloaded first. Then the page is yet to come."""
    left_out = "test_page.py" if config.getoption("--clients") else "test_clients.py"
    items[:] = [item for item in items if item.path.name != left_out]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how each case of the newest client went."""
    file, _, test = report.nodeid.partition("::")
    if "/test_sdk_" in file and (report.when == "call" or report.failed):
        case = test.partition("[")[0].removeprefix("test_").replace("_", " ")
        ran.setdefault(("openai-python", openai.__version__, case), []).append(report.passed)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the page, once every client ran."""
    if session.config.getoption("--clients") and len({client for client, _, _ in ran}) > 1:
        newest_first = sorted(ran.items(), key=lambda item: item[0][1] != openai.__version__)
        PAGE.write_text(HEAD + "".join(_line(row, results) for row, results in newest_first), encoding="utf-8")


def _line(row: Row, results: list[bool]) -> str:
    times = f" ({len(results)} variants)" if len(results) > 1 else ""
    return f"| {' | '.join(row)}{times} | {'passed' if all(results) else 'failed'} |\n"


@pytest.fixture
def note() -> Callable[[str, str, str, bool], None]:
    """Notes for the page how a case of another client went."""

    def note(client: str, version: str, case: str, went_well: bool) -> None:
        ran.setdefault((client, version, case), []).append(went_well)

    return note


@dataclass(frozen=True)
class Running:
    """A server of a test's own, its keys, and where its log goes."""

    address: str
    process: subprocess.Popen[str]
    keys: Sequence[str]
    log: Path


def make_key(folder: str, scope: str) -> str:
    """A key of a server that will run on this folder."""
    command = [sys.executable, "-m", "limner", "keys", "create", "--data", folder, "--scope", scope]
    made = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return made.stdout.split()[0]


@pytest.fixture(scope="session")
def serving() -> Serving:
    """Starts a server with settings of its own, and a key for each scope.

    `with serving("--workers", "0", scopes=["write"], LIMNER_MAX_QUEUED="1") as running:`
    """

    @contextmanager
    def serving(*options: str, scopes: Sequence[str] = (), **environment: str) -> Iterator[Running]:
        with tempfile.TemporaryDirectory(prefix="limner-test-") as folder:
            keys, file = [make_key(folder, scope) for scope in scopes], Path(folder, "log")
            command = [sys.executable, "-m", "limner", "serve", "--port", "0", "--data", folder, *options]
            with (
                file.open("w") as log,
                subprocess.Popen(
                    command, stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ | environment
                ) as process,
            ):
                greeting = process.stdout.readline() if process.stdout else ""
                address = re.search(r"http://[^ ]+", greeting)
                try:
                    assert address
                    yield Running(address.group(), process, keys, file)
                finally:
                    process.terminate()
                    process.wait(timeout=30)

    return serving


@dataclass(frozen=True)
class Guarded:
    """A strict server with keys, room for one generation, and nobody who would make it."""

    address: str
    key: str
    read_key: str
    """One that may not make pictures."""


@pytest.fixture
def client(server: str) -> Iterator[OpenAI]:
    """The official client, which checks every answer against its types."""
    with OpenAI(
        base_url=f"{server}/v1", api_key="any", max_retries=0, timeout=90, _strict_response_validation=True
    ) as client:
        yield client


@pytest.fixture
async def aclient(server: str) -> AsyncIterator[AsyncOpenAI]:
    """The same, for asyncio."""
    async with AsyncOpenAI(
        base_url=f"{server}/v1", api_key="any", max_retries=0, timeout=90, _strict_response_validation=True
    ) as client:
        yield client


@pytest.fixture(scope="session")
def guarded(serving: Serving) -> Iterator[Guarded]:
    """A server that refuses all that can be refused."""
    strict = {"LIMNER_OPENAI_STRICT": "true", "LIMNER_MAX_QUEUED": "1"}
    with serving("--workers", "0", scopes=["write", "read"], **strict) as running:
        yield Guarded(running.address, *running.keys)


@pytest.fixture
def picture() -> Picture:
    """Makes the bytes of a picture: `picture(64, 64, "RGBA", "PNG", "red")`."""

    def picture(
        width: int = 64, height: int = 64, mode: str = "RGB", kind: str = "PNG", colour: str | int = "red"
    ) -> bytes:
        out = io.BytesIO()
        Image.new(mode, (width, height), colour).save(out, kind)
        return out.getvalue()

    return picture
