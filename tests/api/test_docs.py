"""The pages of the documentation as browsers and programs meet them: all there, all linked, nothing from elsewhere."""

import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest

from limner.api.pages import MEDIA_TYPES, Page, render
from limner.engines.registry import cards
from limner.records.keys import SCOPES, Keys

ROOT = Path(__file__).parent.parent.parent
WRITTEN = sorted(file.relative_to(ROOT / "docs").with_suffix("").as_posix() for file in (ROOT / "docs").rglob("*.md"))
PAGES = [*WRITTEN, "models/storybook", "models/tiny", "models/gpt-image-1-5"]


class Links(HTMLParser):
    """What a page links to and shows, its anchors, and what a strict policy would stop."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.targets += [given[name] or "" for name in ("href", "src") if name in given]
        self.anchors += [given["id"] or ""] if "id" in given else []
        self.inline += [tag] if tag == "style" or (tag == "script" and "src" not in given) else []
        self.inline += [name for name in given if name == "style" or name.startswith("on")]


async def test_every_link_of_every_page_leads_somewhere_on_this_server(client: httpx2.AsyncClient) -> None:
    seen: dict[str, tuple[int, Links]] = {}

    async def open_page(url: str) -> tuple[int, Links]:
        if url not in seen:
            answer = await client.get(url, headers={"Accept": "text/html"})
            is_page = answer.headers["content-type"].startswith("text/html")
            seen[url] = answer.status_code, Links(answer.text if is_page else "")
        return seen[url]

    for path in ("", "/search?q=key", *(f"/{path}" for path in PAGES)):
        here = str(client.base_url.join(f"/docs{path}"))
        status, page = await open_page(here)
        assert (status, page.inline) == (200, [])
        assert len(page.anchors) == len(set(page.anchors)), path
        assert any("llms.txt" in target for target in page.targets)
        for target in page.targets:
            url, _, anchor = urljoin(here, target).partition("#")
            assert urlsplit(url).netloc == urlsplit(here).netloc, (path, target)
            status, there = await open_page(url)
            assert status == 200, (path, target)
            assert not anchor or anchor in there.anchors, (path, target)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_served_as_markdown_too_and_points_programs_to_the_index(
    client: httpx2.AsyncClient, path: str
) -> None:
    here = str(client.base_url.join(f"/docs/{path}.md"))
    page = await client.get(here)
    assert page.headers["content-type"] == "text/markdown; charset=utf-8"
    first, _, rest = page.text.partition("\n\n")
    assert "llms.txt" in first
    assert rest.startswith("# ")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.text):
        assert (await client.get(urljoin(here, target))).status_code == 200, target


async def test_the_index_for_programs_lists_every_page(client: httpx2.AsyncClient) -> None:
    listed = re.findall(r"\]\((\S+)\): \S", (await client.get("/llms.txt")).text)
    assert {urlsplit(url).path for url in listed} == {
        *(f"/docs/{path}.md" for path in WRITTEN),
        *(f"/docs/models/{name}.md" for name in cards()),
    }
    for url in listed:
        assert (await client.get(url)).text.startswith("> For programs")


async def test_a_page_may_load_nothing_from_elsewhere_and_run_nothing_of_its_own(client: httpx2.AsyncClient) -> None:
    page = await client.get("/docs/guides/keys")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "llms.txt" in page.text.partition("<article>")[0]


def test_a_column_is_aligned_without_a_style_that_the_policy_forbids() -> None:
    shown, _ = render(Page("guides/x", "X", "# X\n\n| a |\n|---:|\n| 1 |\n"))
    assert '<td class="text-align-right">1</td>' in shown
    assert not Links(shown).inline


async def test_the_pages_need_no_key(client: httpx2.AsyncClient, keys: Keys) -> None:
    await keys.create("local", SCOPES)
    for path in ("/docs", "/docs/guides/keys", "/docs/models/storybook", "/docs/search?q=key", "/llms.txt"):
        assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["none", "none.md", "../README.md", "%2e%2e/README.md", "/etc/passwd", "%00", "", "models/none", "assets/page.html",
     "images/none.png", "images/%2e%2e/guides/keys.md"],
)  # fmt: skip
async def test_nothing_else_is_a_page(client: httpx2.AsyncClient, name: str) -> None:
    assert (await client.get(f"/docs/{name}")).status_code == 404


async def test_a_browser_is_shown_where_to_look_instead(client: httpx2.AsyncClient) -> None:
    page = await client.get("/docs/guides/<b>none", headers={"Accept": "text/html,*/*"})
    assert page.status_code == 404
    assert "There is no page guides/&lt;b&gt;none in the documentation." in page.text
    assert 'href="../../docs/guides/keys"' in page.text


async def test_text_that_a_host_sends_stays_text(client: httpx2.AsyncClient, keys: Keys) -> None:
    await keys.create("local", SCOPES)
    host = "x'onmouseover=a;$(touch${IFS}y)<b>"
    page = await client.get("/docs/models/tiny", headers={"Host": host})
    assert page.status_code == 200
    assert "<b>" not in page.text
    assert not Links(page.text).inline
    markdown = (await client.get("/docs/models/tiny.md", headers={"Host": host})).text
    assert "'http://x'\\''onmouseover=a;$(touch${IFS}y)<b>/api/ai/queue'" in markdown


async def test_the_page_of_a_model_says_what_it_is_and_what_it_takes(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/docs/models/storybook.md")).text
    card = cards()["storybook"]
    assert "/workbench?model=storybook)" in page
    assert "Model id: `storybook`" in page
    assert f"| parameters | {card.parameters:,} |" in page
    assert f"| context length | {card.max_prompt_tokens} tokens" in page
    for metric in ("mixture of experts", "multilingual", "quantized"):
        assert f"| {metric} | no |" in page
    assert "http://127.0.0.1:7310/api/ai/models/storybook" in page
    required, _, optional = page.partition("## Required parameters")[2].partition("## Optional parameters")
    assert re.findall(r"^\| `(\w+)`", required, re.MULTILINE) == ["model", "prompt"]
    listed = set(re.findall(r"^\| `(\w+)`", optional, re.MULTILINE))
    assert listed >= set(card.request_schema["properties"]) - {"prompt"}
    assert listed >= {"n", "num_generations", "partial_images", "priority", "cancel_after_seconds", "target_namespace"}


async def test_the_page_of_an_alias_asks_for_the_alias(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/docs/models/gpt-image-1-5.md")).text
    assert '"model": "gpt-image-1-5"' in page
    assert '"model": "storybook"' not in page


async def test_a_model_that_takes_no_images_is_not_shown_with_them(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/docs/models/tiny.md")).text
    assert "| `mask` |" in page  # tiny takes 16; what its schema leaves out is listed for every model


def test_every_folder_of_the_docs_reaches_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for file in (ROOT / "docs").rglob("*.*"):
        folder = file.parent.relative_to(ROOT).as_posix()
        if file.suffix in (".md", *MEDIA_TYPES):
            assert included[folder] == f"limner/{folder}"
