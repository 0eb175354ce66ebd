"""A whole evaluation of a model that has learned nothing: it is scored, and what is known is not asked again."""

from pathlib import Path

import torch

from limner.model.checkpoint import Storybook
from limner.model.text import SPECIAL
from limner.training import edit_quality, quality, recipe, score
from limner.training.evaluate import Draft
from limner.training.judge import Judge
from limner.training.world.captions import words
from limner.training.world.scene import RING


def test_every_task_and_edit_is_scored_once(tmp_path: Path) -> None:
    torch.manual_seed(0)
    known = tmp_path / "known.jsonl"
    model = Storybook(recipe.recipe("tiny").config(len(words())), (*SPECIAL, *sorted(words()))).eval()
    evaluation = score.Evaluation(model, Judge().eval(), known, tmp_path / "sheets")
    told = evaluation.tasks(1, Draft(1, 1.0))
    assert set(told) == {*quality.TASKS, "overall"}
    edits = evaluation.edits(1, Draft(1, 1.0))
    assert set(edits["low"]) == set(edits["high"]) == set(edit_quality.KINDS)
    assert (tmp_path / "sheets" / f"colour-binding-ring-{RING}.png").exists()
    lines = known.read_text()
    again = score.Evaluation(model, Judge().eval(), known, None)
    assert (again.tasks(1, Draft(1, 1.0)), again.edits(1, Draft(1, 1.0))) == (told, edits)
    assert known.read_text() == lines
