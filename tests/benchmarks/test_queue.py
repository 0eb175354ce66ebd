"""The quick form of the queue's benchmark runs and writes results that can be compared. No number is judged."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent


def run(benchmark: str, results: Path, *options: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", f"benchmarks.{benchmark}", "--quick", "--results", str(results), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (results / f"{benchmark}.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines
    for line in lines:
        assert line["benchmark"] == benchmark
        assert line["machine"]["cpu"]
        assert line["machine"]["cores"] >= 1
        assert line["commit"]
        assert line["quick"]
        assert line["unit"] in ("per second", "ms", "%")
        assert math.isfinite(line["value"])
        assert all(ratio > 0 for ratio in line["ratios"].values())
    return lines


@pytest.mark.timeout(600)
def test_the_benchmark_of_the_queue_writes_a_line_for_each_figure_and_size(tmp_path: Path) -> None:
    lines = run("queue", tmp_path, "--rows", "100", "1000")
    of_both = [{line["what"] for line in lines if line["rows"] == rows} for rows in (100, 1000)]
    assert of_both[0] == of_both[1] >= {"enqueue", "claim and finish", "end to reader", "one generation"}
    assert all("fewest rows" in line["ratios"] for line in lines if line["rows"] == 1000)
    assert all("huey" in line["ratios"] for line in lines if line["what"] in ("enqueue", "end to reader"))


@pytest.mark.timeout(600)
def test_the_benchmark_of_the_service_measures_what_it_adds(tmp_path: Path) -> None:
    lines = run("serving", tmp_path, "--models", "tiny", "--rows", "1000")
    aims = {line["what"] for line in lines if "aim" in line["ratios"]}
    added = {f"added to a synchronous call, {dialect}" for dialect in ("hub", "OpenAI")}
    assert aims == {*added, "finish to reader", "engine idle between queued ones"}
    assert {line["in_order"] for line in lines if "callers" in line["what"]} <= set(range(17))
    assert {line["rows"] for line in lines if "status" in line["what"]} == {1000}
