"""`limner prune`: remove what has ended and what no row names any more, while the server runs. A dry run unless told.

Rows go first, in pieces, and then every file that no remaining row names. So no row ever names a file that is gone, and
what a crash in between leaves is removed the next time.
"""

import asyncio
import re
import time
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from limner import errors
from limner.cli import terminal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from limner.queue.history import Past, Rule
    from limner.settings import Settings

PIECE = 100
"""Rows of one transaction."""
PAUSE_SECONDS = 0.05
"""Between two transactions, for those who wait to write."""
AGES = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
SIZES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


class Going(NamedTuple):
    """What goes."""

    generations: int
    files: int
    bytes: int


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def prune(
        older_than: Annotated[
            str | None, typer.Option(help="Remove what ended longer ago than this: hours, days or weeks, such as 30d.")
        ] = None,
        down_to: Annotated[
            str | None, typer.Option(help="Remove the oldest results until the rest fits, such as 5GB or 500MB.")
        ] = None,
        namespace: Annotated[
            str | None, typer.Option(help="Remove generations of this namespace only; left out, of all.")
        ] = None,
        data: terminal.Data = None,
        yes: Annotated[bool, typer.Option("--yes", help="Remove; without it only the numbers are shown.")] = False,
    ) -> None:
        """Remove ended generations with their results, and files that nothing refers to. The server may run."""
        from limner.queue.history import Rule
        from limner.settings import Settings

        rule = Rule(
            None if older_than is None else read_age(older_than),
            None if down_to is None else read_size(down_to),
            namespace,
        )
        settings = Settings.read(data=data)
        terminal.require_database(settings)
        going = asyncio.run(run(settings, rule, yes))
        numbers = f"{going.generations} generations, {going.files} files, {going.bytes} bytes"
        print(f"{numbers} removed." if yes else f"{numbers} would be removed; --yes removes them.")


def read_age(text: str) -> float:
    """`36h`, `30d` or `4w` in seconds; InvalidRequest for anything else."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([hdw])", text)
    if found is None:
        raise errors.InvalidRequest(f"--older-than must be such as 36h, 30d or 4w, not {text[:40]!a}.")
    return float(int(found[1]) * AGES[found[2]])


def read_size(text: str) -> int:
    """`500MB` or `1.5GB` in bytes; InvalidRequest for anything else."""
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,3})?)([KMGT]?B)", text, re.IGNORECASE | re.ASCII)
    if found is None:
        raise errors.InvalidRequest(f"--down-to must be such as 500MB or 1.5GB, not {text[:40]!a}.")
    return int(float(found[1]) * SIZES[found[2].lower()])


async def run(settings: "Settings", rule: "Rule", yes: bool) -> Going:
    """What goes under the rule; with `yes` it is gone."""
    from limner.images import shelves
    from limner.images.blobs import result_path
    from limner.queue.history import FRESH_SECONDS, History, choose
    from limner.records.assets import Assets
    from limner.records.engine import Database

    database = await Database.open(settings.database_file)
    try:
        history = History(database)
        # Files before rows: what is stored and named meanwhile is not among them, or is named.
        files = {blob.path: blob for blob in shelves.walk(settings.data)}
        past = await history.read()
        chosen = {
            one.number for one in choose(past, {path: blob.size for path, blob in files.items()}, rule, time.time())
        }
        named = {result_path(one.namespace, one.id, one.output_format) for one in past if one.completed_at is None}
        named |= names((one for one in past if one.number not in chosen), await Assets(database).digests())
        horizon = time.time() - FRESH_SECONDS
        unnamed = [blob for blob in files.values() if blob.path not in named and blob.modified_at < horizon]
        if not yes:
            return Going(len(chosen), len(unnamed), sum(blob.size for blob in unnamed))
        removed = 0
        numbers = sorted(chosen)
        for start in range(0, len(numbers), PIECE):
            removed += await history.remove(numbers[start : start + PIECE])
            await asyncio.sleep(PAUSE_SECONDS)
    finally:
        await database.close()
    gone = [blob for blob in unnamed if shelves.remove(settings.data, blob, FRESH_SECONDS)]
    return Going(removed, len(gone), sum(blob.size for blob in gone))


def names(past: "Iterable[Past]", assets: set[str]) -> set[str]:
    """Paths of every image that these generations and stored files name."""
    from limner.images.shelves import ASSETS, INPUTS, digest_path

    named = {digest_path(ASSETS, digest) for digest in assets}
    for one in past:
        named |= {digest_path(INPUTS, digest) for digest in one.inputs}
        if one.result_path is not None:
            named.add(one.result_path)
    return named
