"""The quick form of the engine's benchmark runs and says where the time goes. No number is judged."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.timeout(600)
def test_the_benchmark_of_the_engine_measures_pictures_their_parts_batches_and_waiting(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.engine", "--quick", "--results", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "engine.jsonl").read_text(encoding="utf-8").splitlines()]
    found = {line["what"]: line for line in lines}
    assert len(found) == len(lines)
    for quality in ("low", "medium", "high"):
        parts = [line for what, line in found.items() if what.startswith(f"{quality}: ") and "share" in line]
        assert sum(part["share"] for part in parts) == pytest.approx(1, abs=0.01)
        assert found[quality]["gflop"] > 1
        assert 0 < found[f"{quality}: rate of a matmul"]["value"] < 2
    assert found["low"]["gflop"] < found["medium"]["gflop"] < found["high"]["gflop"]
    assert found["evaluations, 1 guided at once"]["same_bits"]
    assert {line["per_second"] > 0 for what, line in found.items() if what.startswith(("small", "large"))} == {True}
