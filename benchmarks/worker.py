"""`limner worker`, whose engines note when they ran: python -m benchmarks.worker FILE DATA. For benchmarks.serving.

Each line of the file is one call of an engine: the ids of its batch, and when it began and ended in seconds of the
monotonic clock, which all processes share. Loading an engine is not part of it.
"""

import json
import sys
import time
from pathlib import Path

from limner.cli.main import run
from limner.engines import registry
from limner.engines.engine import Control, Engine, Job


def note_runs(file: Path) -> None:
    """Let every engine that is loaded from now on write down its runs."""
    notes = file.open("a", buffering=1, encoding="utf-8")
    load = registry.load_engine

    def load_noting(card_id: str) -> Engine:
        engine = load(card_id)
        work = engine.run

        def run_noting(first: list[Job], control: Control) -> None:
            began = time.monotonic()
            work(first, control)
            ended = time.monotonic()
            notes.write(json.dumps({"ids": [job.id for job in first], "began": began, "ended": ended}) + "\n")

        engine.run = run_noting  # type: ignore[method-assign]
        return engine

    registry.load_engine = load_noting


if __name__ == "__main__":
    note_runs(Path(sys.argv[1]))
    sys.exit(run(["worker", "--data", sys.argv[2]]))
