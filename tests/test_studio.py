"""`limner.generate` and `limner.edit` with the *tiny* engine, in this process; and what `import limner` loads."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

import limner
from limner import errors, studio
from limner.cli.main import run
from limner.pictures import to_data_uri

LAZY = ("torch", "httpx2", "sqlalchemy", "fastapi", "PIL", "pydantic", "numpy")


def make(prompt: str = "an ox", **parameters: Any) -> limner.Images:
    """One picture of *tiny*, small unless told otherwise."""
    return limner.generate(prompt, **{"model": "tiny", "size": "64x64"} | parameters)


def test_importing_limner_loads_nothing_heavy() -> None:
    code = (
        "import sys, limner\n"
        f"print('LOADED', limner.__version__, *[m for m in {LAZY!r} if m in sys.modules])\n"
        "print(*[callable(getattr(limner, name)) for name in limner.__all__])\n"
        "print(hasattr(limner, 'paint'), *[m for m in ('torch', 'fastapi', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second, third = done.stdout.splitlines()
    assert first == f"LOADED {limner.__version__}"
    assert set(second.split()) == {"True"}
    assert third == "False", "nor do its names"


def test_a_prompt_becomes_images_here() -> None:
    images = make("sticker", n=2, seed=7, output_format="jpeg")
    assert [image.seed for image in images] == [7, 8]
    assert images[0].pillow().size == (64, 64)
    assert images[0].warnings
    assert (images[0].url, images[0].generation_id) == (None, None)
    assert make()[0].seed != make()[0].seed


def test_the_command_line_makes_the_same_file(tmp_path: Path) -> None:
    command = ["generate", "an ox", "-o", str(tmp_path / "ox.png"), "--model", "tiny", "--size", "64x64", "--seed", "7"]
    assert run(command) == 0
    assert (tmp_path / "ox.png").read_bytes() == make(seed=7)[0].bytes


def test_an_edit_starts_from_its_image() -> None:
    red = PIL.Image.new("RGB", (64, 64), (200, 30, 30))
    (image,) = limner.edit("an ox", red, model="tiny", size="64x64")
    (again,) = limner.edit("an ox", [to_data_uri(image.bytes), red], model="tiny", size="64x64")
    for made in (image, again):
        assert made.pillow().getpixel((5, 5)) == (200, 30, 30)


def test_the_engine_stays_loaded() -> None:
    make()
    engine = studio._loaded["tiny"]
    make()
    assert studio._loaded == {"tiny": engine}


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"colour": "red"}, "Unknown parameter `colour`; without a server there are size"),
        ({"priority": 1}, "Unknown parameter `priority`"),
        ({"namespace": "mine"}, "Unknown parameter `namespace`"),
        ({"size": 64}, "size: Input should be a valid string"),
        ({"size": "3x3"}, "size must be one of"),
        ({"n": 99}, "n must be an integer"),
        ({"seed": -1}, "seed must be an integer"),
    ],
)
def test_a_bad_parameter_is_named(parameters: dict[str, Any], says: str) -> None:
    with pytest.raises(errors.InvalidRequest, match=says) as caught:
        make(**parameters)
    assert caught.value.field == next(iter(parameters))


def test_a_url_is_not_opened_and_bytes_must_be_a_picture() -> None:
    with pytest.raises(errors.InvalidRequest, match="input_image is not a `data:image"):
        limner.edit("an ox", "http://127.0.0.1:9/ox.png", model="tiny")
    with pytest.raises(errors.InvalidRequest, match=r"input_image\[1\]"):
        limner.edit("an ox", [PIL.Image.new("RGB", (8, 8)), b"words"], model="tiny")


def test_a_failing_engine_tells_its_cause() -> None:
    with pytest.raises(errors.EngineFailed, match="The prompt ordered a failure"):
        make("an ox fail")
    with pytest.raises(errors.EngineFailed) as caught:
        make("an ox raise")
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_mask_keeps_what_it_covers() -> None:
    red, mask = PIL.Image.new("RGB", (64, 64), (200, 30, 30)), PIL.Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    mask.putpixel((60, 60), (0, 0, 0, 0))
    (image,) = limner.edit("an ox", red, mask=mask, model="tiny", size="64x64")
    assert image.pillow().getpixel((60, 5)) == (200, 30, 30)
    assert image.pillow().getpixel((60, 60)) != (200, 30, 30)
    with pytest.raises(errors.InvalidRequest, match="mask is 8x8"):
        limner.edit("an ox", red, mask=mask.resize((8, 8)), model="tiny", size="64x64")
