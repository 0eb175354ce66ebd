"""`limner keys`: make, list and revoke keys, on the data folder itself, since the first is made before a server asks.

A running server heeds what is changed here within five seconds.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from limner.cli import terminal

if TYPE_CHECKING:
    from limner.records.keys import Key, Keys

Result = TypeVar("Result")
Data = Annotated[Path | None, typer.Option(help="Data folder of the server; made if missing.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    keys = typer.Typer(help="Make, list and revoke the keys of a data folder.", rich_markup_mode=None)

    @keys.command()
    def create(
        namespace: Annotated[str, typer.Option(help="Who will own what is made with the key.")] = "local",
        scope: Annotated[
            list[str] | None,
            typer.Option(help="read, write or admin; may be repeated; left out, read and write."),
        ] = None,
        name: Annotated[str, typer.Option(help="A word to know it by in the list.")] = "",
        days: Annotated[float | None, typer.Option(help="Days until it expires; left out, never.")] = None,
        data: Data = None,
    ) -> None:
        """Make a key and print it, once. The first one ends keyless use."""
        scopes = tuple(scope or ("read", "write"))
        _, text = with_keys(data, lambda kept: kept.create(namespace, scopes, name=name, days=days))
        terminal.note("This is the only time the key is shown; send it as `Authorization: Bearer <key>`.")
        print(text)

    @keys.command("list")
    def list_(data: Data = None) -> None:
        """One line per key: id, state, namespace, scopes, when it was made, when it expires, name."""
        now = time.time()
        for key in with_keys(data, lambda kept: kept.list()):
            times = [_day(key.created_at), _day(key.expires_at)]
            print(key.id, _state(key, now), key.namespace, ",".join(key.scopes), *times, key.name, sep="\t")

    @keys.command()
    def revoke(id: Annotated[str, typer.Argument(help="Id of the key, as listed.")], data: Data = None) -> None:
        """End a key, for good."""
        with_keys(data, lambda kept: kept.revoke(id))

    app.add_typer(keys, name="keys")


def with_keys(data: Path | None, work: Callable[["Keys"], Awaitable[Result]]) -> Result:
    """Run `work` on the keys of a data folder, which is made and migrated if need be."""
    from limner.records.engine import Database, migrate
    from limner.records.keys import Keys
    from limner.settings import Settings

    settings = Settings.read(data=data)
    terminal.make_folder(settings.data)
    migrate(settings.database_file)

    async def run() -> Result:
        database = await Database.open(settings.database_file)
        try:
            return await work(Keys(database))
        finally:
            await database.close()

    return asyncio.run(run())


def _state(key: "Key", now: float) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "live" if key.is_live(now) else "expired"


def _day(moment: float | None) -> str:
    return "never" if moment is None else time.strftime("%Y-%m-%d", time.gmtime(moment))
