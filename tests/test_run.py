"""`run`, as far as it can be tried without installing: usage, no Python, and the refusal of CUDA by accident."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout without a set-up, and beside it a folder `bin` with the few programs that `run` may find."""
    (tmp_path / "bin").mkdir()
    for program in ("bash", "git", "cat", "sed", "dirname", "uname"):
        (tmp_path / "bin" / program).symlink_to(shutil.which(program) or program)
    folder = tmp_path / "limner"
    folder.mkdir()
    for name in ("run", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def call(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`run` of the copy, with nothing else on the path."""
    path = {"PATH": str(copy.parent / "bin")}
    return subprocess.run([str(copy / "run"), *arguments], env=path, capture_output=True, text=True, check=False)


def test_without_a_command_it_says_how_to_use_it_and_installs_nothing(copy: Path) -> None:
    done = call(copy)
    assert done.returncode == 2
    assert "./run serve" in done.stdout
    assert not (copy / ".venv").exists()


def test_a_machine_without_python_gets_one_clear_line(copy: Path) -> None:
    done = call(copy, "serve")
    assert done.returncode == 1
    assert done.stderr.startswith("run: Python 3.11 or newer is needed")
    assert done.stderr.count("\n") == 1


def test_a_python_that_is_too_old_is_not_taken(copy: Path) -> None:
    python = copy.parent / "bin" / "python3"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    assert "Python 3.11 or newer is needed" in call(copy, "serve").stderr


@pytest.mark.parametrize(
    ("names", "code"),
    [(["limner", "numpy"], 0), (["nvidia-cublas"], 1), (["torch"], 1), (["triton"], 1), (["cuda-bindings"], 1)],
)
def test_a_plan_that_would_bring_cuda_is_refused(tmp_path: Path, names: list[str], code: int) -> None:
    check = re.search(r"<<'CHECK'.*?\n(.*?)\nCHECK\n", (ROOT / "run").read_text(encoding="utf-8"), re.DOTALL)
    assert check
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"install": [{"metadata": {"name": name}} for name in names]}))
    assert subprocess.run([sys.executable, "-c", check[1], str(plan)], check=False).returncode == code
