"""The official Python client raises the right error for everything that is refused, with all that it tells."""

import asyncio
import base64
import threading
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

MAKE = "/v1/images/generations"
EDIT = "/v1/images/edits"


def refusal(client: OpenAI, kind: type[openai.APIStatusError], **fields: Any) -> openai.APIStatusError:
    """The error that a call raises."""
    with pytest.raises(kind) as caught:
        client.images.generate(**{"model": "tiny", "prompt": "an ox", "size": "64x64"} | fields)
    assert caught.value.request_id
    assert caught.value.type
    return caught.value


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"prompt": ""}, "prompt", "empty_string"),
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"n": 11}, "n", "integer_above_max_value"),
        ({"n": -1}, "n", "integer_below_min_value"),
        ({"n": 1.5}, "n", "invalid_type"),
        ({"n": "2"}, "n", "invalid_type"),
        ({"n": True}, "n", "invalid_type"),
        ({"size": "9x9"}, "size", "invalid_value"),
        ({"quality": "ultra"}, "quality", "invalid_value"),
        ({"background": "red"}, "background", "invalid_value"),
        ({"output_format": "jpg"}, "output_format", "invalid_value"),
        ({"moderation": "none"}, "moderation", "invalid_value"),
        ({"partial_images": 4, "stream": True}, "partial_images", "integer_above_max_value"),
        ({"partial_images": -1}, "partial_images", "integer_below_min_value"),
        ({"background": "transparent", "output_format": "jpeg"}, "background", "invalid_value"),
        ({"output_compression": 50}, "output_compression", "invalid_png_output_compression"),
        ({"extra_body": {"bogus": 1}}, "bogus", "unknown_parameter"),
        ({"model": "no-such"}, "model", "invalid_value"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_input_is_a_bad_request(client: OpenAI, fields: dict[str, Any], param: str, code: str) -> None:
    error = refusal(client, openai.BadRequestError, **fields)
    assert (error.param, error.code) == (param, code)


def test_a_failure_of_the_model_is_not_tried_again(server: str) -> None:
    tries: list[httpx2.Request] = []
    hooks = {"request": [tries.append]}
    with (
        httpx2.Client(event_hooks=hooks) as http,
        OpenAI(base_url=f"{server}/v1", api_key="x", max_retries=2, http_client=http) as client,
    ):
        error = refusal(client, openai.InternalServerError, prompt="fail")
    assert (error.type, error.code) == ("image_generation_server_error", "image_generation_failed")
    assert len(tries) == 1


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/images/variations", openai.NotFoundError),
        ("POST", "/none", openai.NotFoundError),
        ("GET", "/images/generations", openai.APIStatusError),
    ],
)
def test_a_wrong_route_is_an_error_with_all_its_fields(
    client: OpenAI, method: str, path: str, kind: type[openai.APIStatusError]
) -> None:
    with pytest.raises(kind) as caught:
        client.request(object, openai._models.FinalRequestOptions.construct(method=method, url=path))
    assert caught.value.type == "invalid_request_error"
    assert caught.value.request_id


def test_a_prompt_is_required(server: str) -> None:
    answer = httpx2.post(f"{server}{MAKE}", json={"model": "tiny"})
    assert answer.json()["error"] == {
        "message": "Missing required parameter: 'prompt'.",
        "type": "invalid_request_error",
        "param": "prompt",
        "code": "missing_required_parameter",
    }


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_a_broken_body_is_refused_in_the_same_shape(server: str, body: bytes) -> None:
    with httpx2.Client(base_url=server) as http:
        answer = http.post(MAKE, content=body, headers={"content-type": "application/json"})
        assert (answer.status_code, set(answer.json()["error"])) == (400, {"message", "type", "param", "code"})
        assert http.post(MAKE, content=b"x", headers={"content-type": "text/plain"}).status_code == 400
        good = http.post(MAKE, json={"model": "tiny", "prompt": "an ox", "size": "64x64"}, timeout=60)
        assert good.status_code == 200  # on the same connection


