"""`limner worker` as a command: what it refuses. How it works and dies is in tests/workers and tests/faults."""

from pathlib import Path

import pytest

from limner.cli.main import run


def test_a_worker_without_a_database_says_what_to_start_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["worker", "--data", str(tmp_path)]) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "limner serve" in said


def test_a_log_level_that_does_not_exist_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMNER_LOG_LEVEL", "loud")
    assert run(["worker", "--data", str(tmp_path)]) == 1
    assert "LIMNER_LOG_LEVEL" in capsys.readouterr().err
