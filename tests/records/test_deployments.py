"""Orders to load and unload: the latest one of each model, and every one has a number of its own."""

from limner.records.deployments import Deployments
from limner.records.engine import Database


async def test_the_latest_order_of_each_model_counts_and_orders_are_numbered_on(database: Database) -> None:
    deployments = Deployments(database)
    assert await deployments.orders() == []
    await deployments.order("a", "active")
    await deployments.order("b", "active")
    await deployments.order("a", "inactive")
    assert await deployments.orders() == [("b", "active", 2), ("a", "inactive", 3)]
    await deployments.order("a", "inactive")
    assert await deployments.orders() == [("b", "active", 2), ("a", "inactive", 4)]
