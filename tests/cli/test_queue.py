"""`limner queue` against a running server: what it prints, and what it says when something is wrong."""

import httpx2
import pytest

from limner.cli.main import run


def fail(server: str, prompt: str) -> None:
    """Have the server fail at a picture; the prompt orders it."""
    answer = httpx2.post(f"{server}/api/ai/images/generate", json={"model": "tiny", "prompt": prompt}, timeout=60)
    assert answer.status_code == 500


def test_the_queue_command_lists_gets_and_cancels(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    fail(server, "a failing ox fail")
    assert run(["queue", "list", "--url", server, "--status", "failed"]) == 0
    id, state, model, prompt = capsys.readouterr().out.splitlines()[0].split("\t")
    assert (state, model, prompt) == ("failed", "tiny", "a failing ox fail")
    assert run(["queue", "get", id, "--url", server]) == 0
    assert f'"generation_id": "{id}"' in capsys.readouterr().out
    assert run(["queue", "cancel", id, "--url", server]) == 0
    assert run(["queue", "get", "unknown", "--url", server]) == 1
    assert capsys.readouterr().err == "limner: Generation not found: unknown\n"


def test_the_queue_command_says_when_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["queue", "list", "--url", "http://127.0.0.1:9"]) == 3
    assert capsys.readouterr().err.startswith("limner: No server answers at http://127.0.0.1:9")


def test_the_queue_command_refuses_who_is_no_limner_server(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["queue", "list", "--url", f"{server}/docs"]) == 1
    assert capsys.readouterr().err == "limner: There is no page api/ai/queue in the documentation.\n"


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://"])
def test_a_url_that_is_none_is_one_line(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["queue", "list", "--url", url]) in (1, 3)
    assert capsys.readouterr().err.count("\n") == 1
