"""`limner backup` while others write: what the file holds fits together, and it is whole or not there."""

import asyncio
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from limner.cli import backup
from limner.cli.main import run as limner
from limner.cli.restore import unpack
from limner.images import shelves
from limner.images.blobs import Blobs, result_path
from limner.queue.history import History
from limner.queue.store import Store
from limner.records.assets import Asset, Assets
from limner.records.engine import Database
from limner.settings import Settings

Submit = Callable[..., Any]


async def test_a_backup_under_load_names_no_file_that_it_does_not_hold(
    settings: Settings, database: Database, store: Store, blobs: Blobs, submit: Submit, data: Path
) -> None:
    async def work() -> None:
        number = 0
        while True:
            number += 1
            digest = await blobs.put_input(b"input %d" % number)
            await submit("ox", inputs=[digest], input_sizes=[(64, 64)])
            [taken] = await store.claim("w", ["tiny"], 1, 60.0)
            path = result_path("local", taken.id, "png")
            await blobs.put(path, b"result %d" % number)
            await store.finish("w", taken.id, taken.attempt, path, [])
            asset = await blobs.put_asset(b"asset %d" % number)
            await Assets(database).add([Asset("local", "r", f"{number}.png", asset, "", "", 7, "image/png", number)])

    working = asyncio.create_task(work())
    while len(await store.find("local", states=("succeeded",))) < 5:
        await asyncio.sleep(0.01)
    missing = await asyncio.to_thread(backup.write, settings, data / "b.tar", data / "copy.sqlite")
    done = len(await store.find("local", states=("succeeded",), limit=10_000))
    await asyncio.sleep(0.1)
    assert not working.done(), "work goes on"
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert missing == []

    new = Settings(data=data / "new")
    (new.data / "unpacked").mkdir(parents=True)
    unpack(data / "b.tar", new.data / "unpacked", new)
    restored = await Database.open(new.database_file)
    try:
        past = await History(restored).read()
        assert 5 <= len([one for one in past if one.state == "succeeded"]) <= done
        for one in past:
            for digest in one.inputs:
                assert await Blobs(new.data).get_input(digest)
            assert one.result_path is None or await Blobs(new.data).get(one.result_path)
        for digest in await Assets(restored).digests():
            assert await Blobs(new.data).get_asset(digest)
    finally:
        await restored.close()
    named = {blob.path for blob in shelves.walk(new.data)}
    assert named < {blob.path for blob in shelves.walk(data)}, "what came later is not in it"


def test_the_file_is_secret_and_nothing_is_overwritten(
    settings: Settings, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Blobs(data).sign("path", 1)
    file = data / "limner.tar"
    assert limner(["backup", str(file), "--data", str(data)]) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as tar:
        assert tar.getnames() == ["limner.sqlite", "url-signing.key", "manifest.json"]
    before = file.read_bytes()
    assert limner(["backup", str(file), "--data", str(data)]) == 1
    assert capsys.readouterr().err == f"limner: {file} is there already; a backup overwrites nothing.\n"
    assert file.read_bytes() == before
    assert [path for path in data.iterdir() if path.name.startswith(".")] == []


def test_what_cannot_be_backed_up_is_one_line_and_leaves_nothing(
    settings: Settings, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = data / "limner.tar"
    assert limner(["backup", str(file), "--data", str(data / "absent")]) == 3
    assert "There is no database in" in capsys.readouterr().err
    assert limner(["backup", str(data / "absent" / "b.tar"), "--data", str(data)]) == 3
    assert "b.tar cannot be written: No such file or directory." in capsys.readouterr().err
    with sqlite3.connect(settings.database_file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    assert limner(["backup", str(file), "--data", str(data)]) == 3
    assert "is not of this Limner's revision" in capsys.readouterr().err
    settings.database_file.write_bytes(b"no database" * 1000)
    assert limner(["backup", str(file), "--data", str(data)]) == 3
    assert "The database cannot be copied: file is not a database." in capsys.readouterr().err
    assert [path.name for path in data.iterdir() if "tar" in path.name] == []


async def test_an_image_that_was_gone_before_is_told_and_stops_nothing(
    settings: Settings, store: Store, blobs: Blobs, submit: Submit, data: Path
) -> None:
    await submit("ox")
    [taken] = await store.claim("w", ["tiny"], 1, 60.0)
    path = result_path("local", taken.id, "png")
    await store.finish("w", taken.id, taken.attempt, path, [])
    assert await asyncio.to_thread(backup.write, settings, data / "b.tar", data / "copy.sqlite") == [path]
