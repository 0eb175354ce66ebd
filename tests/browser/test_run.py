"""Running: from the prompt to the picture, with everything that can come between."""

import re
from collections.abc import Callable

import httpx2
import pytest
from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]
Run = Callable[..., None]
LONG = "an ox steps=60 step-seconds=0.1"


def test_a_picture_is_run_with_its_progress_and_appears_where_its_previews_were(page: Page, run: Run) -> None:
    run(page, "an ox steps=24 step-seconds=0.15")
    card = page.locator("run-results generation-card")
    expect(card.get_by_text(re.compile(r"Step \d+ of 24"))).to_be_visible()
    expect(card.locator("img.partial")).to_be_visible()
    expect(card.get_by_role("progressbar")).to_be_visible()
    expect(page.locator("run-results .picture img")).to_have_count(1)
    expect(card.locator("img.partial")).to_have_count(0)
    expect(page.locator("#aloud")).to_contain_text("A picture is ready")


def test_an_example_is_one_click_away_from_its_picture(page: Page) -> None:
    page.get_by_role("button", name="a red car on a beach at sunset").click()
    expect(page.locator("run-results .picture img")).to_have_count(1)
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a red car on a beach at sunset")
    made = page.locator("run-results .bar p")
    expect(made).to_have_text(re.compile(r"^1024×1024 · medium · seed \d+ · \d+\ss$"))


def test_the_keyboard_alone_runs_opens_and_comes_back(page: Page) -> None:
    page.get_by_label("Prompt", exact=True).focus()
    page.keyboard.type("an ox steps=2")
    page.keyboard.press("Control+Enter")
    picture = page.locator("run-results .picture")
    expect(picture).to_be_visible()
    picture.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Details")).to_be_visible()
    page.keyboard.press("Escape")
    expect(picture).to_be_focused()


def test_a_running_picture_is_cancelled(page: Page, run: Run, site: str) -> None:
    run(page, LONG, count=2)
    expect(page.locator("[data-status=processing]").first).to_be_visible()
    page.locator("#cancel").click()
    expect(page.locator("run-results [data-status=cancelled]")).to_have_count(2)
    expect(page.locator("#cancel")).to_be_hidden()
    assert httpx2.get(f"{site}/api/ai/queue").json()["count"] == 0


def test_what_waits_says_how_many_are_ahead(page: Page, run: Run) -> None:
    run(page, LONG)
    expect(page.locator("[data-status=processing]")).to_be_visible()
    run(page, f"{LONG} too", size="96x64")
    expect(page.locator("[data-status=queued] .waiting")).to_contain_text("Waiting")
    expect(page.locator("[data-status=queued] .waiting")).to_contain_text(re.compile(r"next|ahead"))
    page.locator("#cancel").click()
    expect(page.locator("run-results [data-status=cancelled]")).to_have_count(2)


def test_a_reload_in_mid_run_goes_on_from_the_last_event(page: Page, run: Run) -> None:
    run(page, LONG)
    expect(page.locator("img.partial")).to_be_visible()
    with page.expect_request(re.compile(r"/api/events\?.*last_event_id=\d+")):
        page.reload()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(LONG)
    expect(page.get_by_text(re.compile(r"Step \d+ of 60"))).to_be_visible()
    expect(page.locator("run-results .picture img")).to_have_count(1)


def test_what_ends_while_the_page_is_away_is_there_when_it_is_back(page: Page, run: Run, site: str) -> None:
    run(page, "an ox steps=20 step-seconds=0.1")
    expect(page.locator("[data-status=processing]")).to_be_visible()
    page.goto(f"{site}/docs")
    with httpx2.Client(timeout=30) as client:
        while client.get(f"{site}/api/ai/queue").json()["count"]:
            pass
    page.go_back()
    expect(page.locator("run-results .picture img")).to_have_count(1)


@pytest.mark.parametrize(
    ("prompt", "size", "ratio", "field", "words"),
    [
        ("", "64x64", "", "prompt", "Describe the picture first."),
        ("@Image4 on a road", "64x64", "", "prompt", "The prompt names @Image4, but no input image is given"),
        ("an ox", "64x64", "16:9", "aspect_ratio", "Give either aspect_ratio or size, not both"),
    ],
)
def test_an_error_is_told_at_the_field_that_caused_it(
    page: Page, run: Run, prompt: str, size: str, ratio: str, field: str, words: str
) -> None:
    if ratio:
        page.get_by_text("More settings").click()
        page.get_by_label("Aspect ratio").fill(ratio)
        page.get_by_text("More settings").click()
    run(page, prompt, size)
    place = page.locator(f"[data-field={field}]")
    expect(place.locator(".error")).to_have_text(words)
    expect(place.locator("[aria-invalid=true]")).to_be_focused()


def test_a_failed_picture_says_why_and_can_be_run_again(page: Page, run: Run) -> None:
    run(page, "an ox fail")
    expect(page.locator("[data-status=failed]")).to_contain_text("The prompt ordered a failure.")
    page.get_by_role("button", name="Run again").click()
    expect(page.locator("[data-status=failed]")).to_have_count(2)


def test_a_locked_seed_makes_the_same_picture_again(page: Page, run: Run, site: str) -> None:
    run(page, "an ox steps=2")
    expect(page.locator("run-results .picture img")).to_have_count(1)
    page.get_by_role("button", name="Keep this seed").click()
    expect(page.get_by_role("button", name="Keep this seed")).to_have_attribute("aria-pressed", "true")
    run(page, "an ox steps=2")
    expect(page.locator("run-results .picture img")).to_have_count(2)
    urls = [one.get_attribute("src") or "" for one in page.locator("run-results .picture img").all()]
    assert httpx2.get(urls[0]).content == httpx2.get(urls[1]).content
    page.get_by_role("button", name="Draw a new seed").click()
    run(page, "an ox steps=2")
    expect(page.locator("run-results .picture img")).to_have_count(3)
    newest = page.locator("run-results .picture img").first.get_attribute("src") or ""
    assert httpx2.get(newest).content != httpx2.get(urls[0]).content


def test_an_alias_in_the_address_says_what_runs_behind_it(open_page: OpenPage) -> None:
    page = open_page("/workbench?model=gpt-image-1-5")
    expect(page.locator("#field-model")).to_have_value("gpt-image-1-5")
    expect(page.locator("#field-model-hint")).to_contain_text("storybook")
    expect(page.locator("#field-size")).to_have_value("auto")
    page.locator("#field-model").select_option("tiny")
    expect(page.locator("#field-model-hint")).to_have_text("Stripes for tests.")


def test_a_model_that_is_not_here_gives_way_to_one_that_is(open_page: OpenPage) -> None:
    page = open_page("/?model=none-such")
    expect(page.get_by_text("There is no model “none-such” here")).to_be_visible()
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()


@pytest.mark.parametrize("view", ["create", "history", "compare"])
def test_nothing_is_cut_off_on_a_phone(open_page: OpenPage, run: Run, view: str) -> None:
    page = open_page(size="phone")
    run(page, "an ox steps=2", count=2)
    expect(page.locator("run-results .picture img")).to_have_count(2)
    page.locator(f"#to-{view}").click()
    expect(page.locator(f"main.{view}")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_theme_is_chosen_and_kept(page: Page) -> None:
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Switch light and dark").click()
    dark = page.evaluate(paper)
    assert dark != light
    page.reload()
    assert page.evaluate(paper) == dark
