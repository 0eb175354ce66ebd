"""The command line as a whole: what it loads, what it says, how it ends. Single commands are tested beside this."""

import os
import shlex
import subprocess
import sys

import pytest

from limner import __version__
from limner.cli.main import run


def test_help_loads_no_torch_no_sqlalchemy_and_no_fastapi() -> None:
    code = (
        "import sys\nfrom limner.cli.main import run\nassert run(['--help']) == 0\n"
        "print('LOADED', *[m for m in ('torch', 'sqlalchemy', 'fastapi', 'pydantic', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED"
    for command in ("serve", "worker", "generate", "edit", "queue", "files", "prune", "backup", "restore", "train"):
        assert f"\n  {command} " in done.stdout
    for command in ("status", "doctor", "world"):
        assert f"\n  {command} " in done.stdout


def test_completion_is_offered_for_the_shell_that_runs_it() -> None:
    script = "_LIMNER_COMPLETE=complete_bash"
    limner = f"{shlex.quote(sys.executable)} -m limner"
    by_option = ["bash", "-c", f"{limner} --show-completion; true"]  # which then is not replaced by what it runs
    assert script in subprocess.run(by_option, capture_output=True, text=True, check=True, timeout=60).stdout
    by_name = [sys.executable, "-m", "limner"]
    asked = os.environ | {"_LIMNER_COMPLETE": "source_bash"}  # without a shell above it
    assert script in subprocess.run(by_name, capture_output=True, text=True, check=True, env=asked, timeout=60).stdout


def test_completion_finds_commands_and_options() -> None:
    def complete(*words: str) -> list[str]:
        asked = {"_LIMNER_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
        command = [sys.executable, "-m", "limner"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | asked, timeout=60)
        return done.stdout.split()

    assert complete("limner", "sta") == ["status"]
    assert complete("limner", "status", "--o") == ["--once"]


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"limner {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["paint"], ["generate"], ["generate", "an ox"], ["queue"], ["generate", "--seed", "x", "ox"]]
)
def test_wrong_usage_is_one_line_and_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("limner: ")
    assert said.err.count("\n") == 1


def test_a_bad_setting_is_named_by_its_variable() -> None:
    command = [sys.executable, "-m", "limner", "serve"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"LIMNER_PORT": "many"}, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("limner: The setting LIMNER_PORT is not valid")
    assert done.stderr.count("\n") == 1
