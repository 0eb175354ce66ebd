"""Limner: self-hosted image generation and editing. Each name is imported when it is first used, so this is instant."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limner.client import Client, Event, Generation
    from limner.pictures import Image, Images
    from limner.studio import edit, generate

__all__ = ["Client", "Event", "Generation", "Image", "Images", "edit", "generate"]
__version__ = "0.1.0"

_HOMES = {
    "client": ("Client", "Event", "Generation"),
    "pictures": ("Image", "Images"),
    "studio": ("edit", "generate"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"limner.{home}"), name)
    raise AttributeError(f"module 'limner' has no attribute {name!r}")
