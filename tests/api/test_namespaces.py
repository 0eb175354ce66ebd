"""One namespace never sees, lists, cancels or reads what is another's, on any route there is."""

import re

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from limner.records.keys import Keys

SECRET = "moonlit-owl-4711"
OX = {"model": "tiny", "prompt": f"{SECRET} steps=2", "size": "64x64"}
OPEN = {
    "/",
    "/workbench",
    "/workbench/{name}",
    "/api/limner/session",
    "/docs",
    "/docs/{name:path}",
    "/docs/assets/{name}",
    "/docs/search",
    "/llms.txt",
    "/api/reference",
    "/api/reference/openapi.json",
    "/api/limner/ask",
    "/health/live",
    "/health/ready",
}
"""Routes that show the same to everyone."""


async def bearer(keys: Keys, namespace: str) -> dict[str, str]:
    """Headers of a caller of this namespace who may do everything."""
    _, text = await keys.create(namespace, ("read", "write", "admin"))
    return {"Authorization": f"Bearer {text}"}


async def test_every_route_that_is_not_open_to_all_asks_for_a_key(
    app: FastAPI, client: httpx2.AsyncClient, keys: Keys
) -> None:
    await keys.create("ada", ("read",))
    asked = 0
    for route in app.routes:
        if isinstance(route, APIRoute) and route.path not in OPEN:
            names = re.findall(r"{(\w+)", route.path)
            for method in sorted(route.methods or ()):
                url = route.path_format.format_map(dict.fromkeys(names, "main"))
                answer = await client.request(method, url, json=OX if method == "POST" else None)
                # The eleventh failure of an address in a minute is a 429: just as shut.
                assert answer.status_code in (401, 429), (method, url)
                asked += 1
    assert asked > 10


async def wait_until_made(client: httpx2.AsyncClient, id: str, headers: dict[str, str]) -> str:
    """The signed URL of a generation once it has succeeded."""
    while True:
        shown = (await client.get(f"/api/ai/queue/{id}", headers=headers)).json()
        if shown["status"] == "succeeded":
            url: str = shown["result_url"]
            return url
        assert shown["status"] in ("queued", "processing"), shown


@pytest.mark.usefixtures("worker")
async def test_every_route_keeps_namespaces_apart(app: FastAPI, client: httpx2.AsyncClient, keys: Keys) -> None:
    ada, bob = await bearer(keys, "ada"), await bearer(keys, "bob")
    made = (await client.post("/api/ai/queue", json=OX, headers=ada)).json()["generations"][0]["generation_id"]
    link = await wait_until_made(client, made, ada)
    long = OX | {"prompt": f"{SECRET} steps=900 step-seconds=0.05"}
    running = (await client.post("/api/ai/queue", json=long, headers=ada)).json()["generations"][0]["generation_id"]
    picture = (await client.get(link)).content
    stored = await client.put("/api/repos/ada/art/file/main/a", files={"files[]": ("x.png", picture)}, headers=ada)
    assert stored.status_code == 200
    path = re.sub(r"\?.*", "", link.removeprefix(str(client.base_url)))
    values = {"generation_id": running, "model_id": "tiny", "namespace": "ada", "revision": "main", "branch": "main"}

    tried = set()
    for route in app.routes:
        if not isinstance(route, APIRoute) or route.path in OPEN or route.path == "/api/events":
            continue
        for repo, file in (("art", "a/x.png"), ("generations", path.rpartition("/")[2])):
            url = route.path_format.format_map({**values, "repo": repo, "path": file, "folder": "a", "name": ""})
            for method in sorted(route.methods or ()):
                files = {"files[]": ("x.png", picture)} if method == "PUT" else None
                body = OX | {"input_image": link.partition("?")[0]} if method == "POST" else None
                answer = await client.request(method, url, headers=bob, files=files, json=body)
                tried.add((method, route.path))
                assert answer.status_code < 500, (method, url)
                assert SECRET not in answer.text, (method, url)
                assert answer.content != picture, (method, url)
                if route.path == "/metrics":  # counts what all do, and names nobody
                    assert answer.status_code == 200
                    assert '"ada"' not in answer.text
                if route.path.startswith(("/api/repos", "/api/ai/queue/")):
                    assert answer.status_code in (403, 404), (method, url)
    assert len(tried) > 10
    assert (await client.get(f"/api/ai/queue/{running}", headers=ada)).json()["status"] in ("queued", "processing")
    listed = (await client.get("/api/ai/queue?status=all", headers=ada)).json()["generations"]
    assert {one["generation_id"] for one in listed} == {made, running}
    await client.delete(f"/api/ai/queue/{running}", headers=ada)


async def test_anothers_repository_is_as_absent_as_one_that_never_was(client: httpx2.AsyncClient, keys: Keys) -> None:
    ada, bob = await bearer(keys, "ada"), await bearer(keys, "bob")
    picture = (await client.get("/api/repos/limner/examples/file/main/bloxy/bloxy_cropped_512x512.png")).content
    stored = await client.put("/api/repos/ada/art/file/main/a", files={"files[]": ("x.png", picture)}, headers=ada)
    for route in ("dir/main", "dir/main/a", f"dir/{stored.json()['commit']['id']}", "commits/main"):
        assert (await client.get(f"/api/repos/ada/art/{route}", headers=ada)).status_code == 200
        there = await client.get(f"/api/repos/ada/art/{route}", headers=bob)
        never = await client.get(f"/api/repos/ada/nil/{route}", headers=bob)
        assert (there.status_code, never.status_code) == (404, 404)
        assert there.text.replace("ada/art", "ada/nil") == never.text
