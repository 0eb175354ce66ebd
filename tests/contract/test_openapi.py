"""The OpenAPI document against a real server: every operation is asked what its schema allows, and what it does not.

First the edges of every parameter one by one, wrong media types, and methods that are not there; then requests drawn
at random, the same ones every time unless `--examples` asks for more than usual (`make fuzz`).
"""

import base64
import io
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, strategies
from hypothesis import settings as rules
from PIL import Image
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from schemathesis.transport.serialization import Binary

from limner.api.app import create_app
from limner.api.constraints import MAX_FILES, PARAMETERS
from limner.api.openai_errors import speaks_openai
from limner.api.reference import document
from limner.settings import Settings

PATIENCE_SECONDS = 60
USUAL_EXAMPLES = 20
EDGES_PER_EXAMPLE = 10
POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]

services: Any = SimpleNamespace(events=None, hints=None, store=None, files=None, gate=None, settings=Settings())
config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
schema = schemathesis.openapi.from_dict(document(create_app(services)), config=config)
OPERATIONS: list[Any] = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]


def png(mode: str, colour: tuple[int, ...]) -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new(mode, (64, 64), colour).save(out, "PNG")
    return out.getvalue()


OX = png("RGB", (90, 60, 30))
OX_URI = f"data:image/png;base64,{base64.b64encode(OX).decode()}"
MASK = png("RGBA", (0, 0, 0, 0))
MASK_URI = f"data:image/png;base64,{base64.b64encode(MASK).decode()}"


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """A caller that keeps its connection."""
    with requests.Session() as session:
        yield session


@pytest.fixture
def things(server: str, session: requests.Session) -> dict[str, Any]:
    """What there is on the server to ask for: an edited picture, a stored file, a model; by the names in paths."""
    body = {"model": "tiny", "prompt": "an ox", "size": "64x64", "input_image": OX_URI}
    made = session.post(f"{server}/api/ai/images/edit", json=body, timeout=PATIENCE_SECONDS).json()
    url = f"{server}/api/repos/local/ox/file/main/herd"
    session.put(url, files={"files[]": ("ox.png", OX)}, timeout=PATIENCE_SECONDS).raise_for_status()
    return {
        "generation_id": made["images"][0]["generation_id"],
        "namespace": "local",
        "repo": "ox",
        "revision": "main",
        "branch": "main",
        "path": "herd/ox.png",
        "folder": "herd",
        "model_id": "tiny",
        "name": "reference/routes",
        "dir": {"path": "herd"},
        "inputs": {"name": "0"},
        "workbench": {"name": "index.html"},
    }


def ground(case: Any, things: dict[str, Any]) -> None:
    """Put what there is in place of names that are valid, but name nothing: the schema cannot know this server."""
    lot = zlib.crc32(repr(case).encode("utf-8", "backslashreplace"))
    if lot % 4:
        known = things | {key: value for word in case.path.split("/") for key, value in things.get(word, {}).items()}
        case.path_parameters = {name: known.get(name, value) for name, value in case.path_parameters.items()}
        if "ids" in case.query:
            case.query["ids"] = [things["generation_id"]]
        for name in ("signature", "expires"):
            case.query.pop(name, None)
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] += case.id  # or nearly all would be one key with another request
    if isinstance(case.body, dict):
        if speaks_openai(case.path) and case.body.get("model") is None:
            case.body["model"] = "tiny"  # where no model is named another one is meant
        ground_body(case.body, lot)


def ground_body(body: dict[str, Any], lot: int) -> None:
    """The same for a body: real pictures, the model *tiny*, mostly small ones, and no deadline that is over at once."""
    if isinstance(body.get("model"), str):
        body["model"] = "tiny"
    texts = {"target_namespace": "local", "input_image": OX_URI, "mask": MASK_URI}
    body |= {name: value for name, value in texts.items() if isinstance(body.get(name), str)}
    for one in [*(body.get("images") or ()), body.get("mask")] if isinstance(body.get("images"), list) else ():
        if isinstance(one, dict) and isinstance(one.get("image_url"), str):
            one["image_url"] = MASK_URI if one is body.get("mask") else OX_URI
    for name, value in body.items():
        if isinstance(value, Binary):
            body[name] = Binary(MASK if name == "mask" else OX)
        if isinstance(value, list) and value and isinstance(value[0], Binary):
            body[name] = [Binary(OX)] * (1 if len(value) <= MAX_FILES else len(value))  # all have the same name
    if isinstance(seconds := body.get("cancel_after_seconds"), float) and 0 < seconds < PATIENCE_SECONDS and lot % 8:
        body["cancel_after_seconds"] = float(PATIENCE_SECONDS)
    if "prompt" in body and lot % 8 and all(is_good(body, name) for name in ("size", "aspect_ratio")):
        body["size"] = "64x64"
        body.pop("aspect_ratio", None)


def is_good(body: dict[str, Any], name: str) -> bool:
    """Whether a text in a body is as its pattern has it, or left out: what was spoilt must stay so."""
    value = body.get(name)
    return value is None or (isinstance(value, str) and re.search(PARAMETERS[name]["pattern"], value) is not None)


def edges(operation: Any, most: int) -> list[Any]:
    """The cases at the edges of an operation's schema; none if another path leads to the same operation."""
    if "_at_" in operation.definition.raw["operationId"]:
        return []
    how = schema.config.generation_for(operation=operation)
    found = list(schema.iter_coverage_cases(operation, generation_modes=[POSITIVE, NEGATIVE], generation_config=how))
    return found[:: math.ceil(len(found) / most)]


def send(case: Any, server: str, session: requests.Session) -> schemathesis.Response:
    """The answer to a case; of the stream that never ends, only the head."""
    if case.path != "/api/events":
        answer: schemathesis.Response = case.call(base_url=server, session=session, timeout=PATIENCE_SECONDS)
        return answer
    asked = case.as_transport_kwargs(base_url=server)
    with session.request(**asked, timeout=PATIENCE_SECONDS, stream=True) as found:
        content = b"" if found.ok else found.content
        headers = {name: [value] for name, value in found.headers.items()}
        return schemathesis.Response(found.status_code, headers, content, found.request, 0.0, verify=True)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_an_operation_answers_as_the_document_says(
    server: str, session: requests.Session, things: dict[str, Any], operation: Any, pytestconfig: pytest.Config
) -> None:
    seen: Counter[int] = Counter()

    def ask(case: Any) -> None:
        ground(case, things)
        answer = send(case, server, session)
        seen[answer.status_code] += 1
        # With real files in it, a form that was spoilt cannot be told from a good one any more.
        form = [negative_data_rejection] if case.media_type == "multipart/form-data" else []
        case.validate_response(answer, checks=CHECKS, excluded_checks=excluded + form)

    # A model's id may hold slashes: to GET x/activate asks for the model of that name.
    excluded = [unsupported_method] if operation.path.endswith("activate") else []
    examples: int = pytestconfig.getoption("--examples")
    for case in edges(operation, most=EDGES_PER_EXAMPLE * examples):
        ask(case)
    drawn = strategies.one_of(operation.as_strategy(POSITIVE), operation.as_strategy(NEGATIVE))
    rules(
        max_examples=examples,
        derandomize=examples == USUAL_EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )(given(case=drawn)(ask))()
    assert any(status < 400 for status in seen)
