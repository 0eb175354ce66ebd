"""GET /api/reference: the OpenAPI document of every route of the application, for programs and as a page.

Routes say in their decorators what is theirs alone (`contract`); what all have in common is added here. It holds no
secret, so it needs no key.
"""

import html
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.routing import APIRoute, APIRouter
from pydantic import TypeAdapter

from limner import errors
from limner.api import contract
from limner.api.constraints import Schema, text
from limner.api.contract import KEY, HubError, OpenAIError, promise
from limner.api.docs import send_page
from limner.api.openai_errors import speaks_openai
from limner.api.pages import Heading, Page
from limner.api.problems import PROTOCOL_PROBLEMS

ABOUT = (
    "Limner makes and edits images on your own machine. JSON bodies are strict: UTF-8, no unknown and no repeated "
    "names. A method that a path does not have is answered 405. Until the first key is made, this machine needs none."
)
PATH_PARAMETERS = {
    "generation_id": text("Id of a generation.", format="uuid"),
    "model_id": text("Id or alias of a model; it may hold slashes."),
    "namespace": text("Who owns the repository."),
    "repo": text("Name of a repository; `generations` holds results."),
    "revision": text("`main`, or the id of a commit."),
    "branch": text("`main`, the only branch."),
    "path": text("Path in the repository, with slashes."),
    "folder": text("Path of a folder in the repository, with slashes."),
    "name": text("Name of a file, with slashes where it lies in a folder."),
}
NUMBER = {"description": "Number of the request; the log names it too.", "required": True, "schema": {"type": "string"}}
HEADERS: dict[int, dict[str, Schema]] = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"type": "string", "const": "Bearer"}}},
    429: {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}},
}
DOCUMENT = {"description": "An OpenAPI 3.1 document.", "content": {"application/json": {"schema": {"type": "object"}}}}
METHODS = ("get", "head", "post", "put", "patch", "delete")
router = APIRouter()


@router.api_route("/api/reference/openapi.json", methods=["GET", "HEAD"], **promise(sends=DOCUMENT, key="none"))
async def show_document(request: Request) -> JSONResponse:
    """The OpenAPI document of this server."""
    return JSONResponse(document(request.app))


@router.api_route("/api/reference", methods=["GET", "HEAD"], **promise(sends=HTMLResponse, key="none"))
async def show_reference(request: Request) -> HTMLResponse:
    """Every route with its parameters, its body and its answers, as a page."""
    found = document(request.app)
    link = 'The same <a href="reference/openapi.json">as an OpenAPI document</a>.'
    body = "\n".join([f"<h1>Every route</h1><p>{html.escape(ABOUT)} {link}</p>", *_show(found)])
    names = [f"{method.upper()} {path}" for path, operations in found["paths"].items() for method in operations]
    return send_page(Page("every-route", "Every route", ""), body, [Heading(2, _anchor(name), name) for name in names])


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `app`, built when it is first asked for."""
    if app.openapi_schema is None:
        app.openapi_schema = build(app)
    return app.openapi_schema


def build(app: FastAPI) -> dict[str, Any]:
    """What FastAPI says of the routes, mended: our errors in place of its own, names, headers and the key."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate Operation ID")  # GET and HEAD are one to it; names come below
        made = get_openapi(
            title=app.title, version=app.version, description=ABOUT, routes=app.routes, servers=_servers(app)
        )
    schemas = made["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    failures: dict[str, Any] = {}
    names: set[str] = set()
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            name = route.name
            if name in names:
                name += f"_at_{re.sub(r'[^a-z0-9]+', '_', route.path_format).strip('_') or 'root'}"
            names.add(name)
            for method in route.methods or ():
                operation = made["paths"][route.path_format][method.lower()]
                _settle(operation, route, method, name)
                _add_errors(operation, route.path_format, failures)
                _lift(operation, schemas)
    for path, operations in made["paths"].items():
        made["paths"][path] = {method: operations[method] for method in METHODS if method in operations}
    for kind in (HubError, OpenAIError):
        schema = TypeAdapter(kind).json_schema(ref_template=contract.REF)
        schemas |= schema.pop("$defs") | {kind.__name__: schema}
    for schema in schemas.values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    made["components"] |= {
        "schemas": dict(sorted(schemas.items())),
        "responses": dict(sorted(failures.items())),
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "From `limner keys create`."}},
    }
    return made


def _servers(app: FastAPI) -> list[dict[str, Any]] | None:
    url = app.state.services.settings.public_url
    return [{"url": url}] if url else None


def _settle(operation: Schema, route: APIRoute, method: str, name: str) -> None:
    """Give an operation its texts, its name, the key it needs, and its path's parameters their meaning."""
    summary, _, rest = (route.description or "").partition("\n\n")
    operation |= {"summary": " ".join(summary.split()), "tags": [route.endpoint.__module__.rpartition(".")[2]]}
    operation.pop("description", None)
    if rest:
        operation["description"] = " ".join(rest.split())
    operation["operationId"] = name if method != "HEAD" else f"{name}_head"
    operation.setdefault("security", KEY)
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path" and parameter["name"] in PATH_PARAMETERS:
            schema = dict(PATH_PARAMETERS[parameter["name"]])
            parameter |= {"description": schema.pop("description"), "schema": schema}
    operation["responses"].pop("422", None)
    for answer in operation["responses"].values():
        if answer["description"] == "Successful Response":
            answer["description"] = operation["summary"]
        answer["headers"] = {**answer.get("headers", {}), "X-Request-Id": NUMBER}
        if method == "HEAD":
            answer.pop("content", None)


