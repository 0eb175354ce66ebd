"""The hub's dialect in one process: what is asked, what is answered, and what reaches the queue."""

import asyncio
import base64
import io
import json
import uuid
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from PIL import Image
from starlette.types import Message, Receive

from limner.queue.store import Store
from limner.workers.loop import WorkerLoop

SendRaw = Callable[[str, str, dict[str, str], Receive], Coroutine[None, None, list[Message]]]
OX = {"model": "tiny", "prompt": "a red ox", "size": "64x64"}
EXAMPLE = "/api/repos/limner/examples/file/main/bloxy/bloxy_cropped_512x512.png"


def a_picture(width: int = 96, height: int = 64) -> str:
    """A PNG as a data URI."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


async def make(client: httpx2.AsyncClient, **fields: Any) -> httpx2.Response:
    """One synchronous call."""
    return await client.post("/api/ai/images/generate", json=OX | fields)


async def enqueue(client: httpx2.AsyncClient, **fields: Any) -> list[str]:
    """Ids of newly queued generations."""
    answer = await client.post("/api/ai/queue", json=OX | fields)
    assert answer.status_code == 200, answer.text
    return [one["generation_id"] for one in answer.json()["generations"]]


async def get(client: httpx2.AsyncClient, id: str) -> dict[str, Any]:
    """One generation as the queue shows it."""
    shown: dict[str, Any] = (await client.get(f"/api/ai/queue/{id}")).json()
    return shown


async def test_a_picture_is_made_and_its_link_opens_it(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    answer = (await make(client, seed=7)).json()
    assert answer["model"] == "tiny"
    assert isinstance(answer["created"], int)
    assert answer["image_url"] == answer["images"][0]["url"]
    assert (answer["size"], answer["quality"], answer["background"]) == ("64x64", "medium", "opaque")
    assert (answer["output_format"], answer["seed"], answer["warnings"]) == ("png", 7, [])
    picture = await client.get(answer["image_url"])
    assert picture.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(picture.content)).size == (64, 64)


async def test_base64_holds_the_same_bytes_and_no_link(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    linked = (await make(client, seed=7)).json()
    answer = (await make(client, seed=7, response_format="b64_json")).json()
    assert "image_url" not in answer
    assert set(answer["images"][0]) == {"b64_json", "seed", "generation_id"}
    file = await client.get(linked["image_url"])
    assert Image.open(io.BytesIO(base64.b64decode(answer["images"][0]["b64_json"]))).tobytes() == (
        Image.open(io.BytesIO(file.content)).tobytes()
    )


async def test_several_images_differ_in_their_seed(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    answer = (await make(client, seed=7, n=3)).json()
    assert [image["seed"] for image in answer["images"]] == [7, 8, 9]
    assert len({image["url"] for image in answer["images"]}) == 3


async def test_if_one_fails_the_others_are_cancelled_and_its_error_is_the_answer(
    client: httpx2.AsyncClient, worker: WorkerLoop
) -> None:
    answer = await make(client, prompt="fail", n=3)
    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "engine_failed"
    assert answer.json()["error"]["message"] == "The prompt ordered a failure."
    assert (await client.get("/api/ai/queue")).json()["count"] == 0


async def test_a_call_whose_generation_is_cancelled_by_another_ends(client: httpx2.AsyncClient) -> None:
    waiting = asyncio.create_task(make(client))
    while not (listed := (await client.get("/api/ai/queue")).json()["generations"]):
        await asyncio.sleep(0.02)
    await client.delete(f"/api/ai/queue/{listed[0]['generation_id']}")
    assert (await waiting).status_code == 409


async def test_a_caller_who_hangs_up_cancels_what_they_asked_for(send_raw: SendRaw, store: Store) -> None:
    gone = asyncio.Event()
    bodies = [b'{"model":"tiny","prompt":"an ox","size":"64x64","n":2}']

    async def receive() -> Message:
        if bodies:
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    headers = {"host": "127.0.0.1:7310", "content-type": "application/json"}
    call = asyncio.create_task(send_raw("POST", "/api/ai/images/generate", headers, receive))
    while len(await store.find("local")) < 2:
        await asyncio.sleep(0.02)
    gone.set()
    assert await call == []
    assert {one.state for one in await store.find("local", states=("queued", "cancelled"))} == {"cancelled"}


async def test_a_stopping_server_answers_and_keeps_what_was_queued(
    app: FastAPI, client: httpx2.AsyncClient, store: Store
) -> None:
    waiting = asyncio.create_task(make(client))
    while not await store.find("local"):
        await asyncio.sleep(0.02)
    app.state.feed.stop()
    answer = await waiting
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "stopping")
    assert [one.state for one in await store.find("local")] == ["queued"]


@pytest.mark.parametrize("changed", [{"sync_timeout_seconds": 0.2}])
async def test_a_call_waits_only_so_long(client: httpx2.AsyncClient, store: Store) -> None:
    answer = await make(client)
    assert (answer.status_code, answer.json()["error"]["type"]) == (504, "timed_out")
    assert not await store.find("local")


async def test_an_edit_starts_from_a_data_uri_or_a_file_of_this_server(
    client: httpx2.AsyncClient, worker: WorkerLoop
) -> None:
    for source in (a_picture(), EXAMPLE, f"http://127.0.0.1:7310{EXAMPLE}", [a_picture(), EXAMPLE]):
        answer = await client.post("/api/ai/images/edit", json=OX | {"input_image": source})
        assert answer.status_code == 200, answer.text


async def test_generate_with_an_input_image_is_an_edit_too(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    plain = (await make(client, seed=1)).json()
    edited = (await make(client, seed=1, input_image=a_picture())).json()
    files = [(await client.get(answer["image_url"])).content for answer in (plain, edited)]
    assert files[0] != files[1]


async def test_auto_takes_the_shape_of_the_input(client: httpx2.AsyncClient) -> None:
    [id] = await enqueue(client, input_image=a_picture(300, 200), size="auto")
    assert (await get(client, id))["used"]["size"] == "1536x1024"


async def test_an_edit_needs_an_input_image(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/ai/images/edit", json=OX)
    assert (answer.status_code, "input_image" in answer.json()["error"]["detail"]) == (400, True)


async def test_what_is_queued_shows_all_that_was_submitted_and_all_that_is_used(client: httpx2.AsyncClient) -> None:
    sent = OX | {
        "seed": 5,
        "quality": "low",
        "output_format": "webp",
        "output_compression": 80,
        "negative_prompt": "dogs",
    }
    sent |= {"input_image": EXAMPLE, "input_fidelity": "high", "background": "opaque", "response_format": "url"}
    sent |= {"target_namespace": "local", "num_inference_steps": 3}
    [id] = await enqueue(client, **sent)
    shown = await get(client, id)
    assert {name: shown[name] for name in sent} == sent
    assert shown["generation_id"] == id
    assert (shown["model_name"], shown["media_type"], shown["status"]) == ("tiny", "image", "queued")
    assert (shown["result_url"], shown["error_message"]) == (None, None)
    assert (shown["started_at"], shown["completed_at"], shown["position"]) == (None, None, 0)
    assert isinstance(shown["enqueued_at"], int)
    assert shown["used"]["num_inference_steps"] == 3


async def test_a_seed_that_was_not_given_is_shown(client: httpx2.AsyncClient) -> None:
    [id] = await enqueue(client)
    assert isinstance((await get(client, id))["seed"], int)


async def test_a_data_uri_is_never_shown_back(client: httpx2.AsyncClient) -> None:
    [id] = await enqueue(client, input_image=a_picture())
    assert (await get(client, id))["input_image"].startswith("data:,sha256=")


async def test_the_position_counts_those_before(client: httpx2.AsyncClient) -> None:
    ids = await enqueue(client, num_generations=3)
    assert [(await get(client, id))["position"] for id in ids] == [0, 1, 2]


async def test_a_finished_generation_has_a_link(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    [id] = await enqueue(client)
    while (shown := await get(client, id))["status"] != "succeeded":
        await asyncio.sleep(0.02)
    assert (await client.get(shown["result_url"])).headers["content-type"] == "image/png"
    assert shown["started_at"] <= shown["completed_at"]


async def test_a_running_generation_shows_its_step(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    waiting = asyncio.create_task(make(client, prompt="steps=400 step-seconds=0.05"))
    while "progress" not in (shown := await newest(client)):
        await asyncio.sleep(0.02)
    assert shown["progress"]["of"] == 400
    await client.delete(f"/api/ai/queue/{shown['generation_id']}")
    await waiting


async def newest(client: httpx2.AsyncClient) -> dict[str, Any]:
    """The newest generation that has not ended, if there is one."""
    listed = (await client.get("/api/ai/queue")).json()["generations"]
    return dict(listed[0]) if listed else {}


async def test_a_cancelled_generation_stays_cancelled(client: httpx2.AsyncClient) -> None:
    [id] = await enqueue(client)
    for _ in range(2):
        answer = await client.delete(f"/api/ai/queue/{id}")
        assert answer.json() == {"status": "success", "generation_id": id}
    assert (await get(client, id))["status"] == "cancelled"


async def test_the_list_shows_what_has_not_ended_unless_it_is_asked(client: httpx2.AsyncClient) -> None:
    kept, gone = await enqueue(client, num_generations=2)
    await client.delete(f"/api/ai/queue/{gone}")

    async def ids(query: str) -> list[str]:
        answer = (await client.get(f"/api/ai/queue?{query}")).json()
        assert answer["count"] == len(answer["generations"])
        return sorted(one["generation_id"] for one in answer["generations"])

    both = sorted([kept, gone])
    assert await ids("") == await ids("status=queued,processing") == await ids("namespace=local") == [kept]
    assert await ids("status=cancelled") == [gone]
    assert await ids("status=all") == await ids("status=queued&status=cancelled") == both
    assert await ids("model=tiny&media_type=image") == [kept]
    assert await ids("model=storybook") == await ids("media_type=video") == []
    for place in ("repo=generations", "repo=local/generations&folder=/", "repo=&folder="):
        assert await ids(place) == [kept]
    for elsewhere in ("repo=art", "repo=ox/generations", "folder=a", "repo=art&folder=/"):
        assert await ids(elsewhere) == []
    assert await ids("status=all&limit=1") == [gone]
    assert await ids(f"status=all&before={gone}") == [kept]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("status=done", "status"),
        ("limit=0", "limit"),
        ("repo=art&limit=0", "limit"),
        ("folder=a&folder=b", "folder"),
        ("limit=99999999999999999999", "limit"),
        ("media_type=hologram", "media_type"),
        ("colour=red", "colour"),
        ("model=a&model=b", "model"),
        ("model=%00", "model"),
    ],
)
async def test_a_bad_query_is_refused_by_name(client: httpx2.AsyncClient, query: str, named: str) -> None:
    answer = await client.get(f"/api/ai/queue?{query}")
    assert (answer.status_code, named in answer.json()["error"]["detail"]) == (400, True)


async def test_other_namespaces_are_forbidden(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/api/ai/queue?namespace=ox")).status_code == 403
    answer = await make(client, target_namespace="ox")
    assert (answer.status_code, "target_namespace" in answer.json()["error"]["detail"]) == (403, True)


@pytest.mark.parametrize("id", [str(uuid.uuid4()), "x", "%00", "a%2Fb", "0" * 400, str(uuid.uuid4().hex)])
async def test_an_unknown_id_is_not_found(client: httpx2.AsyncClient, id: str) -> None:
    for method in ("GET", "DELETE"):
        answer = await client.request(method, f"/api/ai/queue/{id}")
        assert answer.status_code == 404
        assert answer.json()["error"]["type"] == "resource_not_found"
        assert answer.json()["error"]["title"] == "The requested resource could not be found"
        assert answer.json()["status_message"] == "resource_not_found"


async def test_an_unknown_model_is_named(client: httpx2.AsyncClient) -> None:
    answer = await make(client, model="mona-lisa")
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Model not found: mona-lisa")


@pytest.mark.parametrize("changed", [{"max_queued": 2}])
async def test_a_full_queue_says_when_to_come_back(client: httpx2.AsyncClient) -> None:
    await enqueue(client, num_generations=2)
    answer = await client.post("/api/ai/queue", json=OX)
    assert (answer.status_code, answer.json()["error"]["type"]) == (429, "too_busy")
    assert int(answer.headers["retry-after"]) > 0


async def test_200_at_once_are_all_taken(client: httpx2.AsyncClient) -> None:
    ids = await asyncio.gather(*(enqueue(client) for _ in range(200)))
    assert len({id for [id] in ids}) == 200
    assert (await client.get("/api/ai/queue")).json()["count"] == 200


async def test_a_key_makes_a_call_count_once(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    keyed = {"Idempotency-Key": "order 17"}
    first = await client.post("/api/ai/images/generate", json=OX, headers=keyed)
    again = await client.post("/api/ai/images/generate", json=dict(reversed(OX.items())), headers=keyed)
    assert again.json()["images"][0]["generation_id"] == first.json()["images"][0]["generation_id"]
    assert again.json()["seed"] == first.json()["seed"]
    other = await client.post("/api/ai/images/generate", json=OX | {"seed": 1}, headers=keyed)
    assert (other.status_code, other.json()["error"]["type"]) == (409, "conflict")
    assert "Idempotency-Key" in other.json()["error"]["detail"]
    elsewhere = await client.post("/api/ai/queue", json=OX, headers=keyed)
    assert elsewhere.status_code == 409


async def test_a_keyed_enqueue_answers_the_same_ids(client: httpx2.AsyncClient) -> None:
    sent = [
        client.post("/api/ai/queue", json=OX | {"num_generations": 2}, headers={"Idempotency-Key": "k"})
        for _ in range(5)
    ]
    answers = await asyncio.gather(*sent)
    assert len({answer.text for answer in answers}) == 1
    assert (await client.get("/api/ai/queue")).json()["count"] == 2


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "\u00fc"])
async def test_what_is_no_key_is_refused(client: httpx2.AsyncClient, key: str) -> None:
    answer = await client.post(
        "/api/ai/queue", json=OX, headers=httpx2.Headers({"Idempotency-Key": key}, encoding="latin-1")
    )
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["error"]["detail"]


async def test_a_caller_who_hangs_up_with_a_key_finds_the_picture_later(
    app: FastAPI, client: httpx2.AsyncClient, send_raw: SendRaw, store: Store
) -> None:
    body = json.dumps(OX).encode()
    sent: Iterator[Message] = iter([{"type": "http.request", "body": body}, {"type": "http.disconnect"}])

    async def receive() -> Message:
        message = next(sent)
        if message["type"] == "http.disconnect":
            while not await store.find("local"):
                await asyncio.sleep(0.01)
        return message

    headers = {"host": "127.0.0.1:7310", "content-type": "application/json", "idempotency-key": "k"}
    await send_raw("POST", "/api/ai/images/generate", headers, receive)
    [waiting] = await store.find("local")
    assert waiting.state == "queued"


async def test_a_picture_later_than_its_deadline_is_cancelled_and_its_call_told_so(
    client: httpx2.AsyncClient, worker: WorkerLoop
) -> None:
    slow = {"prompt": "steps=400 step-seconds=0.05", "cancel_after_seconds": 0.5}
    answer = await make(client, **slow)
    assert answer.status_code == 409
    assert answer.json()["error"]["detail"] == "The image was not ready within cancel_after_seconds."


async def test_a_higher_priority_is_before_ones_own_others(client: httpx2.AsyncClient) -> None:
    [usual], [urgent] = await enqueue(client), await enqueue(client, priority=3)
    assert (await get(client, urgent))["position"] == 0
    waiting = await get(client, usual)
    assert (waiting["position"], waiting["eta_seconds"]) == (1, None)
    assert (await get(client, urgent))["priority"] == 3
