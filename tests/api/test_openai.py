"""OpenAI's dialect in one process: what is asked in JSON or in a form, what is answered, and how it is refused."""

import base64
import json

import httpx2
import numpy as np
import pytest
from fastapi import FastAPI

from limner.queue.store import Store
from limner.records.keys import Keys
from limner.workers.loop import WorkerLoop
from tests.api.conftest import EDIT, MAKE, OX, a_picture, fault, make, opened


async def test_a_picture_is_made_and_every_value_is_concrete(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    answer = await client.post(MAKE, json={"model": "tiny", "prompt": "an ox"})
    assert opened(answer).size == (1024, 1024)
    body = answer.json()
    assert (body["size"], body["quality"], body["background"]) == ("1024x1024", "medium", "opaque")
    assert (body["output_format"], body["warnings"]) == ("png", [])
    assert type(body["created"]) is int
    assert body["usage"]["output_tokens"] == 1056
    assert "url" not in body["data"][0]


async def test_the_hubs_base_url_speaks_it_too(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    assert opened(await client.post("/api/ai/images/generations", json=OX)).size == (64, 64)
    files = {"image": ("a.png", a_picture())}
    assert opened(await client.post("/api/ai/images/edits", data=OX, files=files)).size == (64, 64)
    for path in ("/api/ai/images/generations", "/api/ai/images/edits", "/api/ai/images/variations"):
        fault(await client.get(path), 404 if path.endswith("variations") else 405)


async def test_several_pictures_are_one_request(client: httpx2.AsyncClient, worker: WorkerLoop, store: Store) -> None:
    answer = await make(client, n=10, seed=7)
    assert len({one["b64_json"] for one in answer.json()["data"]}) == 10
    assert [one["seed"] for one in answer.json()["data"]] == list(range(7, 17))
    assert len({one.request_id for one in await store.find("local", states=("succeeded",))}) == 1


@pytest.mark.parametrize(("kind", "magic"), [("png", b"\x89PNG"), ("jpeg", b"\xff\xd8"), ("webp", b"RIFF")])
async def test_the_format_is_the_one_asked_for(
    client: httpx2.AsyncClient, worker: WorkerLoop, kind: str, magic: bytes
) -> None:
    answer = await make(client, output_format=kind, background="opaque")
    assert answer.json()["output_format"] == kind
    assert base64.b64decode(answer.json()["data"][0]["b64_json"]).startswith(magic)


async def test_a_transparent_background_is_transparent(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    answer = await make(client, background="transparent", output_format="webp")
    assert answer.json()["background"] == "transparent"
    assert np.asarray(opened(answer).convert("RGBA"))[..., 3].min() == 0
    refused = fault(await make(client, background="transparent", output_format="jpeg"), 400)
    assert (refused["param"], refused["code"]) == ("background", "invalid_value")


async def test_less_quality_of_a_file_is_fewer_bytes(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    for kind in ("jpeg", "webp"):
        answers = [await make(client, seed=1, output_format=kind, output_compression=q) for q in (0, 50, 100)]
        sizes = [len(one.json()["data"][0]["b64_json"]) for one in answers]
        assert sizes == sorted(sizes)


async def test_a_link_is_given_to_who_asks_for_one(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    answer = await make(client, response_format="url")
    [one] = answer.json()["data"]
    assert "b64_json" not in one
    assert (await client.get(one["url"])).headers["content-type"] == "image/png"


async def test_what_changed_nothing_is_told_and_the_identifier_is_echoed(
    client: httpx2.AsyncClient, worker: WorkerLoop
) -> None:
    body = (await make(client, moderation="low", user="me", style="vivid", safety_identifier="id-7")).json()
    assert [warning.split()[0] for warning in body["warnings"]] == ["moderation", "style", "user"]
    assert body["safety_identifier"] == "id-7"


async def test_a_size_of_older_models_is_answered_by_the_nearest(
    client: httpx2.AsyncClient, worker: WorkerLoop
) -> None:
    body = (await make(client, size="512x512")).json()
    assert body["size"] == "1024x1024"
    assert "512x512" in body["warnings"][0]


async def test_a_prompt_may_be_long_and_in_any_script(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    for prompt in ("é 🐂\n二頭", "ox " * 10_666):
        assert (await make(client, prompt=prompt)).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"a":NaN}', b"\xff", b"[" * 5000])
async def test_what_is_no_json_object_is_refused(client: httpx2.AsyncClient, body: bytes) -> None:
    for path in (MAKE, EDIT):
        answer = await client.post(path, content=body, headers={"content-type": "application/json"})
        assert fault(answer, 400)["type"] == "invalid_request_error"


async def test_a_name_given_twice_in_json_is_refused(client: httpx2.AsyncClient) -> None:
    body = b'{"prompt":"a","n":1,"n":2}'
    answer = await client.post(MAKE, content=body, headers={"content-type": "application/json"})
    assert fault(answer, 400)["param"] == "n"


@pytest.mark.parametrize("kind", ["text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_foreign_content_type_is_refused(client: httpx2.AsyncClient, kind: str) -> None:
    for path in (MAKE, EDIT):
        fault(await client.post(path, content=json.dumps(OX).encode(), headers={"content-type": kind}), 400)


async def test_routes_that_are_not_there_are_refused_in_its_words(client: httpx2.AsyncClient) -> None:
    for method, path in (("POST", "/v1/images/variations"), ("GET", "/v1"), ("POST", "/v1/chat/completions")):
        refused = fault(await client.request(method, path), 404)
        assert refused == {
            "message": f"Invalid URL ({method} {path})", "type": "invalid_request_error", "param": None, "code": None
        }  # fmt: skip
    wrong = await client.get(MAKE)
    assert (fault(wrong, 405)["code"], wrong.headers["allow"]) == ("method_not_allowed", "POST")


async def test_what_nobody_expected_is_in_its_words_too(app: FastAPI, client: httpx2.AsyncClient) -> None:
    @app.get("/v1/breaks")
    async def breaks() -> None:
        raise ZeroDivisionError("/home/ox/.secret")

    refused = fault(await client.get("/v1/breaks"), 500)
    assert refused["type"] == "server_error"
    assert ".secret" not in refused["message"]


async def test_a_key_is_asked_for_once_there_are_keys(client: httpx2.AsyncClient, keys: Keys) -> None:
    _, key = await keys.create("local", ("read",))
    assert fault(await make(client), 401)["code"] is None
    headers = {"authorization": "Bearer wrong"}
    assert fault(await client.post(MAKE, json=OX, headers=headers), 401)["code"] == "invalid_api_key"
    headers = {"authorization": f"Bearer {key}"}
    assert fault(await client.post(MAKE, json=OX, headers=headers), 403)["type"] == "invalid_request_error"
    assert (await client.get("/v1/models", headers=headers)).status_code == 200


@pytest.mark.parametrize("changed", [{"max_queued": 1}])
async def test_a_full_queue_says_when_to_come_back(client: httpx2.AsyncClient) -> None:
    answer = await make(client, n=2)
    assert fault(answer, 429)["code"] == "rate_limit_exceeded"
    assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_what_would_fail_again_is_not_to_be_tried_again(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    for prompt in ("fail", "oom"):
        answer = await make(client, prompt=prompt)
        assert fault(answer, 500)["type"] == "image_generation_server_error"
        assert answer.headers["x-should-retry"] == "false"


async def test_the_models_are_listed_with_every_name(client: httpx2.AsyncClient) -> None:
    listed = (await client.get("/v1/models?api-version=1")).json()
    ids = [one["id"] for one in listed["data"]]
    assert listed["object"] == "list"
    assert {"tiny", "storybook", "gpt-image-1.5", "gpt-image-2"} <= set(ids)
    assert len(ids) == len(set(ids))
    one = (await client.get("/v1/models/gpt-image-1.5")).json()
    assert one == listed["data"][ids.index("gpt-image-1.5")]
    assert (one["object"], one["owned_by"], type(one["created"])) == ("model", "Limner", int)
    refused = fault(await client.get("/v1/models/none/such"), 404)
    assert (refused["param"], refused["code"]) == ("model", "model_not_found")
