"""What an owner does with what has ended: favourites, small pictures, inputs, archives, deleting, searching."""

import base64
import io
import json
import zipfile
from typing import Any

import httpx2
import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("worker")
OX = {"model": "tiny", "prompt": "a brown ox", "size": "64x64"}
NEVER = "00000000-0000-4000-8000-000000000000"


async def make(client: httpx2.AsyncClient, **fields: Any) -> str:
    """The id of a generation that has succeeded."""
    made = await client.post("/api/ai/images/generate", json=OX | fields)
    id: str = made.json()["images"][0]["generation_id"]
    return id


async def ids(client: httpx2.AsyncClient, query: str) -> list[str]:
    """The ids that a list answers."""
    found = await client.get(f"/api/ai/queue?status=all&{query}")
    return [one["generation_id"] for one in found.json()["generations"]]


async def test_a_favourite_is_shown_as_one_and_found_as_one(client: httpx2.AsyncClient) -> None:
    first, second = await make(client), await make(client)
    assert (await client.get(f"/api/ai/queue/{first}")).json()["favourite"] is False
    marked = await client.put(f"/api/limner/generations/{first}/favourite")
    assert marked.json()["favourite"] is True
    assert await ids(client, "favourite=true") == [first]
    assert await ids(client, "") == [second, first]
    await client.delete(f"/api/limner/generations/{first}/favourite")
    assert await ids(client, "favourite=true") == []
    assert (await client.get("/api/ai/queue?favourite=perhaps")).status_code == 400
    assert (await client.put(f"/api/limner/generations/{NEVER}/favourite")).status_code == 404


async def test_the_history_is_searched_by_words_of_the_prompt_page_by_page(client: httpx2.AsyncClient) -> None:
    wanted = [await make(client, prompt=f"A Brown ox {n} 100%_sure") for n in range(3)]
    await make(client, prompt="a white cat")
    assert await ids(client, "search=ox+brown") == wanted[::-1]
    assert await ids(client, "search=100%25_sure&limit=2") == [wanted[2], wanted[1]]
    assert await ids(client, f"search=ox&limit=2&before={wanted[1]}") == [wanted[0]]
    assert await ids(client, "search=100__sure") == []
    too_long = await client.get(f"/api/ai/queue?search={'x' * 201}")
    assert (too_long.status_code, too_long.json()["error"]["field"]) == (400, "search")


async def test_a_generation_tells_what_was_sent_apart_from_what_was_used(client: httpx2.AsyncClient) -> None:
    id = await make(client, quality="low")
    shown = (await client.get(f"/api/ai/queue/{id}")).json()
    assert shown["parameters"] == OX | {"quality": "low"}
    assert shown["used"]["background"] == "opaque"


async def test_deleting_takes_the_image_and_leaves_the_row(client: httpx2.AsyncClient) -> None:
    id = await make(client)
    url = (await client.get(f"/api/ai/queue/{id}")).json()["result_url"]
    assert (await client.get(url)).status_code == 200
    assert (await client.delete(f"/api/limner/generations/{id}")).status_code == 200
    assert (await client.get(url)).status_code == 404
    assert await ids(client, "") == []
    left = (await client.get(f"/api/ai/queue/{id}")).json()
    assert (left["status"], left["result_url"], left["prompt"]) == ("succeeded", None, OX["prompt"])
    assert (await client.get(f"/api/limner/generations/{id}/thumbnail")).status_code == 404
    assert (await client.delete(f"/api/limner/generations/{id}")).status_code == 200
    assert (await client.get("/api/repos/local/generations/dir/main")).status_code == 404


async def test_a_deleted_image_is_not_made_up_for_an_idempotency_key(client: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await client.post("/api/ai/images/generate", json=OX, headers=headers)
    await client.delete(f"/api/limner/generations/{first.json()['images'][0]['generation_id']}")
    again = await client.post("/api/ai/images/generate", json=OX, headers=headers)
    assert again.status_code == 404
    assert "deleted" in again.json()["error"]["detail"]


async def test_what_has_not_ended_cannot_be_deleted(client: httpx2.AsyncClient) -> None:
    queued = await client.post("/api/ai/queue", json=OX | {"prompt": "steps=500 step-seconds=0.05"})
    id = queued.json()["generations"][0]["generation_id"]
    assert (await client.delete(f"/api/limner/generations/{id}")).status_code == 409
    await client.delete(f"/api/ai/queue/{id}")
    assert (await client.delete(f"/api/limner/generations/{id}")).status_code == 200


async def test_a_small_picture_keeps_the_shape_and_the_transparency(client: httpx2.AsyncClient) -> None:
    id = await make(client, size="1536x1024", background="transparent")
    small = await client.get(f"/api/limner/generations/{id}/thumbnail")
    assert "private" in small.headers["cache-control"]
    with Image.open(io.BytesIO(small.content)) as image:
        assert (image.format, image.size, image.mode) == ("WEBP", (384, 256), "RGBA")


async def test_an_input_that_was_sent_inside_the_call_can_be_had_again(client: httpx2.AsyncClient) -> None:
    out = io.BytesIO()
    Image.new("RGB", (30, 20), "navy").save(out, "PNG")
    uri = f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
    id = await make(client, input_image=[uri])
    found = await client.get(f"/api/limner/generations/{id}/inputs/0")
    with Image.open(io.BytesIO(found.content)) as image:
        assert (image.size, image.convert("RGB").getpixel((5, 5))) == ((30, 20), (0, 0, 128))
    for name in ("1", "mask", "-1", "x"):
        assert (await client.get(f"/api/limner/generations/{id}/inputs/{name}")).status_code == 404


async def test_an_archive_holds_each_image_and_everything_known_of_it(client: httpx2.AsyncClient) -> None:
    first, gone = await make(client, output_format="webp"), await make(client)
    await client.delete(f"/api/limner/generations/{gone}")
    answer = await client.get(f"/api/limner/export?ids={first},{gone}")
    assert answer.headers["content-disposition"] == 'attachment; filename="limner.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted([f"{first}.webp", "generations.json"])
        described = json.loads(archive.read("generations.json"))
        with Image.open(io.BytesIO(archive.read(f"{first}.webp"))) as image:
            assert image.size == (64, 64)
    assert [(one["generation_id"], one["file"]) for one in described] == [(first, f"{first}.webp"), (gone, None)]
    assert described[0]["used"]["seed"] >= 0
    assert "result_url" not in described[0]


async def test_an_archive_needs_ids_that_are_the_callers(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/api/limner/export")).json()["error"]["field"] == "ids"
    assert (await client.get(f"/api/limner/export?ids={NEVER}")).status_code == 404
    many = ",".join([NEVER[:-3] + f"{n:03}" for n in range(501)])
    assert (await client.get(f"/api/limner/export?ids={many}")).status_code == 400
