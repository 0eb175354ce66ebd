"""What a person ordered of each model: to be loaded, or to be unloaded. Workers read it; what they did is no row."""

from typing import Literal, NamedTuple

import sqlalchemy as sa

from limner.records.engine import Database
from limner.records.schema import deployments

Wanted = Literal["active", "inactive"]

c = deployments.c


class Order(NamedTuple):
    """The latest order for one card; `number` rises with every order."""

    card: str
    wanted: Wanted
    number: int


class Deployments:
    """The orders of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def order(self, card: str, wanted: Wanted) -> None:
        """Replace the order for this card, even by an equal one."""
        newest = sa.select(sa.func.coalesce(sa.func.max(c.order), 0) + 1).scalar_subquery()

        def change(connection: sa.Connection) -> None:
            number = connection.execute(sa.select(newest)).scalar_one()
            connection.execute(sa.delete(deployments).where(c.card == card))
            connection.execute(sa.insert(deployments).values(card=card, wanted=wanted, order=number))

        await self._database.write(change)

    async def orders(self) -> list[Order]:
        """The latest order of every card that ever had one, oldest first."""
        rows = await self._database.read(
            lambda connection: connection.execute(sa.select(c.card, c.wanted, c.order).order_by(c.order)).all()
        )
        return [Order(*row) for row in rows]
