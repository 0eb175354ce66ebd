"""Everyone can use it: axe finds nothing serious in any view or state, in both themes, at a desk and on a phone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import axe_playwright_python
import pytest
from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]
Run = Callable[..., None]
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
SERIOUS = ("serious", "critical")


def look(page: Page) -> list[str]:
    """What axe finds serious on the page as it is now."""
    # Not as a script of the page: its policy lets none in.
    script = AXE.read_text(encoding="utf-8")
    found: dict[str, Any] = page.evaluate(f"async () => {{ {script}; return await axe.run(document); }}")
    return [
        f"{one['id']}: {one['help']} at {node['html'][:160]} ({node.get('failureSummary', '')[:200]})"
        for one in found["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"][:3]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desk", "phone"])
def test_axe_finds_nothing_serious_in_any_state(
    open_page: OpenPage, run: Run, picture: Path, theme: Literal["light", "dark"], size: str
) -> None:
    page = open_page(theme=theme, size=size)
    expect(page.locator("#run")).to_be_visible()
    found = {"empty": look(page)}
    page.locator("#run").click()
    page.locator("#field-input_image").set_input_files(picture)
    expect(page.locator(".thumb")).to_have_count(1)
    page.locator("run-form summary").click()
    found["a complaint, an input, all settings"] = look(page)
    run(page, "an ox steps=2", count=2, made=2)
    run(page, "an ox fail")
    expect(page.locator("[data-status=failed]").first).to_be_visible()
    found["results"] = look(page)
    run(page, "an ox steps=900 step-seconds=0.1")
    expect(page.locator("img.partial").first).to_be_visible()
    found["running"] = look(page)
    page.locator("#cancel").click()
    expect(page.locator("[data-status=cancelled]").first).to_be_visible()
    for tab in ("Grid", "API"):
        page.get_by_role("tab", name=tab).click()
        found[tab] = look(page)
    page.get_by_role("tab", name="Results").click()
    for i in range(2):
        page.locator("generation-card[data-status=succeeded]").nth(i).get_by_role("button", name="Compare").click()
    page.locator("run-results .picture").first.click()
    expect(page.get_by_role("dialog", name="Details")).to_be_visible()
    expect(page.get_by_label("Where the first picture ends")).to_be_visible()
    found["details"] = look(page)
    page.get_by_role("button", name="Delete").click()
    found["question"] = look(page)
    page.get_by_role("button", name="Keep", exact=True).click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Paint mask").click()
    found["mask"] = look(page)
    page.keyboard.press("Escape")
    page.locator("#to-history").click()
    expect(page.locator("history-view .entry").first).to_be_visible()
    page.locator("history-view .pick input").first.check()
    found["history"] = look(page)
    page.locator("#to-compare").click()
    expect(page.locator("compare-view .look")).to_have_count(2)
    found["compare"] = look(page)
    page.get_by_label("Slider", exact=True).check()
    found["slider"] = look(page)
    page.get_by_label("Difference", exact=True).check()
    found["difference"] = look(page)
    page.get_by_role("button", name="Clear").click()
    found["nothing to compare"] = look(page)
    page.locator("#to-history").click()
    page.get_by_label("Search prompts").fill("nothing of the kind")
    expect(page.get_by_role("button", name="Clear filters")).to_be_visible()
    found["no matches"] = look(page)
    page.context.set_offline(True)
    page.locator("#to-create").click()
    page.locator("#run").click()
    expect(page.locator(".banner")).to_be_visible()
    found["offline"] = look(page)
    assert {state: wrong for state, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desk", "phone"])
def test_axe_finds_nothing_serious_in_the_docs(
    open_page: OpenPage, site: str, theme: Literal["light", "dark"], size: str
) -> None:
    page, found = open_page("/docs", size=size, theme=theme), {}
    for path in ("", "/guides/workbench", "/models/tiny", "/reference/settings", "/search?q=mask", "/none", "/api"):
        page.goto(f"{site}/api/reference" if path == "/api" else f"{site}/docs{path}")
        expect(page.locator("h1")).to_be_visible()
        found[path] = look(page)
    page.locator("#docs-ask").click()
    for question in ("How do I keep the background transparent?", "Who wrote Hamlet?"):
        page.get_by_label("Your question").fill(question)
        page.keyboard.press("Enter")
        expect(page.locator("#docs-answer")).to_contain_text("opaque" if "transparent" in question else "do not say")
        found[question] = look(page)
    assert {state: wrong for state, wrong in found.items() if wrong} == {}
