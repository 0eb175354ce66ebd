"""Comparing: side by side, under the slider, and as a difference."""

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
    expect(page.get_by_text("3 pictures are chosen: see them under Compare.")).to_be_visible()
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


def test_what_was_run_together_is_compared_with_one_press(page: Page, run: Run) -> None:
    page.locator("#field-seed").fill("41")
    run(page, "an ox steps=2", count=2, made=2)
    page.get_by_role("button", name="Compare these").click()
    expect(page.locator("compare-view figcaption")).to_have_text(["A · Seed 41", "B · Seed 42"])
    page.locator("#to-create").click()
    run(page, "an ox steps=2", made=3)
    expect(page.get_by_role("button", name="Compare these")).to_have_count(1)


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
