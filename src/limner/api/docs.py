"""The routes of the documentation: its pages, as HTML and as Markdown, their index, the search and the assistant.

Everything here is open to all, without a key; only written answers are not. Nothing is loaded from elsewhere.
"""

import asyncio
import html
from functools import cache
from string import Template

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from typing_extensions import TypedDict

from limner import __version__
from limner.api import sessions
from limner.api.assistant import Answer, AskBody, answer
from limner.api.auth import find_caller, require
from limner.api.body import read_body
from limner.api.calls import DOCS_PAGES, read_texts
from limner.api.constraints import text
from limner.api.contract import in_query, promise
from limner.api.model_page import write_page
from limner.api.pages import (
    GROUPS,
    MEDIA_TYPES,
    Heading,
    Page,
    as_markdown,
    files,
    render,
    sections,
    summary,
    written_pages,
)
from limner.api.passages import BEGIN, END, Hit, Index
from limner.api.services import base_url, services_of
from limner.engines.registry import cards, resolve
from limner.errors import CallerError, NotFound

ASSETS = {"docs.css": "text/css", "docs.js": "text/javascript"}
LOCAL_BASE = "http://127.0.0.1:7310"
"""Stands for the server's address where the pages of models are only searched."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
ABOUT = (
    "Limner is an image generation and editing service that you run yourself. It speaks the hub's image API and "
    "OpenAI's, keeps a durable queue, and needs no GPU and no account."
)
MAX_SEARCH_CHARACTERS = 200
HTML = {"content": {"text/html": {"schema": {"type": "string"}}}}
MARKDOWN = {"content": {"text/markdown": {"schema": {"type": "string"}}}}
EITHER = {"content": HTML["content"] | MARKDOWN["content"]}

router = APIRouter()


class Result(TypedDict):
    """A section that was found; `piece` shows where."""

    page: str
    heading: str
    piece: str
    url: str


class Results(TypedDict):
    """The sections that hold the words of `q`, best first."""

    q: str
    results: list[Result]


@router.api_route("/llms.txt", methods=["GET", "HEAD"], **promise(sends=MARKDOWN, key="none"))
async def list_pages(request: Request) -> Response:
    """The index of the documentation for programs: every page as Markdown, with what it is about."""
    base = base_url(request)
    lines = [f"# Limner {__version__}", "", f"> {ABOUT}", ""]
    lines += [f"Every route as an OpenAPI document: {base}/api/reference/openapi.json", ""]
    for group, pages in (await asyncio.to_thread(groups)).items():
        lines += [f"## {group}", ""]
        lines += [f"- [{page.title}]({base}/docs/{page.path}.md): {summary(page)}" for page in pages]
        lines.append("")
    return _send_text("\n".join(lines))


@router.api_route("/docs", methods=["GET", "HEAD"], **promise(sends=HTMLResponse, key="none"))
async def show_index(request: Request) -> HTMLResponse:
    """Where the documentation begins: every page with what it is about."""
    body = f"<h1>Limner</h1>\n<p>{html.escape(ABOUT)}</p>\n"
    for group, pages in (await asyncio.to_thread(groups)).items():
        body += f'<h2>{group}</h2>\n<ul class="pages">\n'
        for page in pages:
            link = f'<a href="docs/{html.escape(page.path)}">{html.escape(page.title)}</a>'
            body += f"<li>{link}<span>{html.escape(summary(page))}</span></li>\n"
        body += "</ul>\n"
    return send_page(Page("", "Documentation", ""), body)


@router.api_route(
    "/docs/search",
    methods=["GET", "HEAD"],
    **promise(Results, in_query("q", text("Words; the last one may be unfinished.")), sends=HTML, key="none"),
)
async def search(request: Request) -> Response:
    """The sections of the documentation that hold the words of `q`: a page for browsers, else JSON."""
    q = request.query_params.get("q", "")[:MAX_SEARCH_CHARACTERS]
    hits = (await asyncio.to_thread(index)).search(q)
    if "text/html" not in request.headers.get("accept", ""):
        found = [_describe(hit, base_url(request)) for hit in hits]
        return JSONResponse({"q": q, "results": found}, headers={"Vary": "Accept"})
    shown = "".join(_show_hit(hit) for hit in hits)
    said = html.escape(q)
    empty = f"<p>Nothing in the docs holds <q>{said}</q>.</p>" if q.strip() else "<p>What are you looking for?</p>"
    body = f'<h1>Search</h1>\n<ol class="hits">{shown}</ol>' if shown else f"<h1>Search</h1>\n{empty}"
    page = send_page(Page("search", "Search", ""), body, query=q)
    page.headers["Vary"] = "Accept"
    return page


@router.api_route("/docs/assets/{name}", methods=["GET", "HEAD"], include_in_schema=False)
async def show_asset(name: str) -> Response:
    """A file that the pages of the documentation are shown with, or the texts of the calls, for the workbench."""
    if name == "calls.json":
        return JSONResponse(read_texts(), headers=HEADERS)
    if name not in ASSETS:
        raise NotFound(f"There is no file {name[:200]} in the documentation.")
    return Response(_read(name), media_type=ASSETS[name], headers=HEADERS)


@router.api_route("/docs/{name:path}", methods=["GET", "HEAD"], **promise(sends=EITHER, key="none"))
async def show_page(request: Request, name: str) -> Response:
    """One page of the documentation, with `.md` at its end as Markdown; or a file that pages show or link to."""
    if name in files():
        data = await asyncio.to_thread(files()[name].read_bytes)
        return Response(data, media_type=MEDIA_TYPES[files()[name].suffix], headers=HEADERS)
    try:
        page = _find(name.removesuffix(".md"), base_url(request))
    except NotFound as missing:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        body = (
            f"<h1>No such page</h1>\n<p>{html.escape(missing.message)} Search for what you need, or choose a page.</p>"
        )
        return send_page(Page(name, "No such page", ""), body, status=404)
    if name.endswith(".md"):
        return _send_text(as_markdown(page))
    body, contents = await asyncio.to_thread(render, page)
    return send_page(page, body, contents)


@router.post("/api/limner/ask", **promise(Answer, body=AskBody, key="optional"))
async def ask(request: Request) -> JSONResponse:
    """Ask the documentation: passages that answer a question, and an answer written from them where a model is set up.

    Quotes need no key. Written answers do, once there are keys: they use what the operator pays for.
    """
    body = await read_body(request, AskBody)
    writer = request.app.state.writer
    may_write = writer is not None and await _is_known(request)
    found = await asyncio.to_thread(index)
    return JSONResponse(await answer(body.question, found, base_url(request), writer, may_write=may_write))


async def _is_known(request: Request) -> bool:
    """Whether the caller has a key, or needs none; Unauthenticated for a wrong key, but not for an old session."""
    if "authorization" in request.headers:
        await require(request, "read")
        return True
    session = sessions.cookie_of(request)
    if await services_of(request).gate.is_keyless():
        return True
    if session is None:
        return False
    try:
        return "read" in (await find_caller(request, None, session)).scopes
    except CallerError:
        return False


@cache
def index() -> Index:
    """The index over every page, made when it is first asked."""
    return Index(section for pages in groups().values() for page in pages for section in sections(page))


@cache
def groups() -> dict[str, list[Page]]:
    """The titles of the groups with their pages, those of models included, each under the model's own id."""
    made = {f"models/{card.id}": write_page(card, card.id, LOCAL_BASE) for card in cards().values()}
    pages = (written_pages() | made).values()
    return {title: [page for page in pages if page.group == group] for group, title in GROUPS.items()}


