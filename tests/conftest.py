"""What most tests need: a data folder of their own with a real database and image store, and the *tiny* engine."""

import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from PIL import Image

from limner.engines import plan, registry
from limner.images.blobs import Blobs
from limner.queue.hints import Hints
from limner.queue.store import Store
from limner.records.engine import Database, migrate
from limner.settings import Settings
from limner.wire import Generation, ImageRequest

Submit = Callable[..., Any]

# *tiny* is installed by standing on the path (`pythonpath` in pyproject.toml); processes that tests start find it here.
os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent / "tiny"), os.environ.get("PYTHONPATH", "")])


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the soak and the fuzzing are, and whether the other clients of OpenAI's API run too."""
    parser.addoption(
        "--clients", action="store_true", help="install and run them: tests/contract/openai/test_clients.py"
    )
    parser.addoption("--kills", type=int, default=4, help="how often tests/faults/test_soak.py kills something")
    parser.addoption("--cancels", type=int, default=200, help="generations that tests/faults/test_cancels.py cancels")
    parser.addoption("--streams", type=int, default=50, help="event streams that tests/faults/test_streams.py opens")
    parser.addoption(
        "--examples", type=int, default=20, help="requests that tests/contract/test_openapi.py draws for each"
    )


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """Put back what a server sets once for its process: where the log goes, and how large a picture may be."""
    max_pixels = Image.MAX_IMAGE_PIXELS
    yield
    structlog.reset_defaults()
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(None)
    Image.MAX_IMAGE_PIXELS = max_pixels


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, migrated once and copied for each test."""
    file = tmp_path_factory.mktemp("migrated") / "limner.sqlite"
    migrate(file)
    return file


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder. Its path is short, since a socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="limner-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Address of a running server with one worker. All tests share it, so none may count on an empty queue."""
    with tempfile.TemporaryDirectory(prefix="limner-test-") as folder:
        command = [sys.executable, "-m", "limner", "serve", "--port", "0", "--data", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            greeting = process.stdout.readline() if process.stdout else ""
            address = re.search(r"http://[^ ]+", greeting)
            try:
                yield address.group() if address else pytest.fail("the server did not start")
            finally:
                process.terminate()
                process.wait(timeout=30)


@pytest.fixture
def settings(data: Path, migrated: Path) -> Settings:
    """Settings of a migrated data folder. No test fetches anything from elsewhere unless it says so."""
    settings = Settings(data=data, lease_seconds=3.0, fetch="off")
    shutil.copy(migrated, settings.database_file)
    return settings


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The open database of `settings`."""
    database = await Database.open(settings.database_file)
    yield database
    await database.close()


@pytest.fixture
def hints() -> Hints:
    """Hints inside this process."""
    return Hints()


@pytest.fixture
def store(database: Database, hints: Hints) -> Store:
    """The queue of the open database."""
    return Store(database, hints)


@pytest.fixture
def blobs(settings: Settings) -> Blobs:
    """The image store of the data folder."""
    return Blobs(settings.data)


@pytest.fixture
def submit(store: Store) -> Submit:
    """Plan and queue a request for *tiny*, 64x64 unless told otherwise; the generations."""

    async def submit(prompt: str, **fields: Any) -> list[Generation]:
        request = ImageRequest(**{"namespace": "local", "model": "tiny", "size": "64x64", "prompt": prompt} | fields)
        return await store.submit(request, plan.plan(request, registry.resolve(request.model), seed=1), 10_000)

    return submit
