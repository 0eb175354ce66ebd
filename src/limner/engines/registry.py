"""Model ids to cards, and card ids to engines. Cards are light; an engine's code is imported only by `load_engine`."""

import importlib
import importlib.metadata
from dataclasses import dataclass
from functools import cache

from limner.engines.card import ModelCard
from limner.engines.engine import Engine
from limner.errors import NotFound

GROUP = "limner.engines"


@dataclass(frozen=True)
class Registration:
    """What an entry point of the group `limner.engines` resolves to: a card, and where its engine's class stands."""

    card: ModelCard
    engine: str
    """`package.module:Class`; the class is called without arguments, and only in a worker."""


@cache
def _registrations() -> dict[str, Registration]:
    found: dict[str, Registration] = {}
    for entry in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda entry: entry.name):
        registration = entry.load()
        if not isinstance(registration, Registration):
            raise ValueError(f"the entry point {entry.name} of {GROUP} is not a Registration")
        found[registration.card.id] = registration
    return found


@cache
def _ids() -> dict[str, str]:
    """Every id a request may name, to the id of its card; a card's own id wins over another's alias."""
    names = {alias: card.id for card in cards().values() for alias in card.aliases}
    return names | {id: id for id in cards()}


def cards() -> dict[str, ModelCard]:
    """Every installed model's card, by its own id."""
    return {id: registration.card for id, registration in _registrations().items()}


def resolve(model_id: str) -> ModelCard:
    """The card that answers to an id or an alias; NotFound if none does."""
    try:
        return _registrations()[_ids()[model_id]].card
    except KeyError:
        raise NotFound(f"Model not found: {model_id[:200]}", field="model") from None


def load_engine(card_id: str) -> Engine:
    """Import and create the engine of a card; its weights are read later, by its own `load`."""
    module, _, name = _registrations()[card_id].engine.partition(":")
    engine: Engine = getattr(importlib.import_module(module), name)()
    return engine
