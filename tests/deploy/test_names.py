"""What deploy/ and its guide name is real: settings, commands, options, folders. compose.yaml and the unit parse."""

import re
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest

from limner.cli.main import run
from limner.cli.serve import GRACE_SECONDS
from limner.settings import Settings
from limner.workers.local import STOP_SECONDS

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
GUIDE = ROOT / "docs" / "guides" / "deploy.md"
FILES = [*sorted(DEPLOY.iterdir()), GUIDE]
LIMNER = re.compile(r"(?:ExecStart=|docker (?:run|exec|compose .*run) |sudo --user ).*[ /]limner (\w[^`\n]*)")
"""A command line of ours inside another's: what follows the last `limner`."""


def name(file: Path) -> str:
    """The path of a file inside the project."""
    return file.relative_to(ROOT).as_posix()


def command_lines(file: Path) -> list[list[str]]:
    """The words after `limner` wherever a file runs it."""
    return [found.split() for found in LIMNER.findall(file.read_text(encoding="utf-8"))]


def read_yaml(lines: list[str]) -> Any:
    """The part of YAML that compose.yaml keeps to: mappings and lists by indentation, of plain or quoted text."""
    if lines[0].lstrip().startswith("- "):
        return [line.strip().removeprefix("- ").strip('"') for line in lines]
    found: dict[str, Any] = {}
    depth = len(lines[0]) - len(lines[0].lstrip())
    starts = [i for i, line in enumerate(lines) if not line[depth].isspace()]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        key, value = re.fullmatch(rf" {{{depth}}}([\w-]+):(?: (\S.*))?", lines[start]).groups()  # type: ignore[union-attr]
        found[key] = read_yaml(lines[start + 1 : end]) if end > start + 1 else value
    return found


@pytest.fixture
def compose() -> dict[str, Any]:
    """compose.yaml."""
    lines = (DEPLOY / "compose.yaml").read_text(encoding="utf-8").splitlines()
    parsed: dict[str, Any] = read_yaml([line for line in lines if not line.lstrip().startswith("#")])
    return parsed


@pytest.fixture
def service() -> dict[str, str]:
    """The section [Service] of the unit."""
    unit = ConfigParser(interpolation=None, delimiters="=")
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "limner.service", encoding="utf-8")
    assert unit.sections() == ["Unit", "Service", "Install"]
    return dict(unit["Service"])


@pytest.mark.parametrize("file", FILES, ids=name)
def test_every_variable_is_a_setting(file: Path) -> None:
    known = {f"LIMNER_{field.upper()}" for field in Settings.model_fields}
    assert set(re.findall(r"LIMNER_\w+", file.read_text(encoding="utf-8"))) <= known


@pytest.mark.parametrize("file", [file for file in FILES if command_lines(file)], ids=name)
def test_every_command_line_exists(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in command_lines(file):
        options = [word for word in words if word.startswith("-")]
        path = words[: words.index(options[0])] if options else words
        assert run([*path, "--help"]) == 0, words
        shown = capsys.readouterr().out
        assert f"Usage: limner {' '.join(path)} " in shown
        assert all(re.search(rf"{option}\b", shown) for option in options), words


def test_the_guide_makes_a_key_before_it_serves() -> None:
    assert [words[:2] for words in command_lines(GUIDE)] == [
        ["keys", "create"], ["serve"], ["keys", "create"], ["keys", "create"],
    ]  # fmt: skip


def test_compose_runs_the_image_of_the_dockerfile_with_no_rights(compose: dict[str, Any]) -> None:
    [[image, limner]] = compose["services"].items()
    assert limner["image"] == image == "limner"
    assert (DEPLOY / limner["build"]["context"]).resolve() == ROOT
    assert (ROOT / limner["build"]["dockerfile"]).is_file()
    [volume] = compose["volumes"]
    assert limner["volumes"] == [f"{volume}:/data"]
    assert limner["ports"] == ["127.0.0.1:7310:7310"]
    assert limner["read_only"] == "true"
    assert limner["cap_drop"] == ["ALL"]
    assert limner["security_opt"] == ["no-new-privileges:true"]


def test_the_unit_serves_from_its_own_folder_without_rights(service: dict[str, str]) -> None:
    assert service["ExecStart"] == "/opt/limner/bin/limner serve"
    assert service["Environment"] == f"LIMNER_DATA=/var/lib/{service['StateDirectory']} LIMNER_FETCH=off"
    assert service["User"] == "limner"
    assert service["CapabilityBoundingSet"] == ""
    assert {service[name] for name in service if name.startswith("Protect")} == {"yes", "strict", "invisible"}
    assert service["NoNewPrivileges"] == service["PrivateTmp"] == "yes"


def test_the_unit_lets_the_server_stop_its_workers_in_its_own_time(service: dict[str, str]) -> None:
    assert service["KillMode"] == "mixed"
    assert float(service["TimeoutStopSec"]) > 2 * max(GRACE_SECONDS, STOP_SECONDS)


def test_the_guide_installs_what_the_dockerfile_installs() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace('"', "").replace("${TORCH}", "2.13.0+cpu")
    dockerfile = re.sub(r"#.*", "", dockerfile)
    guide = GUIDE.read_text(encoding="utf-8")
    assert re.findall(r"pip (install .+)", guide) == re.findall(r"pip (install .+)", dockerfile)
