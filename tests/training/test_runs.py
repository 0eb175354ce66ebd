"""The scripts in runs/: they can be read by bash, and every command and option in them exists."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from limner.cli.main import run
from limner.training import recipe

RUNS = sorted((Path(__file__).parent.parent.parent / "runs").glob("*.sh"))


def commands(script: Path) -> list[list[str]]:
    """The words of each call of ./run, up to a pipe."""
    text = script.read_text(encoding="utf-8").replace("\\\n", " ")
    return [shlex.split(line.partition("|")[0])[1:] for line in text.splitlines() if line.startswith("./run ")]


@pytest.mark.parametrize("script", RUNS, ids=lambda script: script.name)
def test_bash_can_read_a_script(script: Path) -> None:
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert script.stat().st_mode & 0o111


@pytest.mark.parametrize("script", RUNS, ids=lambda script: script.name)
def test_the_commands_of_a_script_exist(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in commands(script):
        path = words[:2] if words[0] == "world" else words[:1]
        assert run([*path, "--help"]) == 0
        told = capsys.readouterr().out
        options = [word for word in words if word.startswith("--")]
        assert all(re.search(rf"(?<![\w-]){option}(?![\w-])", told) for option in options), words


def test_the_shipped_checkpoint_has_its_script() -> None:
    by_name = {words[0]: words for words in commands(next(script for script in RUNS if script.stem == "storybook"))}
    size = by_name["train"][by_name["train"].index("--size") + 1]
    assert recipe.recipe(size).denoiser.minutes == 108, "the minutes that its comments name"
    assert by_name["evaluate"][1] == by_name["train"][by_name["train"].index("--output") + 1]
