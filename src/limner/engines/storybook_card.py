"""The card of storybook, put together from storybook.toml and what its training wrote. It loads no weights."""

import json
import tomllib
from pathlib import Path

from limner.engines.card import ModelCard
from limner.engines.registry import Registration

_OFFERED = Path(__file__).parent / "storybook.toml"
_TRAINED = Path(__file__).parent.parent / "weights" / "storybook.json"
_MARKS = 2
"""Tokens that the engine sets before the words of a prompt."""


def _make_card() -> ModelCard:
    offered = tomllib.loads(_OFFERED.read_text(encoding="utf-8"))
    trained = json.loads(_TRAINED.read_text(encoding="utf-8"))
    return ModelCard(
        **offered,
        vocabulary=trained["vocabulary"],
        parameters=trained["parameters"],
        released_at=trained["trained_at"],
        max_prompt_tokens=trained["config"]["text"]["length"],
        max_prompt_words=trained["config"]["text"]["length"] - _MARKS,
    )


registration = Registration(card=_make_card(), engine="limner.engines.storybook:StorybookEngine")
