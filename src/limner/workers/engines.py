"""The engines of one worker: a thread for each card that was needed so far, and the orders to load and unload them."""

import asyncio
import time

import structlog

from limner.engines import registry
from limner.queue.hints import EngineStatus, Hints
from limner.records.deployments import Deployments
from limner.workers.run import EngineThread

LOOK_SECONDS = 1.0
"""Between two looks at the orders."""

log = structlog.get_logger()


class Engines:
    """Every engine of this process, by card. What becomes of them is told to the server as hints."""

    def __init__(self, deployments: Deployments, hints: Hints) -> None:
        self._deployments = deployments
        self._hints = hints
        self._threads: dict[str, EngineThread] = {}
        self._heeded = 0
        self._look_at = 0.0

    def of(self, card: str) -> EngineThread:
        """The thread of this card's engine, which loads it when it is first used."""
        if card not in self._threads:
            soon = asyncio.get_running_loop().call_soon_threadsafe

            def tell(status: EngineStatus) -> None:
                soon(self._hints.engine, card, status)

            self._threads[card] = EngineThread(card, tell)
        return self._threads[card]

    async def heed(self) -> None:
        """Carry out the orders that are new, each once: what was unloaded is loaded again by the next request for it.

        Nothing may be running. An engine that cannot be loaded is logged and told, and the worker goes on.
        """
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_SECONDS
        for order in await self._deployments.orders():
            if order.number <= self._heeded or order.card not in registry.cards():
                continue
            self._heeded = order.number
            log.info("model ordered", action="load" if order.wanted == "active" else "unload", model=order.card)
            if order.wanted == "active":
                [failure] = await asyncio.gather(self.of(order.card).load(), return_exceptions=True)
                if failure is not None:
                    log.error("cannot load a model", action="load", model=order.card, exc_info=failure)
            elif order.card in self._threads:
                await self._threads[order.card].unload()
