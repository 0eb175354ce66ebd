"""The hub's documented calls as a reader would paste them: curl, jq and awk against a real server process."""

import base64
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

HERE = Path(__file__).parent
PATIENCE_SECONDS = 60
EXAMPLE = "/api/repos/limner/examples/file/main/bloxy/bloxy_cropped_512x512.png"
VARIANTS = ("minimal", "input_image", "all")
MINIMAL = {"model": "tiny", "prompt": "Make the ox walk on a snowy road", "size": "64x64"}
ALL = MINIMAL | {
    "output_format": "webp", "quality": "high", "input_fidelity": "high", "background": "transparent",
    "response_format": "url", "target_namespace": "local", "num_inference_steps": 5, "seed": 7,
    "negative_prompt": "dogs", "output_compression": 90,
}  # fmt: skip


def bodies(base: str) -> dict[str, dict[str, Any]]:
    """The bodies of the documented variants."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(out, "PNG")
    data_uri = f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
    return {
        "minimal": MINIMAL,
        "input_image": MINIMAL | {"input_image": f"{base}{EXAMPLE}"},
        "data_uri": MINIMAL | {"input_image": [data_uri]},
        "all": ALL | {"input_image": [f"{base}{EXAMPLE}", data_uri]},
    }


def run(script: str, *arguments: str) -> str:
    """What a script prints; it must end well."""
    command = ["bash", str(HERE / script), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


CALLS = [
    *((script, variant, "0") for script in ("sync.sh", "polling.sh", "events.sh") for variant in VARIANTS),
    ("sync.sh", "data_uri", "0"),
    ("events.sh", "minimal", "1"),
]


@pytest.mark.parametrize(("script", "variant", "pause"), CALLS, ids=["-".join(call) for call in CALLS])
def test_a_documented_call_ends_with_a_picture(
    server: str, tmp_path: Path, script: str, variant: str, pause: str
) -> None:
    body = bodies(server)[variant]
    run(script, server, "any-key", json.dumps(body), str(tmp_path / "out"), *([pause] if script == "events.sh" else []))
    with Image.open(tmp_path / "out") as picture:
        assert picture.size == (64, 64)
        assert picture.format == str(body.get("output_format", "png")).upper()


def test_the_edit_route_takes_the_same_call(server: str, tmp_path: Path) -> None:
    body = json.dumps(bodies(server)["input_image"])
    run("sync.sh", server, "any-key", body, str(tmp_path / "out"), "edit")
    with Image.open(tmp_path / "out") as picture:
        assert picture.size == (64, 64)


def test_the_models_are_named_by_the_documented_call(server: str) -> None:
    asked = subprocess.run(
        ["curl", "-sS", f"{server}/api/ai/models/gpt-image-1-5"], capture_output=True, text=True, check=True
    )
    model = json.loads(asked.stdout)
    assert (model["id"], model["source_model"]) == ("gpt-image-1-5", "storybook")
