"""The files in examples/ run as they stand, against a real server with the *tiny* model."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from limner.cli.main import run

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server of its own."""
    data = tmp_path_factory.mktemp("data")
    command = [sys.executable, "-m", "limner", "serve", "--port", "0", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        greeting = server.stdout.readline() if server.stdout else ""
        address = re.search(r"http://[^ ]+", greeting)
        try:
            assert address, "the server did not start"
            yield address.group()
        finally:
            server.terminate()
            server.wait(timeout=30)


def test_every_example_is_run_here() -> None:
    files = {file.name for file in EXAMPLES.iterdir() if file.is_file()}
    assert files == {"generate.sh", "enqueue_and_wait.py"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="the example is made of curl calls")
def test_the_shell_example_saves_a_picture(base: str, tmp_path: Path) -> None:
    command = [str(EXAMPLES / "generate.sh"), "an ox", str(tmp_path / "ox.png")]
    subprocess.run(command, env=os.environ | {"BASE": base, "MODEL": "tiny"}, check=True, timeout=60)
    with Image.open(tmp_path / "ox.png") as image:
        assert image.format == "PNG"


def enqueue_and_wait(base: str, prompt: str, output: Path) -> subprocess.CompletedProcess[str]:
    """Run the Python example."""
    command = [sys.executable, str(EXAMPLES / "enqueue_and_wait.py"), prompt, str(output)]
    command += ["--base", base, "--model", "tiny"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_python_example_waits_for_its_picture(base: str, tmp_path: Path) -> None:
    done = enqueue_and_wait(base, "an ox step-seconds=0.05", tmp_path / "ox.png")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "ox.png") as image:
        assert image.format == "PNG"


def test_the_python_example_tells_of_a_failure(base: str, tmp_path: Path) -> None:
    done = enqueue_and_wait(base, "an ox fail", tmp_path / "ox.png")
    assert (done.returncode, done.stderr) == (1, "The prompt ordered a failure.\n")


def test_the_queue_command_lists_gets_and_cancels(
    base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enqueue_and_wait(base, "a failing ox fail", tmp_path / "ox.png")
    assert run(["queue", "list", "--url", base, "--status", "failed"]) == 0
    id, state, model, prompt = capsys.readouterr().out.splitlines()[0].split("\t")
    assert (state, model, prompt) == ("failed", "tiny", "a failing ox fail")
    assert run(["queue", "get", id, "--url", base]) == 0
    assert f'"generation_id": "{id}"' in capsys.readouterr().out
    assert run(["queue", "cancel", id, "--url", base]) == 0
    assert run(["queue", "get", "unknown", "--url", base]) == 1
    assert capsys.readouterr().err == "limner: Generation not found: unknown\n"


def test_the_queue_command_says_when_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["queue", "list", "--url", "http://127.0.0.1:9"]) == 3
    assert capsys.readouterr().err.startswith("limner: No server answers at http://127.0.0.1:9")
