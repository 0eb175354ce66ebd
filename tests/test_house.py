"""The rules of the house, as tests; no behaviour. To leave a rule, change it here in the same commit and say why."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src" / "limner"
FILES = sorted(SRC.rglob("*.py"))
TREES = {file: ast.parse(file.read_text(encoding="utf-8")) for file in FILES}
TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 8
BUDGET_LINES = 19_800
BUDGET_WEB_LINES = 3_000

DRAWERS = {"utils", "util", "common", "helpers", "helper", "misc", "base", "core", "manager"}
BAD_SUFFIXES = ("Manager", "Helper", "Base", "Impl", "Util", "Utils")
ROOMS = {
    "torch": ("model/", "engines/storybook.py", "engines/diffusers.py", "training/"),
    "ray": ("workers/cluster.py",),
    "diffusers": ("engines/diffusers.py",),
    "fastapi": ("api/",),
    "uvicorn": ("cli/serve.py", "api/"),
    "sqlalchemy": ("records/", "queue/", "api/"),
    "typer": ("cli/",),
    "resvg_py": ("training/world/", "cli/train.py", "cli/evaluate.py"),
    # Requests to other servers: `outbound` makes them all. `client` and `cli` speak to a Limner server only.
    "httpcore2": ("outbound.py",),
    "httpx2": ("outbound.py", "client.py", "cli/"),
}
BROAD_EXCEPT = {"workers/loop.py", "api/problems.py", "api/app.py"}
LOGS = r"(log|structlog\.get_logger\(.*\))\.(debug|info|warning|error|exception|critical)$"
SYNONYMS = {"prediction", "invocation", "inference_job", "txt2img", "img2img"}
ACTIONS = {
    "answer", "ask", "cancel", "claim", "delete", "finish", "follow", "housekeep", "load", "reap", "renew", "requeue",
    "run", "serve", "start", "stop", "submit", "unload", "worker_end", "worker_start",
}  # fmt: skip
LEAN = (
    "limner.wire", "limner.records", "limner.images", "limner.queue", "limner.engines.card", "limner.engines.plan",
    "limner.engines.registry", "limner.workers.local", "limner.api", "limner.cli.serve",
)  # fmt: skip
HEAVY = ("torch", "ray", "diffusers")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name(file: Path) -> str:
    """The path of a file as the rules above write it."""
    return file.relative_to(SRC if file.is_relative_to(SRC) else ROOT).as_posix()


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function of a module, methods and inner ones included."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def imported(tree: ast.AST) -> Iterator[str]:
    """The top-level package of every import of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def tracked() -> list[Path]:
    """The text files that git knows."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / line for line in listed.splitlines()]
    binary = {".png", ".jpeg", ".jpg", ".webp", ".safetensors", ".ttf", ".npz"}
    return [path for path in paths if path.is_file() and path.suffix not in binary]


@pytest.mark.parametrize("file", FILES + TEST_FILES, ids=name)
def test_a_file_is_read_in_one_sitting(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_FILE_LINES
    for node in functions(ast.parse(text)):
        assert (node.end_lineno or 0) - node.lineno < MAX_FUNCTION_LINES, node.name
        own = [
            a for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if a.arg not in ("self", "cls")
        ]
        if not is_a_door(node):
            assert len(own) <= MAX_PARAMETERS, node.name


def is_a_door(node: Function) -> bool:
    """Whether a framework reads the parameters: a command or a route has as many as it has options."""
    return any("command" in ast.unparse(d) or "router." in ast.unparse(d) for d in node.decorator_list)


@pytest.mark.parametrize("file", FILES + TEST_FILES, ids=name)
def test_a_file_says_what_it_is_for(file: Path) -> None:
    assert file.stem not in DRAWERS
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "a module opens with what it is and is not"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            assert not node.name.endswith(BAD_SUFFIXES), node.name


@pytest.mark.parametrize("file", FILES, ids=name)
def test_a_public_function_says_what_it_does(file: Path) -> None:
    for node in TREES[file].body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


@pytest.mark.parametrize("file", FILES, ids=name)
def test_a_heavy_import_stays_in_its_room(file: Path) -> None:
    for package in set(imported(TREES[file])) & set(ROOMS):
        assert name(file).startswith(ROOMS[package]), package


@pytest.mark.parametrize("file", [file for file in FILES if file.name == "__init__.py"], ids=name)
def test_an_init_imports_nothing_heavy(file: Path) -> None:
    assert not set(imported(TREES[file])) & {*ROOMS, "numpy", "PIL", "pydantic"}


def test_nothing_asks_another_server_past_the_guarded_client() -> None:
    doors = {"http", "urllib3", "requests", "aiohttp", "httpx", "httpcore", "ftplib", "smtplib", "telnetlib", "pycurl"}
    opens = re.compile(r"\.(open_connection|create_connection|start_tls|urlopen|urlretrieve|sock_connect|getaddrinfo)$")
    for file in FILES:
        assert not set(imported(TREES[file])) & doors, name(file)
        for node in ast.walk(TREES[file]):
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = {node.module} if isinstance(node, ast.ImportFrom) else {one.name for one in node.names}
                assert not names & {"urllib.request", "http.client"}, name(file)
            if isinstance(node, ast.Call) and name(file) not in ("outbound.py", "cli/serve.py"):
                assert not opens.search(ast.unparse(node.func)), f"{name(file)}: line {node.lineno}"


def test_the_environment_is_read_in_one_place() -> None:
    reads = re.compile(r"\benviron\b|\bgetenv\b")
    readers = {name(file) for file in FILES if reads.search(file.read_text(encoding="utf-8"))}
    assert readers <= {"settings.py"}


@pytest.mark.parametrize("file", FILES, ids=name)
def test_a_failure_is_never_swallowed_whole(file: Path) -> None:
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.ExceptHandler) and name(file) not in BROAD_EXCEPT:
            caught = ast.unparse(node.type) if node.type else "BaseException"
            assert caught not in ("Exception", "BaseException"), f"line {node.lineno}"


@pytest.mark.parametrize("file", FILES, ids=name)
def test_source_holds_no_assert_no_print_and_nothing_left_to_do(file: Path) -> None:
    for node in ast.walk(TREES[file]):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}"
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
            assert name(file).startswith("cli/"), f"line {node.lineno}"
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b", file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES, ids=name)
def test_a_line_of_the_log_says_its_action_in_one_word(file: Path) -> None:
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.Call) and re.match(LOGS, ast.unparse(node.func)):
            [action] = [word.value for word in node.keywords if word.arg == "action"]
            words = [action.body, action.orelse] if isinstance(action, ast.IfExp) else [action]
            assert {ast.literal_eval(word) for word in words} <= ACTIONS, f"line {node.lineno}"


def test_the_words_of_the_log_are_documented() -> None:
    page = (ROOT / "docs" / "guides" / "watching.md").read_text(encoding="utf-8").partition("| action |")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == {*ACTIONS, "library"}


@pytest.mark.parametrize("file", FILES, ids=name)
def test_one_thing_has_one_word(file: Path) -> None:
    for node in ast.walk(TREES[file]):
        if isinstance(node, Function | ast.ClassDef):
            words = set(re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", node.name).lower()))
            assert not words & SYNONYMS, node.name


def test_our_own_code_is_never_patched() -> None:
    patches = re.compile(r"mock\.patch|MagicMock|monkeypatch\.setattr\(.{0,20}limner")
    wrong = [name(file) for file in TEST_FILES if file != Path(__file__) and patches.search(file.read_text())]
    assert not wrong


def test_tests_have_no_packages_and_read_like_sentences() -> None:
    for file in TEST_FILES:
        if file.is_relative_to(ROOT / "tests" / "tiny"):
            continue
        assert file.name != "__init__.py"
        for node in functions(ast.parse(file.read_text(encoding="utf-8"))):
            if node.name.startswith("test_"):
                assert node.name.count("_") >= 3, f"{name(file)}: {node.name} is not a sentence"


def test_the_whole_house_fits_its_budget() -> None:
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in FILES) <= BUDGET_LINES
    web = [file for file in (SRC / "workbench").rglob("*") if file.suffix in (".js", ".css", ".html")]
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in web) <= BUDGET_WEB_LINES


def test_the_serving_half_stays_light() -> None:
    # One fresh process for all of them: what none of them loads together, none loads alone.
    code = (
        "import sys, importlib, pkgutil\n"
        f"for name in {LEAN!r}:\n"
        "    top = importlib.import_module(name)\n"
        "    for found in pkgutil.walk_packages(getattr(top, '__path__', []), name + '.'):\n"
        "        if '.migrations.' not in found.name: importlib.import_module(found.name)\n"
        f"    print(*[f'{{name}} loads {{heavy}}' for heavy in {HEAVY!r} if heavy in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_no_tracked_file_knows_a_machine_or_a_registry() -> None:
    registries = r"(?:[\w-]+\.)*(?:pypi\.org|pythonhosted\.org|anaconda\.org|npmjs\.(?:org|com))"
    wrong = re.compile(rf"{registries}|/(?:root|work|opt/wheels|opt/pypi\S*)/|\.\./shared")
    allowed = {"tests/test_house.py"}
    found = {
        f"{path.relative_to(ROOT)}: {hit.group()}"
        for path in tracked()
        if path.relative_to(ROOT).as_posix() not in allowed
        for hit in [wrong.search(path.read_text(encoding="utf-8", errors="replace"))]
        if hit
    }
    assert not found


def test_pinned_versions_name_no_torch_and_no_address() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][\w.]*", line) for line in lines)
    assert not any(line.lower().startswith(("torch", "nvidia", "triton")) for line in lines)
