"""The page of a model, as Markdown, from its card: what it is, how to call it on this server, and what it takes."""

from typing import Any
from urllib.parse import quote

from limner.api.calls import FIELDS, HOW, LANGUAGES, make_calls, models_call
from limner.api.constraints import PARAMETERS, Schema
from limner.api.pages import Page, written_pages
from limner.engines.card import ModelCard

NOT_WITHOUT_INPUTS = ("input_image", "input_fidelity", "mask")
ROUTES = {"n": "`images/generate` and `images/edit` only", "num_generations": "the queue only"}
"""Where a parameter of all models is taken, if not everywhere."""

TEXT = """# {name}

{summary}

[Run {name} in the Workbench]({base}/workbench?model={quoted})

There you tune its parameters, compare what comes out, and take the call away as code.

Model id: `{model}`

{description}
{aliases}
## Metrics

{metrics}
{samples}
## Example requests

They go to this server as they are: cURL in bash or zsh, Python with `pip install requests`. Until the first
[key]({up}guides/keys.md) is made none is needed; then put yours into `LIMNER_KEY`.

{calls}
## The model itself

This call answers with all of the above and with the schema of the parameters below:

```sh
{models_call}```

## Required parameters

{required}

## Optional parameters

{optional}

### For every model

{shared}
and the header `Idempotency-Key`: see [queue and events]({up}guides/queue-and-events.md).
"""


def write_page(card: ModelCard, model: str, base: str) -> Page:
    """The page of `model` (the id or an alias of `card`) with the address of the server at `base` in its calls.

    What was written of the model by hand (docs/models/) follows at its end.
    """
    calls = tuple(make_calls(card, model, base))
    up, shown = "../" * (model.count("/") + 1), ""
    for call in calls:
        if call.language == "curl":
            shown += f"### {HOW[call.how]}: {FIELDS[call.fields].lower()}\n\n"
        kind = "sh" if call.language == "curl" else "python"
        shown += f"{LANGUAGES[call.language]}:\n\n```{kind}\n{call.text}```\n\n"
    properties: dict[str, Schema] = card.request_schema.get("properties", {})
    required = {"model": PARAMETERS["model"]} | {
        name: properties[name] for name in card.request_schema.get("required", []) if name in properties
    }
    optional = {name: schema for name, schema in _ordered(properties) if name not in required}
    shared = {
        name: schema
        for name, schema in (PARAMETERS | {"n": PARAMETERS["n"] | {"maximum": card.max_n}}).items()
        if name not in properties and name not in required and (card.max_references or name not in NOT_WITHOUT_INPUTS)
    }
    markdown = TEXT.format(
        name=card.display_name,
        summary=card.summary,
        base=base,
        quoted=quote(model, safe=""),
        model=model,
        up=up,
        description=card.description.strip(),
        aliases=_write_aliases(card, model),
        metrics=_table(("metric", "value"), _metrics(card)),
        samples=_write_samples(card, base),
        calls=shown,
        models_call=models_call(model, base),
        required=_parameters(required),
        optional=_parameters(optional),
        shared=_parameters(shared),
    )
    told = written_pages().get(f"models/{card.id}")
    if told is not None:
        markdown += told.markdown.partition("\n")[2]
    return Page(f"models/{model}", card.display_name, markdown, calls)


def _ordered(properties: dict[str, Schema]) -> list[tuple[str, Schema]]:
    return sorted(properties.items(), key=lambda item: item[1].get("x-order", len(properties)))


def _metrics(card: ModelCard) -> list[tuple[str, str]]:
    words = f", {card.max_prompt_words} words of a prompt" if card.max_prompt_words else ""
    unit = "tokens" if card.max_prompt_tokens else "characters"
    return [
        ("parameters", f"{card.parameters:,}"),
        ("mixture of experts", _yes(card.mixture_of_experts)),
        ("context length", f"{card.max_prompt_tokens or card.max_prompt_characters:,} {unit}{words}"),
        ("multilingual", _yes(card.multilingual)),
        ("quantized", card.quantization or "no"),
        ("sizes", ", ".join(f"{width}x{height}" for width, height in card.sizes)),
        ("input images", f"at most {card.max_references}" if card.max_references else "none"),
        ("masks", _yes(card.masks)),
        ("transparent background", _yes(card.transparent)),
        ("steps", "; ".join(f"{name} {preset.steps}" for name, preset in card.presets.items())),
        ("developer", card.developer),
        ("released", card.released_at),
    ]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _write_aliases(card: ModelCard, model: str) -> str:
    names = [f"`{name}`" for name in (card.id, *card.aliases) if name != model]
    return f"\nThe same model answers to {', '.join(names)}.\n" if names else ""


def _write_samples(card: ModelCard, base: str) -> str:
    shown = "".join(
        f"![{sample.caption}]({base}/docs/images/{sample.picture})\n\n*{sample.caption}*\n\n" for sample in card.samples
    )
    return f"\n## Pictures\n\n{shown}" if shown else ""


def _parameters(schemas: dict[str, Schema]) -> str:
    rows = [(f"`{name}`", _type(schema), _default(schema), _meaning(name, schema)) for name, schema in schemas.items()]
    return _table(("parameter", "type", "default", "meaning"), rows) if rows else "None.\n"


def _type(schema: Schema) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"array of {_type(schema['items'])}s"
    return str(schema.get("type", "any"))


def _default(schema: Schema) -> str:
    if "default" not in schema:
        return ""
    return "empty" if schema["default"] == "" else f"`{schema['default']}`"


def _meaning(name: str, schema: Schema) -> str:
    said = str(schema.get("description") or PARAMETERS.get(name, {}).get("description", ""))
    if "enum" in schema:
        said += " One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + "."
    if "minimum" in schema and "maximum" in schema:
        said += f" {schema['minimum']} to {schema['maximum']}."
    elif "minimum" in schema:
        said += f" At least {schema['minimum']}."
    elif "maximum" in schema:
        said += f" At most {schema['maximum']}."
    if "maxLength" in schema:
        said += f" At most {schema['maxLength']:,} characters."
    return said + (f" Taken by {ROUTES[name]}." if name in ROUTES else "")


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)