def _add_errors(operation: Schema, path: str, failures: dict[str, Any]) -> None:
    """Add the errors that follow from what an operation takes; `failures` collects the answers by name."""
    answers, body = operation["responses"], operation.get("requestBody")
    places = {parameter["in"] for parameter in operation.get("parameters", [])}
    statuses = {403, 500} | {int(status) for status in answers if int(status) >= 400}
    statuses |= {401, 429, 503} if operation["security"] else set()
    statuses |= {404} if "path" in places else set()
    statuses |= {400} if body or places & {"query", "header"} else set()
    statuses |= {413} if body else set()
    dialect = "OpenAI" if speaks_openai(path) else "Hub"
    statuses |= {415} if body and "application/json" in body["content"] and dialect == "Hub" else set()
    for status in sorted(statuses):
        name = f"{dialect}{status}"
        failures[name] = {
            "description": _meaning(status),
            "headers": {"X-Request-Id": NUMBER, **HEADERS.get(status, {})},
            "content": {"application/json": {"schema": {"$ref": contract.REF.format(model=f"{dialect}Error")}}},
        }
        answers[str(status)] = {"$ref": f"#/components/responses/{name}"}
    operation["responses"] = dict(sorted(answers.items()))


def _meaning(status: int) -> str:
    """The codes that errors of this status have, and what they mean."""
    kinds = [kind for parent in (errors.CallerError, errors.ServerError) for kind in parent.__subclasses__()]
    said = [f"{kind.code}: {' '.join((kind.__doc__ or '').split())}" for kind in kinds if kind.status == status]
    code, _, detail = PROTOCOL_PROBLEMS.get(status, ("unknown_error", "", "Nobody expected it; the log names it."))
    if not said or status == 500:
        said.append(f"{code}: {detail}")
    return " ".join(said)


def _lift(operation: Schema, schemas: dict[str, Any]) -> None:
    """Move the schema of a JSON body to the named ones."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        if "title" in schema:
            schemas |= schema.pop("$defs", {})
            schemas[schema["title"]] = schema
            content["schema"] = {"$ref": contract.REF.format(model=schema["title"])}


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _limits(schema: Schema) -> str:
    """What a value may be, in few words; patterns are left to the document."""
    kinds = [schema, *schema.get("anyOf", ())]
    values = [value for kind in kinds for value in kind.get("enum", ()) if value is not None]
    if values:
        return ", ".join(map(str, values))
    types = [one for kind in kinds for one in _as_list(kind.get("type")) if one != "null"]
    said = [" or ".join(dict.fromkeys(types))]
    for kind in kinds:
        least = kind.get("minimum", kind.get("exclusiveMinimum"))
        if least is not None or "maximum" in kind:
            said.append(f"{'above ' if 'exclusiveMinimum' in kind else ''}{least} to {kind.get('maximum', 'any')}")
        if "maxLength" in kind:
            said.append(f"{kind.get('minLength', 0)} to {kind['maxLength']} characters")
    return ", ".join(said)


def _show_code(text: str) -> str:
    """A sentence in which what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _show(document: dict[str, Any]) -> Iterator[str]:
    """The lines of the page."""

    def follow(schema: Schema) -> Schema:
        parts = schema.get("$ref", "#").split("/")[1:]
        found = document
        for part in parts:
            found = found[part]
        return found if parts else schema

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            name = f"{method.upper()} {path}"
            yield f'<h2 id="{_anchor(name)}"><code>{html.escape(name)}</code></h2>'
            yield f"<p>{html.escape(' '.join((operation['summary'], operation.get('description', ''))))}</p>"
            rows = [(one["name"], one["in"], one) for one in operation.get("parameters", [])]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                body = follow(content["schema"])
                properties = body.get("properties", {})
                for example in body.get("examples", ()):
                    yield f'<pre tabindex="0"><code>{html.escape(json.dumps(example))}</code></pre>'
                rows += [(name, "body", {"schema": schema, **schema}) for name, schema in properties.items()]
            if rows:
                yield '<div class="table" tabindex="0"><table>'
            for name, place, one in rows:
                told = (one.get("description", ""), _limits(one["schema"]))
                cells = "".join(f"<td>{_show_code(cell)}</td>" for cell in told)
                yield f"<tr><td><code>{html.escape(name)}</code></td><td>{place}</td>{cells}</tr>"
            if rows:
                yield "</table></div>"
            yield "<ul>"
            for status, answer in operation["responses"].items():
                yield f"<li>{status}: {html.escape(follow(answer)['description'])}</li>"
            yield "</ul>"
