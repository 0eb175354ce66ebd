"""`limner backup`: one file with all that a data folder holds, taken while the server runs. `limner restore` reads it.

The database is copied first and then every file that the copy names. Files never change and, while this runs, nothing
is pruned, so that both fit together.
"""

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner import errors
from limner.cli import terminal
from limner.cli.prune import names

if TYPE_CHECKING:
    from limner.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def backup(
        file: Annotated[Path, typer.Argument(help="File to write, such as limner.tar; must not be there yet.")],
        data: terminal.Data = None,
    ) -> None:
        """Write the database, the images and the signing key to one file. The server may run. Keep the file secret."""
        from limner.settings import Settings

        settings = Settings.read(data=data)
        terminal.require_database(settings)
        refuse_to_overwrite(file)
        try:
            with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as folder:
                finished = Path(folder, "backup.tar")
                missing = write(settings, finished, Path(folder, "copy.sqlite"))
                refuse_to_overwrite(file)
                finished.rename(file)
        except OSError as error:
            raise errors.StorageFailed(f"{file} cannot be written: {error.strerror}.") from None
        if missing:
            terminal.note(f"{len(missing)} files that the database names are gone, the first being {missing[0]}.")


def refuse_to_overwrite(file: Path) -> None:
    """Conflict if something has this name."""
    if file.exists() or file.is_symlink():
        raise errors.Conflict(f"{file} is there already; a backup overwrites nothing.")


def write(settings: "Settings", target: Path, copy: Path) -> list[str]:
    """Write the backup; `copy` is where the database may be put meanwhile. Returns paths of images that are gone."""
    from limner.images import shelves
    from limner.images.blobs import KEY_FILE
    from limner.records import archive, engine

    with shelves.hold(settings.data):
        engine.copy(settings.database_file, copy)
        named = asyncio.run(named_by(copy))
        blobs = {blob.path: blob.file for blob in shelves.walk(settings.data) if blob.path in named}
        key = settings.data / KEY_FILE
        members = [(settings.database_file.name, copy), *([(KEY_FILE, key)] if key.exists() else [])]
        archive.write(target, members + [(f"{shelves.IMAGES}/{path}", blobs[path]) for path in sorted(blobs)])
    return sorted(named - set(blobs))


async def named_by(copy: Path) -> set[str]:
    """Paths of the images that a database names; what is not made yet has none."""
    from limner.queue.history import History
    from limner.records.assets import Assets
    from limner.records.engine import Database

    database = await Database.open(copy)
    try:
        return names(await History(database).read(), await Assets(database).digests())
    finally:
        await database.close()
