"""What the guides show runs: the model of one's own, as its guide has it."""

import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from limner.engines.engine import Job, Pixels
from limner.engines.plan import plan
from limner.engines.registry import Registration
from limner.wire import ImageRequest

GUIDE = Path(__file__).parent.parent.parent / "docs" / "guides" / "own-models.md"


class Listener:
    """A worker's ear: it wants every picture and keeps what is told."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self.steps: list[int] = []
        self.pictures: list[Pixels] = []

    def cancelled(self, id: str) -> bool:
        return not self.wanted

    def step(self, id: str, i: int, of: int) -> None:
        self.steps.append(i)

    def done(self, id: str, rgba: Pixels, warnings: tuple[str, ...]) -> None:
        self.pictures.append(rgba)


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The package that the guide shows."""
    card, engine = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "checkers").mkdir()
    (tmp_path / "checkers" / "__init__.py").write_text(card)
    (tmp_path / "checkers" / "engine.py").write_text(engine)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("checkers")
    for name in ("checkers.engine", "checkers"):
        sys.modules.pop(name, None)


def test_the_model_that_the_guide_shows_draws(shown: Any) -> None:
    registration: Registration = shown.registration
    module, _, name = registration.engine.partition(":")
    engine = getattr(importlib.import_module(module), name)()
    engine.load()
    request = ImageRequest(namespace="local", model="checkers", prompt="any", size="landscape")
    [planned] = plan(request, registration.card, seed=3)
    heard, deaf = Listener(True), Listener(False)
    engine.run([Job("a", planned)], heard)
    engine.run([Job("a", planned)], deaf)
    assert heard.steps == [1, 2, 3, 4]
    [picture] = heard.pictures
    assert picture.shape == (1024, 1536, 4)
    assert picture.dtype.name == "uint8"
    assert deaf.pictures == []


def test_the_entry_point_that_the_guide_shows_names_the_registration(shown: Any) -> None:
    [project] = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    [entry] = tomllib.loads(project)["project"]["entry-points"]["limner.engines"].values()
    module, _, name = entry.partition(":")
    assert isinstance(getattr(importlib.import_module(module), name), Registration)
