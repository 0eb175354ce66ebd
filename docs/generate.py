"""Writes docs/reference from the code: settings, routes, OpenAPI, events, errors, commands. Nothing is edited by hand.

`python docs/generate.py` writes; with `--check` it only names the stale files and exits with 1.
"""

import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

REFERENCE = Path(__file__).parent / "reference"
HEAD = "# {title}\n\n<!-- Written by docs/generate.py (make docs). Edit the code instead. -->\n\n{intro}\n"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; pipes inside cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def first_line(text: str | None) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join((text or "").strip().split("\n\n")[0].split())


def page(title: str, intro: str, *parts: str) -> str:
    """One file of the reference."""
    return "\n".join([HEAD.format(title=title, intro=intro.strip()), *parts])


def settings() -> str:
    """Every field of Settings."""
    from limner.settings import Settings

    rows = []
    for name, field in Settings.model_fields.items():
        kind = str(field.annotation) if get_args(field.annotation) else getattr(field.annotation, "__name__", "")
        kind = {
            "Path": "path",
            "pydantic.types.SecretStr | None": "text",
            "str | None": "text",
            "typing.Literal['text', 'json']": "word",
            "typing.Optional[typing.Literal['off', 'allow-list', 'public']]": "word",
            "tuple[str, ...]": "names",
            "str": "text",
            "int": "whole number",
            "bool": "true or false",
            "float": "number",
        }[kind]
        default = "unset" if field.default in (None, ()) else f"`{field.default}`"
        rows.append([f"`LIMNER_{name.upper()}`", kind, default, field.description or ""])
    intro = "Each is an environment variable; the options of `limner serve` overrule it. Read once, at the start."
    return page("Settings", intro, table(["variable", "type", "default", "meaning"], rows))


def errors() -> str:
    """Every error with its code and status, and those of HTTP itself."""
    from limner import errors as tree
    from limner.api import problems

    rows = [
        [f"`{kind.code}`", str(kind.status), fault, first_line(kind.__doc__)]
        for fault, parent in (("the caller's", tree.CallerError), ("ours", tree.ServerError))
        for kind in parent.__subclasses__()
    ]
    known = {row[0] for row in rows}
    for status, (code, _, meaning) in problems.PROTOCOL_PROBLEMS.items():
        if f"`{code}`" not in known:
            rows.append([f"`{code}`", str(status), "the caller's", meaning])
    rows.append(["`unknown_error`", "500", "ours", "Nobody expected it; the log names it under the answer's number."])
    intro = (
        "Every route answers an error in this shape, the code being in `type` and `status_message`. No answer holds a\n"
        "traceback, a path of the server or a secret; `X-Request-Id` finds the line in the log.\n"
    )
    shape = (
        "```json\n"
        '{"error": {"type": "invalid_params", "title": "...", "detail": "...", "message": "..."},\n'
        ' "status": "error", "status_message": "invalid_params"}\n'
        "```\n"
    )
    command_line = (
        "The command line prints the message on one line and ends with 1 for the caller's fault, 2 for wrong usage,\n"
        "3 for ours, 130 after Ctrl+C.\n"
    )
    return page("Errors", intro, shape, table(["code", "status", "fault", "meaning"], rows), command_line)


def application() -> Any:
    """The application, over services that nobody asks for anything."""
    from limner.api.app import create_app
    from limner.settings import Settings

    services: Any = SimpleNamespace(
        events=None, hints=None, store=None, files=None, gate=None, settings=Settings(public_url=None)
    )
    return create_app(services)


def openapi() -> str:
    """The OpenAPI document, as the server gives it."""
    from limner.api.reference import document

    return json.dumps(document(application()), indent=1, ensure_ascii=False) + "\n"


def routes() -> str:
    """Every route of the application with its first line."""
    from fastapi.routing import APIRoute

    found = walk(application().routes)
    rows = [
        [f"`{method}`", f"`{re.sub(':path}', '}', route.path)}`", first_line(route.endpoint.__doc__)]
        for route in sorted(found, key=lambda route: (not route.path.startswith("/api/"), route.path))
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]
    intro = (
        "JSON routes take and answer `application/json`. What a model's images may ask for is in `request_schema` of\n"
        "`GET /api/ai/models/{model_id}`. Failures look the same everywhere: see [errors](errors.md). Parameters,\n"
        "bodies and answers with their schemas are in [openapi.json](openapi.json), which a server gives at\n"
        "`GET /api/reference/openapi.json` and shows as a page at `GET /api/reference`."
    )
    return page("Routes", intro, table(["method", "path", "does"], rows))


