"""The API tab: what it shows is run as it stands, and makes the picture that the form describes."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import httpx2
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

Run = Callable[..., None]
MODES = ("Wait", "Queue and ask", "Queue and listen")
PROMPT = 'it\'s "an ox" steps=2 – $HOME `x` \\ ü'


def show(page: Page, language: str, mode: str) -> str:
    """What the tab shows, once the form asks for two pictures of 96 x 64."""
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    page.locator("#field-size").select_option("96x64")
    page.locator("[name=count][value='2']").check()
    page.locator("#field-seed").fill("11")
    page.get_by_role("tab", name="API").click()
    page.get_by_label(language, exact=True).check()
    if language != "Python, OpenAI SDK":
        page.get_by_label(mode, exact=True).check()
    return page.locator("api-tab code").inner_text()


def execute(command: list[str], folder: Path) -> str:
    """What a program prints; it must end well."""
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("mode", MODES)
def test_the_curl_call_runs_as_pasted(page: Page, tmp_path: Path, site: str, mode: str) -> None:
    printed = execute(["bash", "-c", show(page, "cURL", mode)], tmp_path)
    urls = re.findall(r'"(?:url|result_url)":"([^"]+)"', printed)
    assert len(urls) == 2
    for url in urls:
        (tmp_path / "picture").write_bytes(httpx2.get(url).content)
        with Image.open(tmp_path / "picture") as picture:
            assert picture.size == (96, 64)
    made = httpx2.get(f"{site}/api/ai/queue?status=succeeded&limit=2").json()["generations"]
    assert [(one["prompt"], one["used"]["seed"]) for one in made] == [(PROMPT, 12), (PROMPT, 11)]


@pytest.mark.parametrize(("language", "mode"), [*(("Python", mode) for mode in MODES), ("Python, OpenAI SDK", "Wait")])
def test_the_python_call_runs_as_pasted(page: Page, tmp_path: Path, language: str, mode: str) -> None:
    needed = "openai" if "OpenAI" in language else "requests"
    if find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed here")
    names = execute([sys.executable, "-c", show(page, language, mode)], tmp_path).split()
    assert len(names) == 2
    for name in names:
        with Image.open(tmp_path / name) as picture:
            assert picture.size == (96, 64)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed here")
@pytest.mark.parametrize("mode", MODES)
def test_the_javascript_call_runs_as_pasted(page: Page, tmp_path: Path, mode: str) -> None:
    (tmp_path / "call.mjs").write_text(show(page, "JavaScript", mode))
    urls = execute(["node", "call.mjs"], tmp_path).split()
    assert len(urls) == 2
    assert all(httpx2.get(url).status_code == 200 for url in urls)


def test_the_call_follows_the_form_and_leaves_out_what_is_default(page: Page, picture: Path) -> None:
    page.get_by_role("tab", name="API").click()
    code = page.locator("api-tab code")
    page.get_by_label("Prompt", exact=True).fill("an ox")
    body = json.loads(re.findall(r"-d '(.*)'$", code.inner_text(), re.DOTALL)[0])
    assert body == {"model": "tiny", "prompt": "an ox"}
    page.locator("[name=quality][value=low]").check()
    expect(code).to_contain_text('"quality": "low"')
    page.locator("#field-input_image").set_input_files(picture)
    expect(code).to_contain_text("/api/ai/images/edit")
    expect(code).to_contain_text('"input_image": "http://')


def test_the_edit_of_the_sdk_fetches_its_input_itself(page: Page, tmp_path: Path, picture: Path) -> None:
    if find_spec("openai") is None:
        pytest.skip("openai is not installed here")
    page.locator("#field-input_image").set_input_files(picture)
    expect(page.locator(".thumb")).to_have_count(1)
    names = execute([sys.executable, "-c", show(page, "Python, OpenAI SDK", "Wait")], tmp_path).split()
    assert len(names) == 2


def test_the_copy_button_copies_all_of_it(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown = show(page, "cURL", "Wait")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == shown
