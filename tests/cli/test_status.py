"""`limner status` against running servers: once, as JSON, and live on a terminal."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx2
import pytest

from limner import __version__
from limner.cli.main import run

OX = {"model": "tiny", "prompt": "a secret ox", "size": "64x64"}


def make(server: str) -> str:
    """Have the server make a picture; the id of its generation."""
    answer = httpx2.post(f"{server}/api/ai/images/generate", json=OX, timeout=60).raise_for_status()
    id: str = answer.json()["images"][0]["generation_id"]
    return id


def test_it_says_once_how_the_server_does(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    id = make(server)
    assert run(["status", "--url", server]) == 0
    said = capsys.readouterr().out
    assert f"Limner {__version__} at {server} is ready." in said
    assert "Workers: 1 living, 0 restarting" in said
    assert "storybook" in said
    assert id in said
    assert "secret" not in said
    assert "\x1b" not in said


def test_json_says_the_same_to_programs(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    id = make(server)
    assert run(["status", "--url", server, "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert (seen["address"], seen["version"], seen["ready"]) == (server, __version__, True)
    assert seen["workers"].keys() == {"living", "restarting", "restarts"}
    assert seen["queue"].keys() == {"tiny", "storybook"}
    assert seen["queue"]["storybook"] == {"queued": 0, "processing": 0, "oldest_seconds": 0.0}
    assert id in [one["generation_id"] for one in seen["ended"]]
    moments = [one["completed_at"] for one in seen["ended"]]
    assert moments == sorted(moments, reverse=True)


def test_on_a_terminal_it_is_drawn_until_ctrl_c(server: str) -> None:
    ours, its = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    command = [sys.executable, "-m", "limner", "status", "--url", server]
    # A shell that starts the tests in the background has Ctrl+C ignored, and children inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment, preexec_fn=heed) as process:  # noqa: PLW1509
        os.close(its)
        said = b""
        while said.count(b"is ready") < 2:
            said += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        try:
            while said := os.read(ours, 65536):
                assert b"Traceback" not in said
        except OSError:
            pass  # how Linux says that the other side is closed
        assert process.wait(timeout=60) == 130
    os.close(ours)


def test_it_says_when_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--once", "--url", "http://127.0.0.1:9"]) == 3
    assert capsys.readouterr().err.startswith("limner: No server answers at http://127.0.0.1:9")


@pytest.fixture
def stranger() -> Iterator[str]:
    """A server that is ready and gives metrics, but no Limner's."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "ready"}' if self.path == "/health/ready" else b"up 1\n")

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as http:
        threading.Thread(target=http.serve_forever).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def test_metrics_of_something_else_are_refused(stranger: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--url", stranger]) == 1
    assert "is not a Limner server" in capsys.readouterr().err
