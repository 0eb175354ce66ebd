"""`limner world preview`: a sheet of scenes or of edits, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limner.cli.main import run
from limner.cli.world import COMBINED, SIDE
from limner.training import data
from limner.training.world.render import render
from limner.training.world.sheet import GAP

STEP = SIDE + GAP


def cell(sheet: np.ndarray, column: int) -> np.ndarray:
    """A picture of the first row."""
    return sheet[GAP : GAP + SIDE, GAP + column * STEP : GAP + column * STEP + SIDE]


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_scenes_are_those_of_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "sheet.png"
    assert run(["world", "preview", "-o", str(sheet), "--count", "7", "--seed", "40"]) == 0
    assert capsys.readouterr().out == f"{sheet}\n"
    drawn = read(sheet)
    assert drawn.shape[1] == 6 * STEP + GAP
    assert np.array_equal(cell(drawn, 2), render(data.scene_of(42), SIDE, SIDE)[..., :3])
    words = drawn[GAP + SIDE : drawn.shape[0] // 2, :STEP]
    assert words.min() < 100, "there is a caption below"


def test_edits_have_their_inputs_before_their_result(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    number = COMBINED - 2  # the last with one input
    assert run(["world", "preview", "--edits", "-o", str(sheet), "--count", "2", "--seed", str(number)]) == 0
    drawn = read(sheet)
    one, two = (
        data.edit_of(data.FIRST_EDIT[data.EDIT] + number),
        data.edit_of(data.FIRST_EDIT[data.COMBINE] + number + 1),
    )
    assert (cell(drawn, 0) == 255).all()
    for column, scene in enumerate((*one.inputs, one.after, *two.inputs, two.after), start=1):
        assert np.array_equal(cell(drawn, column), render(scene, SIDE, SIDE)[..., :3])


def test_a_sheet_that_could_not_be_written_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["world", "preview", "-o", str(tmp_path / "sheet.jpg")]) == 1
    assert "--output must end in .png, not sheet.jpg" in capsys.readouterr().err
    assert run(["world", "preview", "-o", str(tmp_path / "none" / "sheet.png")]) == 1
    assert "There is no folder" in capsys.readouterr().err
    assert run(["world", "preview", "--count", "0"]) == 2
