"""Training pairs: a scene and its caption, never a held-out scene.

Not the picture itself: whoever trains renders the scene at the size needed.
"""

from __future__ import annotations

import random

from limner.training.world.captions import caption
from limner.training.world.scene import Scene, draw_scene, is_held_out


def training_pair(rng: random.Random, *, place_none_share: float = 0.08) -> tuple[Scene, str]:
    """Draw until the scene may be trained on, then put it into words."""
    scene = draw_scene(rng, place_none_share=place_none_share)
    while is_held_out(scene):
        scene = draw_scene(rng, place_none_share=place_none_share)
    return scene, caption(scene, rng)
