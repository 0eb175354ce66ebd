"""The API tab: what it shows is run as it stands, and makes the picture that the form describes."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

Run = Callable[..., None]
WAYS = ("Sync", "Async, polling", "Async, events")
PROMPT = 'it\'s "an ox" steps=2 – $HOME `x` \\ ü'


def show(page: Page, language: str, way: str) -> str:
    """What the tab shows, once the form asks for two pictures of 96 x 64."""
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    page.locator("#field-size").select_option("96x64")
    page.locator("[name=count][value='2']").check()
    page.locator("#field-seed").fill("11")
    page.get_by_role("tab", name="API").click()
    page.get_by_label(language, exact=True).check()
    if language != "OpenAI SDK":
        page.get_by_label(way, exact=True).check()
    expect(page.locator("api-tab code")).not_to_be_empty()
    return page.locator("api-tab code").text_content() or ""


def execute(command: list[str], folder: Path) -> str:
    """What a program prints; it must end well."""
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def are_pictures(names: list[str], folder: Path) -> None:
    """Whether a program has left two pictures of the size that `show` asks for under the names that it printed."""
    assert len(names) == 2
    for name in names:
        with Image.open(folder / name) as picture:
            assert picture.size == (96, 64)


@pytest.mark.parametrize("way", WAYS)
def test_the_curl_call_runs_as_pasted(page: Page, tmp_path: Path, site: str, way: str) -> None:
    are_pictures(execute(["bash", "-c", show(page, "cURL", way)], tmp_path).split(), tmp_path)
    made = httpx2.get(f"{site}/api/ai/queue?status=succeeded&limit=2").json()["generations"]
    assert [(one["prompt"], one["used"]["seed"]) for one in made] == [(PROMPT, 12), (PROMPT, 11)]


@pytest.mark.parametrize(("language", "way"), [*(("Python", way) for way in WAYS), ("OpenAI SDK", "Sync")])
def test_the_python_call_runs_as_pasted(page: Page, tmp_path: Path, language: str, way: str) -> None:
    are_pictures(execute([sys.executable, "-c", show(page, language, way)], tmp_path).split(), tmp_path)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed here")
@pytest.mark.parametrize("way", WAYS)
def test_the_javascript_call_runs_as_pasted(page: Page, tmp_path: Path, way: str) -> None:
    (tmp_path / "call.mjs").write_text(show(page, "JavaScript", way))
    urls = execute(["node", "call.mjs"], tmp_path).split()
    assert len(urls) == 2
    assert all(httpx2.get(url).status_code == 200 for url in urls)


def test_the_call_follows_the_form_and_leaves_out_what_is_default(page: Page, picture: Path) -> None:
    page.get_by_role("tab", name="API").click()
    code = page.locator("api-tab code")
    page.get_by_label("Prompt", exact=True).fill("an ox")
    expect(code).to_contain_text("an ox")
    body = json.loads(re.findall(r"-d '(.*?)' ", code.inner_text(), re.DOTALL)[0])
    assert body == {"model": "tiny", "prompt": "an ox"}
    page.locator("[name=quality][value=low]").check()
    expect(code).to_contain_text('"quality": "low"')
    page.locator("#field-input_image").set_input_files(picture)
    expect(code).to_contain_text("/api/ai/images/edit")
    expect(code).to_contain_text('"input_image": "http://')


def test_the_edit_of_the_sdk_fetches_its_input_itself(page: Page, tmp_path: Path, picture: Path) -> None:
    page.locator("#field-input_image").set_input_files(picture)
    expect(page.locator(".thumb")).to_have_count(1)
    names = execute([sys.executable, "-c", show(page, "OpenAI SDK", "Sync")], tmp_path).split()
    assert len(names) == 2


@pytest.mark.parametrize("language", ["cURL", "Python"])
def test_the_call_is_the_same_text_that_the_page_of_the_model_shows(page: Page, site: str, language: str) -> None:
    made = page.context.new_page()
    made.goto(f"{site}/docs/models/tiny")
    page.get_by_label("Prompt", exact=True).fill("a red ox on a snowy road")
    page.get_by_role("tab", name="API").click()
    page.get_by_label(language, exact=True).check()
    made.get_by_label(language, exact=True).check()
    for way in WAYS:
        page.get_by_label(way, exact=True).check()
        made.get_by_label(way, exact=True).check()
        shown = made.locator(".calls pre:visible code").text_content()
        expect(page.locator("api-tab code")).to_have_text(shown or "")
        assert page.locator("api-tab code").text_content() == shown


def test_the_copy_button_copies_all_of_it(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown = show(page, "cURL", "Sync")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == shown
