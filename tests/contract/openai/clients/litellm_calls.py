"""Cases for LiteLLM; one line of JSON for each. No test framework."""

import base64
import io
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import litellm

BASE = sys.argv[1] + "/v1"
HOW: dict[str, Any] = {"model": "openai/tiny", "api_base": BASE, "api_key": "x", "size": "64x64"}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def check(answer: Any, count: int = 1) -> None:
    """Raise unless the answer holds so many pictures."""
    data = [base64.b64decode(one.b64_json, validate=True) for one in answer.data]
    if len(data) != count or not all(one.startswith(b"\x89PNG") for one in data):
        raise ValueError(f"{len(data)} pictures")


def edit_file() -> None:
    """An edit of an open file, which is sent with its whole path as its name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ox.png"
        path.write_bytes(PIXEL)
        with path.open("rb") as file:
            check(litellm.image_edit(image=file, prompt="x", **HOW))


def refused() -> None:
    """Raise unless a bad field is a BadRequestError."""
    try:
        litellm.image_generation(prompt="x", n=11, **HOW)
    except litellm.BadRequestError as error:
        if "maximum value" not in str(error):
            raise
        return
    raise ValueError("nothing was raised")


CASES: dict[str, Callable[[], Any]] = {
    "a picture": lambda: check(litellm.image_generation(prompt="an ox", **HOW)),
    "two pictures": lambda: check(litellm.image_generation(prompt="an ox", n=2, **HOW), 2),
    "an edit of a file": edit_file,
    "an edit of bytes with a mask": lambda: check(
        litellm.image_edit(image=[io.BytesIO(PIXEL), io.BytesIO(PIXEL)], mask=io.BytesIO(PIXEL), prompt="x", **HOW)
    ),
    "a bad request": refused,
}

for case, run in CASES.items():
    why = ""
    try:
        run()
    except Exception as error:  # noqa: BLE001
        why = f"{type(error).__name__}: {error}"[:500]
    sys.stdout.write(json.dumps({"case": case, "why": why}) + "\n")
