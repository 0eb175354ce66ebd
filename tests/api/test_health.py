"""Liveness and readiness: a model that still loads does not make the server unready, a broken database does."""

import httpx2
import pytest

from limner.records.engine import Database


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_a_server_without_a_loaded_model_is_healthy(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200
    assert (await client.head(path)).status_code == 200


async def test_a_server_without_a_database_is_not_ready(client: httpx2.AsyncClient, database: Database) -> None:
    await database.write(lambda connection: connection.exec_driver_sql("ALTER TABLE counters RENAME TO lost"))
    answer = await client.get("/health/ready")
    assert answer.status_code in (500, 503)
