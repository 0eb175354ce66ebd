"""`limner evaluate`: how often a checkpoint draws what it was told, as a judge network sees it."""

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def evaluate(
        checkpoint: Annotated[
            Path | None, typer.Argument(exists=True, dir_okay=False, help="Left out, the one that ships.")
        ] = None,
        quality: Annotated[str, typer.Option(help="low, medium or high: the card's steps and guidance.")] = "medium",
        per_task: Annotated[int, typer.Option(min=1, help="Questions of each task.")] = 50,
        folder: Annotated[
            Path,
            typer.Option(
                help="Where the judge and its renders are kept; made there at first, in a quarter of an hour."
            ),
        ] = Path(".train/judge"),
        sheet: Annotated[
            Path | None, typer.Option(help="A PNG to write, with every picture and whether the judge was content.")
        ] = None,
    ) -> None:
        """Score a storybook checkpoint: asked for things of its world, does it draw them?"""
        try:
            import resvg_py  # noqa: F401
        except ImportError as cause:
            raise typer.BadParameter("this needs the extra `train`: pip install 'limner[train]'") from cause
        from limner.engines import registry
        from limner.engines.storybook import WEIGHTS
        from limner.errors import InvalidRequest
        from limner.model.checkpoint import load
        from limner.training import judge
        from limner.training import quality as scoring

        presets = registry.cards()["storybook"].presets
        if quality not in presets:
            raise InvalidRequest(f"quality must be one of {', '.join(presets)}", field="quality")
        try:
            model = load(checkpoint or WEIGHTS)
        except ValueError as cause:
            raise InvalidRequest(f"{(checkpoint or WEIGHTS).name}: {cause}") from cause
        seer = judge.train(folder, judge.RENDERS)
        preset = presets[quality]
        answers = scoring.ask(model, seer, per_task, steps=preset.steps, guidance=preset.guidance)
        if sheet is not None:
            scoring.write_sheet(answers, sheet)
        told = {"quality": quality, "per_task": per_task, "scores": scoring.scores(answers)}
        told["judge"] = judge.accuracy(seer, folder, judge.HELD_OUT)
        print(json.dumps(told, indent=1))
