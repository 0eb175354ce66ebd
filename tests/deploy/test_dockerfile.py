"""deploy/Dockerfile by its text, since nothing is built here; only its health check is run."""

import json
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from limner.settings import Settings

ROOT = Path(__file__).parent.parent.parent
PORT = str(Settings.model_fields["port"].default)


def parse(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile with their arguments; comments dropped, continued lines joined."""
    lines = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", "").splitlines()
    return [(name.upper(), rest.strip()) for name, _, rest in (line.partition(" ") for line in lines if line.strip())]


INSTRUCTIONS = parse((ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8"))
NAMES = [name for name, _ in INSTRUCTIONS]
FINAL = INSTRUCTIONS[len(NAMES) - 1 - NAMES[::-1].index("FROM") :]
"""The last stage: what is shipped."""
COPIED = [
    source
    for name, rest in INSTRUCTIONS
    if name == "COPY" and not rest.startswith("--from=")
    for source in rest.split()[:-1]
]


def only(name: str) -> str:
    """The arguments of an instruction that stands once in the last stage."""
    [rest] = [rest for found, rest in FINAL if found == name]
    return rest


def installs() -> list[str]:
    """Every call of pip."""
    return [call.strip() for name, rest in INSTRUCTIONS if name == "RUN" for call in rest.split("&&") if "pip " in call]


def test_every_stage_stands_on_a_pinned_slim_python() -> None:
    stages = set()
    for base, _, stage in (rest.partition(" AS ") for name, rest in INSTRUCTIONS if name == "FROM"):
        assert base in stages or re.fullmatch(r"python:3\.\d+(\.\d+)?-slim-[a-z]+(@sha256:[0-9a-f]{64})?", base)
        stages.add(stage)


def test_the_server_is_not_root_and_owns_its_volume() -> None:
    user, _, group = only("USER").partition(":")
    assert int(user) > 0 < int(group)
    assert only("VOLUME") == only("WORKDIR") == "/data"
    assert only("RUN").endswith("--owner limner --group limner /data")
    assert f"--gid {group} limner" in only("RUN")
    assert f"--uid {user} " in only("RUN")


def test_signals_reach_the_server_itself() -> None:
    assert json.loads(only("ENTRYPOINT")) == ["limner"]
    assert json.loads(only("CMD")) == ["serve"]
    assert only("STOPSIGNAL") == "SIGTERM"
    assert only("EXPOSE") == PORT


def health_check(port: str) -> int:
    """The exit code of the health check, against a server on this port."""
    program, *arguments = json.loads(only("HEALTHCHECK").partition(" CMD ")[2])
    assert program == "python"
    assert PORT in arguments[-1]
    arguments[-1] = arguments[-1].replace(PORT, port)
    return subprocess.run([sys.executable, *arguments], stderr=subprocess.DEVNULL, check=False).returncode


def test_the_health_check_passes_while_a_server_answers(server: str) -> None:
    assert health_check(server.rpartition(":")[2]) == 0


def test_the_health_check_fails_when_none_listens() -> None:
    assert health_check("1") == 1


def test_the_image_holds_no_secret() -> None:
    named = [rest for name, rest in INSTRUCTIONS if name in ("ARG", "ENV")]
    assert not re.search(r"KEY|TOKEN|SECRET|PASSWORD", " ".join(named), re.IGNORECASE)
    assert "ADD" not in NAMES


def test_what_is_copied_exists_and_reaches_the_builder() -> None:
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for source in COPIED:
        assert (ROOT / source).exists(), source
        matching = [rule for rule in rules if fnmatch(source, rule.removeprefix("!"))]
        assert matching[-1] == f"!{source}"
    assert sorted(rule[1:] for rule in rules if rule.startswith("!")) == sorted(COPIED)


def test_all_that_the_wheel_is_made_of_is_copied_and_it_holds_every_page() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [project["project"]["readme"], *project["project"]["license-files"], *wheel["packages"]]
    for path in ("pyproject.toml", *needed, *wheel["force-include"]):
        assert path.split("/")[0] in COPIED, path
    assert {file.relative_to(ROOT).parent.as_posix() for file in (ROOT / "docs").rglob("*.md")} <= {
        *wheel["force-include"]
    }


def test_the_default_image_can_hold_no_cuda() -> None:
    [torch] = [rest for name, rest in INSTRUCTIONS if name == "ARG"]
    run = re.search(r"^TORCH=(.+)$", (ROOT / "run").read_text(encoding="utf-8"), re.MULTILINE)
    assert run
    assert torch == f"TORCH={run[1]}+cpu"
    first, *later = installs()
    assert "--no-deps" in first
    assert "whl/cpu " in first
    assert all('"torch===${TORCH}"' in call for call in (first, *later))
    assert all("--constraint constraints.txt" in call for call in later)


@pytest.mark.parametrize("text", ["FROM a\nRUN b \\\n    && c\n", "# top\nFROM a\nRUN b \\\n# why\n    && c\n"])
def test_the_parser_joins_lines_and_drops_comments(text: str) -> None:
    assert [(name, rest.split()) for name, rest in parse(text)] == [("FROM", ["a"]), ("RUN", ["b", "&&", "c"])]
