"""Signing in: a key becomes a cookie that the page cannot read, and the page keeps the key nowhere."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
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


def test_the_call_names_the_key_by_its_variable_and_runs_with_it(key: str, open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, key)
    page.locator("#field-prompt").fill("an ox steps=2")
    page.locator("#field-size").select_option("64x64")
    page.get_by_role("tab", name="API").click()
    shown = page.locator("api-tab code").inner_text()
    assert key not in shown
    environment = os.environ | {"LIMNER_KEY": key}
    printed = subprocess.run(["bash", "-c", shown], env=environment, capture_output=True, text=True, check=True).stdout
    assert json.loads(printed)["images"]


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
