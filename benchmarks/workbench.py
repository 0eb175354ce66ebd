"""How light the workbench is: loading, scrolling a long history, and the memory of the page over many runs.

    .venv/bin/python -m benchmarks.workbench [--quick] [--rows 10000] [--folder .]

It needs a Chromium (`make browser` installs one) and the extra `dev`. benchmarks/README.md says what each line means.
"""

import argparse
import shutil
import sqlite3
import statistics
import sys
import time
import uuid
from contextlib import closing
from pathlib import Path

from playwright.sync_api import CDPSession, Page, Request, sync_playwright

from benchmarks.results import Figure, Results, read_arguments
from benchmarks.servers import Server, make_data, serve

NAMES = ("chromium", "chromium-browser", "google-chrome")
LOADS = 7
RUNS, QUICK_RUNS = 200, 10
WARM_RUNS = 5
STEPS = 100
AIM_LOAD_MS, AIM_TRANSFER_KB, AIM_TASK_MS = 1_000.0, 200.0, 50.0
WATCH_TASKS = """() => {
  window.tasks = [];
  new PerformanceObserver(list => window.tasks.push(...list.getEntries().map(e => e.duration)))
    .observe({type: 'longtask'});
}"""


def address(server: Server) -> str:
    """Where its page is."""
    return f"http://{server.host}:{server.port}"


def measure_load(page: Page, server: Server, results: Results) -> None:
    """The time until the prompt can be typed in, and what is sent until then and a second after, without a cache."""
    took, sent = [], 0
    for _ in range(LOADS):
        answers: list[Request] = []

        def note(answer: Request, answers: list[Request] = answers) -> None:
            answers.append(answer)

        page.on("requestfinished", note)
        began = time.perf_counter()
        page.goto(address(server))
        page.locator("textarea").first.wait_for()
        took.append(time.perf_counter() - began)
        page.wait_for_timeout(1_000)
        page.remove_listener("requestfinished", note)
        sizes = [answer.sizes() for answer in answers]
        sent = max(sent, sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes))
    figure = Figure.median(took)
    results.add("workbench usable", figure, {"aim": AIM_LOAD_MS / figure.value})
    results.add("workbench transfer", Figure(sent / 1e3, "kB"), {"aim": AIM_TRANSFER_KB * 1e3 / sent})


def measure_runs(page: Page, tools: CDPSession, runs: int, results: Results) -> None:
    """How much more memory the page's scripts hold after many runs than after a few."""
    page.locator("#field-size").select_option("64x64")
    held = {}
    for number in range(1, runs + 1):
        prompt = f"stripes {number} steps=2"
        page.locator("#field-prompt").fill(prompt)
        page.keyboard.press("Control+Enter")
        page.locator(f"run-results section[aria-label='{prompt}'] img[alt='{prompt}']").wait_for()
        if number in (WARM_RUNS, runs):
            page.wait_for_timeout(1_000)
            tools.send("HeapProfiler.collectGarbage")
            found = tools.send("Performance.getMetrics")["metrics"]
            held[number] = next(one["value"] for one in found if one["name"] == "JSHeapUsedSize")
    grown = (held[runs] - held[WARM_RUNS]) / 1e6
    results.add("workbench memory", Figure(grown, "MB"), {}, runs=runs, held_mb=round(held[runs] / 1e6, 1))


def measure_history(page: Page, server: Server, rows: int, results: Results) -> None:
    """The longest task of the page's thread while a long history is scrolled from its start, page by page."""
    with closing(sqlite3.connect(server.data / "limner.sqlite")) as database, database:
        database.row_factory = sqlite3.Row
        row = dict(database.execute("SELECT * FROM generations WHERE state = 'succeeded' LIMIT 1").fetchone())
        row.pop("number")  # counts by itself
        copies = [row | {"id": str(uuid.uuid4()), "image_index": number} for number in range(rows)]
        names, marks = ", ".join(f'"{name}"' for name in row), ", ".join(f":{name}" for name in row)
        database.executemany(f"INSERT INTO generations ({names}) VALUES ({marks})", copies)
    page.goto(address(server))
    page.locator("#to-history").click()
    page.locator("history-view .entry").first.wait_for()
    page.wait_for_timeout(1_000)
    page.evaluate(WATCH_TASKS)
    for _ in range(STEPS):
        page.locator(".scroller").evaluate("s => { s.scrollTop += s.clientHeight; }")
        page.wait_for_timeout(50)
    tasks = page.evaluate("window.tasks")
    results.add(
        "history, longest task", Figure(max(tasks, default=0.0), "ms"), {"aim": AIM_TASK_MS / max([*tasks, 1.0])},
        rows=rows, long_tasks=len(tasks), median_ms=round(statistics.median(tasks), 1) if tasks else 0,
    )  # fmt: skip


def main() -> None:
    """Measure all of it on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000, help="entries of the history that is scrolled")
    parser.add_argument("--folder", type=Path, help="where the data folder is made")
    arguments = read_arguments(parser)
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        sys.exit(f"workbench: no browser here, none of {', '.join(NAMES)}")
    results = Results("workbench", arguments)
    with (
        make_data(arguments.folder) as data,
        serve(data, worker=True) as server,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=found, args=["--no-sandbox"]) as browser,
    ):
        page = browser.new_context(viewport={"width": 1280, "height": 860}).new_page()
        tools = page.context.new_cdp_session(page)
        tools.send("Network.enable")
        tools.send("Network.setCacheDisabled", {"cacheDisabled": True})
        tools.send("Performance.enable")
        measure_load(page, server, results)
        page.goto(f"{address(server)}/workbench?model=tiny")
        page.locator("textarea").first.wait_for()
        measure_runs(page, tools, QUICK_RUNS if arguments.quick else RUNS, results)
        measure_history(page, server, arguments.rows, results)


if __name__ == "__main__":
    main()
