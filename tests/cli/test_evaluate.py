"""`limner evaluate`: what it refuses. That it scores is for tests/training/test_quality.py; a judge takes minutes."""

from pathlib import Path

import pytest

from limner.cli.main import run


def test_what_is_no_checkpoint_or_no_quality_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "words.safetensors").write_text("not weights")
    assert run(["evaluate", str(tmp_path / "words.safetensors")]) == 1
    assert "words.safetensors: " in capsys.readouterr().err
    assert run(["evaluate", "--quality", "best"]) == 1
    assert "quality must be one of low, medium, high" in capsys.readouterr().err
    assert run(["evaluate", str(tmp_path / "absent.safetensors")]) == 2
