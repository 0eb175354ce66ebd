"""Fair share: who comes next when several namespaces want more than there is."""

import asyncio
from collections.abc import Awaitable, Callable

from limner.queue.store import Store
from limner.wire import Generation

Enqueue = Callable[..., Awaitable[list[Generation]]]


async def serve(store: Store, count: int) -> str:
    """The namespaces of the next `count` generations, run one by one."""
    order = ""
    for _ in range(count):
        for taken in await store.claim("w", ["tiny"], 1, 15.0):
            await store.finish("w", taken.id, taken.attempt, "x.png", ())
            order += taken.namespace
    return order


async def test_a_namespace_with_many_waiting_delays_another_by_one_turn(store: Store, enqueue: Enqueue) -> None:
    await enqueue("a", 20)
    assert await serve(store, 5) == "aaaaa"
    await enqueue("b", 4)
    order = await serve(store, 12)
    assert order.count("b") == 4
    assert order[:8].count("b") in (3, 4)
    assert order[8:] in ("aaaa", "baaa")


async def test_three_namespaces_take_turns(store: Store, enqueue: Enqueue) -> None:
    for namespace in "abc":
        await enqueue(namespace, 5)
    assert await serve(store, 15) == "abc" * 5


async def test_a_large_picture_counts_as_much_as_it_takes(store: Store, enqueue: Enqueue) -> None:
    await enqueue("a", 6, cost=4.0)
    await enqueue("b", 24, cost=1.0)
    order = await serve(store, 20)
    assert order.count("a") == 4
    assert order.count("b") == 16


async def test_being_idle_saves_up_nothing(store: Store, enqueue: Enqueue) -> None:
    await enqueue("a", 1)
    await enqueue("b", 30)
    await serve(store, 25)
    await enqueue("a", 10)
    assert (await serve(store, 6)).count("a") in (3, 4)


async def test_asking_one_at_a_time_gains_nothing(store: Store, enqueue: Enqueue) -> None:
    await enqueue("b", 20)
    order = ""
    for _ in range(10):
        await enqueue("a", 1)
        order += await serve(store, 2)
    assert order.count("a") in (9, 10, 11)


async def test_what_was_cancelled_before_it_began_costs_nothing(store: Store, enqueue: Enqueue) -> None:
    for generation in await enqueue("a", 50):
        await store.cancel("a", generation.id)
    await enqueue("b", 6)
    await enqueue("a", 6)
    assert (await serve(store, 6)).count("a") == 3


async def test_a_refund_never_reorders_ones_own(store: Store, enqueue: Enqueue) -> None:
    first, second, third = await enqueue("a", 3)
    await store.cancel("a", first.id)
    [fourth] = await enqueue("a")
    assert [(await store.outlook(g, 1)).position for g in (second, third, fourth)] == [0, 1, 2]


async def test_cancelling_what_ran_gives_no_advantage(store: Store, enqueue: Enqueue) -> None:
    await enqueue("b", 20)
    order = ""
    for _ in range(8):
        real, dummy = await enqueue("a", 2)
        order += await serve(store, 2)
        await store.cancel("a", dummy.id)
        await store.cancel("a", real.id)
    assert order.count("a") <= 9


async def order_of(store: Store, count: int) -> list[str]:
    """The ids of the next `count` generations, run one by one."""
    order = []
    for _ in range(count):
        for taken in await store.claim("w", ["tiny"], 1, 15.0):
            await store.finish("w", taken.id, taken.attempt, "x.png", ())
            order.append(taken.id)
    return order


async def test_a_higher_priority_goes_first_among_ones_own_and_equals_keep_their_order(
    store: Store, enqueue: Enqueue
) -> None:
    low, first, high, second, higher, last = [
        (await enqueue("a", 1, priority=priority))[0].id for priority in (-1, 0, 5, 0, 6, 5)
    ]
    assert await order_of(store, 6) == [higher, high, last, first, second, low]


async def test_priorities_arriving_in_one_transaction_are_heeded(store: Store, enqueue: Enqueue) -> None:
    made = await asyncio.gather(*(enqueue("a", 2, priority=priority) for priority in (0, 3, -2, 3)))
    ids = [[one.id for one in of_request] for of_request in made]
    assert await order_of(store, 8) == [*ids[1], *ids[3], *ids[0], *ids[2]]


async def test_a_high_priority_gains_nothing_against_another_namespace(store: Store, enqueue: Enqueue) -> None:
    await enqueue("b", 20)
    await enqueue("a", 10)
    for _ in range(10):
        await enqueue("a", 1, priority=10)
    assert (await serve(store, 20)).count("a") in (9, 10, 11)
    assert (await serve(store, 20)).count("a") in (9, 10, 11)
