"""Grids of parameters: what they cost, how they fill, and that no reload, refusal or cancel loses a cell."""

import re
from collections.abc import Callable

import httpx2
from playwright.sync_api import Page, Route, expect

Run = Callable[..., None]


def set_up(page: Page, prompt: str, seeds: int) -> None:
    """Describe a grid of so many seeds in one row."""
    page.locator("#field-prompt").fill(prompt)
    page.locator("#field-size").select_option("64x64")
    page.get_by_role("tab", name="Grid").click()
    page.locator("#axis-across").select_option("seed")
    page.locator("#values-across").fill("\n".join(str(seed) for seed in range(seeds)))


def made(site: str, prompt: str) -> int:
    """How many generations of this prompt the server holds."""
    count: int = httpx2.get(f"{site}/api/ai/queue", params={"status": "all", "search": prompt}).json()["count"]
    return count


def test_a_grid_says_what_it_costs_and_fills(page: Page, run: Run) -> None:
    run(page, "an ox", made=1)
    page.get_by_role("tab", name="Grid").click()
    expect(page.locator("#axis-across")).to_have_value("quality")
    page.locator("grid-tab").get_by_label("medium", exact=True).uncheck()
    page.locator("#axis-down").select_option("seed")
    page.locator("#values-down").fill("5\n6\n7")
    expect(page.locator("grid-tab .setup [role=status]")).to_have_text(re.compile(r"^6 pictures, about .*\."))
    page.get_by_role("button", name="Make the grid").click()
    expect(page.locator("section.grid .picture")).to_have_count(6)
    rows = page.locator("section.grid tbody tr")
    expect(rows.locator("th")).to_have_text(["Seed: 5", "Seed: 6", "Seed: 7"])
    rows.nth(1).locator(".picture").nth(1).click()
    details = page.get_by_role("dialog", name="Details")
    expect(details.locator("dl div", has_text="Seed").locator("dd")).to_have_text("6")
    expect(details.locator("dl div", has_text="Quality").locator("dd")).to_have_text("high")
    page.keyboard.press("Escape")
    page.reload()
    page.get_by_role("tab", name="Grid").click()
    expect(page.locator("section.grid .picture")).to_have_count(6)


def test_a_grid_of_one_parameter_shares_its_seed(page: Page, run: Run) -> None:
    run(page, "an ox steps=2", made=1)
    page.get_by_role("tab", name="Grid").click()
    page.locator("#axis-across").select_option("prompt")
    page.locator("#values-across").fill("a cat steps=2\na dog steps=2")
    expect(page.locator("grid-tab .setup [role=status]")).to_contain_text("All cells share one seed.")
    page.get_by_role("button", name="Make the grid").click()
    expect(page.locator("section.grid .picture")).to_have_count(2)
    page.locator("section.grid").get_by_role("button", name="Compare these").click()
    expect(page.locator("compare-view tr.differs th")).to_have_text(["Prompt"])


def test_a_grid_that_cannot_be_is_not_offered(page: Page) -> None:
    page.get_by_role("tab", name="Grid").click()
    start, why = page.get_by_role("button", name="Make the grid"), page.locator("grid-tab .setup [role=status]")
    for axis in ("#axis-across", "#axis-down"):
        page.locator(axis).select_option("seed")
    expect(why).to_have_text("Across and down must differ.")
    expect(start).to_be_disabled()
    page.locator("#axis-down").select_option("")
    page.locator("#values-across").fill("\n".join(str(n) for n in range(65)))
    expect(why).to_have_text("At most 64 pictures in a grid.")
    page.locator("#values-across").fill("")
    expect(why).to_have_text("Choose at least one value.")


def test_a_reload_in_mid_grid_queues_the_rest_and_nothing_twice(page: Page, site: str) -> None:
    sent = []

    def lose_the_third(route: Route) -> None:
        sent.append(route.fetch())
        if len(sent) < 3:
            route.fulfill(response=sent[-1])  # the third arrives; its answer never does

    page.route("**/api/ai/queue", lose_the_third)
    set_up(page, "reloaded steps=2", seeds=5)
    page.get_by_role("button", name="Make the grid").click()
    expect(page.locator("section.grid generation-card")).to_have_count(2)
    expect(page.locator("section.grid .unqueued")).to_have_count(3)
    while len(sent) < 3:
        page.wait_for_timeout(20)
    page.unroute_all()
    page.reload()
    page.get_by_role("tab", name="Grid").click()
    expect(page.locator("section.grid .picture img")).to_have_count(5)
    assert made(site, "reloaded") == 5


def test_an_answer_that_breaks_off_is_asked_for_again(page: Page, site: str) -> None:
    page.evaluate("""() => {
        const [real, broken] = [window.fetch, { start: (body) => body.error(new TypeError("Failed to fetch")) }];
        let sent = 0;
        window.fetch = async (url, options) => {
            const answer = await real(url, options);
            const third = options?.method === "POST" && ++sent === 3;
            return third ? new Response(new ReadableStream(broken), answer) : answer;
        };
    }""")
    set_up(page, "broken off steps=2", seeds=4)
    page.get_by_role("button", name="Make the grid").click()
    expect(page.locator("section.grid .picture img")).to_have_count(4)
    assert made(site, "broken off") == 4


def test_a_grid_that_is_refused_in_mid_way_says_so_and_goes_on_when_told(page: Page) -> None:
    allowed = ["one", "two"]

    def refuse(route: Route) -> None:
        if allowed:
            allowed.pop()
            route.continue_()
        else:
            full = {"error": {"message": "The queue is full."}}
            route.fulfill(status=429, headers={"Retry-After": "9"}, json=full)

    page.route("**/api/ai/queue", refuse)
    set_up(page, "refused steps=2", seeds=4)
    page.get_by_role("button", name="Make the grid").click()
    note = page.locator("section.grid [role=status]").first
    expect(note).to_contain_text("2 of 4 cells queued. The queue is full. Try again in about 9 seconds.")
    page.reload()
    page.get_by_role("tab", name="Grid").click()
    expect(note).to_contain_text("2 of 4 cells queued.")
    page.unroute_all()
    page.get_by_role("button", name="Queue the rest").click()
    expect(page.locator("section.grid .picture img")).to_have_count(4)
    expect(page.get_by_role("button", name="Queue the rest")).to_have_count(0)


def test_a_grid_whose_first_cell_is_refused_is_none_and_says_why(page: Page) -> None:
    set_up(page, "@Image4 on a road", seeds=2)
    page.get_by_role("button", name="Make the grid").click()
    expect(page.locator("grid-tab .setup .error")).to_contain_text("no input image is given")
    expect(page.locator("section.grid")).to_have_count(0)


def test_cancel_stops_a_grid_that_is_being_queued(page: Page) -> None:
    def slow(route: Route) -> None:
        page.wait_for_timeout(300)
        route.continue_()

    page.route("**/api/ai/queue", slow)
    set_up(page, "stopped steps=99 step-seconds=0.1", seeds=9)
    page.get_by_role("button", name="Make the grid").click()
    expect(page.locator("section.grid generation-card").first).to_be_visible()
    page.locator("#cancel").click()
    expect(page.locator("section.grid [role=status]").first).to_contain_text(re.compile(r"\d of 9 cells queued. You"))
    expect(page.locator("#cancel")).to_be_hidden()
