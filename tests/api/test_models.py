"""What the model routes say: the id asked for, and truthfully what runs."""

import httpx2
import pytest


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
