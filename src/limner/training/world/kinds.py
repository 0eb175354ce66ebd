"""The kinds of things in the picture world, as `kinds.toml` tells of them. Their drawings are `kinds/*.svg`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class HeldOut:
    """What training never shows a kind with, so that a model has to put it together by itself."""

    colour: str
    place: str
    right: str
    """The kind that is never to its right, under it, or in front of it."""


@dataclass(frozen=True)
class Kind:
    """One kind; `kinds.toml` says what each of these means."""

    ring: int
    share: float
    scale: float
    natural: tuple[str, ...]
    living: bool
    turns: bool
    flies: bool
    names: tuple[str, ...]
    plurals: tuple[str, ...]
    held_out: HeldOut
    fronts: bool
    """Whether there is a drawing of it seen from the front, `kinds/NAME-front.svg`: of vehicles there is none."""


def _read() -> dict[str, Kind]:
    here = Path(__file__).parent
    tables = tomllib.loads((here / "kinds.toml").read_text(encoding="utf-8"))
    found = {}
    for name, table in tables.items():
        lists = {key: tuple(value) for key, value in table.items() if isinstance(value, list)}
        fronts = (here / "kinds" / f"{name}-front.svg").exists()
        found[name] = Kind(**table | lists | {"held_out": HeldOut(**table["held_out"]), "fronts": fronts})
    return found


ALL = _read()
"""Every kind there is a drawing of, those of later rings included."""
