"""A mask on the road of every request: it is checked, kept by its digest, and what it covers stays as it is."""

import base64
import io
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image

from limner.engines.engine import Pixels
from limner.images.compose import fit
from limner.workers.loop import WorkerLoop

CHANCE = np.random.default_rng(5)
PICTURE = np.dstack([CHANCE.integers(0, 256, (80, 120, 3)), np.full((80, 120), 255)]).astype(np.uint8)
MASK = np.full((80, 120, 4), 255, np.uint8)
MASK[20:60, 30:90, 3] = 0


def uri(rgba: Pixels, mode: str = "RGBA", form: str = "PNG") -> str:
    out = io.BytesIO()
    Image.fromarray(rgba).convert(mode).save(out, form)
    return f"data:image/{form.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"


def asked(**fields: Any) -> dict[str, Any]:
    told = {"model": "tiny", "prompt": "an ox", "size": "96x64", "seed": 7, "input_image": uri(PICTURE)}
    return told | {"mask": uri(MASK)} | fields


@pytest.mark.parametrize("output_format", ["png", "webp"])
async def test_what_the_mask_covers_equals_the_input_and_the_rest_is_made(
    client: httpx2.AsyncClient, worker: WorkerLoop, output_format: str
) -> None:
    lossless = {"output_compression": 100} if output_format == "webp" else {}
    answer = (await client.post("/api/ai/images/edit", json=asked(output_format=output_format, **lossless))).json()
    shown = Image.open(io.BytesIO((await client.get(answer["image_url"])).content)).convert("RGBA")
    made, before = np.asarray(shown), fit(PICTURE, 96, 64)
    kept = np.ones((64, 96), bool)
    kept[16:48, 24:72] = False
    assert np.array_equal(made[kept], before[kept])
    assert (made[~kept] != before[~kept]).any(axis=-1).mean() > 0.9


async def test_a_mask_is_shown_by_its_digest_and_kept_with_the_inputs(client: httpx2.AsyncClient) -> None:
    queued = (await client.post("/api/ai/queue", json=asked())).json()["generations"][0]
    shown = (await client.get(f"/api/ai/queue/{queued['generation_id']}")).json()
    assert shown["mask"].startswith("data:,sha256=")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"mask": uri(MASK[:40])}, "mask is 120x40; it must have the size of the first input, 120x80"),
        ({"mask": uri(MASK, "RGB")}, "mask has no alpha channel"),
        ({"mask": uri(MASK, "RGB", "JPEG")}, "mask has no alpha channel"),
        ({"mask": "data:image/png;base64,AAAA"}, "mask is not a whole PNG"),
        ({"input_image": None}, "mask needs an input image"),
    ],
)
async def test_a_mask_that_cannot_be_used_is_refused_by_name(
    client: httpx2.AsyncClient, fields: dict[str, Any], says: str
) -> None:
    answer = await client.post("/api/ai/queue", json=asked(**fields))
    assert answer.status_code == 400
    assert says in answer.json()["error"]["detail"]
    assert answer.json()["error"]["field"] == "mask"
