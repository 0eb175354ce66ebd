"""The pages a person meets in a browser: what runs here, how to make the first picture, and the reference.

Plain HTML without scripts. The reference is the Markdown of docs/, as packaged or as it lies in a checkout.
"""

import html
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse

from limner import __version__
from limner.api.services import base_url, services_of
from limner.engines.registry import cards
from limner.errors import NotFound

PACKAGE = Path(__file__).parent.parent
DOCS_FOLDERS = (PACKAGE / "docs", PACKAGE.parent.parent / "docs")
"""Where the Markdown lies in an installed package, and in a checkout."""

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; color: #222; }}
pre {{ background: #f3f3f0; padding: 1rem; overflow-x: auto; }}
a {{ color: #0b57a4; }}
</style>
{body}
</html>
"""

HOME = """<h1>Limner</h1>
<p>Limner {version} makes and edits images on this machine. It answers the hub's image API.</p>
<h2>What runs here</h2>
<ul>
{models}
</ul>
<h2>The first picture</h2>
<pre>{curl}</pre>
<p>The answer names the picture's URL under <code>image_url</code>; open it in a browser.</p>
<p>Reference: <a href="/docs">/docs</a>. Models: <a href="/api/ai/models">/api/ai/models</a>.</p>"""

CURL = """curl -s {base}/api/ai/images/generate \\{key}
  -H 'Content-Type: application/json' \\
  -d '{{"model": "{model}", "prompt": "a red ox on a snowy road"}}'"""

ROUTES = (
    ("POST", "/api/ai/images/generate", "make images, answer when they are ready"),
    ("POST", "/api/ai/images/edit", "the same with an input image"),
    ("POST", "/api/ai/queue", "queue generations"),
    ("GET", "/api/ai/queue", "list generations"),
    ("GET", "/api/ai/queue/{generation_id}", "one generation"),
    ("DELETE", "/api/ai/queue/{generation_id}", "cancel one"),
    ("GET", "/api/events", "what ends, as server-sent events"),
    ("GET", "/api/ai/models", "the models and their parameters"),
    ("GET", "/api/ai/models/search", "the models that a text names"),
    ("GET", "/api/ai/models/{id}", "one model"),
    ("GET", "/api/repos/{namespace}/{repo}/file/{revision}/{path}", "a file"),
    ("PUT", "/api/repos/{namespace}/{repo}/file/{branch}/{folder}", "store files"),
    ("GET", "/health/live", "whether the process lives"),
    ("GET", "/health/ready", "whether it takes work"),
    ("GET", "/metrics", "the server in numbers, for Prometheus"),
)

router = APIRouter()


@router.api_route("/", methods=["GET", "HEAD"])
async def home(request: Request) -> HTMLResponse:
    """What runs here and how to make the first picture."""
    models = "\n".join(
        f"<li><strong>{html.escape(card.display_name)}</strong> (<code>{html.escape(card.id)}</code>): "
        f"{html.escape(card.summary)}</li>"
        for card in cards().values()
    )
    keyed = not await services_of(request).gate.is_keyless()
    curl = html.escape(first_call(base_url(request), keyed=keyed))
    return _page("Limner", HOME.format(version=__version__, models=models, curl=curl))


@router.api_route("/docs", methods=["GET", "HEAD"])
async def reference() -> HTMLResponse:
    """The routes, and links to every page of the documentation."""
    routes = "\n".join(
        f"<li><code>{method} {html.escape(path)}</code>: {html.escape(meaning)}</li>"
        for method, path, meaning in ROUTES
    )
    links = "\n".join(f'<li><a href="/docs/{html.escape(name)}">{html.escape(name)}</a></li>' for name in find_pages())
    pages = f"<h2>Pages</h2>\n<ul>\n{links}\n</ul>" if links else ""
    return _page("Limner: reference", f"<h1>Reference</h1>\n<ul>\n{routes}\n</ul>\n{pages}")


@router.api_route("/docs/{name:path}", methods=["GET", "HEAD"])
async def page(name: str) -> PlainTextResponse:
    """One page of the documentation, as the Markdown it was written in."""
    file = find_pages().get(name)
    if file is None:
        raise NotFound(f"There is no page {name[:200]} in the documentation.")
    return PlainTextResponse(file.read_text(encoding="utf-8"))


def first_call(base: str, *, keyed: bool) -> str:
    """A curl call, ready to paste, that makes a picture with the first model installed; `keyed` sends $LIMNER_KEY."""
    names = list(cards())
    key = '\n  -H "Authorization: Bearer $LIMNER_KEY" \\' if keyed else ""
    return CURL.format(base=base, key=key, model="storybook" if "storybook" in names else names[0])


@cache
def find_pages() -> dict[str, Path]:
    """The Markdown pages of the documentation by their path below docs/."""
    for folder in DOCS_FOLDERS:
        if folder.is_dir():
            return {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*.md"))}
    return {}


def _page(title: str, body: str) -> HTMLResponse:
    return HTMLResponse(PAGE.format(title=title, body=body))
