"""The history: finding, restoring, keeping, taking away, and a long one."""

import base64
import json
import sqlite3
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
from playwright.sync_api import Page, expect

Run = Callable[..., None]
MANY = 10_000


def queue(site: str, **body: Any) -> str:
    """Have a picture made by the API; its id."""
    made = httpx2.post(f"{site}/api/ai/images/generate", json={"model": "tiny", "size": "64x64"} | body, timeout=60)
    id: str = made.json()["images"][0]["generation_id"]
    return id


def open_history(page: Page, search: str, count: int) -> None:
    """Go to the history and look for a word that only this test's prompts hold, until all of them are shown."""
    page.locator("#to-history").click()
    page.get_by_label("Search prompts").fill(search)
    expect(page.locator("history-view .entry", has_text=search)).to_have_count(count)
    expect(page.locator("history-view .entry")).to_have_count(count)


def test_opening_one_restores_the_whole_form(page: Page, run: Run, picture: Path) -> None:
    page.locator("#field-input_image").set_input_files(picture)
    expect(page.locator(".thumb")).to_have_count(1)
    page.locator("[name=quality][value=high]").check()
    page.get_by_text("More settings").click()
    page.get_by_label("Leave out").fill("a cat")
    page.locator("#field-seed").fill("77")
    run(page, "restored steps=2", size="96x64", made=1)
    page.get_by_role("button", name="Reset all").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("")
    open_history(page, "restored", 1)
    page.get_by_role("button", name="Restore settings").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("restored steps=2")
    expect(page.get_by_label("Size", exact=True)).to_have_value("96x64")
    expect(page.locator("[name=quality][value=high]")).to_be_checked()
    expect(page.locator("#field-negative_prompt")).to_have_value("a cat")
    expect(page.locator("#field-seed")).to_have_value("77")
    expect(page.locator(".thumb")).to_have_count(1)


def test_an_input_that_came_inside_the_call_is_restored_too(page: Page, site: str, picture: Path) -> None:
    uri = f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"
    queue(site, prompt="inline steps=2", input_image=uri)
    open_history(page, "inline", 1)
    page.get_by_role("button", name="Restore settings").click()
    expect(page.locator(".thumb img")).to_have_count(1)
    page.locator("#run").click()
    expect(page.locator("run-results .picture")).to_have_count(1)


def test_the_filters_narrow_what_is_shown(page: Page, site: str) -> None:
    queue(site, prompt="filtered brown ox")
    favourite = queue(site, prompt="filtered white ox")
    httpx2.post(f"{site}/api/ai/images/generate", json={"model": "tiny", "prompt": "filtered fail", "size": "64x64"})
    entries = page.locator("history-view .entry")
    open_history(page, "filtered", 3)
    page.get_by_label("Search prompts").fill("ox filtered")
    expect(entries).to_have_count(2)
    page.get_by_label("Search prompts").fill("filtered")
    page.get_by_label("Any status").select_option("failed")
    expect(entries).to_have_count(1)
    expect(entries).to_contain_text("The prompt ordered a failure.")
    page.get_by_label("Any status").select_option("all")
    expect(entries).to_have_count(3)
    star = page.locator(".entry", has_text="white").get_by_role("button", name="Favourite")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Favourites").check()
    expect(entries).to_have_count(1)
    assert httpx2.get(f"{site}/api/ai/queue/{favourite}").json()["favourite"] is True
    page.get_by_label("Search prompts").fill("nothing of the kind")
    expect(page.get_by_text("Nothing matches these filters.")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(page.get_by_label("Search prompts")).to_have_value("")
    expect(entries.first).to_be_visible()


def test_chosen_ones_are_taken_away_as_a_zip_and_deleted(page: Page, site: str) -> None:
    made = [queue(site, prompt="taken away") for _ in range(2)]
    open_history(page, "taken", 2)
    boxes = page.locator("history-view .pick input")
    expect(boxes).to_have_count(2)
    for box in boxes.all():
        box.check()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download zip").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        described = json.loads(archive.read("generations.json"))
    assert {one["generation_id"] for one in described} == set(made)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("history-view .entry")).to_have_count(0)
    assert httpx2.get(f"{site}/api/ai/queue/{made[0]}").json()["result_url"] is None


def test_one_picture_is_downloaded_under_its_id(page: Page, site: str) -> None:
    id = queue(site, prompt="single")
    open_history(page, "single", 1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == f"{id}.png"


def test_the_details_leaf_through_the_history(page: Page, site: str) -> None:
    for number in (1, 2):
        queue(site, prompt="leafed", seed=number)
    open_history(page, "leafed", 2)
    page.locator("history-view .picture").first.click()
    dialog = page.get_by_role("dialog", name="Details")
    seed = dialog.locator("dl div", has_text="Seed").locator("dd")
    expect(seed).to_have_text("2")
    page.keyboard.press("ArrowRight")
    expect(seed).to_have_text("1")


def test_ten_thousand_entries_keep_the_page_small(page: Page, site: str, process: Any) -> None:
    first = queue(site, prompt="many 0")
    with sqlite3.connect(process.data / "limner.sqlite", timeout=30) as database:
        database.row_factory = sqlite3.Row
        row = dict(database.execute("SELECT * FROM generations WHERE id = ?", [first]).fetchone())
        del row["number"]
        rows = [row | {"id": str(uuid.uuid4()), "image_index": n} for n in range(MANY)]
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join(f":{name}" for name in row)
        database.executemany(f"INSERT INTO generations ({names}) VALUES ({marks})", rows)
    page.locator("#to-history").click()
    page.get_by_label("Search prompts").fill("many")
    entries = page.locator("history-view .entry")
    expect(entries.first).to_be_visible()
    scroller = page.locator(".scroller")
    seen = 0
    for _ in range(200):
        seen = scroller.evaluate("s => { s.scrollTop = s.scrollHeight; return s.scrollHeight; }")
        assert entries.count() < 100
        if page.locator(f"history-view .entry[aria-setsize='{MANY + 1}']").count():
            break
        page.wait_for_timeout(50)
    assert seen > 100_000
    expect(page.locator(f"history-view .entry[aria-posinset='{MANY + 1}']")).to_be_visible()
    scroller.evaluate("s => { s.scrollTop = 0; }")
    expect(page.locator("history-view .entry[aria-posinset='1']")).to_be_visible()
