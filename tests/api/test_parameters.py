"""Every parameter of the hub's image routes: wrong types and values are refused by name, on both roads."""

from typing import Any

import httpx2
import pytest

OX = {"model": "tiny", "prompt": "a red ox"}

BAD: list[tuple[dict[str, Any], str]] = [
    ({"prompt": ""}, "Prompt cannot be empty"),
    ({"prompt": " \n"}, "Prompt cannot be empty"),
    ({"prompt": None}, "prompt must be a string"),
    ({"prompt": 7}, "prompt must be a string"),
    ({"prompt": "x" * 32_001}, "prompt"),
    ({"prompt": "@Image1 as an ox"}, "prompt"),
    ({"model": 7}, "model must be a string"),
    ({"seed": "7"}, "seed must be an integer"),
    ({"seed": 7.5}, "seed must be an integer"),
    ({"seed": True}, "seed must be an integer"),
    ({"seed": -1}, "seed"),
    ({"seed": 10**400}, "seed"),
    ({"size": "huge"}, "size"),
    ({"size": 1024}, "size must be a string"),
    ({"size": "square", "aspect_ratio": "1:1"}, "aspect_ratio"),
    ({"aspect_ratio": "wide"}, "aspect_ratio"),
    ({"aspect_ratio": "0:1"}, "aspect_ratio"),
    ({"quality": "ultra"}, "quality"),
    ({"background": "blue"}, "background"),
    ({"background": "transparent", "output_format": "jpeg"}, "background"),
    ({"output_format": "gif"}, "output_format"),
    ({"output_compression": 101, "output_format": "webp"}, "output_compression"),
    ({"output_compression": 50}, "output_compression"),
    ({"input_fidelity": "max"}, "input_fidelity"),
    ({"num_inference_steps": 0}, "num_inference_steps"),
    ({"num_inference_steps": 10**9}, "num_inference_steps"),
    ({"response_format": "tiff"}, "response_format must be one of url, b64_json"),
    ({"negative_prompt": ["dogs"]}, "negative_prompt must be a string"),
    ({"target_namespace": 1}, "target_namespace must be a string"),
    ({"input_image": 7}, "input_image must be a string or an array of strings"),
    ({"input_image": {"url": "x"}}, "input_image must be a string or an array of strings"),
    ({"input_image": ["/x", 7]}, "input_image[1] must be a string"),
    ({"input_image": ""}, "input_image"),
    ({"input_image": "ftp://x/y.png"}, "input_image"),
    ({"input_image": "http://[::1"}, "input_image"),
    ({"input_image": "https://example.com/ox.png"}, "https://example.com/ox.png"),
    ({"input_image": "http://169.254.169.254/latest"}, "input_image"),
    ({"input_image": "file:///etc/passwd"}, "input_image"),
    ({"input_image": "/api/repos/limner/examples/file/main/../../../../etc/passwd"}, "input_image"),
    ({"input_image": "/api/repos/limner/examples/file/main/none.png"}, "404"),
    ({"input_image": "/api/repos/local/x/file/main/%00"}, "input_image"),
    ({"input_image": "data:image/png;base64,AAAA"}, "input_image"),
    ({"input_image": "data:image/png;base64,***"}, "input_image"),
    ({"input_image": "data:text/html;base64,AAAA"}, "input_image"),
    ({"input_image": ["data:image/png;base64,AAAA"] * 17}, "at most 16"),
    ({"mask": 7}, "mask must be a string"),
    ({"mask": "data:image/png;base64,AAAA"}, "mask needs an input image"),
    ({"partial_images": 4}, "partial_images must be an integer between 0 and 3"),
    ({"partial_images": -1}, "partial_images must be an integer between 0 and 3"),
    ({"priority": 11}, "priority must be an integer between -10 and 10"),
    ({"priority": "high"}, "priority must be an integer"),
    ({"cancel_after_seconds": 0}, "cancel_after_seconds must be a number above 0"),
    ({"cancel_after_seconds": 1e9}, "cancel_after_seconds must be a number above 0 and at most 604800"),
    ({"cancel_after_seconds": True}, "cancel_after_seconds must be a number"),
    ({"cancel_after_seconds": "5"}, "cancel_after_seconds must be a number"),
    ({"webhook_url": "https://x"}, "webhook_url is not available yet"),
    ({"colour": "red"}, "unknown parameter `colour`"),
    ({"colour": "red", "Prompt": "x"}, "unknown parameters `colour`, `Prompt`"),
    ({"version": 2}, "version"),
    ({"namespace": "ox"}, "namespace"),
    ({"x" * 10_000: 1}, "unknown parameter"),
]


@pytest.mark.parametrize("path", ["images/generate", "queue"])
async def test_a_bad_parameter_is_named(client: httpx2.AsyncClient, path: str) -> None:
    for fields, said in BAD:
        answer = await client.post(f"/api/ai/{path}", json=OX | fields)
        assert answer.status_code == 400, (fields, answer.text)
        problem = answer.json()
        assert (problem["status"], problem["status_message"]) == ("error", "invalid_params")
        assert set(problem["error"]) - {"field"} == {"type", "title", "detail", "message"}
        assert said in problem["error"]["detail"], fields
        assert len(answer.content) < 5_000
    assert (await client.get("/api/ai/queue")).json()["count"] == 0


@pytest.mark.parametrize("missing", ["model", "prompt"])
async def test_a_missing_parameter_is_named(client: httpx2.AsyncClient, missing: str) -> None:
    answer = await client.post("/api/ai/queue", json={name: value for name, value in OX.items() if name != missing})
    assert answer.json()["error"]["detail"] == f"{missing} is required"


async def test_every_complaint_is_made_at_once(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/ai/queue", json={"prompt": 1, "seed": "x", "colour": 1})
    detail = answer.json()["error"]["detail"]
    assert all(name in detail for name in ("model", "prompt", "seed", "colour"))


@pytest.mark.parametrize("count", [0, 5, -1, "2", 1.5, True, [], 10**30])
async def test_num_generations_is_one_to_four(client: httpx2.AsyncClient, count: Any) -> None:
    answer = await client.post("/api/ai/queue", json=OX | {"num_generations": count})
    assert answer.status_code == 400
    assert answer.json()["error"]["detail"] == "num_generations must be an integer between 1 and 4"


@pytest.mark.parametrize(
    ("path", "wrong", "right"), [("queue", "n", "num_generations"), ("images/generate", "num_generations", "n")]
)
async def test_the_count_has_one_name_on_each_road(
    client: httpx2.AsyncClient, path: str, wrong: str, right: str
) -> None:
    answer = await client.post(f"/api/ai/{path}", json=OX | {wrong: 2})
    assert (answer.status_code, right in answer.json()["error"]["detail"]) == (400, True)


@pytest.mark.parametrize("count", [0, 11, "2"])
async def test_n_is_bounded_by_the_model(client: httpx2.AsyncClient, count: Any) -> None:
    answer = await client.post("/api/ai/images/generate", json=OX | {"n": count})
    assert (answer.status_code, "n must be an integer" in answer.json()["error"]["detail"]) == (400, True)


async def test_null_is_the_same_as_not_given(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/ai/queue", json=OX | {"seed": None, "input_image": None, "num_generations": None})
    assert answer.status_code == 200


async def test_the_field_at_fault_is_told_by_itself(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/ai/queue", json=OX | {"priority": 11})
    assert answer.json()["error"]["field"] == "priority"
