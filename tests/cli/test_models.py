"""`limner models` against a running server."""

import json
import time

import pytest

from limner.cli.main import run


def test_models_are_listed_and_described(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list", "--url", server]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert sorted(line[0] for line in lines) == ["storybook", "tiny"]
    assert run(["models", "list", "stripes", "--url", server]) == 0
    assert capsys.readouterr().out.startswith("tiny\t")
    assert run(["models", "get", "gpt-image-1-5", "--url", server]) == 0
    assert json.loads(capsys.readouterr().out)["source_model"] == "storybook"


def test_a_model_is_loaded_and_unloaded(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    for verb, becomes in (("activate", "active"), ("deactivate", "inactive")):
        assert run(["models", verb, "tiny", "--url", server]) == 0
        until = time.monotonic() + 60
        status = ""
        while status != becomes and time.monotonic() < until:
            time.sleep(0.1)
            capsys.readouterr()
            assert run(["models", "list", "stripes", "--url", server]) == 0
            status = capsys.readouterr().out.split("\t")[1]
        assert status == becomes


def test_an_unknown_model_is_one_line(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "get", "mona-lisa", "--url", server]) == 1
    assert capsys.readouterr().err == "limner: Model not found: mona-lisa\n"
