"""A whole evaluation of one checkpoint: every task and kind of edit, kept as it goes. No question is made here."""

import dataclasses
import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from limner.model.checkpoint import Storybook
from limner.training import edit_quality, evaluate, quality
from limner.training.judge import Judge
from limner.training.ledger import Ledger
from limner.training.world.scene import RING, ring_of


def digest(path: Path) -> str:
    """What tells one checkpoint from another."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


class Evaluation:
    """The scores of `model` as `judge` sees them; what is in the file `known` is not measured again."""

    def __init__(self, model: Storybook, judge: Judge, known: Path, sheets: Path | None) -> None:
        self._model, self._judge, self._ledger, self._sheets = model, judge, Ledger(known), sheets
        if sheets is not None:
            sheets.mkdir(parents=True, exist_ok=True)

    def tasks(self, per_task: int, draft: evaluate.Draft, ring: int = RING) -> dict[str, float]:
        """The share of questions met, by task, and `overall`; of an earlier ring of the world only GenEval's tasks."""

        def measure(task: str) -> float:
            answers = quality.ask(self._model, self._judge, per_task, draft, (task,), ring)
            self._show(f"{task}-ring-{ring}", partial(quality.write_sheet, answers))
            return quality.share(answers)

        name = f"{per_task} x {draft.steps} steps, guidance {draft.guidance}, ring {ring}"
        tasks = tuple(quality.TASKS) if ring == RING else quality.GENEVAL
        found = {task: self._ledger.once(f"{task}, {name}", partial(measure, task)) for task in tasks}
        return found | {"overall": quality.overall(found)}

    def edits(self, per_kind: int, draft: evaluate.Draft, ring: int = RING) -> dict[str, dict[str, Any]]:
        """By fidelity and kind of edit, how many were followed and how well the rest was kept."""
        name = f"{per_kind} x {draft.steps} steps, guidance {draft.guidance}, ring {ring}"
        found: dict[str, dict[str, Any]] = {}
        for fidelity in ("low", "high") if per_kind else ():
            kept = dataclasses.replace(draft, keep=fidelity == "high")
            found[fidelity] = {
                kind: self._ledger.once(f"{kind}, {name}, {fidelity}", partial(self._edit, kind, per_kind, kept, ring))
                for kind in edit_quality.KINDS
                if ring_of(kind) <= ring
            }
        return found

    def _edit(self, kind: str, per_kind: int, draft: evaluate.Draft, ring: int) -> dict[str, float]:
        answers = edit_quality.ask(self._model, self._judge, per_kind, draft, (kind,), ring)
        self._show(f"{kind}-ring-{ring}-{'high' if draft.keep else 'low'}", partial(edit_quality.write_sheet, answers))
        return edit_quality.means(answers)

    def _show(self, name: str, write: Callable[[Path], None]) -> None:
        if self._sheets is not None:
            write(self._sheets / f"{name.replace(' ', '-')}.png")
