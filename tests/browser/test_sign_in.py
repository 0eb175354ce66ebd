"""Signing in: a key becomes a cookie that the page cannot read, and the page keeps the key nowhere."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]
Run = Callable[..., None]


@pytest.fixture(scope="module")
def key(process: Any) -> str:
    """A key of ada's; from now on the server asks for one."""
    command = [sys.executable, "-m", "limner", "keys", "create", "--namespace", "ada", "--data", str(process.data)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    process.stop()  # a running server would need five seconds to notice
    process.start()
    return next(word for word in printed.split() if word.startswith("limner_"))


def sign_in(page: Page, key: str) -> None:
    """Fill in the key and press the button."""
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_a_wrong_key_is_refused_at_its_field(key: str, open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, f"{key[:-2]}xx")
    expect(page.locator("#key-error")).to_have_text("The key is not known, has expired or was revoked.")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()


def test_a_key_signs_in_runs_and_leaves_no_trace_in_the_page(key: str, open_page: OpenPage, run: Run) -> None:
    page = open_page()
    sign_in(page, key)
    run(page, "an ox steps=2", made=1)
    assert page.evaluate("document.cookie") == ""
    [cookie] = page.context.cookies()
    assert (cookie.get("httpOnly"), cookie.get("sameSite")) == (True, "Strict")
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.documentElement.outerHTML])")
    assert key not in kept
    assert "ada" in str(json.loads(kept)[0])
    page.reload()
    expect(page.locator("run-results .picture img")).to_be_visible()


def test_the_call_names_the_key_by_its_variable_and_runs_with_it(key: str, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    sign_in(page, key)
    page.locator("#field-prompt").fill("an ox steps=2")
    page.locator("#field-size").select_option("64x64")
    page.get_by_role("tab", name="API").click()
    expect(page.locator("api-tab code")).to_contain_text("an ox")
    shown = page.locator("api-tab code").inner_text()
    assert key not in shown
    given: dict[str, Any] = {"env": os.environ | {"LIMNER_KEY": key}, "cwd": tmp_path, "capture_output": True}
    printed = subprocess.run(["bash", "-c", shown], text=True, check=True, **given).stdout
    assert (tmp_path / printed.strip()).stat().st_size > 0


def test_the_bar_fits_a_phone_with_all_it_holds(key: str, open_page: OpenPage, run: Run) -> None:
    page = open_page(size="phone")
    sign_in(page, key)
    run(page, "an ox steps=2", count=2, made=2)
    page.get_by_role("button", name="Compare these").click()
    expect(page.locator("#to-compare")).to_have_text("Compare (2)")
    expect(page.get_by_role("button", name="Sign out")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_signing_out_shows_the_door_again(key: str, open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, key)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
    assert page.context.cookies() == []


def test_a_session_that_ends_under_way_asks_to_sign_in_again(key: str, open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, key)
    expect(page.locator("#run")).to_be_visible()
    page.context.clear_cookies()
    page.locator("#field-prompt").fill("an ox")
    page.locator("#run").click()
    expect(page.get_by_text("You have been signed out.")).to_be_visible()