def test_a_body_that_is_too_large_is_refused_while_it_is_sent(server: str) -> None:
    with OpenAI(base_url=f"{server}/v1", api_key="x", max_retries=0) as client:
        with pytest.raises(openai.APIStatusError) as caught:
            client.images.edit(image=bytes(101_000_000), prompt="x", model="tiny")
        assert caught.value.status_code == 413
        with pytest.raises(openai.APIStatusError) as caught:
            client.images.edit(image=bytes(51_000_000), prompt="x", model="tiny")
        assert caught.value.status_code == 413
        assert caught.value.request_id


def test_a_chunked_upload_with_its_files_first_is_read(server: str) -> None:
    pixel = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    part = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    parts = [
        part % (b"image", b'; filename="a.png"\r\nContent-Type: application/octet-stream', pixel),
        *(part % (name, b"", value) for name, value in ((b"model", b"tiny"), (b"size", b"64x64"), (b"prompt", b"x"))),
        b"--b--\r\n\r\n",
    ]
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = httpx2.post(f"{server}{EDIT}", content=iter(parts), headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text


def test_a_wrong_key_and_no_key_are_refused(guarded: Any) -> None:
    with OpenAI(base_url=f"{guarded.address}/v1", api_key="sk-wrong", max_retries=0) as client:
        assert refusal(client, openai.AuthenticationError).code == "invalid_api_key"
    answer = httpx2.post(f"{guarded.address}{MAKE}", json={"prompt": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, None)


def test_a_key_that_may_only_read_is_denied(guarded: Any) -> None:
    with OpenAI(base_url=f"{guarded.address}/v1", api_key=guarded.read_key, max_retries=0) as client:
        assert refusal(client, openai.PermissionDeniedError).code == "forbidden"
        assert client.models.list().data


async def test_a_picture_that_somebody_cancels_is_a_conflict(aclient: AsyncOpenAI, server: str) -> None:
    prompt = "steps=900 step-seconds=0.05 cancelled by hand"
    waiting = asyncio.create_task(aclient.images.generate(model="tiny", prompt=prompt, size="64x64"))
    async with httpx2.AsyncClient(base_url=server) as http:
        found: list[dict[str, str]] = []
        while not found:
            found = (await http.get("/api/ai/queue?search=cancelled by hand")).json()["generations"]
        await http.delete(f"/api/ai/queue/{found[0]['generation_id']}")
    with pytest.raises(openai.ConflictError) as caught:
        await waiting
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_a_stopping_server_says_when_to_come_back_and_logs_the_number_of_its_answer(serving: Any) -> None:
    with serving("--workers", "0") as running, OpenAI(base_url=f"{running.address}/v1", api_key="x") as client:
        threading.Timer(1, running.process.terminate).start()
        with pytest.raises(openai.InternalServerError) as caught:
            client.with_options(max_retries=0).images.generate(model="tiny", prompt="an ox", size="64x64")
        assert (caught.value.status_code, caught.value.code) == (503, "stopping")
        assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60
        assert caught.value.request_id
        assert caught.value.request_id in running.log.read_text()


def test_a_full_queue_is_told_with_the_time_to_wait(guarded: Any) -> None:
    with OpenAI(base_url=f"{guarded.address}/v1", api_key=guarded.key, max_retries=0) as client:
        error = refusal(client, openai.RateLimitError, n=2)
    assert error.code == "rate_limit_exceeded"
    assert 1 <= int(error.response.headers["retry-after"]) <= 60


@pytest.mark.parametrize(
    "fields",
    [{"response_format": "b64_json"}, {"style": "vivid"}, {"extra_body": {"seed": 1}}, {"quality": "hd"}],
    ids=str,
)
def test_a_strict_server_refuses_what_the_original_refuses(guarded: Any, fields: dict[str, Any]) -> None:
    with OpenAI(base_url=f"{guarded.address}/v1", api_key=guarded.key, max_retries=0) as client:
        assert refusal(client, openai.BadRequestError, **fields).code in ("unknown_parameter", "invalid_value")


def test_a_strict_server_believes_the_type_of_a_file(guarded: Any) -> None:
    with (
        OpenAI(base_url=f"{guarded.address}/v1", api_key=guarded.key, max_retries=0) as client,
        pytest.raises(openai.BadRequestError, match="unsupported mimetype"),
    ):
        client.images.edit(image=b"no matter", prompt="x", model="tiny")
