"""The documentation agrees with the code: everything documented, nothing stale, every command of the README real."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_make_target_that_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for file in ("README.md", "CONTRIBUTING.md"):
        named = set(re.findall(r"^make ([a-z]+)", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE))
        assert named
        assert named <= targets
