"""`limner evaluate`: how often a checkpoint draws what it was told, as a judge network sees it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from limner.cli.train import require_painter


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def evaluate(
        checkpoint: Annotated[
            Path | None, typer.Argument(exists=True, dir_okay=False, help="Left out, the one that ships.")
        ] = None,
        quality: Annotated[str, typer.Option(help="low, medium or high: the card's steps and guidance.")] = "medium",
        per_task: Annotated[int, typer.Option(min=1, help="Questions of each task.")] = 50,
        per_edit: Annotated[int, typer.Option(min=0, help="Edits of each kind, at each fidelity.")] = 20,
        folder: Annotated[
            Path, typer.Option(help="Keeps the judge (made at first, in 15 minutes), its renders and known results.")
        ] = Path(".train/judge"),
        sheets: Annotated[Path | None, typer.Option(help="A folder for PNGs with what the judge says.")] = None,
    ) -> None:
        """Score a storybook checkpoint: does it do what it is told? Stopped and started again, it goes on."""
        require_painter()
        from limner.engines import registry
        from limner.engines.storybook import WEIGHTS
        from limner.errors import InvalidRequest
        from limner.model.checkpoint import load
        from limner.training import evaluate as evaluation
        from limner.training import judge, score
        from limner.training.world.scene import RING

        presets = registry.cards()["storybook"].presets
        if quality not in presets:
            raise InvalidRequest(f"quality must be one of {', '.join(presets)}", field="quality")
        path = checkpoint or WEIGHTS
        try:
            model = load(path)
        except ValueError as cause:
            raise InvalidRequest(f"{path.name}: {cause}") from cause
        seer = judge.train(folder, judge.RENDERS)
        draft = evaluation.Draft(presets[quality].steps, presets[quality].guidance)
        scored = score.Evaluation(model, seer, folder / f"{score.digest(path)}-{quality}.jsonl", sheets)
        rings = range(1, RING + 1)
        told = {
            "quality": quality,
            "scores": {f"ring {ring}": scored.tasks(per_task, draft, ring) for ring in rings},
            "edits": {f"ring {ring}": scored.edits(per_edit, draft, ring) for ring in rings},
            "judge": (accuracy := judge.accuracy(seer, folder, judge.HELD_OUT)),
        }
        print(json.dumps(told, indent=1))
        if unfit := judge.unfit(accuracy):
            hint = f"Do not quote these scores: the judge reads less than {judge.FIT:.0%} of {', '.join(unfit)} right."
            typer.echo(f"{hint} It had too little time; evaluate with another --folder on a quiet machine.", err=True)
