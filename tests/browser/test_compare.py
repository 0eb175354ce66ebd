"""Comparing: side by side, under the slider, as a difference, and grids of parameters."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

Run = Callable[..., None]


def choose(cards: Locator, count: int) -> None:
    """Press Compare on the first so many cards."""
    for i in range(count):
        button = cards.nth(i).get_by_role("button", name="Compare")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")


def places(page: Page) -> list[str]:
    """How each picture is moved and zoomed."""
    return [one.evaluate("image => image.style.transform") for one in page.locator("compare-view .plane").all()]


def test_chosen_pictures_are_compared_and_zoomed_together(page: Page, run: Run) -> None:
    run(page, "an ox steps=2", count=3, made=3)
    choose(page.locator("run-results generation-card"), 3)
    expect(page.locator("#to-compare")).to_have_text("Compare (3)")
    page.locator("#to-compare").click()
    looks = page.locator("compare-view .look")
    expect(looks).to_have_count(3)
    looks.first.hover()
    page.mouse.wheel(0, -300)
    looks.first.focus()
    page.keyboard.press("ArrowRight")
    first, *others = places(page)
    assert "scale(1)" not in first
    assert all(other == first for other in others)
    expect(page.locator("compare-view tr.differs th")).to_have_text(["Seed"])
    page.get_by_label("Only differences").uncheck()
    expect(page.locator("compare-view tbody tr").filter(has_text="Quality")).not_to_have_class("differs")


def test_two_lie_under_a_slider_or_as_their_difference(page: Page, run: Run) -> None:
    run(page, "an ox steps=2", count=2, made=2)
    choose(page.locator("run-results generation-card"), 2)
    page.locator("#to-compare").click()
    page.get_by_label("Slider").check()
    divider = page.get_by_label("Where the first picture ends")
    divider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    cut = page.locator("compare-view .layer").nth(1).evaluate("layer => layer.style.clipPath")
    assert cut == f"inset(0px 0px 0px {divider.input_value()}%)"
    page.get_by_label("Difference", exact=True).check()
    expect(page.get_by_text(re.compile(r"[1-9][\d.]* % of the pixels differ"))).to_be_visible()
    page.reload()
    expect(page.locator("compare-view .look")).to_have_count(2)
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Choose pictures to compare")).to_be_visible()


def test_a_grid_says_what_it_costs_and_fills(page: Page, run: Run) -> None:
    run(page, "an ox", made=1)
    page.get_by_role("tab", name="Grid").click()
    page.locator("#axis-across").select_option("quality")
    page.locator("grid-tab").get_by_label("low", exact=True).check()
    page.locator("grid-tab").get_by_label("high", exact=True).check()
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
    page.locator("#axis-down").select_option("")
    page.locator("#axis-across").select_option("prompt")
    page.locator("#values-across").fill("a cat steps=2\na dog steps=2")
    expect(page.locator("grid-tab .setup [role=status]")).to_contain_text("All cells share one seed.")
    page.get_by_role("button", name="Make the grid").click()
    expect(page.locator("section.grid .picture")).to_have_count(2)
    choose(page.locator("section.grid generation-card"), 2)
    page.locator("#to-compare").click()
    expect(page.locator("compare-view tr.differs th")).to_have_text(["Prompt"])


def test_a_grid_that_cannot_be_is_not_offered(page: Page) -> None:
    page.get_by_role("tab", name="Grid").click()
    start, why = page.get_by_role("button", name="Make the grid"), page.locator("grid-tab .setup [role=status]")
    page.locator("#axis-across").select_option("seed")
    expect(why).to_have_text("Across and down must differ.")
    expect(start).to_be_disabled()
    page.locator("#axis-down").select_option("")
    page.locator("#values-across").fill("\n".join(str(n) for n in range(65)))
    expect(why).to_have_text("At most 64 pictures in a grid.")
    page.locator("#values-across").fill("")
    expect(why).to_have_text("Choose at least one value.")
