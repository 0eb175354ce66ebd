"""The card of storybook, put together from storybook.toml and what its training wrote. It loads no weights."""

import json
import tomllib
from pathlib import Path

from limner.engines.card import ModelCard
from limner.engines.registry import Registration

_OFFERED = Path(__file__).parent / "storybook.toml"
_TRAINED = Path(__file__).parent.parent / "weights" / "storybook.json"


def _make_card() -> ModelCard:
    offered = tomllib.loads(_OFFERED.read_text(encoding="utf-8"))
    trained = json.loads(_TRAINED.read_text(encoding="utf-8")) if _TRAINED.exists() else {}
    return ModelCard(
        **offered,
        vocabulary=trained.get("vocabulary"),
        parameters=trained.get("parameters", 0),
        released_at=trained.get("trained_at", "2026-11-22"),
    )


registration = Registration(card=_make_card(), engine="limner.engines.storybook:StorybookEngine")
