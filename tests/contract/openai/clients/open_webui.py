"""The two requests of Open WebUI, as its source sends them with aiohttp; one line of JSON for each case."""

import asyncio
import base64
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

BASE = sys.argv[1] + "/v1"
HEADERS = {"Authorization": "Bearer x"}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def read(session: aiohttp.ClientSession, answer: dict[str, Any]) -> list[bytes]:
    """The pictures as Open WebUI finds them: a URL first, else base64."""
    found = []
    for one in answer["data"]:
        if url := one.get("url"):
            async with session.get(url) as file:
                file.raise_for_status()
                found.append(await file.read())
        else:
            found.append(base64.b64decode(one["b64_json"]))
    return found


async def generate(**fields: Any) -> None:
    """Its request for pictures."""
    body = {"model": "tiny", "prompt": "an ox", "n": 1} | fields
    url = f"{BASE}/images/generations?api-version=2026-01-01"
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=HEADERS) as answer:
        answer.raise_for_status()
        [picture] = await read(session, await answer.json())
    if not picture.startswith(b"\x89PNG"):
        raise ValueError("no PNG")


async def edit(count: int, **fields: str) -> None:
    """Its request for an edit."""
    form = aiohttp.FormData()
    for name, value in ({"model": "tiny", "prompt": "an ox"} | fields).items():
        form.add_field(name, value)
    for i in range(count):
        form.add_field("image" if count == 1 else "image[]", PIXEL, filename=f"{i}.png", content_type="image/png")
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{BASE}/images/edits", data=form, headers=HEADERS) as answer,
    ):
        answer.raise_for_status()
        await read(session, await answer.json())


CASES: dict[str, Callable[[], Awaitable[None]]] = {
    "a picture, as for gpt-image": lambda: generate(size="1024x1024"),
    "a picture, with its default size and response_format": lambda: generate(
        size="512x512", response_format="b64_json"
    ),
    "a picture by its URL": lambda: generate(response_format="url"),
    "an edit of one picture": lambda: edit(1, size="1024x1024", n="1"),
    "an edit of two, with response_format": lambda: edit(2, response_format="b64_json", size="512x512"),
}

for case, run in CASES.items():
    why = ""
    try:
        asyncio.run(run())  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001
        why = f"{type(error).__name__}: {error}"[:500]
    sys.stdout.write(json.dumps({"case": case, "why": why}) + "\n")
