"""`limner train`: what it refuses before hours are spent, and what it says meanwhile. Training is tested beside it."""

from pathlib import Path

import pytest

from limner.cli.main import run
from limner.cli.train import Lines, describe
from limner.training.progress import Progress


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--size", "giant"], "size must be one of tiny, small, not 'giant'"),
        (["--device", "gpu"], "--device must be auto, cpu, cuda or cuda:N, not 'gpu'"),
        (["--device", "cuda:99"], "--device cuda:99: PyTorch sees "),
        (["--output", "ox.png"], "--output must end in .safetensors, not ox.png"),
        (["--output", "none/ox.safetensors"], "There is no folder none to write to"),
        (["--data", "."], "--data: . has no PNG, JPEG or WebP picture"),
        (["--from", "words.safetensors"], "--from: words.safetensors is not a storybook checkpoint"),
    ],
)
def test_what_cannot_end_well_is_refused_at_once(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.safetensors").write_text("not weights")
    assert run(["train", *arguments]) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / ".train").exists()


def test_a_stage_is_told_in_words() -> None:
    assert describe(Progress("drawing", 0.5)) == ""
    assert describe(Progress("denoiser", 0.5, 3240.0, 41.2, 0.70123)) == "41 pictures/s, loss 0.701, 54 min left"
    assert describe(Progress("denoiser", 0.99, 12.4, 41.2, 0.5)) == "41 pictures/s, loss 0.500, 12 s left"
    assert describe(Progress("denoiser", 1.0, -0.2, 41.2, 0.5)) == "41 pictures/s, loss 0.500"


def test_without_a_terminal_a_stage_has_a_line_when_it_begins_and_when_it_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = Lines()
    for hundredth in range(101):
        lines.show(Progress("decoder", hundredth / 100, 100.0 - hundredth, 9.6, 0.06))
    lines.show(Progress("upsampler", 1.0))
    assert capsys.readouterr().err.splitlines() == [
        "decoder: 0% 10 pictures/s, loss 0.060, 1 min left",
        "decoder: 100% 10 pictures/s, loss 0.060",
        "upsampler: 100%",
    ]
