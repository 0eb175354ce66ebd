"""Lists over HTTP: folders and commits of stored files, results and examples, page by page and in one shape."""

import hashlib
import io
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from PIL import Image

from limner.images.blobs import Blobs, result_path
from limner.queue.store import Store
from limner.records.keys import Keys
from limner.wire import Generation

Submit = Callable[..., Any]


def picture(shade: int = 7) -> bytes:
    """A small PNG."""
    out = io.BytesIO()
    Image.new("RGB", (4, 4), (shade, 0, 0)).save(out, "PNG")
    return out.getvalue()


async def put(client: httpx2.AsyncClient, path: str, data: bytes | None = None, **texts: str) -> str:
    """Store a picture in local/art; the id of its commit."""
    folder, _, name = path.rpartition("/")
    files = {"files[]": (name, data or picture())}
    answer = await client.put(f"/api/repos/local/art/file/main/{folder}", files=files, data=texts)
    assert answer.status_code == 200, answer.text
    id: str = answer.json()["commit"]["id"]
    return id


async def get(client: httpx2.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    """A list that must be there."""
    answer = await client.get(f"/api/repos/{path}", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["status_message"]) == ("success", "resource_found")
    return body


async def names(client: httpx2.AsyncClient, path: str, **query: Any) -> list[str]:
    """The names of a list's entries; folders end with a slash."""
    body = await get(client, path, **query)
    return [entry["filename"] + "/" * entry["is_dir"] for entry in body["entries"]]


async def refused(client: httpx2.AsyncClient, path: str, status: int, says: str) -> None:
    answer = await client.get(f"/api/repos/{path}")
    assert answer.status_code == status, (path, answer.text)
    assert says in answer.json()["error"]["message"]


async def make(store: Store, blobs: Blobs, submit: Submit, prompt: str, **fields: Any) -> Generation:
    """A result, as a worker would leave it."""
    [generation] = await submit(prompt, **fields)
    [taken] = await store.claim("w", ["tiny"], 1, 15.0)
    path = result_path(taken.namespace, taken.id, taken.plan.output_format)
    await blobs.put(path, picture())
    await store.finish("w", taken.id, taken.attempt, path, ())
    made: Generation = await store.get(taken.namespace, generation.id)
    return made


async def test_a_folder_shows_its_files_and_folders_each_with_its_newest_commit(client: httpx2.AsyncClient) -> None:
    await put(client, "oxen/a.png", name="Ada", email="ada@x.org", message="first")
    newest = await put(client, "oxen/young/calf.png", picture(9), name="Bob", message="a calf")
    body = await get(client, "local/art/dir/main/oxen")
    folder, file = body["entries"]
    assert body["resource"] == {"path": "oxen", "version": "main"}
    assert (body["page_size"], body["page_number"], body["total_pages"], body["total_entries"]) == (100, 1, 1, 2)
    assert (folder["filename"], folder["is_dir"]) == ("young", True)
    assert folder["size"] is folder["hash"] is folder["media_type"] is None
    assert folder["latest_commit"]["id"] == newest
    assert (folder["latest_commit"]["author"], folder["latest_commit"]["email"]) == ("Bob", "")
    assert (file["filename"], file["is_dir"], file["media_type"]) == ("a.png", False, "image/png")
    assert (file["size"], file["hash"]) == (len(picture()), hashlib.sha256(picture()).hexdigest())
    assert file["resource"] == {"path": "oxen/a.png", "version": "main"}
    commit = file["latest_commit"]
    assert set(commit) == {"id", "author", "email", "message", "timestamp"}
    assert (commit["author"], commit["email"], commit["message"]) == ("Ada", "ada@x.org", "first")
    assert isinstance(commit["timestamp"], int)
    assert (await client.get(f"/api/repos/local/art/file/{commit['id']}/oxen/a.png")).content == picture()


async def test_a_commit_shows_the_repository_as_it_was_in_lists_and_in_files(client: httpx2.AsyncClient) -> None:
    first = await put(client, "a.png")
    second = await put(client, "b/c.png")
    await put(client, "a.png", picture(9))
    await put(client, "d.png")
    assert await names(client, "local/art/dir/main") == ["b/", "a.png", "d.png"]
    assert await names(client, f"local/art/dir/{first}") == ["a.png"]
    assert await names(client, f"local/art/dir/{second}/") == ["b/", "a.png"]
    assert (await client.get(f"/api/repos/local/art/file/{second}/a.png")).content == picture()
    assert (await client.get("/api/repos/local/art/file/main/a.png")).content == picture(9)
    await refused(client, f"local/art/file/{second}/d.png", 404, "no file d.png")
    await refused(client, f"local/art/dir/{first}/b", 404, "no folder b")


async def test_commits_are_listed_newest_first(client: httpx2.AsyncClient) -> None:
    ids = [await put(client, f"x/{i}.png", name="Ada", email="ada@x.org", message=f"no. {i}") for i in range(3)]
    body = await get(client, "local/art/commits/main", page_size=2)
    assert [commit["id"] for commit in body["commits"]] == [ids[2], ids[1]]
    assert (body["page_size"], body["page_number"], body["total_pages"], body["total_entries"]) == (2, 1, 2, 3)
    newest = body["commits"][0]
    assert set(newest) == {"id", "author", "email", "message", "timestamp", "path"}
    assert (newest["author"], newest["email"], newest["message"]) == ("Ada", "ada@x.org", "no. 2")
    assert newest["path"] == "x/2.png"
    earlier = await get(client, f"local/art/commits/{ids[1]}")
    assert [commit["id"] for commit in earlier["commits"]] == [ids[1], ids[0]]


async def test_pages_hold_every_entry_once_and_beyond_them_is_nothing(client: httpx2.AsyncClient) -> None:
    for i in range(5):
        await put(client, f"{i}.png")
    pages = [await names(client, "local/art/dir/main", page=page, page_size=2) for page in (1, 2, 3, 4)]
    assert pages == [["0.png", "1.png"], ["2.png", "3.png"], ["4.png"], []]
    assert (await get(client, "local/art/dir/main", page=4, page_size=2))["total_pages"] == 3


async def test_results_are_listed_newest_first(
    client: httpx2.AsyncClient, store: Store, blobs: Blobs, submit: Submit
) -> None:
    await refused(client, "local/generations/dir/main", 404, "no folder /")
    old = await make(store, blobs, submit, "an ox")
    new = await make(store, blobs, submit, "a calf", output_format="webp")
    await make(store, blobs, submit, "not yours", namespace="bob")
    await submit("not made yet")
    body = await get(client, "local/generations/dir/main/")
    assert [entry["filename"] for entry in body["entries"]] == [f"{new.id}.webp", f"{old.id}.png"]
    entry = body["entries"][0]
    assert (entry["size"], entry["media_type"], entry["is_dir"]) == (len(picture()), "image/webp", False)
    assert entry["latest_commit"] == {
        "id": new.id,
        "author": "local",
        "email": "",
        "message": "a calf",
        "timestamp": int(new.completed_at or 0),
    }
    file = await client.get(f"/api/repos/local/generations/file/main/{entry['resource']['path']}")
    assert file.content == picture()
    assert await names(client, "local/generations/dir/main", page=2, page_size=1) == [f"{old.id}.png"]
    commits = await get(client, "local/generations/commits/main", page_size=1)
    assert (commits["commits"], commits["total_entries"]) == ([entry["latest_commit"] | {"path": f"{new.id}.webp"}], 2)
    for place in ("dir/main/x", f"dir/{old.id}", f"commits/{old.id}"):
        await refused(client, f"local/generations/{place}", 404, "no folder")


async def test_a_result_whose_file_is_gone_hides_no_other(
    client: httpx2.AsyncClient, store: Store, blobs: Blobs, submit: Submit
) -> None:
    lost = await make(store, blobs, submit, "an ox")
    await make(store, blobs, submit, "a calf")
    await blobs.delete(lost.result_path or "")
    sizes = [entry["size"] for entry in (await get(client, "local/generations/dir/main"))["entries"]]
    assert sizes == [len(picture()), None]


async def test_the_examples_are_listed_to_all_without_a_key(client: httpx2.AsyncClient, keys: Keys) -> None:
    await keys.create("ada", ("read",))
    assert await names(client, "limner/examples/dir/main") == ["bloxy/"]
    [entry] = (await get(client, "limner/examples/dir/main/bloxy/"))["entries"]
    file = await client.get(f"/api/repos/limner/examples/file/main/{entry['resource']['path']}")
    assert (entry["size"], entry["hash"]) == (len(file.content), hashlib.sha256(file.content).hexdigest())
    assert (entry["media_type"], entry["latest_commit"]) == ("image/png", None)
    assert await names(client, "limner/examples/dir/main", page=2) == []
    await refused(client, "limner/examples/dir/main/blox", 404, "no folder blox")
    await refused(client, "limner/examples/dir/dev", 404, "at dev")
    await refused(client, "limner/examples/commits/main", 404, "no commits")


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("local/art/dir/main/b", "no folder b at main"),
        ("local/art/dir/main/a.png", "no folder a.png"),
        ("local/art/dir/main/%00", "no folder"),
        ("local/art/dir/main/%2e%2e", "no folder"),
        ("local/art/dir/main/" + "a/" * 900, "no folder"),
        ("local/art/dir/dev", "at dev"),
        ("local/art/dir/" + "0" * 64, "at 000"),
        ("local/none/dir/main", "no folder / at main in local/none"),
        ("local/art/commits/dev", "no branch or commit dev"),
        ("local/none/commits/main", "no branch or commit main in local/none"),
        ("bob/art/dir/main", "no repository bob/art of yours"),
        ("bob/generations/dir/main", "no repository bob/generations of yours"),
        ("bob/art/commits/main", "no repository bob/art of yours"),
    ],
)
async def test_what_is_not_there_is_not_found(client: httpx2.AsyncClient, place: str, says: str) -> None:
    await put(client, "a.png")
    await refused(client, place, 404, says)


@pytest.mark.parametrize("place", ["local/art/dir/main", "local/art/commits/main", "limner/examples/dir/main"])
@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("page=0", "page "),
        ("page=-1", "page "),
        ("page=x", "page "),
        ("page=1e3", "page "),
        ("page=9999999999", "page "),
        ("page=1&page=2", "page "),
        ("page_size=0", "page_size"),
        ("page_size=1001", "page_size"),
        ("page_size=1.5", "page_size"),
        ("depth=2", "depth"),
    ],
)
async def test_a_bad_page_is_refused_by_name(client: httpx2.AsyncClient, place: str, query: str, named: str) -> None:
    await put(client, "a.png")
    await refused(client, f"{place}?{query}", 400, named)
