"""A filled database is one that the queue could have made: it goes on from there as from its own."""

from pathlib import Path

import pytest

from benchmarks.rows import fill, make_plan, make_request
from limner.queue.events import EventLog
from limner.queue.hints import Hints
from limner.queue.store import Store
from limner.records.engine import Database


async def test_the_queue_goes_on_from_rows_that_were_filled_in(tmp_path: Path) -> None:
    await fill(tmp_path / "limner.sqlite", 200)
    database = await Database.open(tmp_path / "limner.sqlite")
    store, log = Store(database, Hints()), EventLog(database)
    waiting = await store.find("n3")
    assert len(waiting) == 2
    assert (await store.list_results("n3", offset=0, limit=10))[1] == 18
    page = await log.after("n3", 0)
    assert [event.id for event in page.events] == list(range(1, 18 * 3 + 2 + 1))
    [new] = await store.submit(make_request("n3"), [make_plan(make_request())], 1000)
    assert (await store.outlook(new, 1)).position == 20
    taken = await store.claim("w", ["storybook"], 1, 15.0)
    assert taken[0].id == (await store.find("n0", states=("processing",)))[0].id
    assert (await log.after("n3", page.last_id)).events[0].generation_id == new.id
    await database.close()


async def test_a_number_of_rows_that_cannot_be_shared_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="multiple of 100"):
        await fill(tmp_path / "limner.sqlite", 123)
