"""The loss curves: what a stopped run did twice counts once, scales are round, and a panel shows its stage."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limner.training import curve


def write(log: Path, stage: str, steps: range, loss: float = 1.0) -> None:
    """Lines of a stage whose loss falls from `loss`."""
    with log.open("a") as file:
        for step in steps:
            told = {"stage": stage, "step": step, "seconds": step * 3.0, "loss": loss / (1 + step / 100)}
            file.write(json.dumps(told | {"pictures": step * 32, "pictures_per_second": 10.7}) + "\n")


def test_what_was_done_again_counts_once(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    write(log, "denoiser", range(20, 200, 20), 9.0)
    with log.open("a") as file:
        file.write('{"stage": "denoi\n')
    write(log, "denoiser", range(120, 300, 20))
    write(log, "decoder", range(20, 60, 20))
    stages = curve.read_log(log)
    assert [line["step"] for line in stages["denoiser"]] == [*range(20, 300, 20)]
    assert stages["denoiser"][4]["loss"] > 4 > stages["denoiser"][5]["loss"]
    assert len(stages["decoder"]) == 2


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 108, [0, 50, 100]), (0.55, 0.81, [0.6, 0.7, 0.8]), (0, 0.4, [0, 0.1, 0.2, 0.3, 0.4]), (7, 7, [7])],
)
def test_scales_have_round_numbers(low: float, high: float, expected: list[float]) -> None:
    assert curve.ticks(low, high, 5) == pytest.approx(expected)


def test_a_smooth_line_keeps_its_level_and_loses_its_noise() -> None:
    noisy = [1 + (-1) ** i * 0.5 for i in range(400)]
    even = curve.smooth(noisy)
    assert len(even) == 400
    assert max(abs(value - 1) for value in even) < 0.06
    assert curve.smooth([3.0]) == [3.0]


def test_each_stage_has_a_panel_with_a_falling_line(tmp_path: Path) -> None:
    write(tmp_path / "log.jsonl", "decoder", range(20, 2000, 20))
    write(tmp_path / "log.jsonl", "denoiser", range(20, 40, 20))
    curve.draw_curves(tmp_path / "log.jsonl", tmp_path / "loss.png")
    with Image.open(tmp_path / "loss.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (2 * curve.HEIGHT, curve.WIDTH, 3)
    rows, columns = np.nonzero((pixels[: curve.HEIGHT] == (0x1F, 0x5F, 0x9F)).all(axis=2))
    assert rows[columns < 150].mean() < 90
    assert rows[columns > 900].mean() > 190
