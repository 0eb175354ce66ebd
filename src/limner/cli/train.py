"""`limner train`: from nothing to a storybook checkpoint, with contact sheets to look at."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def train(
        size: Annotated[
            str, typer.Option(help="Recipe: tiny (a minute, proves the loops) or small (as shipped).")
        ] = "small",
        folder: Annotated[
            Path, typer.Option(help="Where pictures, states and the log are kept; resumed from there.")
        ] = Path(".train"),
        output: Annotated[Path, typer.Option("--output", "-o", help="Checkpoint to write, .safetensors.")] = Path(
            "storybook.safetensors"
        ),
        start: Annotated[
            Path | None, typer.Option("--from", exists=True, help="Checkpoint to go on from; its encoder stays.")
        ] = None,
        processes: Annotated[int, typer.Option(min=1, help="Processes that draw the pictures.")] = 2,
    ) -> None:
        """Train storybook on pictures that Limner draws itself. Stopped and started again, it goes on."""
        try:
            import resvg_py  # noqa: F401
        except ImportError as cause:
            raise typer.BadParameter("training needs the extra `train`: pip install 'limner[train]'") from cause
        from limner.training import evaluate, recipe, stages

        model = stages.train(recipe.recipe(size), folder, processes, start)
        stages.export(model, output)
        evaluate.write_sheets(model, output.with_suffix(".png"), steps=14, guidance=2.0)
        print(f"{output}, its card {output.with_suffix('.json')} and its sheets {output.with_suffix('.png')}")
