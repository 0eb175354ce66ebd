"""The benchmark of encoding measures every way on one picture and says how large each file is. No number is judged."""

import json
import subprocess
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent.parent


def test_every_way_is_measured_on_the_same_picture(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    Image.linear_gradient("L").convert("RGB").save(picture)
    options = ["--quick", "--picture", str(picture), "--results", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks.encode", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "encode.jsonl").read_text(encoding="utf-8").splitlines()]
    ours = lines[0]
    assert set(ours["ratios"]) == {"png by Pillow, level 1", "png by Pillow, level 6"}
    assert all(ratio > 0 for ratio in ours["ratios"].values())
    assert {line["unit"] for line in lines} == {"ms"}
    assert all("size" in line for line in lines if line["what"].startswith(("encode", "png", "isal", "zlib")))
