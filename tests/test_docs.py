"""The documentation agrees with the code: everything documented, nothing stale, every command and every link real."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from limner import errors
from limner.settings import Settings

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
WRITTEN = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "architecture").glob("*.md")),
    *sorted((ROOT / "decisions").glob("*.md")),
]


def name(file: Path) -> str:
    """The path of a file inside the project."""
    return file.relative_to(ROOT).as_posix()


def read(file: str) -> str:
    """A page of the reference."""
    return (REFERENCE / file).read_text(encoding="utf-8")


def test_the_reference_is_what_the_code_generates() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_setting_is_documented() -> None:
    page = read("settings.md")
    for field, info in Settings.model_fields.items():
        assert f"`LIMNER_{field.upper()}`" in page
        assert info.description


def test_every_error_code_is_documented() -> None:
    page = read("errors.md")
    kinds = [*errors.CallerError.__subclasses__(), *errors.ServerError.__subclasses__()]
    assert all(f"`{kind.code}` | {kind.status}" in page for kind in kinds)
    drawn = errors.__doc__ or ""
    assert all(re.search(rf"── {kind.__name__} +{kind.status} ", drawn) for kind in kinds), "the tree at its top"


def test_every_route_is_documented() -> None:
    page = read("routes.md")
    declared = re.compile(r'@router\.(get|post|put|patch|delete)\(\s*"([^"]+)"(?![^)]*include_in_schema=False)')
    found = [
        (method.upper(), path.replace(":path}", "}"))
        for file in sorted((ROOT / "src" / "limner" / "api").glob("*.py"))
        for method, path in declared.findall(file.read_text(encoding="utf-8"))
    ]
    assert found
    for method, path in found:
        assert f"| `{method}` | `{path}` |" in page


def test_every_event_is_documented() -> None:
    page = read("events.md")
    source = (ROOT / "src" / "limner" / "api" / "events.py").read_text(encoding="utf-8")
    for event in {*re.findall(r'"(media_generation_\w+)"', source), "gap"}:
        assert f"| `{event}` |" in page


def test_every_command_is_documented() -> None:
    page = read("cli.md")
    for file in (ROOT / "src" / "limner" / "cli").glob("*.py"):
        if "\ndef register(" in file.read_text(encoding="utf-8"):
            assert f"## `limner {file.stem}" in page


def commands(file: Path) -> Iterator[list[str]]:
    """The command lines of our own tools in the shell blocks of a page."""
    text = file.read_text(encoding="utf-8")
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith(("make ", "./run ", "limner ")):
                yield shlex.split(line, comments=True)


@pytest.mark.parametrize("file", WRITTEN, ids=name)
def test_commands_that_a_page_shows_exist(file: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    sections = dict(re.findall(r"## `limner ([\w ]+)`\n\n```text\n(.*?)```", read("cli.md"), re.DOTALL))
    for tool, command, *rest in commands(file):
        if tool == "make":
            assert command in targets
        elif command != "install":
            path = f"{command} {rest[0]}" if command in ("queue", "files", "keys", "world") else command
            assert path in sections
            for option in (word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)):
                assert re.search(rf"(?<![\w-]){option}(?![\w-])", sections[path]), option


@pytest.mark.parametrize("file", WRITTEN, ids=name)
def test_links_between_the_pages_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)", file.read_text(encoding="utf-8")):
        assert (file.parent / target).exists(), target


@pytest.mark.parametrize("file", WRITTEN, ids=name)
def test_a_page_opens_with_its_title(file: Path) -> None:
    assert file.read_text(encoding="utf-8").startswith("# ")
