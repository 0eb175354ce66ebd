"""The documentation as pages: the Markdown of docs/, as packaged or as it lies in a checkout, parsed and made HTML.

It knows no route and no model; `model_page` writes the pages of models, `docs` serves them all.
"""

import html
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.api.calls import FIELDS, HOW, LANGUAGES, Call

if TYPE_CHECKING:  # loaded when the first page is asked for
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

PACKAGE = Path(__file__).parent.parent
DOCS_FOLDERS = (PACKAGE / "docs", PACKAGE.parent.parent / "docs")
"""Where the Markdown lies in an installed package, and in a checkout."""
MEDIA_TYPES = {".png": "image/png", ".json": "application/json"}
"""Of the files that stand beside the pages."""
GROUPS = {"getting-started": "Getting started", "guides": "Guides", "models": "Models", "reference": "Reference"}
FOR_MACHINES = "> For programs: every page of this documentation as Markdown is listed at [/llms.txt]({root}llms.txt)."
CALLS_HEADING = "example-requests"
"""Anchor of the section of a model's page whose calls are shown in tabs."""
SECTION_TAGS = ("h1", "h2", "h3")

_COMMENT = re.compile(r"<!--.*?-->\n*", re.DOTALL)
_OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./){2,}[^)]*\)")
"""A link to a file of the source that is no part of the documentation."""


@dataclass(frozen=True)
class Page:
    """One page. `path` is its address below /docs/; `calls` are those of a model's page."""

    path: str
    title: str
    markdown: str
    calls: tuple[Call, ...] = ()

    @property
    def group(self) -> str:
        """The folder it lies in, a key of GROUPS."""
        return self.path.split("/", 1)[0]

    @property
    def root(self) -> str:
        """The server's root as seen from this page."""
        return "../" * (self.path.count("/") + 1) if self.path else ""


@dataclass(frozen=True)
class Heading:
    """A heading of a page."""

    level: int
    anchor: str
    title: str


@dataclass(frozen=True)
class Section:
    """What stands between two headings of a page, as plain text, a block a line."""

    page: Page
    heading: Heading
    text: str


@cache
def written_pages() -> dict[str, Page]:
    """Every page that was written by hand or generated with the reference, by its path, in the order of the groups."""
    found = list(_read(_folder()))
    found.sort(key=lambda page: (list(GROUPS).index(page.group), page.title))
    return {page.path: page for page in found}


@cache
def files() -> dict[str, Path]:
    """The files that pages show or link to, by their paths."""
    return {
        file.relative_to(_folder()).as_posix(): file for file in _folder().rglob("*.*") if file.suffix in MEDIA_TYPES
    }


def _folder() -> Path:
    return next((folder for folder in DOCS_FOLDERS if folder.is_dir()), DOCS_FOLDERS[0])


def _read(folder: Path) -> Iterator[Page]:
    for file in folder.rglob("*.md"):
        markdown = _COMMENT.sub("", file.read_text(encoding="utf-8"))
        markdown = _OUTSIDE.sub(r"`\1`", markdown)
        title = markdown.partition("\n")[0].removeprefix("# ").strip()
        yield Page(file.relative_to(folder).with_suffix("").as_posix(), title, markdown)


def as_markdown(page: Page) -> str:
    """The page as programs read it: where the others are, and then its text."""
    return f"{FOR_MACHINES.format(root=page.root)}\n\n{page.markdown}"


def summary(page: Page) -> str:
    """The first sentence of the page below its title, without marks."""
    tokens = parse(page.markdown)
    first = next((tokens[i + 1] for i, token in enumerate(tokens) if token.type == "paragraph_open"), None)
    return re.split(r"(?<=\.)\s", _plain(first), maxsplit=1)[0].rstrip(":") if first else ""


def parse(markdown: str) -> "list[Token]":
    """The tokens of a page. Raw HTML stays text; headings have anchors as GitHub makes them."""
    tokens = _parser().parse(markdown)
    taken: dict[str, int] = {}
    for token, inside in pairwise(tokens):
        if token.type == "heading_open":
            anchor = re.sub(r"[^\w\- ]", "", _plain(inside).lower()).replace(" ", "-") or "section"
            taken[anchor] = taken.get(anchor, -1) + 1
            token.attrSet("id", f"{anchor}-{taken[anchor]}" if taken[anchor] else anchor)
    return tokens


def headings(tokens: "list[Token]") -> list[Heading]:
    """The headings among the tokens, in order."""
    return [
        Heading(int(token.tag[1]), str(token.attrGet("id")), _plain(inside))
        for token, inside in pairwise(tokens)
        if token.type == "heading_open"
    ]


