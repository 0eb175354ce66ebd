"""Files that callers stored, as rows that are only ever added. The bytes lie elsewhere, by digest.

Every row is a commit. A revision is `main`, which has every row, or a commit's id: every row up to that one. The newest
row of each path is what stands there at a revision, and a folder is there while a file is in it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from limner.errors import NotFound
from limner.records.engine import Database
from limner.records.schema import assets

BRANCH = "main"

c = assets.c


@dataclass(frozen=True)
class Asset:
    """One stored file; a row without its number and commit."""

    namespace: str
    repo: str
    path: str
    digest: str
    """SHA-256 of the bytes, hex."""
    author: str
    message: str
    size: int
    """Bytes."""
    media_type: str
    created_at: float
    """Unix seconds."""

    @property
    def commit_id(self) -> str:
        """SHA-256 of the row, hex: it names this file at this moment, and cannot be made to name another."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Entry:
    """What stands in a folder under one name."""

    name: str
    is_dir: bool
    newest: Asset
    """The file; of a folder, the file somewhere in it that was stored last."""


class Assets:
    """The rows of stored files in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, files: list[Asset]) -> None:
        """Add rows for files whose bytes are stored already, all or none."""
        rows = [{**asdict(file), "commit_id": file.commit_id} for file in files]
        await self._database.write(lambda connection: connection.execute(sa.insert(assets), rows))

    async def find(self, namespace: str, repo: str, revision: str, path: str) -> Asset:
        """The file that stands at `path` at a revision; NotFound if none does."""
        query = sa.select(*_COLUMNS).where(*_rows(namespace, repo, revision), c.path == path)
        row = await self._database.read(
            lambda connection: connection.execute(query.order_by(c.number.desc()).limit(1)).first()
        )
        if row is None:
            raise NotFound(f"there is no file {path} at {revision} in {namespace}/{repo}")
        return Asset(*row)

    async def digests(self) -> set[str]:
        """Digests of all bytes that a row names."""
        return await self._database.read(
            lambda connection: set(connection.execute(sa.select(c.digest).distinct()).scalars())
        )

    async def list_folder(
        self, namespace: str, repo: str, revision: str, folder: str, *, offset: int, limit: int
    ) -> tuple[list[Entry], int]:
        """A page of what stands directly in a folder (`` is the root), folders first, by name; and how much in all.

        NotFound if nothing stands in it.
        """
        rows = _rows(namespace, repo, revision)
        if folder:  # `0` comes right after `/`: a range of paths, which the index can walk
            rows += [c.path > f"{folder}/", c.path < f"{folder}0"]
        rest = sa.func.substr(c.path, len(folder) + 2 if folder else 1)
        slash = sa.func.instr(rest, "/")
        is_dir = (slash > 0).label("is_dir")
        name = sa.case((slash > 0, sa.func.substr(rest, 1, slash - 1)), else_=rest).label("name")
        entries = sa.select(is_dir, name, sa.func.max(c.number).label("number")).where(*rows).group_by(is_dir, name)
        page = entries.order_by(is_dir.desc(), name).offset(offset).limit(limit).subquery()
        shown = sa.select(page.c.name, page.c.is_dir, *_COLUMNS).join_from(page, assets, c.number == page.c.number)
        ordered = shown.order_by(page.c.is_dir.desc(), page.c.name)
        total, found = await self._database.read(lambda connection: _page(connection, entries, ordered))
        if total == 0:
            raise NotFound(f"there is no folder {folder or '/'} at {revision} in {namespace}/{repo}")
        return [Entry(name, is_dir, Asset(*row)) for name, is_dir, *row in found], total

    async def list_commits(
        self, namespace: str, repo: str, revision: str, *, offset: int, limit: int
    ) -> tuple[list[Asset], int]:
        """A page of the commits of a revision, newest first, and how many there are; NotFound if there are none."""
        numbers = sa.select(c.number).where(*_rows(namespace, repo, revision))
        page = numbers.order_by(c.number.desc()).offset(offset).limit(limit)
        shown = sa.select(*_COLUMNS).where(c.number.in_(page)).order_by(c.number.desc())
        total, found = await self._database.read(lambda connection: _page(connection, numbers, shown))
        if total == 0:
            raise NotFound(f"there is no branch or commit {revision} in {namespace}/{repo}")
        return [Asset(*row) for row in found], total


_COLUMNS = [c[name] for name in Asset.__dataclass_fields__]


def _rows(namespace: str, repo: str, revision: str) -> list[sa.ColumnElement[bool]]:
    """What the rows of a repository have in common at a revision; no row has it if there is no such revision."""
    rows = [c.namespace == namespace, c.repo == repo]
    if revision != BRANCH:
        # The repository stands in the case and not in the condition, so that the index of commits is the one used.
        number = sa.func.max(sa.case((sa.and_(*rows), c.number)))
        rows.append(c.number <= sa.select(number).where(c.commit_id == revision).scalar_subquery())
    return rows


def _page(connection: sa.Connection, rows: sa.Select[Any], shown: sa.Select[Any]) -> tuple[int, Sequence[Any]]:
    """How many rows there are in all, and those shown."""
    total = connection.execute(sa.select(sa.func.count()).select_from(rows.subquery())).scalar_one()
    return total, connection.execute(shown).all()
