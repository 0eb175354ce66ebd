"""Without the server: the page says so, keeps everything, and goes on by itself."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, expect

Run = Callable[..., None]


def test_a_server_that_goes_away_in_mid_run_is_waited_for(page: Page, run: Run, process: Any) -> None:
    run(page, "an ox steps=40 step-seconds=0.1")
    expect(page.get_by_text(re.compile(r"Step \d+ of 40"))).to_be_visible()
    process.stop()
    banner = page.locator(".banner")
    expect(banner).to_contain_text("The server cannot be reached.")
    page.locator("#run").click()
    expect(page.locator("#form-error")).to_contain_text("The server cannot be reached.")
    expect(page.locator("#run")).to_be_in_viewport(ratio=1)
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("an ox steps=40 step-seconds=0.1")
    process.start()
    expect(banner).to_be_hidden()
    expect(page.locator("#form-error")).to_be_hidden()
    expect(page.locator("run-results .picture img")).to_have_count(1)


def test_the_history_comes_back_with_the_server(page: Page, process: Any) -> None:
    expect(page.locator("#run")).to_be_visible()
    process.stop()
    page.locator("#to-history").click()
    expect(page.locator("history-view").get_by_role("button", name="Try again")).to_be_visible()
    process.start()
    expect(page.locator("history-view .entry").first).to_be_visible()


def test_the_history_offers_to_try_again_after_a_failure(page: Page) -> None:
    expect(page.locator("#run")).to_be_visible()
    asked = []

    def fail(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=503, json={"error": {"message": "The database is away."}})

    page.route("**/api/ai/queue?*", fail)
    page.locator("#to-history").click()
    expect(page.locator("history-view .empty")).to_contain_text("The database is away.")
    page.wait_for_timeout(300)
    assert len(asked) == 1  # it waits to be told
    page.unroute_all()
    page.locator("history-view").get_by_role("button", name="Try again").click()
    expect(page.locator("history-view .entry").first).to_be_visible()
