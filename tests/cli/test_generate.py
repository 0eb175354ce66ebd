"""`limner generate` with the *tiny* engine: files, formats, names, seeds, errors. No server runs here."""

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limner.cli.main import run


def make(output: Path, *options: str, prompt: str = "an ox") -> int:
    """Run `limner generate` on the tiny model with a small size."""
    return run(["generate", prompt, "--output", str(output), "--model", "tiny", "--size", "96x64", *options])


def test_a_prompt_becomes_a_file_of_the_size_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make(tmp_path / "ox.png", "--seed", "7") == 0
    with Image.open(tmp_path / "ox.png") as image:
        assert (image.format, image.size, image.mode) == ("PNG", (96, 64), "RGB")
    assert "seed 7" in capsys.readouterr().err


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert make(tmp_path / f"{name}.png", "--seed", seed) == 0
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_several_images_have_numbered_names_and_differ(tmp_path: Path) -> None:
    assert make(tmp_path / "ox.webp", "--n", "3") == 0
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["ox-0.webp", "ox-1.webp", "ox-2.webp"]
    assert len({(tmp_path / file).read_bytes() for file in files}) == 3


@pytest.mark.parametrize(("name", "format"), [("ox.jpg", "JPEG"), ("ox.jpeg", "JPEG"), ("ox.webp", "WEBP")])
def test_the_name_of_the_file_chooses_the_format(tmp_path: Path, name: str, format: str) -> None:
    assert make(tmp_path / name) == 0
    with Image.open(tmp_path / name) as image:
        assert image.format == format


def test_a_transparent_background_stays_transparent(tmp_path: Path) -> None:
    assert make(tmp_path / "ox.png", "--background", "transparent") == 0
    with Image.open(tmp_path / "ox.png") as image:
        assert np.asarray(image)[..., 3].min() == 0


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--model", "nothing"], 1, "Model not found: nothing"),
        (["--size", "3x3"], 1, "size must be one of"),
        (["--quality", "best"], 1, "quality must be one of"),
        (["--n", "99"], 1, "n must be an integer"),
        (["--steps", "0"], 1, "num_inference_steps must be an integer"),
        (["--seed", "-1"], 1, "seed must be an integer"),
        (["--format", "gif"], 1, "output_format must be one of"),
    ],
)
def test_a_bad_option_is_one_line_and_makes_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, says: str
) -> None:
    assert make(tmp_path / "ox.png", *options) == code
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(tmp_path / "nowhere" / "ox.png", prompt="steps=100 step-seconds=9") == 1
    assert make(tmp_path / "ox.bmp", prompt="steps=100 step-seconds=9") == 1
    assert capsys.readouterr().err.count("\n") == 2


@pytest.mark.parametrize("harm", ["fail", "raise", "oom"])
def test_a_failing_engine_is_ours_and_shows_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    assert make(tmp_path / "ox.png", prompt=f"an ox {harm}") == 3
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith("limner: ")
    assert "Traceback" not in said
    assert "/etc/shadow" not in said


def test_control_c_ends_it_cleanly(tmp_path: Path) -> None:
    # A sticker as JPEG draws a warning, which is the last line before the work.
    command = [sys.executable, "-m", "limner", "generate", "sticker steps=400 step-seconds=0.1", "--model", "tiny"]
    command += ["--output", str(tmp_path / "ox.jpg"), "--size", "64x64"]
    # A shell that starts the tests in the background has Ctrl+C ignored, and children inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed) as process:  # noqa: PLW1509
        assert process.stderr is not None
        assert process.stderr.readline().startswith("warning: ")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())
