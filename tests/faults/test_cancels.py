"""Cancels that race with claims and finishes, on a real server with two workers; `--cancels 10000` for the long form.

Whatever wins, a generation ends once, with one event; and what a caller sees after a cancel was answered is final.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from limner.queue.hints import Hints
from limner.queue.states import ENDED
from limner.queue.store import Store
from limner.records.engine import Database

PATIENCE_SECONDS = 120.0
CALLERS = 8
PROMPTS = ("steps=1", "steps=1", "steps=2 step-seconds=0.02")
SIZES = ("64x64", "64x64", "96x64")
LONGEST_WAIT_SECONDS = 0.3
"""Between the submit and the cancel; a picture takes about a tenth of it from claim to finish."""


class Caller:
    """Queues generations and cancels each after a while; `answered` is how each stood when the cancel was answered."""

    def __init__(self, client: httpx2.AsyncClient, seed: int) -> None:
        self.client = client
        self.answered: dict[str, str] = {}
        self._random = random.Random(seed)

    async def run(self, count: int) -> None:
        """Four at a time, each cancelled at a moment of its own."""
        while len(self.answered) < count:
            body = {"model": "tiny", "prompt": self._random.choice(PROMPTS), "size": self._random.choice(SIZES)}
            answer = await self.client.post("/api/ai/queue", json=body | {"num_generations": 4})
            ids = [one["generation_id"] for one in answer.json()["generations"]]
            await asyncio.gather(*(self._cancel(id) for id in ids))

    async def _cancel(self, id: str) -> None:
        await asyncio.sleep(self._random.uniform(0, LONGEST_WAIT_SECONDS))
        path = f"/api/ai/queue/{id}"
        cancels = [self.client.delete(path) for _ in range(self._random.choice((1, 1, 2)))]
        for answer in await asyncio.gather(*cancels):
            assert answer.json() == {"status": "success", "generation_id": id}
        self.answered[id] = (await self.client.get(path)).json()["status"]


@pytest.mark.timeout(3600)
async def test_a_generation_that_is_cancelled_at_any_moment_ends_once_and_as_it_was_answered(
    start: Callable[..., Any],
    data: Path,
    request: pytest.FixtureRequest,
    ends: Callable[[Database], Awaitable[dict[str, Counter[str]]]],
) -> None:
    running = start(data, workers=2)
    async with httpx2.AsyncClient(base_url=running.url, timeout=PATIENCE_SECONDS) as client:
        callers = [Caller(client, seed) for seed in range(CALLERS)]
        each = request.config.getoption("--cancels") // CALLERS
        await asyncio.gather(*(caller.run(each) for caller in callers))
    answered = {id: status for caller in callers for id, status in caller.answered.items()}
    assert set(answered.values()) == {"cancelled", "succeeded"}, "both sides won some"
    database = await Database.open(data / "limner.sqlite")
    try:
        store = Store(database, Hints())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await store.find("local"):
                await asyncio.sleep(0.05)
        now = {id: await store.get("local", id) for id in answered}
        assert {id: one.state for id, one in now.items()} == answered
        assert await ends(database) == {id: Counter([status]) for id, status in answered.items()}
    finally:
        await database.close()
    assert set(answered.values()) <= set(ENDED)
    made = {id for id, one in now.items() if one.result_path is not None}
    assert made == {id for id, status in answered.items() if status == "succeeded"}
    assert all((data / "images" / str(now[id].result_path)).exists() for id in made)
