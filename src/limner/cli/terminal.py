"""What the commands share at the edges: option types, the progress bar, reading and writing image files."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner import errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from limner.settings import Settings

Url = Annotated[str | None, typer.Option(help="Address of the server; left out, LIMNER_URL or this machine's.")]
Data = Annotated[Path | None, typer.Option(help="Folder of the server's data; LIMNER_DATA if left out.")]
SUFFIXES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


def format_of(path: Path, chosen: str | None) -> str:
    """The output format: the chosen one, else the one that the suffix of `path` names."""
    if chosen is not None:
        return chosen
    if path.suffix.lower() not in SUFFIXES:
        known = ", ".join(sorted(SUFFIXES))
        raise errors.InvalidRequest(f"{path.name} does not say its format; end it in {known}, or give --format.")
    return SUFFIXES[path.suffix.lower()]


def paths_of(output: Path, count: int) -> list[Path]:
    """Where `count` images go: ox.png alone, or ox-0.png, ox-1.png. The folder must be there."""
    if not output.parent.is_dir():
        raise errors.NotFound(f"There is no folder {output.parent} to write to.")
    if count == 1:
        return [output]
    return [output.with_name(f"{output.stem}-{i}{output.suffix}") for i in range(count)]


def make_folder(data: Path) -> None:
    """Make a data folder, open to its owner alone, if it is missing; StorageFailed if it cannot be used."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise errors.StorageFailed(f"The data folder {data} cannot be used: {error.strerror}.") from None


def require_database(settings: "Settings") -> None:
    """StorageFailed if nothing was ever served from the data folder."""
    if not settings.database_file.is_file():
        raise errors.StorageFailed(f"There is no database in {settings.data}; start `limner serve` on it first.")


def read_file(path: Path) -> bytes:
    """The bytes of a file that the caller named; NotFound says which one cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise errors.NotFound(f"{path} cannot be read: {error.strerror}.") from None


def write_file(path: Path, data: bytes) -> None:
    """Write a finished image; StorageFailed says which file cannot be written."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise errors.StorageFailed(f"{path} cannot be written: {error.strerror}.") from None


def note(message: str) -> None:
    """One line for the person at the terminal, apart from what a pipe reads."""
    print(message, file=sys.stderr)


@contextmanager
def progress_bars() -> Iterator["Callable[[str, int, int], None]"]:
    """A bar per image on the error stream; call it with the image's name, the step done and the steps in all."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=False) as progress:

        def step(id: str, i: int, of: int) -> None:
            if id not in bars:
                bars[id] = progress.add_task(id, total=of)
            progress.update(bars[id], completed=i)

        yield step
