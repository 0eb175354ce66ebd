"""`limner doctor`: what is wrong with this installation and what to do about it. It looks, and changes nothing.

One function per check. Each meets the failures that it looks for, so that what is broken takes no other check down;
PyTorch is tried in a process of its own for the same reason. The settings are those that `limner serve` would use.
"""

import fcntl
import importlib.metadata
import json
import platform
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from limner import errors
from limner.cli import serve

if TYPE_CHECKING:
    from limner.settings import Settings

WEIGHTS = Path(__file__).parent.parent / "weights" / "storybook.safetensors"
OLDEST_PYTHON = (3, 11)
OLDEST_SQLITE = (3, 35, 0)
"""The first with RETURNING, by which every move of the queue tells what it did."""
LITTLE_SPACE, TOO_LITTLE_SPACE = 2_000_000_000, 200_000_000
"""Bytes."""
CLOCK_SLACK_SECONDS = 2.0
TORCH_SECONDS = 120
TRY_TORCH = "import torch; print(torch.__version__, 'cuda' if torch.cuda.is_available() else 'cpu')"
INSTALL = "Install Limner again (pip install --force-reinstall limner, or ./run install in a checkout)."


@dataclass(frozen=True)
class Finding:
    """What one check found; `remedy` says what to do about it."""

    level: Literal["ok", "warn", "fail"]
    says: str
    remedy: str = ""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def doctor(
        host: Annotated[str | None, typer.Option(help="Address that the server is to listen on.")] = None,
        port: Annotated[int | None, typer.Option(help="Port that the server is to listen on.")] = None,
        data: Annotated[Path | None, typer.Option(help="Data folder of the server.")] = None,
    ) -> None:
        """Say what is wrong with this installation. Ends with 1 if anything fails."""
        from limner.settings import Settings

        settings = Settings.read(host=host, port=port, data=data)
        failed = False
        for name, check in CHECKS.items():
            found = check(settings)
            failed |= found.level == "fail"
            print(f"{found.level:5}{name:10}{' '.join(f'{found.says} {found.remedy}'.split())}", flush=True)
        if failed:
            raise typer.Exit(1)


def check_python(_: "Settings") -> Finding:
    """The interpreter is new enough."""
    version = f"Python {platform.python_version()} in {sys.prefix}."
    if sys.version_info < OLDEST_PYTHON:
        return Finding("fail", version, f"Limner needs {'.'.join(map(str, OLDEST_PYTHON))} or newer.")
    return Finding("ok", version)


def check_packages(_: "Settings") -> Finding:
    """Limner and all that it needs are installed."""
    missing = [name for name, extra in _requirements() if not extra and not _is_installed(name)]
    if missing:
        return Finding("fail", f"Missing: {', '.join(missing)}.", INSTALL)
    return Finding("ok", f"limner {importlib.metadata.version('limner')} and all that it needs.")


def check_extras(_: "Settings") -> Finding:
    """Which optional parts are installed; none is needed."""
    wanted: dict[str, bool] = {}
    for name, extra in _requirements():
        if extra and extra != "dev":
            wanted[extra] = wanted.get(extra, True) and _is_installed(name)
    there = [extra for extra, installed in wanted.items() if installed]
    absent = [extra for extra, installed in wanted.items() if not installed]
    return Finding("ok", f"Installed: {', '.join(there) or 'none'}. Not installed: {', '.join(absent) or 'none'}.")


def check_sqlite(_: "Settings") -> Finding:
    """SQLite knows what the queue says to it."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        return Finding("fail", f"SQLite {sqlite3.sqlite_version}.", f"Use a Python with SQLite {wanted} or newer.")
    return Finding("ok", f"SQLite {sqlite3.sqlite_version}.")


def check_weights(_: "Settings", weights: Path = WEIGHTS) -> Finding:
    """The weights of storybook are there and whole, as far as their header tells."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="np") as file:  # reads the header, and compares it with the file's size
            json.loads((file.metadata() or {})["limner"])
    except OSError:
        return Finding("fail", f"{weights} cannot be read.", INSTALL)
    except (SafetensorError, KeyError, ValueError):
        return Finding("fail", f"{weights} is damaged.", INSTALL)
    return Finding("ok", f"{weights.name}, {weights.stat().st_size / 1e6:.1f} MB.")


def check_torch(_: "Settings", python: str = sys.executable) -> Finding:
    """PyTorch can be imported, and which device it finds."""
    try:
        done = subprocess.run(
            [python, "-c", TRY_TORCH], capture_output=True, text=True, timeout=TORCH_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("fail", f"PyTorch cannot be tried: {type(error).__name__}.", INSTALL)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"the process ended with {done.returncode}"])[-1]
        return Finding(
            "fail", f"PyTorch cannot be imported: {last}.", "Install it again (./run install in a checkout)."
        )
    version, device = done.stdout.split()[-2:]
    return Finding("ok", f"PyTorch {version} on {device}.")


def check_folder(settings: "Settings") -> Finding:
    """Files can be made in the data folder, or in what is there of the way to it."""
    folder = _existing(settings.data)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = "Give it to the user that runs Limner, or name another folder (LIMNER_DATA)."
        return Finding("fail", f"No file can be made in {folder}: {error.strerror}.", remedy)
    if folder != settings.data.absolute():
        return Finding("ok", f"{settings.data} is not there yet; limner serve makes it.")
    return Finding("ok", f"{settings.data} can be written to.")


