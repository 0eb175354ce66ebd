"""`limner train`: from pictures to a storybook checkpoint, with contact sheets and loss curves to look at."""

import importlib.util
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli import terminal
from limner.errors import InvalidRequest

if TYPE_CHECKING:
    from limner.training.progress import Progress, Watch

LINE_SECONDS = 60.0
"""Between two lines about a stage where there is no terminal for a bar."""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def train(
        size: Annotated[
            str, typer.Option(help="Recipe: tiny (a minute, proves the loops) or small (as shipped).")
        ] = "small",
        folder: Annotated[
            Path, typer.Option(help="Where pictures, states, the log and its curves are kept; resumed from there.")
        ] = Path(".train"),
        output: Annotated[Path, typer.Option("--output", "-o", help="Checkpoint to write, .safetensors.")] = Path(
            "storybook.safetensors"
        ),
        start: Annotated[
            Path | None,
            typer.Option("--from", exists=True, dir_okay=False, help="Checkpoint to go on from; its encoder stays."),
        ] = None,
        data: Annotated[
            Path | None,
            typer.Option(
                exists=True,
                file_okay=False,
                help="Folder of your own pictures with captions; left out, Limner draws its own.",
            ),
        ] = None,
        device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N; auto is CUDA where there is any.")] = "auto",
        devices: Annotated[
            int, typer.Option(min=1, help="CUDA devices that train together, or processes with --device cpu.")
        ] = 1,
        processes: Annotated[int, typer.Option(min=1, help="Processes that draw or read the pictures.")] = 2,
    ) -> None:
        """Train storybook, on pictures that Limner draws itself or on yours. Stopped and started again, it goes on."""
        require_painter()
        if output.suffix != ".safetensors":
            raise InvalidRequest(f"--output must end in .safetensors, not {output.name}", field="output")
        terminal.paths_of(output, 1)
        from limner.engines import registry
        from limner.training import evaluate, latents, recipe, stages
        from limner.training.device import find_device
        from limner.training.folder import Folder
        from limner.training.source import Source, World
        from limner.training.team import Team

        chosen = recipe.recipe(size)
        found = find_device(device, devices)
        if data is None:
            source: Source = World(chosen.shapes, chosen.edits, processes)
        else:
            source = own = Folder(data, chosen, processes)
            terminal.note("\n".join(own.remarks()))
        with show_progress() as watch:
            model = stages.train(latents.Run(chosen, source, folder, found, watch, Team(devices)), start)
        stages.export(model, output)
        sheets = output.with_suffix(".png")
        best = registry.cards()["storybook"].presets["high"]
        evaluate.write_sheets(model, sheets, evaluate.Draft(best.steps, best.guidance), prompts=source.prompts)
        print(f"{output}, its card {output.with_suffix('.json')} and its sheets {sheets}")


def require_painter() -> None:
    """Wrong usage where the world cannot be drawn."""
    if importlib.util.find_spec("resvg_py") is None:
        raise typer.BadParameter("this needs the extra `train`: pip install 'limner[train]'")


@contextmanager
def show_progress() -> Iterator["Watch"]:
    """A bar a stage on the error stream if it is a terminal, else a line a minute."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines().show
        return
    columns = (
        TextColumn("{task.description:<9}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[told]}"),
    )
    bars: dict[str, TaskID] = {}
    with Bars(*columns, console=console, refresh_per_second=2) as shown:

        def show(now: "Progress") -> None:
            if now.stage not in bars:
                bars[now.stage] = shown.add_task(now.stage, total=1.0, told="")
            shown.update(bars[now.stage], completed=now.done, told=describe(now))

        yield show


class Lines:
    """A line about a stage when it begins, once a minute, and when it has ended."""

    def __init__(self) -> None:
        self._stage, self._told_at = "", 0.0

    def show(self, now: "Progress") -> None:
        """Print the line if it is time for one."""
        moment = time.monotonic()
        if now.stage != self._stage or now.done >= 1 or moment - self._told_at >= LINE_SECONDS:
            self._stage, self._told_at = now.stage, moment
            terminal.note(f"{now.stage}: {now.done:.0%} {describe(now)}".rstrip())


def describe(now: "Progress") -> str:
    """What is known of the stage, in words."""
    told = []
    if now.pictures_per_second is not None:
        told.append(f"{now.pictures_per_second:.0f} pictures/s")
    if now.loss is not None:
        told.append(f"loss {now.loss:.3f}")
    if now.seconds_left is not None and now.done < 1:
        minutes, seconds = divmod(round(now.seconds_left), 60)
        told.append(f"{minutes} min left" if minutes else f"{seconds} s left")
    return ", ".join(told)
