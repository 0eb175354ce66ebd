"""Cases for the official Python client, whichever version is installed; one line of JSON for each."""

import asyncio
import base64
import io
import json
import sys
import threading
from collections.abc import Callable
from typing import Any

import openai
from PIL import Image

BASE = sys.argv[1] + "/v1"
TINY: dict[str, Any] = {"model": "tiny", "size": "1024x1024", "quality": "low"}
VISIBLE = "steps=8 step-seconds=0.15"
client = openai.OpenAI(base_url=BASE, api_key="x", max_retries=0, timeout=60, _strict_response_validation=True)


def a_picture(mode: str = "RGB") -> bytes:
    """The bytes of a picture."""
    out = io.BytesIO()
    Image.new(mode, (1024, 1024), "red").save(out, "PNG")
    return out.getvalue()


def check(answer: Any, count: int = 1) -> None:
    """Raise unless the answer holds so many pictures of the right size."""
    sizes = [Image.open(io.BytesIO(base64.b64decode(one.b64_json, validate=True))).size for one in answer.data]
    if sizes != [(1024, 1024)] * count or answer.size != "1024x1024" or not answer.usage.total_tokens:
        raise ValueError(f"{sizes} {answer.size}")


def expect(kind: type[Exception], call: Callable[[], Any], **attributes: Any) -> None:
    """Raise unless the call raises this, with these attributes."""
    try:
        call()
    except kind as error:
        found = {name: getattr(error, name) for name in attributes}
        if found != attributes:
            raise ValueError(str(found)) from None
        return
    raise ValueError("nothing was raised")


def stream(call: Callable[..., Any], kind: str, **fields: Any) -> None:
    """Raise unless partial images and then the picture come."""
    events = [event.type for event in call(**TINY | {"prompt": VISIBLE, "stream": True, "partial_images": 2} | fields)]
    if events[-1] != f"{kind}.completed" or set(events[:-1]) != {f"{kind}.partial_image"}:
        raise ValueError(str(events))


async def asynchronous() -> None:
    """Pictures, an edit and a stream with the asynchronous client."""
    async with openai.AsyncOpenAI(base_url=BASE, api_key="x", _strict_response_validation=True) as own:
        check(await own.images.generate(**TINY, prompt="an ox"))
        check(await own.images.edit(**TINY, prompt="an ox", image=a_picture()))
        events = [event async for event in await own.images.generate(**TINY, prompt="an ox", stream=True)]
        if [event.type for event in events] != ["image_generation.completed"]:
            raise ValueError(str(events))


CASES: dict[str, Callable[[], Any]] = {
    "a picture": lambda: check(client.images.generate(**TINY, prompt="an ox")),
    "three pictures": lambda: check(client.images.generate(**TINY, prompt="an ox", n=3), 3),
    "null for every field": lambda: check(
        client.images.generate(**TINY, prompt="x", n=None, background=None, output_format=None, moderation=None)
    ),
    "an edit of one file": lambda: check(client.images.edit(**TINY, prompt="x", image=("a.png", a_picture()))),
    "an edit of raw bytes": lambda: check(client.images.edit(**TINY, prompt="x", image=a_picture())),
    "an edit of several files": lambda: check(client.images.edit(**TINY, prompt="x", image=[a_picture()] * 3)),
    "an edit with a mask": lambda: check(
        client.images.edit(**TINY, prompt="x", image=a_picture(), mask=a_picture("RGBA"), input_fidelity="high")
    ),
    "a stream": lambda: stream(client.images.generate, "image_generation"),
    "a stream of an edit": lambda: stream(client.images.edit, "image_edit", image=a_picture()),
    "a bad request": lambda: expect(
        openai.BadRequestError,
        lambda: client.images.generate(**TINY, prompt="x", n=11),
        param="n",
        code="integer_above_max_value",
        type="invalid_request_error",
    ),
    "a failure before a stream": lambda: expect(
        openai.InternalServerError,
        lambda: client.images.generate(**TINY, prompt="fail", stream=True),
        code="image_generation_failed",
    ),
    "a failure in a stream": lambda: expect(
        openai.APIError,
        lambda: list(
            client.images.generate(**TINY, prompt="fail steps=8 step-seconds=0.3", stream=True, partial_images=3)
        ),
        code="image_generation_failed",
        type="image_generation_server_error",
    ),
    "a stream that is long silent": lambda: stream(
        client.images.generate, "image_generation", prompt="steps=4 step-seconds=17", partial_images=1
    ),
    "the list of models": lambda: client.models.retrieve(next(iter(client.models.list())).id),
    "the asynchronous client": lambda: asyncio.run(asynchronous()),
}

for case, run in CASES.items():
    why = ""
    try:
        run()
    except Exception as error:  # noqa: BLE001
        why = f"{type(error).__name__}: {error}"[:500]
    sys.stdout.write(json.dumps({"case": case, "why": why}) + "\n")
sys.stdout.flush()
threading.excepthook = lambda _: None
