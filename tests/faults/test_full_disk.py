"""A data folder without room: a real server on a real file system of a few megabytes, which a test fills and clears.

The file system is a tmpfs in a mount namespace of the server's own: it needs no rights and leaves nothing behind, and
the tests reach into it through /proc. Where the system allows no such namespace they are skipped. They share it.
"""

import asyncio
import base64
import contextlib
import io
import itertools
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from limner.queue.hints import Hints
from limner.queue.store import Store
from limner.records.engine import Database

PATIENCE_SECONDS = 60.0
BODY = {"model": "tiny", "prompt": "steps=1", "size": "64x64"}
SLOW = BODY | {"prompt": "steps=20 step-seconds=0.05"}
OWN_MOUNTS = ("unshare", "--user", "--map-root-user", "--mount", "--propagation", "private")
ON_A_SMALL_DISK = (*OWN_MOUNTS, "sh", "-c", 'mount -t tmpfs -o size=8m,nr_inodes=200,mode=700 none "$0" && exec "$@"')


class SmallDisk:
    """A server on a small disk, what it has accepted, and the disk itself as seen from here."""

    def __init__(self, running: Any, data: Path) -> None:
        self.process: subprocess.Popen[str] = running.process
        self.client = httpx2.Client(base_url=running.url, timeout=PATIENCE_SECONDS)
        self.folder = Path(f"/proc/{self.process.pid}/root") / data.relative_to("/")
        self.accepted: list[str] = []

    def ask(self, body: dict[str, Any]) -> httpx2.Response:
        """Queue one generation; what is accepted is remembered."""
        answer = self.client.post("/api/ai/queue", json=body)
        if answer.status_code == 200:
            self.accepted += [one["generation_id"] for one in answer.json()["generations"]]
        return answer

    def status(self, id: str) -> str:
        """How a generation stands."""
        return str(self.client.get(f"/api/ai/queue/{id}").json()["status"])

    def until(self, id: str, *statuses: str) -> str:
        """How a generation stands, once it is one of these."""
        patience = time.monotonic() + PATIENCE_SECONDS
        while (status := self.status(id)) not in statuses:
            assert time.monotonic() < patience, status
            time.sleep(0.02)
        return status

    def fill(self) -> None:
        """Write until not a byte more fits."""
        for size in (1 << 16, 1):
            with contextlib.suppress(OSError), (self.folder / "filler").open("ab", buffering=0) as filler:
                while True:
                    filler.write(b"x" * size)

    def use_up_names(self) -> None:
        """Make files until there can be no more."""
        with contextlib.suppress(OSError):
            for number in itertools.count():
                (self.folder / f"filler{number}").touch()

    def clear(self) -> None:
        """Make room."""
        for filler in self.folder.glob("filler*"):
            filler.unlink()


@pytest.fixture(scope="module")
def disk(start: Callable[..., Any]) -> Iterator[SmallDisk]:
    """A server with one worker and a short lease on a disk of 8 MB."""
    with tempfile.TemporaryDirectory(prefix="limner-test-") as folder:
        require_own_mounts(Path(folder))
        running = start(Path(folder), *ON_A_SMALL_DISK, folder, env={"LIMNER_LEASE_SECONDS": "1"})
        disk = SmallDisk(running, Path(folder))
        yield disk
        disk.client.close()


@pytest.fixture(autouse=True)
def room(disk: SmallDisk) -> Iterator[None]:
    """Each test begins and ends with room on the disk."""
    disk.accepted.clear()
    yield
    disk.clear()


