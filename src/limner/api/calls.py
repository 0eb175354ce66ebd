"""Example calls that run as they are pasted: from a model's card and request schema to cURL and Python.

Texts only, from docs_pages/calls.toml; nothing is called. Shell texts need curl and jq, Python texts only Python.
"""

import json
import shlex
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from limner.api.constraints import Schema
from limner.engines.card import ModelCard
from limner.engines.registry import cards

DOCS_PAGES = Path(__file__).parent.parent / "docs_pages"
"""What the pages of the documentation are made with."""
EXAMPLE_IMAGE = "/api/repos/limner/examples/file/main/bloxy/bloxy_cropped_512x512.png"
PROMPT = "a red ox on a snowy road"

HOW = {"sync": "Sync", "polling": "Async, polling", "events": "Async, events"}
FIELDS = {"minimal": "Minimal", "basic": "Basic", "all": "All"}
LANGUAGES = {"curl": "cURL", "python": "Python"}

FIRST = """curl -s {base}/api/ai/images/generate \\{key}
  -H 'Content-Type: application/json' \\
  -d '{{"model": "{model}", "prompt": "{prompt}"}}'"""

KEY = '-H "Authorization: Bearer $LIMNER_KEY"'


@dataclass(frozen=True)
class Call:
    """One example: how it waits, which fields it gives, in which language, and its text."""

    how: str
    fields: str
    language: str
    text: str


def first_call(base: str, *, keyed: bool) -> str:
    """A curl call, ready to paste, that makes a picture with the first model installed; `keyed` sends $LIMNER_KEY."""
    names = list(cards())
    key = f"\n  {KEY} \\" if keyed else ""
    return FIRST.format(base=base, key=key, model="storybook" if "storybook" in names else names[0], prompt=PROMPT)


def make_calls(card: ModelCard, model: str, base: str) -> list[Call]:
    """Every example call for `model` (the id or an alias of `card`) on the server at `base`."""
    bodies = make_bodies(card, model, base)
    return [
        Call(how, fields, language, write(how, bodies[fields], base))
        for how in HOW
        for fields in FIELDS
        for language, write in (("curl", _write_curl), ("python", _write_python))
    ]


def models_call(model: str, base: str) -> str:
    """The call that describes a model."""
    return f"curl -sS {shlex.quote(f'{base}/api/ai/models/{model}')} \\\n  {KEY} | jq .\n"


def make_bodies(card: ModelCard, model: str, base: str) -> dict[str, dict[str, Any]]:
    """What is sent: the required fields; these and the schema's `basic`; these and every field with a default."""
    properties: dict[str, Schema] = card.request_schema.get("properties", {})
    required = [name for name in card.request_schema.get("required", []) if name in properties]
    basic = [name for name in card.request_schema.get("basic", []) if name in properties]
    defaults = [name for name, schema in properties.items() if "default" in schema]

    def body(*names: str) -> dict[str, Any]:
        values = {name: _sample(name, properties[name], base) for name in names if name != "model"}
        return {"model": model, **values}

    return {"minimal": body(*required), "basic": body(*required, *basic), "all": body(*required, *basic, *defaults)}


def _sample(name: str, schema: Schema, base: str) -> Any:
    """A value that the field takes: the schema's own example or default, else the least of what it allows."""
    if "examples" in schema:
        return schema["examples"][0]
    if "default" in schema:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    known = {"prompt": PROMPT, "input_image": base + EXAMPLE_IMAGE, "aspect_ratio": "1:1"}
    if name in known:
        return known[name]
    least = {"integer": 1, "number": 1, "boolean": False, "array": []}
    return schema.get("minimum", least.get(schema.get("type", ""), "text"))


def _file(body: dict[str, Any]) -> str:
    return f"picture.{body.get('output_format', 'png')}"


def _write_curl(how: str, body: dict[str, Any], base: str) -> str:
    sent = shlex.quote(json.dumps(body, indent=2, ensure_ascii=False).replace("\n", "\n  "))
    return _texts()["curl"][how].format(base=shlex.quote(base), key=KEY, body=sent, file=_file(body))


def _write_python(how: str, body: dict[str, Any], base: str) -> str:
    fields = "".join(f"    {_literal(name)}: {_literal(value)},\n" for name, value in body.items())
    texts = _texts()["python"]
    return texts["frame"].format(
        imports="import time\n" if how == "polling" else "",
        base=_literal(base),
        body=f"{{\n{fields}}}",
        rest=texts[how].format(file=_file(body)),
    )


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads((DOCS_PAGES / "calls.toml").read_text(encoding="utf-8"))


def _literal(value: Any) -> str:
    """A JSON value as Python writes it, text in double quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
