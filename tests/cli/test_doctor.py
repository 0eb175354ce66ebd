"""`limner doctor`: what it finds in a sound installation, and in broken ones."""

import fcntl
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from limner.cli import doctor
from limner.cli.main import run
from limner.cli.serve import listen, lock
from limner.settings import Settings

LOOPBACK = "127.0.0.1"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The data folder of the test, on a port of its own."""
    with listen(LOOPBACK, 0) as listener:
        port = listener.getsockname()[1]
    return settings.model_copy(update={"port": port})


def change(settings: Settings, sql: str) -> None:
    """Change the database behind Limner's back."""
    connection = sqlite3.connect(settings.database_file)
    with connection:
        connection.execute(sql)
    connection.close()


def test_a_sound_installation_gets_a_line_per_check_and_0(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor", "--data", str(settings.data), "--port", str(settings.port)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == list(doctor.CHECKS)
    assert {line.split()[0] for line in lines} <= {"ok", "warn"}


def test_what_fails_is_said_with_a_remedy_and_1(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "file").write_text("")
    assert run(["doctor", "--data", str(data / "file" / "below"), "--port", "0"]) == 1
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("fail")]
    assert "LIMNER_DATA" in line


def test_it_loads_no_torch_and_changes_nothing(data: Path) -> None:
    code = (
        "import sys\nfrom limner.cli.main import run\n"
        f"code = run(['doctor', '--port', '0', '--data', {str(data / 'new')!r}])\n"
        "print('LOADED', code, *[name for name in ('torch', 'ray', 'diffusers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED 0"
    assert list(data.iterdir()) == []


def test_a_broken_torch_is_a_line(settings: Settings, data: Path) -> None:
    python = data / "python"
    python.write_text("#!/bin/sh\necho 'ImportError: libtorch.so: cannot open' >&2\nexit 1\n")
    python.chmod(0o700)
    found = doctor.check_torch(settings, str(python))
    assert found.level == "fail"
    assert "ImportError: libtorch.so" in found.says
    python.write_text("#!/bin/sh\nkill -SEGV $$\n")
    assert "ended with -11" in doctor.check_torch(settings, str(python)).says
    assert doctor.check_torch(settings, str(data / "none")).level == "fail"


@pytest.mark.parametrize("harm", ["cut", "header", "foreign", "missing"])
def test_damaged_weights_are_found(settings: Settings, data: Path, harm: str) -> None:
    weights = data / "storybook.safetensors"
    shutil.copy(doctor.WEIGHTS, weights)
    assert doctor.check_weights(settings, weights).level == "ok"
    whole = weights.read_bytes()
    harmed = {"cut": whole[:-1], "header": b"\xff" * 16 + whole[16:], "foreign": b"\x02\0\0\0\0\0\0\0{}"}
    weights.unlink()
    if harm in harmed:
        weights.write_bytes(harmed[harm])
    found = doctor.check_weights(settings, weights)
    assert found.level == "fail"
    assert "Install Limner again" in found.remedy


def test_a_folder_that_cannot_be_written_is_found(settings: Settings, data: Path) -> None:
    (data / "file").write_text("")
    blocked = settings.model_copy(update={"data": data / "file" / "below"})
    assert doctor.check_folder(blocked).level == "fail"
    assert doctor.check_folder(settings.model_copy(update={"data": data / "new" / "below"})).level == "ok"
    assert not (data / "new").exists()


def test_a_newer_database_is_found_and_a_broken_one(settings: Settings) -> None:
    assert doctor.check_database(settings).level == "ok"
    change(settings, "UPDATE alembic_version SET version_num = 'from_the_future'")
    newer = doctor.check_database(settings)
    assert (newer.level, "from_the_future" in newer.says) == ("fail", True)
    settings.database_file.write_bytes(b"no database at all" * 100)
    assert doctor.check_database(settings).level == "fail"
    assert doctor.check_clock(settings).level == "warn"


def test_the_lock_tells_who_holds_the_folder(settings: Settings) -> None:
    assert "No server" in doctor.check_lock(settings).says
    with lock(settings.data):
        found = doctor.check_lock(settings)
    assert found.level == "ok"
    assert "The server with pid" in found.says
    assert "No server" in doctor.check_lock(settings).says


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="who lives cannot be told here")
def test_a_holder_that_does_not_live_here_is_pointed_out(settings: Settings) -> None:
    (settings.data / "serve.lock").write_text("999999999\n")
    with (settings.data / "serve.lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert doctor.check_lock(settings).level == "warn"


def test_a_port_is_free_or_taken_by_something_else(settings: Settings) -> None:
    assert doctor.check_port(settings).level == "ok"
    with listen(LOOPBACK, settings.port):
        taken = doctor.check_port(settings)
    assert taken.level == "fail"
    assert "Choose another --port" in taken.says
    assert doctor.check_port(settings.model_copy(update={"host": "192.0.2.1"})).level == "fail"


def test_a_limner_on_the_port_is_recognised(settings: Settings, server: str) -> None:
    busy = settings.model_copy(update={"port": int(server.rpartition(":")[2])})
    assert "with another data folder" in doctor.check_port(busy).says
    with lock(settings.data):
        assert doctor.check_port(busy).level == "ok"


async def test_a_clock_before_the_newest_generation_is_pointed_out(
    settings: Settings, submit: Callable[..., Any]
) -> None:
    await submit("an ox")
    assert doctor.check_clock(settings).level == "ok"
    change(settings, f"UPDATE generations SET enqueued_at = {time.time() + 3600}")
    assert "seconds before the newest generation" in doctor.check_clock(settings).says


def test_a_server_for_others_needs_a_key(settings: Settings) -> None:
    assert doctor.check_keys(settings).level == "ok"
    outside = settings.model_copy(update={"host": "0.0.0.0"})
    found = doctor.check_keys(outside)
    assert found.level == "fail"
    assert "limner keys create" in found.says
    assert run(["keys", "create", "--data", str(settings.data)]) == 0
    assert doctor.check_keys(outside).level == "ok"


def test_a_full_disk_is_found(settings: Settings) -> None:
    free = shutil.disk_usage(settings.data).free
    assert doctor.check_space(settings).level == ("ok" if free >= doctor.LITTLE_SPACE else "warn")
    assert doctor.check_space(settings, little=free * 2).level == "warn"
    assert doctor.check_space(settings, little=free * 2, too_little=free * 2).level == "fail"