def require_own_mounts(data: Path) -> None:
    """Skip the test where a small disk cannot be had."""
    if not sys.platform.startswith("linux"):
        pytest.skip("a small disk of its own needs Linux")
    tried = subprocess.run([*ON_A_SMALL_DISK, str(data), "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"this system lets nobody mount a tmpfs in a namespace: {tried.stderr.strip()}")


@asynccontextmanager
async def rows(disk: SmallDisk, tmp_path: Path) -> AsyncIterator[Database]:
    """The database as it stands while nothing happens: a copy, since SQLite would look for it in our own namespace."""
    for file in disk.folder.glob("limner.sqlite*"):
        shutil.copy(file, tmp_path)
    database = await Database.open(tmp_path / "limner.sqlite")
    yield database
    await database.close()


def refusal(answer: httpx2.Response) -> str:
    """The message of an answer that says that the disk is full."""
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (503, "storage_failed"), error
    return str(error["detail"])


def ask_until_refused(disk: SmallDisk) -> str:
    """Queue until the disk has no room for one more; the message of the refusal."""
    for _ in range(500):  # pages of the log that were written before the disk was full are written again
        answer = disk.ask(BODY)
        if answer.status_code != 200:
            return refusal(answer)
    raise AssertionError("a full disk took 500 generations")


async def test_nothing_accepted_is_lost_while_the_disk_is_full_and_all_of_it_is_made_when_there_is_room(
    disk: SmallDisk, tmp_path: Path, ends: Callable[[Database], Awaitable[dict[str, Counter[str]]]]
) -> None:
    disk.ask(BODY)
    disk.until(disk.accepted[0], "succeeded")
    disk.ask(SLOW)
    running = disk.accepted[1]
    disk.until(running, "processing")
    disk.fill()
    message = ask_until_refused(disk)
    assert message == "The disk of the server is full; nothing was stored. Try again when room has been made."
    assert disk.client.get("/health/ready").status_code == 200
    await asyncio.sleep(2.5)  # the picture is finished by now, the lease has run out, and neither can be written down
    assert disk.status(running) in ("queued", "processing")
    disk.clear()
    assert {id: disk.until(id, "succeeded", "failed", "cancelled") for id in disk.accepted} == dict.fromkeys(
        disk.accepted, "succeeded"
    )
    assert disk.ask(BODY).status_code == 200
    assert disk.until(disk.accepted[-1], "succeeded", "failed") == "succeeded"
    assert disk.process.poll() is None
    async with rows(disk, tmp_path) as database:
        ended = await ends(database)
    assert {id: ended[id] for id in disk.accepted} == {id: Counter(["succeeded"]) for id in disk.accepted}
    files = {file.name for file in (disk.folder / "images").rglob("*") if file.is_file()}
    assert {f"{id}.png" for id in disk.accepted} <= files
    assert not [name for name in files if not re.fullmatch(r"[0-9a-f-]+(\.png)?", name)], "nothing half-written is left"


def test_a_call_that_needs_room_says_that_there_is_none_and_works_again_when_there_is(disk: SmallDisk) -> None:
    out = io.BytesIO()
    Image.effect_noise((64, 64), 50).convert("RGB").save(out, "PNG")
    edit = BODY | {"input_image": f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"}

    def upload() -> httpx2.Response:
        return disk.client.put("/api/repos/local/art/file/main", files={"files[]": ("noise.png", out.getvalue())})

    disk.fill()
    for _ in range(2):
        refusal(disk.client.post("/api/ai/images/edit", json=edit))
        refusal(upload())
    disk.clear()
    url = disk.client.post("/api/ai/images/edit", json=edit).json()["image_url"]
    assert disk.client.get(url).headers["content-type"] == "image/png"
    assert upload().status_code == 200


async def test_a_picture_without_room_waits_for_it_and_can_be_cancelled_meanwhile(
    disk: SmallDisk, tmp_path: Path
) -> None:
    disk.ask(BODY)
    disk.until(disk.accepted[0], "succeeded")
    disk.use_up_names()  # rows can be written, new files cannot
    disk.ask(BODY)
    disk.ask(BODY | {"size": "96x64"})
    _, unwanted, wanted = disk.accepted
    disk.until(unwanted, "processing")
    await asyncio.sleep(2.0)  # twice the lease
    assert disk.status(unwanted) == "processing"
    assert disk.client.delete(f"/api/ai/queue/{unwanted}").status_code == 200
    assert disk.status(unwanted) == "cancelled"
    disk.until(wanted, "processing")
    disk.clear()
    assert disk.until(wanted, "succeeded", "failed", "cancelled") == "succeeded"
    async with rows(disk, tmp_path) as database:
        assert (await Store(database, Hints()).get("local", wanted)).attempt == 1, "it was made once"


def test_a_server_on_a_full_disk_says_so_in_one_line(data: Path) -> None:
    require_own_mounts(data)
    fill = 'mount -t tmpfs -o size=1m none "$0"; dd if=/dev/zero of="$0/filler" bs=4096 2>/dev/null; exec "$@"'
    command = [*OWN_MOUNTS, "sh", "-c", fill, str(data), sys.executable, "-m", "limner", "serve", "--data", str(data)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert ended.returncode == 3
    [line] = ended.stderr.splitlines()
    assert line == f"limner: The data folder {data} cannot be used: No space left on device."
