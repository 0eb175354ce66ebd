"""`limner restore`: a new data folder from a file of `limner backup`, all of it or nothing.

It is unpacked and checked in a folder inside the new one, so that it may be the root of a volume, and moved out last.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner import errors
from limner.cli import terminal

if TYPE_CHECKING:
    from limner.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def restore(
        file: Annotated[Path, typer.Argument(help="File that `limner backup` wrote.")],
        data: Annotated[
            Path | None, typer.Option(help="Folder to restore into, empty or absent; LIMNER_DATA if left out.")
        ] = None,
    ) -> None:
        """Make a data folder from a backup; then start `limner serve` on it."""
        from limner.settings import Settings

        settings = Settings.read(data=data)
        if not file.is_file():
            raise errors.NotFound(f"There is no file {file}.")
        absent = not settings.data.exists()
        terminal.make_folder(settings.data)
        if any(settings.data.iterdir()):
            raise errors.Conflict(f"The folder {settings.data} is not empty; restore into a new one.")
        try:
            with tempfile.TemporaryDirectory(prefix=".restore-", dir=settings.data) as folder:
                unpack(file, Path(folder), settings)
        except OSError as error:
            raise errors.StorageFailed(f"{settings.data} cannot be written: {error.strerror}.") from None
        finally:
            if absent:
                with suppress(OSError):  # it holds what was restored
                    settings.data.rmdir()


def unpack(file: Path, folder: Path, settings: "Settings") -> None:
    """Unpack a backup into `folder`, check all of it, and move it into the data folder, the database last."""
    from limner.images import shelves
    from limner.images.blobs import KEY_FILE
    from limner.records import archive, engine

    name = settings.database_file.name

    def is_known(member: str) -> bool:
        head, _, path = member.partition("/")
        return member in (name, KEY_FILE) or (head == shelves.IMAGES and shelves.is_blob(path))

    archive.unpack(file, folder, is_known)
    if not (folder / name).exists():
        raise errors.InvalidRequest(f"{file} is not a whole backup: it holds no database.")
    engine.migrate(folder / name)
    if (folder / KEY_FILE).exists():
        (folder / KEY_FILE).chmod(0o600)
    os.sync()
    for path in sorted(folder.iterdir(), key=lambda path: path.name == name):
        path.rename(settings.data / path.name)
