"""`limner restore`: a server on the restored folder answers as the one before; all but a backup is refused."""

import asyncio
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from limner.cli.main import run as limner
from limner.images.blobs import Blobs
from limner.queue.hints import Hints
from limner.queue.store import Store
from limner.records import archive
from limner.records.engine import Database
from limner.settings import Settings

Submit = Callable[..., Any]
ASKED = {"model": "tiny", "size": "64x64"}
SERVE = [sys.executable, "-m", "limner", "serve", "--port", "0", "--data"]


class Served:
    """A server on a data folder, until the block ends."""

    def __init__(self, data: Path) -> None:
        self._command = [*SERVE, str(data)]

    def __enter__(self) -> httpx2.Client:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        greeting = self._process.stdout.readline() if self._process.stdout else ""
        address = re.search(r"http://[^ ]+", greeting)
        self._client = httpx2.Client(base_url=address.group() if address else "", timeout=60)
        return self._client

    def __exit__(self, *error: object) -> None:
        self._client.close()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=30)
        if self._process.stdout:
            self._process.stdout.close()


def ended(client: httpx2.Client, id: str) -> dict[str, Any]:
    """The generation, once it has ended."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        shown: dict[str, Any] = client.get(f"/api/ai/queue/{id}").json()
        if shown["status"] not in ("queued", "processing"):
            return shown
        time.sleep(0.1)
    raise AssertionError("it did not end")


def test_the_restored_folder_serves_what_was_there_and_makes_what_was_not(data: Path) -> None:
    with Served(data / "old") as client:
        made = client.post("/api/ai/images/generate", json=ASKED | {"prompt": "a red ox"}).json()
        picture = client.get(made["images"][0]["url"]).content
        made_id = made["images"][0]["generation_id"]
        slow = ASKED | {"prompt": "slow ox", "num_inference_steps": 50, "num_generations": 4}
        waiting = [one["generation_id"] for one in client.post("/api/ai/queue", json=slow).json()["generations"]]
        listed = client.get("/api/ai/queue?status=succeeded").json()
        backed_up = subprocess.run(
            [sys.executable, "-m", "limner", "backup", str(data / "b.tar"), "--data", str(data / "old")], check=False
        )
        assert backed_up.returncode == 0
    shutil.rmtree(data / "old")

    (data / "new").mkdir()
    assert limner(["restore", str(data / "b.tar"), "--data", str(data / "new")]) == 0
    assert {path.name for path in (data / "new").iterdir()} == {"limner.sqlite", "url-signing.key", "images"}
    assert (data / "new" / "url-signing.key").stat().st_mode & 0o777 == 0o600
    with Served(data / "new") as client:
        link = httpx2.URL(made["images"][0]["url"])
        assert client.get(link.raw_path.decode()).content == picture, "links that were given out still open"
        assert client.get(f"/api/ai/queue/{made_id}").json()["status"] == "succeeded"
        assert made_id in {one["generation_id"] for one in listed["generations"]}
        assert [ended(client, id)["status"] for id in waiting] == ["succeeded"] * 4


async def test_what_was_running_goes_back_to_the_queue_by_its_lease(
    settings: Settings, store: Store, submit: Submit, data: Path
) -> None:
    [one] = await submit("ox")
    await store.claim("w", ["tiny"], 1, 0.5)
    file, new = data / "b.tar", data / "new"
    assert await asyncio.to_thread(limner, ["backup", str(file), "--data", str(data)]) == 0
    assert await asyncio.to_thread(limner, ["restore", str(file), "--data", str(new)]) == 0
    await asyncio.sleep(0.6)
    database = await Database.open(new / "limner.sqlite")
    try:
        restored = Store(database, Hints())
        assert (await restored.get("local", one.id)).state == "processing"
        assert await restored.reap() == 1
        assert [again.id for again in await restored.claim("v", ["tiny"], 1, 5.0)] == [one.id]
    finally:
        await database.close()


@pytest.fixture
def backup(settings: Settings, data: Path) -> Path:
    """A backup of a folder with a key for URLs."""
    Blobs(data).sign("path", 1)
    assert limner(["backup", str(data / "b.tar"), "--data", str(data)]) == 0
    return data / "b.tar"


def test_keys_that_were_made_are_restored(settings: Settings, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert limner(["keys", "create", "--name", "laptop", "--data", str(data)]) == 0
    assert limner(["backup", str(data / "b.tar"), "--data", str(data)]) == 0
    assert limner(["restore", str(data / "b.tar"), "--data", str(data / "new")]) == 0
    capsys.readouterr()
    assert limner(["keys", "list", "--data", str(data / "new")]) == 0
    assert "laptop" in capsys.readouterr().out


def test_a_folder_that_holds_anything_is_left_alone(
    backup: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "new").mkdir()
    (data / "new" / "mine").write_text("keep")
    assert limner(["restore", str(backup), "--data", str(data / "new")]) == 1
    assert capsys.readouterr().err == f"limner: The folder {data / 'new'} is not empty; restore into a new one.\n"
    assert [path.name for path in (data / "new").iterdir()] == ["mine"]
    assert limner(["restore", str(data / "absent.tar"), "--data", str(data / "new2")]) == 1
    assert "There is no file" in capsys.readouterr().err
    assert not (data / "new2").exists()


@pytest.mark.parametrize("exists", [True, False])
def test_a_damaged_file_leaves_nothing_behind(
    backup: Path, data: Path, exists: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = bytearray(backup.read_bytes())
    whole[5000] ^= 1
    backup.write_bytes(whole)
    if exists:
        (data / "new").mkdir()
    assert limner(["restore", str(backup), "--data", str(data / "new")]) == 1
    said = capsys.readouterr().err
    assert said == f"limner: {backup} is not a whole backup: its member 'limner.sqlite' is damaged.\n"
    assert list((data / "new").iterdir()) == [] if exists else not (data / "new").exists()


def test_what_another_program_or_a_newer_limner_made_is_refused(
    settings: Settings, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "notes").write_text("mine")
    archive.write(data / "foreign.tar", [("notes.txt", data / "notes")])
    archive.write(data / "empty.tar", [("url-signing.key", data / "notes")])
    with sqlite3.connect(settings.database_file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    archive.write(data / "newer.tar", [("limner.sqlite", settings.database_file)])
    archive.write(data / "no.tar", [("limner.sqlite", data / "notes")])
    for name, code, says in [
        ("foreign.tar", 1, "its member 'notes.txt' belongs to no backup"),
        ("empty.tar", 1, "it holds no database"),
        ("newer.tar", 3, "The database is of revision 9999, which is newer than this Limner knows"),
        ("no.tar", 3, "The database cannot be used: file is not a database"),
    ]:
        assert limner(["restore", str(data / name), "--data", str(data / "new")]) == code
        said = capsys.readouterr().err
        assert says in said
        assert said.count("\n") == 1
        assert not (data / "new").exists()


def test_a_folder_that_cannot_be_written_is_one_line(backup: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert limner(["restore", str(backup), "--data", "/proc/limner"]) == 3
    assert capsys.readouterr().err.count("\n") == 1
    assert not os.path.lexists("/proc/limner")