def walk(routes: Iterable[Any]) -> Iterator[Any]:
    """Routes, those of included routers among them."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield route
        else:
            yield from walk(inner.routes)


EVENTS = {
    "media_generation_completed": (
        "always",
        "it succeeded or failed",
        "`status`, `media_type`, `model`, `url` (null once the image was pruned) or `error`",
    ),
    "media_generation_cancelled": ("cancelled", "it was cancelled", "`status`, `media_type`"),
    "media_generation_started": ("started", "a worker has taken it", "`status`, `media_type`"),
    "media_generation_progress": (
        "progress",
        "a step is done; never stored, never replayed",
        "`step`, `of`, `media_type`",
    ),
    "media_generation_partial_image": (
        "partial",
        "a picture of the unfinished image can be fetched; never stored, never replayed",
        "`index` (from 0), `of`, `url`, `media_type`",
    ),
    "gap": ("always", "events after `last_event_id` are no longer known", "`last_event_id`, `reason`"),
}


def events() -> str:
    """Every event of the stream."""
    from limner.api import events as stream

    rows = []
    for name in (*dict.fromkeys(stream.NAMES.values()), stream.PROGRESS, stream.PARTIAL, stream.GAP):
        include, meaning, data = EVENTS[name]
        shown = include if include == "always" else f"`?include={include}`"
        rows.append([f"`{name}`", shown, meaning, data if name == stream.GAP else f"`generation_id`, {data}"])
    intro = "What `GET /api/events` sends: server-sent events, their data compact JSON on one line."
    rules = (
        "Every event has an `id`. A stream opened without `Last-Event-ID` begins with what ended in the last\n"
        f"{stream.REPLAY_SECONDS} seconds (`?replay_seconds=`, at most {stream.MAX_REPLAY_SECONDS}); with it, after\n"
        "that event (`?last_event_id=` does the same). When nothing happens, a comment `: keep-alive` comes every\n"
        f"{stream.KEEP_ALIVE_SECONDS} seconds.\n"
    )
    return page("Events", intro, table(["event", "sent", "when", "data"], rows), rules)


def cli() -> str:
    """The help of every command."""
    from limner.cli.main import app, run

    def paths() -> Iterator[list[str]]:
        yield []
        for command in app.registered_commands:
            if not command.hidden and command.callback:
                yield [command.name or command.callback.__name__]
        for group in app.registered_groups:
            for command in group.typer_instance.registered_commands if group.typer_instance else []:
                if command.callback:
                    yield [group.name or "", command.name or command.callback.__name__]

    os.environ["COLUMNS"] = "100"
    parts = []
    for path in paths():
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            run([*path, "--help"])
        text = re.sub(r"[ \t]+$", "", out.getvalue(), flags=re.MULTILINE).strip()
        parts.append(f"## `{' '.join(['limner', *path])}`\n\n```text\n{text}\n```\n")
    return page("Command line", "`./run COMMAND` in a checkout does the same as `limner COMMAND`.", *parts)


def pages() -> dict[str, str]:
    """Every file of the reference by name."""
    made = {"settings": settings, "routes": routes, "events": events, "errors": errors, "cli": cli}
    return {f"{name}.md": make() for name, make in made.items()} | {"openapi.json": openapi()}


def main(arguments: list[str]) -> int:
    """Write the stale files, or with `--check` only name them."""
    stale = []
    for name, text in pages().items():
        file = REFERENCE / name
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                REFERENCE.mkdir(exist_ok=True)
                file.write_text(text, encoding="utf-8")
    if stale and "--check" in arguments:
        print(f"stale in docs/reference: {', '.join(stale)}; run `make docs`", file=sys.stderr)
        return 1
    print(f"docs/reference: {', '.join(stale) or 'nothing'} {'written' if stale else 'to write'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
