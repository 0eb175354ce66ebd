"""Files that callers stored, as rows that are only ever added. The bytes lie elsewhere, by digest.

A repository's branch `main` is the newest row of each path; every row is also its own commit.
"""

import hashlib
import json
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from limner.errors import NotFound
from limner.records.engine import Database
from limner.records.schema import assets

BRANCH = "main"


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


class Assets:
    """The rows of stored files in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, files: list[Asset]) -> None:
        """Add rows for files whose bytes are stored already, all or none."""
        rows = [{**asdict(file), "commit_id": file.commit_id} for file in files]
        async with self._database.write() as connection:
            await connection.execute(sa.insert(assets), rows)

    async def find(self, namespace: str, repo: str, revision: str, path: str) -> Asset:
        """The file at `path`: its newest row on `main`, or the row that a commit id names; NotFound otherwise."""
        columns = [assets.c[name] for name in Asset.__dataclass_fields__]
        query = sa.select(*columns).where(assets.c.namespace == namespace, assets.c.repo == repo, assets.c.path == path)
        if revision != BRANCH:
            query = query.where(assets.c.commit_id == revision)
        async with self._database.read() as connection:
            row = (await connection.execute(query.order_by(assets.c.number.desc()).limit(1))).mappings().first()
        if row is None:
            raise NotFound(f"there is no file {path} at {revision} in {namespace}/{repo}")
        return Asset(**row)
