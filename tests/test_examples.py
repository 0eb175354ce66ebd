"""The files in examples/ run as they stand, against a real server with the *tiny* model."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_every_example_is_run_here() -> None:
    files = {file.name for file in EXAMPLES.iterdir() if file.is_file()}
    assert files == {"generate.sh", "enqueue_and_wait.py", "edit_twice.py"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="the example is made of curl calls")
def test_the_shell_example_saves_a_picture(server: str, tmp_path: Path) -> None:
    command = [str(EXAMPLES / "generate.sh"), "an ox", str(tmp_path / "ox.png")]
    subprocess.run(command, env=os.environ | {"BASE": server, "MODEL": "tiny"}, check=True, timeout=60)
    with Image.open(tmp_path / "ox.png") as image:
        assert image.format == "PNG"


def enqueue_and_wait(server: str, prompt: str, output: Path) -> subprocess.CompletedProcess[str]:
    """Run the Python example."""
    command = [sys.executable, str(EXAMPLES / "enqueue_and_wait.py"), prompt, str(output)]
    command += ["--base", server, "--model", "tiny"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_python_example_waits_for_its_picture(server: str, tmp_path: Path) -> None:
    done = enqueue_and_wait(server, "an ox step-seconds=0.05", tmp_path / "ox.png")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "ox.png") as image:
        assert image.format == "PNG"


def test_the_python_example_tells_of_a_failure(server: str, tmp_path: Path) -> None:
    done = enqueue_and_wait(server, "an ox fail", tmp_path / "ox.png")
    assert (done.returncode, done.stderr) == (1, "The prompt ordered a failure.\n")


def test_the_client_example_saves_a_picture_and_two_edits(server: str, tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "edit_twice.py"), "an ox", "a dog", str(tmp_path), "--model"]
    env = os.environ | {"LIMNER_URL": server}
    subprocess.run([*command, "tiny"], env=env, check=True, timeout=60)
    assert {file.name for file in tmp_path.iterdir()} == {"first.png", "edit-1.png", "edit-2.png"}
    done = subprocess.run([*command, "nothing"], env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, "Model not found: nothing\n")
