"""What the model routes say: the id asked for, and truthfully what runs."""

import asyncio

import httpx2
import pytest

from limner.records.keys import Keys
from limner.workers.loop import WorkerLoop


async def test_the_list_holds_every_model_once(client: httpx2.AsyncClient) -> None:
    answer = (await client.get("/api/ai/models")).json()
    assert answer["object"] == "list"
    assert sorted(model["id"] for model in answer["data"]) == ["storybook", "tiny"]


async def test_the_list_can_be_cut_to_one_developer(client: httpx2.AsyncClient) -> None:
    assert len((await client.get("/api/ai/models?developer_name=limner")).json()["data"]) == 2
    assert (await client.get("/api/ai/models?developer_name=OpenAI")).json()["data"] == []
    assert (await client.get("/api/ai/models?developer=x")).status_code == 400


@pytest.mark.parametrize(
    ("search", "found"),
    [("GPT-image", ["storybook"]), ("story lim", ["storybook"]), ("mona lisa", []), ("", ["storybook", "tiny"])],
)
async def test_a_search_finds_the_models_that_all_its_words_name(
    client: httpx2.AsyncClient, search: str, found: list[str]
) -> None:
    answer = (await client.get("/api/ai/models/search", params={"search": search})).json()
    assert sorted(model["id"] for model in answer["data"]) == found


@pytest.mark.parametrize("id", ["gpt-image-1-5", "gpt-image-1.5"])
async def test_an_alias_is_echoed_and_says_what_runs(client: httpx2.AsyncClient, id: str) -> None:
    model = (await client.get(f"/api/ai/models/{id}")).json()
    assert (model["id"], model["object"], model["source_model"]) == (id, "model", "storybook")
    assert model["display_name"] == "storybook"
    assert id in model["aliases"]
    assert model["capabilities"] == {"input": ["text", "image"], "output": ["image"]}
    assert model["request_schema"] == model["json_request_schema"]
    assert {"properties", "required", "basic"} <= set(model["request_schema"])
    assert model["deployments"] == [{"status": "inactive"}]
    assert isinstance(model["created"], int)


@pytest.mark.parametrize("id", ["mona-lisa", "black-forest/flux.1", "a%2Fb", "x" * 150])
async def test_an_unknown_model_is_named(client: httpx2.AsyncClient, id: str) -> None:
    answer = await client.get(f"/api/ai/models/{id}")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == f"Model not found: {id.replace('%2F', '/')}"


async def status(client: httpx2.AsyncClient) -> str:
    """How *tiny* stands."""
    model = (await client.get("/api/ai/models/tiny")).json()
    return str(model["deployments"][0]["status"])


async def test_a_model_is_loaded_and_unloaded_by_order_and_loaded_by_need(
    client: httpx2.AsyncClient, worker: WorkerLoop
) -> None:
    assert await status(client) == "inactive"
    for verb, becomes in (("activate", "active"), ("deactivate", "inactive")):
        answer = await client.post(f"/api/ai/models/tiny/{verb}")
        assert (answer.status_code, answer.json()["id"]) == (200, "tiny")
        async with asyncio.timeout(20):
            while await status(client) != becomes:
                await asyncio.sleep(0.05)
    made = await client.post("/api/ai/images/generate", json={"model": "tiny", "prompt": "an ox", "size": "64x64"})
    assert made.status_code == 200
    assert await status(client) == "active"


async def test_only_an_admin_loads_and_unloads(client: httpx2.AsyncClient, keys: Keys) -> None:
    _, text = await keys.create("ada", ("read", "write"))
    for verb in ("activate", "deactivate"):
        answer = await client.post(f"/api/ai/models/tiny/{verb}", headers={"Authorization": f"Bearer {text}"})
        assert (answer.status_code, "admin" in answer.json()["error"]["detail"]) == (403, True)


async def test_an_unknown_model_is_not_loaded(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/ai/models/mona-lisa/activate")
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Model not found: mona-lisa")