def _find(name: str, base: str) -> Page:
    """A page by its path; NotFound if there is none."""
    if name.startswith("models/"):
        model = name.removeprefix("models/")
        return write_page(resolve(model), model, base)
    if name in written_pages():
        return written_pages()[name]
    raise NotFound(f"There is no page {name[:200]} in the documentation.")


def _describe(hit: Hit, base: str) -> Result:
    return {
        "page": hit.section.page.title,
        "heading": hit.section.heading.title,
        "piece": hit.piece.replace(BEGIN, "").replace(END, ""),
        "url": f"{base}/docs/{hit.section.page.path}#{hit.section.heading.anchor}",
    }


def _show_hit(hit: Hit) -> str:
    page, heading = hit.section.page, hit.section.heading
    title = page.title if heading.level == 1 else f"{page.title}: {heading.title}"
    piece = html.escape(hit.piece).replace(BEGIN, "<mark>").replace(END, "</mark>")
    return f'<li><a href="{html.escape(page.path)}#{heading.anchor}">{html.escape(title)}</a><p>{piece}</p></li>\n'


def _send_text(markdown: str) -> Response:
    return Response(markdown, media_type="text/markdown; charset=utf-8", headers=HEADERS)


def send_page(
    page: Page, body: str, contents: list[Heading] | None = None, query: str = "", status: int = 200
) -> HTMLResponse:
    """A page as HTML in the dress that all pages of the docs have."""
    toc = "".join(
        f'<li class="level-{one.level}"><a href="#{one.anchor}">{_breakable(one.title)}</a></li>\n'
        for one in contents or ()
    )
    address = f"{page.root}docs/{html.escape(page.path)}"
    made = Template(_read("page.html").decode()).substitute(
        title=html.escape(page.title),
        root=page.root,
        nav=_show_nav(page),
        markdown=f'This page <a href="{address}.md">as Markdown</a>.' if page.markdown else "",
        toc=f'<nav class="toc" aria-label="On this page"><h2>On this page</h2><ul>\n{toc}</ul></nav>' if toc else "",
        body=body,
        query=html.escape(query),
        version=__version__,
    )
    return HTMLResponse(made, status, headers=HEADERS)


def _breakable(path: str) -> str:
    """A title that may be broken behind a slash."""
    return html.escape(path).replace("/", "/<wbr>")


def _show_nav(current: Page) -> str:
    made, mark = "", ("", ' aria-current="page"')
    for title, pages in groups().items():
        links = "".join(
            f'<li><a href="{current.root}docs/{html.escape(page.path)}"{mark[page.path == current.path]}>'
            f"{html.escape(page.title)}</a></li>\n"
            for page in pages
        )
        made += f"<h2>{title}</h2>\n<ul>\n{links}</ul>\n"
    return made


@cache
def _read(name: str) -> bytes:
    return (DOCS_PAGES / name).read_bytes()
