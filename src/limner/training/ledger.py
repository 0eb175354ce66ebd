"""Results that are kept as soon as they are known, so that a long evaluation goes on where it was stopped.

One JSON line each. Not a log for people: what is known is looked up, not measured again.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Ledger:
    """What was measured so far, by name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self._known: dict[str, Any] = dict(json.loads(line) for line in lines)

    def once(self, name: str, measure: Callable[[], Any]) -> Any:
        """What is known by this name, measured now if nothing is."""
        if name not in self._known:
            self._known[name] = measure()
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([name, self._known[name]]) + "\n")
        return self._known[name]
