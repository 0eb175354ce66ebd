"""A real Chromium on a real server with the *tiny* engine. Where no Chromium is to be had these tests are skipped.

Every page that a test opens is watched: a script that fails, a policy that is broken or a request to another server
fails the test.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_SECONDS = 30
SIZES = {"desk": (1280, 860), "phone": (390, 844)}

OpenPage = Callable[..., Page]
Run = Callable[..., None]


@dataclass
class Server:
    """A server process that can be stopped and started again on its data and its port."""

    data: Path
    base: str = ""
    process: "subprocess.Popen[str] | None" = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        port = self.base.rpartition(":")[2] or "0"
        command = [sys.executable, "-m", "limner", "serve", "--port", port, "--data", str(self.data)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        greeting = self.process.stdout.readline() if self.process.stdout else ""
        address = re.search(r"http://[^ ]+", greeting)
        assert address, "the server did not start"
        self.base = address.group()

    def stop(self) -> None:
        """Stop it and wait until it is gone."""
        if self.process is not None:
            self.process.terminate()
            self.process.communicate(timeout=PATIENCE_SECONDS)
            self.process = None


@pytest.fixture(scope="module")
def process() -> Iterator[Server]:
    """A server of this file's own, so that its history holds what these tests made."""
    with tempfile.TemporaryDirectory(prefix="limner-test-") as folder:
        server = Server(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="module")
def site(process: Server) -> str:
    """The address of that server."""
    return process.base


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or whichever is installed."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser here: none of {', '.join(NAMES)} is installed (make browser tries to)")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, site: str) -> Iterator[OpenPage]:
    """Opens the workbench in a context of its own; `size`, `theme` and `address` can be chosen."""
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        # What the server refuses is shown on the page; the browser's own line about it says no more.
        if message.type == "error" and "Failed to load resource" not in message.text:
            wrong.append(message.text)

    def follow(sent: Request) -> None:
        if not sent.url.startswith((f"{site}/", "data:", "blob:")):
            wrong.append(sent.url)

    def open_page(address: str = "/?model=tiny", size: str = "desk", theme: Literal["light", "dark"] = "light") -> Page:
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            reduced_motion="reduce",
            has_touch=size == "phone",
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", follow)
        page.goto(site + address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """The workbench at a desk, in the light theme, on *tiny*."""
    return open_page()


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PNG of 64 x 64 to start from."""
    image = Image.new("RGB", (64, 64), "#88bbee")
    ImageDraw.Draw(image).ellipse((16, 16, 48, 48), fill="#b03030")
    file = tmp_path_factory.mktemp("inputs") / "disc.png"
    image.save(file)
    return file


@pytest.fixture
def run() -> Run:
    """Fills in the form, presses Run and, with `made`, waits until so many pictures are shown in the results."""

    def run(page: Page, prompt: str, size: str = "64x64", count: int = 1, made: int | None = None) -> None:
        page.locator("#field-prompt").fill(prompt)
        if not page.locator("#field-size").is_visible():  # folded away on a phone
            page.locator("run-form summary").click()
        page.locator("#field-size").select_option(size)
        page.locator(f"[name=count][value='{count}']").check()
        page.locator("#run").click()
        if made is not None:
            expect(page.locator("run-results .picture img")).to_have_count(made)

    return run
