"""A worker's engines: loaded when ordered or needed, unloaded when ordered, and what became of them is told."""

import asyncio

from limner.queue.hints import Hints
from limner.records.deployments import Deployments
from limner.records.engine import Database
from limner.workers import engines
from limner.workers.engines import Engines


async def look_again(of: Engines) -> None:
    """Heed the orders once more, however lately that was."""
    of._look_at = 0.0
    await of.heed()
    await asyncio.sleep(0)  # what an engine's thread says is passed on by the event loop


async def test_orders_are_carried_out_once_and_told(database: Database, hints: Hints) -> None:
    deployments = Deployments(database)
    loaded = Engines(deployments, hints)
    await look_again(loaded)
    assert hints.engine_statuses("tiny") == set()
    await deployments.order("tiny", "active")
    await look_again(loaded)
    assert hints.engine_statuses("tiny") == {"active"}
    await deployments.order("tiny", "inactive")
    await look_again(loaded)
    assert hints.engine_statuses("tiny") == {"inactive"}
    await loaded.of("tiny").load()
    await look_again(loaded)
    assert hints.engine_statuses("tiny") == {"active"}  # the order was carried out before


async def test_orders_are_looked_at_once_a_second(database: Database, hints: Hints) -> None:
    deployments = Deployments(database)
    loaded = Engines(deployments, hints)
    await loaded.heed()
    await deployments.order("tiny", "active")
    await loaded.heed()
    await asyncio.sleep(0)
    assert hints.engine_statuses("tiny") == set()
    assert engines.LOOK_SECONDS == 1.0


async def test_a_model_that_is_not_installed_any_more_is_passed_over(database: Database, hints: Hints) -> None:
    deployments = Deployments(database)
    await deployments.order("gone", "active")
    await deployments.order("tiny", "active")
    await look_again(Engines(deployments, hints))
    assert hints.engine_statuses("gone") == set()
    assert hints.engine_statuses("tiny") == {"active"}
