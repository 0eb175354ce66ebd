"""Bodies of every wrong kind: refused with what is wrong, where, and never with a 5xx."""

import json
from collections.abc import AsyncIterator, Callable, Coroutine

import httpx2
import pytest
from starlette.types import Message, Receive

SendRaw = Callable[[str, str, dict[str, str], Receive], Coroutine[None, None, list[Message]]]
PATH = "/api/ai/queue"


async def post(client: httpx2.AsyncClient, body: bytes, kind: str = "application/json") -> httpx2.Response:
    """One enqueue with exactly these bytes."""
    return await client.post(PATH, content=body, headers={"content-type": kind})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[]", "JSON object"),
        (b"null", "JSON object"),
        (b'"ox"', "JSON object"),
        (b"\xff\xfe{}", "UTF-8"),
        (b'{"prompt":"\xff"}', "UTF-8"),
        (b'\xef\xbb\xbf{"prompt":"x"}', "not valid JSON"),
        (b'{"prompt":"a","prompt":"b"}', "`prompt` is given more than once"),
        (b'{"seed":NaN}', "NaN"),
        (b'{"seed":-Infinity}', "-Infinity"),
        (b'{"seed":' + b"9" * 5_000 + b"}", "too many digits"),
        (b'{"prompt":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"prompt":"\\ud800"}', "prompt"),
        (b'{"prompt":"a\\u0000b"}', "prompt"),
        (b'{"\\ud800":1}', "surrogate"),
        (b'{"prompt":"a\x00b"}', "not valid JSON"),
        (b'{"model":"tiny","prompt":"' + b"\\u00e9" * 10 + b'","x":{"y":["\\ud83d"]}}', "x holds"),
    ],
    ids=range(18),
)
async def test_what_is_no_proper_json_is_refused(client: httpx2.AsyncClient, body: bytes, said: str) -> None:
    answer = await post(client, body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_params"
    assert said in answer.json()["error"]["detail"]


async def test_an_escaped_surrogate_pair_is_a_character(client: httpx2.AsyncClient) -> None:
    assert (await post(client, b'{"model":"tiny","prompt":"ox \\ud83d\\ude00","size":"64x64"}')).status_code == 200


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
async def test_only_json_is_taken(client: httpx2.AsyncClient, kind: str) -> None:
    answer = await post(client, b'{"model":"tiny","prompt":"ox"}', kind)
    assert (answer.status_code, answer.json()["error"]["type"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON;charset=UTF-8", 'application/json; charset="utf-8"']
)
async def test_json_may_name_its_charset(client: httpx2.AsyncClient, kind: str) -> None:
    assert (await post(client, b'{"model":"tiny","prompt":"ox","size":"64x64"}', kind)).status_code == 200


@pytest.mark.parametrize("changed", [{"max_body_bytes": 1_000}])
async def test_a_large_body_is_refused_before_it_is_read(send_raw: SendRaw) -> None:
    async def receive() -> Message:
        raise ValueError("the body was read")

    headers = {"host": "localhost", "content-type": "application/json", "content-length": "1001"}
    assert (await send_raw("POST", PATH, headers, receive))[0]["status"] == 413


@pytest.mark.parametrize("changed", [{"max_body_bytes": 1_000}])
async def test_a_body_without_a_length_is_counted(client: httpx2.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b" " * 100

    answer = await client.post(PATH, content=chunks(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (413, "too_large")


async def test_a_large_but_allowed_body_is_parsed(client: httpx2.AsyncClient) -> None:
    answer = await post(client, json.dumps({"model": "tiny", "prompt": "x" * 2_000_000}).encode())
    assert (answer.status_code, "prompt" in answer.json()["error"]["detail"]) == (400, True)