def check_space(settings: "Settings", little: int = LITTLE_SPACE, too_little: int = TOO_LITTLE_SPACE) -> Finding:
    """There is room for pictures."""
    try:
        free = shutil.disk_usage(_existing(settings.data)).free
    except OSError as error:
        return Finding("warn", f"The free space cannot be told: {error.strerror}.")
    level: Literal["ok", "warn", "fail"] = "fail" if free < too_little else "warn" if free < little else "ok"
    remedy = "" if level == "ok" else "Make room, or name a folder on another disk (LIMNER_DATA)."
    return Finding(level, f"{free / 1e9:.1f} GB are free.", remedy)


def check_database(settings: "Settings") -> Finding:
    """The database opens and is no newer than this Limner."""
    from alembic.script import ScriptDirectory

    from limner.records.engine import MIGRATIONS

    file = settings.database_file
    if not file.exists():
        return Finding("ok", "There is none yet; limner serve makes it.")
    try:
        revision = _query(file, "SELECT version_num FROM alembic_version")
    except sqlite3.Error as error:
        return Finding("fail", f"{file} cannot be read: {error}.", "Put back a backup, or name another data folder.")
    script = ScriptDirectory(str(MIGRATIONS))
    if revision not in {known.revision for known in script.walk_revisions()}:
        remedy = "Start the newer Limner, or name another data folder."
        return Finding(
            "fail", f"It is of revision {revision}, newer than this Limner ({script.get_current_head()}).", remedy
        )
    if revision != script.get_current_head():
        return Finding("ok", f"It is of revision {revision}; limner serve brings it to {script.get_current_head()}.")
    return Finding("ok", f"It opens and is of revision {revision}.")


def check_lock(settings: "Settings") -> Finding:
    """Who holds the data folder."""
    pid = _holder(settings.data)
    if pid is None:
        return Finding("ok", "No server runs on the data folder.")
    if pid.isdigit() and Path("/proc").is_dir() and not Path("/proc", pid).exists():
        remedy = "It runs in another container or on another machine; stop it there before you start one here."
        return Finding("warn", f"The data folder is held by the pid {pid}, which does not live here.", remedy)
    return Finding("ok", f"The server with pid {pid} runs on the data folder.")


def check_port(settings: "Settings") -> Finding:
    """The port is free, or a Limner answers on it."""
    host, port = settings.host, settings.port
    try:
        with serve.listen(host, port):
            return Finding("ok", f"{host} port {port} is free.")
    except errors.Conflict as error:
        taken = error.message
    except errors.InvalidRequest as error:
        return Finding("fail", error.message, "Name one of its addresses (LIMNER_HOST).")
    if not _answers(host, port):
        return Finding("fail", taken, "")
    if _holder(settings.data) is None:
        return Finding("warn", f"A Limner answers on port {port}, with another data folder.", "Choose another --port.")
    return Finding("ok", f"A Limner answers on {host} port {port}.")


def check_keys(settings: "Settings") -> Finding:
    """A server that others can reach has a key."""
    try:
        if serve.is_loopback(settings.host):
            return Finding("ok", f"{settings.host} is for programs of this machine, which need none.")
    except errors.InvalidRequest as error:
        return Finding("fail", error.message)
    try:
        if settings.database_file.exists() and _query(settings.database_file, "SELECT count(*) FROM keys"):
            return Finding("ok", "There is one.")
    except sqlite3.Error as error:
        return Finding("fail", f"They cannot be read: {error}.")
    return Finding("fail", serve.needs_a_key(settings).message)


def check_clock(settings: "Settings") -> Finding:
    """The clock is not before what was queued last."""
    try:
        newest = settings.database_file.exists() and _query(
            settings.database_file, "SELECT enqueued_at FROM generations ORDER BY number DESC LIMIT 1"
        )
    except sqlite3.Error as error:
        return Finding("warn", f"It cannot be compared with the database: {error}.")
    behind = (newest or 0.0) - time.time()
    if behind > CLOCK_SLACK_SECONDS:
        remedy = "Set it (timedatectl set-ntp true): signed URLs and expiring keys go by it."
        return Finding("warn", f"It is {behind:.0f} seconds before the newest generation.", remedy)
    return Finding("ok", time.strftime("%Y-%m-%d %H:%M:%S UTC.", time.gmtime()))


CHECKS: dict[str, Callable[["Settings"], Finding]] = {
    "python": check_python,
    "packages": check_packages,
    "extras": check_extras,
    "sqlite": check_sqlite,
    "weights": check_weights,
    "torch": check_torch,
    "folder": check_folder,
    "space": check_space,
    "database": check_database,
    "clock": check_clock,
    "lock": check_lock,
    "port": check_port,
    "keys": check_keys,
}


def _requirements() -> list[tuple[str, str]]:
    """Every distribution that Limner names, with the extra that wants it, or an empty word."""
    try:
        lines = importlib.metadata.requires("limner") or []
    except importlib.metadata.PackageNotFoundError:
        return [("limner", "")]
    found = (re.match(r"([\w.-]+)(?:.*extra == [\"'](\w+))?", line) for line in lines)
    return [(one[1], one[2] or "") for one in found if one]


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    way = folder.absolute()
    return next(one for one in (way, *way.parents) if one.exists())


def _query(file: Path, sql: str) -> Any:
    """The first value of the first row, or None; read-only, and without waiting for a writer."""
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    try:
        row = connection.execute(sql).fetchone()
    finally:
        connection.close()
    return row[0] if row else None


def _holder(data: Path) -> str | None:
    """The pid in the lock of a data folder, or None if nobody holds it."""
    try:
        with (data / "serve.lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return file.read(20).strip() or "unknown"
    except OSError:
        return None
    return None


def _answers(host: str, port: int) -> bool:
    """Whether what listens there is a Limner."""
    import httpx2

    _, address = serve.resolve(host, port)
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address[0], address[0])
    base = f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
    try:
        answer = httpx2.get(f"{base}/health/live", timeout=5)
        return bool(answer.json() == {"status": "live"})
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError):
        return False