def render(page: Page) -> tuple[str, list[Heading]]:
    """The body of a page as HTML, and what its table of contents names."""
    tokens = parse(page.markdown)
    if page.calls:
        tokens = _put_into_tabs(tokens, page.calls)
    for token in tokens:
        if "style" in token.attrs:  # how a column is aligned; the policy of the pages lets in no style, but a class
            token.attrSet("class", str(token.attrs.pop("style")).replace(":", "-"))
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("href", _web_address(str(child.attrGet("href"))))
    made: str = _parser().renderer.render(tokens, _parser().options, {})
    return made, [heading for heading in headings(tokens) if heading.level in (2, 3)]


def sections(page: Page) -> Iterator[Section]:
    """The page cut at its headings, for the search; example calls are left out, since they repeat what is said."""
    tokens = parse(page.markdown)
    if page.calls:
        tokens = _put_into_tabs(tokens, ())
    starts = [i for i, token in enumerate(tokens) if token.type == "heading_open" and token.tag in SECTION_TAGS]
    for begin, end in zip(starts, [*starts[1:], len(tokens)], strict=True):
        yield Section(page, headings(tokens[begin : begin + 2])[0], "\n".join(_blocks(tokens[begin + 3 : end])))


def _blocks(tokens: "list[Token]") -> Iterator[str]:
    """Each paragraph, item, row and block of code as plain text."""
    row: list[str] | None = None
    for token in tokens:
        match token.type:
            case "tr_open":
                row = []
            case "tr_close":
                yield " | ".join(row or ())
                row = None
            case "inline" if row is not None:
                row.append(_plain(token))
            case "inline":
                yield _plain(token)
            case "fence" | "code_block":
                yield token.content.strip()


def _put_into_tabs(tokens: "list[Token]", calls: tuple[Call, ...]) -> "list[Token]":
    """The tokens with the example calls, each under its heading, replaced by tabs that hold the same."""
    from markdown_it.token import Token

    starts = [i for i, token in enumerate(tokens) if token.type == "heading_open"]
    at = next(i for i in starts if tokens[i].attrGet("id") == CALLS_HEADING)
    begin = next(i for i in starts if i > at)  # the heading of the first call
    end = next((i for i in starts if i > at and tokens[i].tag == "h2"), len(tokens))
    shown = Token("html_block", "", 0, content=_show_calls(calls))
    return [*tokens[:begin], shown, *tokens[end:]]


def _show_calls(calls: tuple[Call, ...]) -> str:
    switches = (("how", "Call", HOW), ("fields", "Fields", FIELDS), ("language", "Language", LANGUAGES))
    made = "".join(_switch(name, legend, choices) for name, legend, choices in switches)
    for call in calls:
        language = {"curl": "sh", "python": "python"}[call.language]
        attributes = f'data-how="{call.how}" data-fields="{call.fields}" data-language="{call.language}"'
        made += f"<div {attributes}>{_show_code(call.text, language)}</div>\n"
    return f'<div class="calls">\n{made}</div>\n' if calls else ""


def _switch(name: str, legend: str, choices: dict[str, str]) -> str:
    options = "".join(
        f'<label><input type="radio" name="{name}" value="{value}"{" checked" if not i else ""}>'
        f"<span>{html.escape(label)}</span></label>"
        for i, (value, label) in enumerate(choices.items())
    )
    return f'<fieldset class="switch"><legend>{legend}</legend><div>{options}</div></fieldset>\n'


def _show_code(text: str, language: str) -> str:
    """A block of code; it can be focused, so that the keyboard can scroll it."""
    kind = f' class="language-{html.escape(language)}"' if language else ""
    return f'<pre tabindex="0"><code{kind}>{html.escape(text)}</code></pre>\n'


def _web_address(href: str) -> str:
    """A link between Markdown files as one between pages."""
    path, mark, anchor = href.partition("#")
    return href if ":" in path or not path.endswith(".md") else posixpath.normpath(path)[:-3] + mark + anchor


def _plain(token: "Token | None") -> str:
    """The text of an inline token without marks."""
    kinds = {"softbreak": " ", "hardbreak": " "}
    return "".join(kinds.get(child.type, child.content) for child in (token and token.children) or ())


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    rules: dict[str, Any] = parser.renderer.rules  # type: ignore[attr-defined]
    rules["fence"] = lambda tokens, i, *_: _show_code(tokens[i].content, tokens[i].info.strip().split(" ")[0])
    rules["table_open"] = lambda *_: '<div class="table" tabindex="0"><table>\n'
    rules["table_close"] = lambda *_: "</table></div>\n"
    return parser
