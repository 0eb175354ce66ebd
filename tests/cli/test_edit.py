"""`limner edit` with the *tiny* engine: the input reaches it, and bad inputs are refused. No server runs here."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limner.cli.main import run


def edit(image: Path, output: Path, *options: str) -> int:
    """Run `limner edit` on the tiny model with one seed."""
    return run(["edit", str(image), "an ox", "-o", str(output), "--model", "tiny", "--seed", "1", *options])


def test_the_input_image_changes_the_result(tmp_path: Path) -> None:
    Image.new("RGB", (60, 60), (200, 30, 30)).save(tmp_path / "red.png")
    assert edit(tmp_path / "red.png", tmp_path / "out.png", "--size", "64x64") == 0
    with Image.open(tmp_path / "out.png") as image:
        assert tuple(np.asarray(image)[5, 5]) == (200, 30, 30)


def test_the_size_follows_the_shape_of_the_input(tmp_path: Path) -> None:
    Image.new("RGB", (30, 45)).save(tmp_path / "tall.jpg")
    assert edit(tmp_path / "tall.jpg", tmp_path / "out.png") == 0
    with Image.open(tmp_path / "out.png") as image:
        assert image.height * 2 == image.width * 3


def test_what_is_no_image_or_no_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "words.png").write_text("not a picture")
    assert edit(tmp_path / "words.png", tmp_path / "out.png") == 1
    assert edit(tmp_path / "absent.png", tmp_path / "out.png") == 1
    assert edit(tmp_path, tmp_path / "out.png") == 1
    assert capsys.readouterr().err.count("\n") == 3
    assert not (tmp_path / "out.png").exists()


def test_only_what_the_mask_leaves_open_is_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (64, 64), (200, 30, 30)).save(tmp_path / "red.png")
    mask = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 32, 64, 64))
    mask.save(tmp_path / "mask.png")
    told = ("--size", "64x64", "--mask", str(tmp_path / "mask.png"))
    assert edit(tmp_path / "red.png", tmp_path / "out.png", *told) == 0
    with Image.open(tmp_path / "out.png") as image:
        made = np.asarray(image)
    assert (made[:32] == (200, 30, 30)).all()
    assert (made[32:] != (200, 30, 30)).any()
    mask.convert("RGB").save(tmp_path / "mask.png")
    assert edit(tmp_path / "red.png", tmp_path / "other.png", *told) == 1
    assert "mask has no alpha channel" in capsys.readouterr().err
