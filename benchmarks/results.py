"""What a benchmark found: a line for people, and a line of JSON in results/ that can be compared years later.

It measures nothing. Every line of JSON stands alone: it names its machine, its commit and how busy the machine was.
"""

import argparse
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Figure:
    """One number with its unit. Of `per second` more is better, of any other unit less."""

    value: float
    unit: str
    more: Mapping[str, float] = field(default_factory=dict)
    """What else is known of it, such as quantiles."""

    @classmethod
    def rate(cls, seconds: Sequence[float]) -> Self:
        """Calls per second, one after the other, from the seconds of each call."""
        return cls(len(seconds) / sum(seconds), "per second", quantiles(seconds))

    @classmethod
    def median(cls, seconds: Sequence[float]) -> Self:
        """The middle of what each call took."""
        return cls(statistics.median(seconds) * 1e3, "ms", quantiles(seconds))

    def times_better(self, other: Self) -> float:
        """How many times better than `other`, a number of the same unit; below 1 it is worse."""
        better, worse = (self, other) if self.unit == "per second" else (other, self)
        return better.value / worse.value if worse.value else float("inf")


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """The middle and the slowest of a hundred, in milliseconds."""
    ordered = sorted(seconds)
    last = ordered[min(len(ordered) - 1, round(len(ordered) * 0.99))]
    return {"p50_ms": statistics.median(ordered) * 1e3, "p99_ms": last * 1e3}


class Results:
    """The results of one run of a benchmark, appended to `<folder>/<benchmark>.jsonl` one by one."""

    def __init__(self, benchmark: str, arguments: argparse.Namespace) -> None:
        self._file = arguments.results / f"{benchmark}.jsonl"
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._origin = {
            "benchmark": benchmark,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": find_commit(),
            "machine": {"cpu": find_cpu(), "cores": os.cpu_count(), "python": platform.python_version()},
            "load": round(os.getloadavg()[0], 1),
            "quick": arguments.quick,
        }
        print(
            f"{benchmark}: {find_cpu()}, {os.cpu_count()} cores, load {self._origin['load']}, {self._origin['commit']}"
        )

    def add(self, what: str, figure: Figure, ratios: Mapping[str, float], **more: Any) -> None:
        """Write down one figure; a ratio says how many times better it is than what the ratio is named after."""
        found = {"value": figure.value, "unit": figure.unit, **figure.more}
        line = {"what": what, **more, **_rounded(found), "ratios": _rounded(ratios), **self._origin}
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        shown = f"{_short(figure.value)} {figure.unit}"
        spread = "  ".join(f"{name.removesuffix('_ms')} {value:.1f} ms" for name, value in figure.more.items())
        compared = "  ".join(f"{_short(ratio)} x {name}" for name, ratio in ratios.items())
        rows = f"{more['rows']:,} rows" if "rows" in more else more.get("model", more.get("size", ""))
        print(f"{what:32} {rows:>14} {shown:>18}  {spread:28} {compared}", flush=True)


def read_arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The command line, with the options that every benchmark has."""
    parser.add_argument("--quick", action="store_true", help="a small form that ends within a minute")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results", help="folder to append to")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the servers it has started end with it
    return parser.parse_args()


def find_cpu() -> str:
    """The model of the processor as the system names it."""
    information = Path("/proc/cpuinfo")
    text = information.read_text(encoding="utf-8") if information.exists() else ""
    named = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return named.group(1) if named else platform.processor() or platform.machine()


def find_commit() -> str:
    """The commit that is measured, with a `+` if files besides the results were changed since; else `unknown`."""
    head = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    changed = ["git", "diff", "--quiet", "HEAD", "--", ".", ":!benchmarks/results"]
    clean = subprocess.run(changed, cwd=ROOT, capture_output=True, check=False).returncode == 0
    return head.stdout.strip() + ("" if clean else "+") if head.returncode == 0 else "unknown"


def leave_out(what: str, why: str) -> None:
    """Say that something could not be measured."""
    print(f"{what} is left out: {why}", file=sys.stderr)


def _rounded(numbers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in numbers.items()}


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
