"""Example calls that run as they are pasted: from a model's card and request schema to cURL and Python.

Texts only, from docs_pages/calls.toml, which the workbench fills in too; nothing is called. Shell texts need curl and
bash or zsh, Python texts requests.
"""

import json
import re
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
        Call(how, fields, language, _write(language, how, bodies[fields], base))
        for how in HOW
        for fields in FIELDS
        for language in LANGUAGES
    ]


def models_call(model: str, base: str) -> str:
    """The call that describes a model."""
    return f"curl -sS {shlex.quote(f'{base}/api/ai/models/{model}')} \\\n  {KEY}\n"


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


def _write(language: str, how: str, body: dict[str, Any], base: str) -> str:
    """The text of a call, its base and its body written as the language wants them."""
    if language == "curl":
        values = {"base": _quote(base), "body": _quote(json.dumps(body, indent=2, ensure_ascii=False))}
    else:
        fields = "".join(f"    {_literal(name)}: {_literal(value)},\n" for name, value in body.items())
        values = {"base": _literal(base), "body": f"{{\n{fields}}}"}
    values |= {"route": "edit" if "input_image" in body else "generate", "extension": body.get("output_format", "png")}
    texts = read_texts()[language]

    def fill(text: str) -> str:
        return re.sub(r"<<(\w+)>>", lambda name: values[name[1]] if name[1] in values else fill(texts[name[1]]), text)

    return fill(texts[how])


@cache
def read_texts() -> dict[str, dict[str, str]]:
    """The texts of the calls by language, not filled in."""
    return tomllib.loads((DOCS_PAGES / "calls.toml").read_text(encoding="utf-8"))


def _quote(text: str) -> str:
    """What stands between single quotes in a shell."""
    return text.replace("'", "'\\''")


def _literal(value: Any) -> str:
    """A JSON value as Python writes it, text in double quotes."""
    if isinstance(value, list):
        return f"[{', '.join(_literal(one) for one in value)}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
