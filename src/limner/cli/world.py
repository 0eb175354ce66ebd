"""`limner world`: the picture world that storybook learns from, to be looked at. It trains nothing."""

import io
import random
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli import terminal
from limner.cli.train import require_painter
from limner.errors import InvalidRequest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE, COLUMNS = 192, 6
COMBINED = 5
"""Every so manieth edit has two inputs."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    world = typer.Typer(help="Look at the picture world that storybook learns from.", rich_markup_mode=None)

    @world.command()
    def preview(
        output: Annotated[Path, typer.Option("--output", "-o", help="Contact sheet to write, .png.")] = Path(
            "sheet.png"
        ),
        count: Annotated[int, typer.Option(min=1, max=1000, help="Scenes, or edits, on the sheet.")] = 24,
        seed: Annotated[int, typer.Option(min=0, max=9_000_000, help="Number of the first one in training.")] = 0,
        edits: Annotated[
            bool, typer.Option("--edits", help="Edits: one input or two, the instruction, the result.")
        ] = False,
    ) -> None:
        """Draw training scenes with a caption of each, or edits. The word xyzzy stands for one that nobody knows."""
        require_painter()
        if output.suffix.lower() != ".png":
            raise InvalidRequest(f"--output must end in .png, not {output.name}", field="output")
        terminal.paths_of(output, 1)
        from PIL import Image

        from limner.training.world.sheet import contact_sheet

        pictures, texts = (_edits if edits else _scenes)(range(seed, seed + count))
        out = io.BytesIO()
        Image.fromarray(contact_sheet(pictures, min(COLUMNS, len(pictures)), texts)).save(out, "PNG")
        terminal.write_file(output, out.getvalue())
        print(output)

    app.add_typer(world, name="world")


def _scenes(seeds: range) -> tuple[list["NDArray[np.uint8]"], list[str]]:
    """Pictures, and a caption of each."""
    from limner.training import data
    from limner.training.world.render import render

    wordings = [data.word_caption(seed, random.Random(seed)) for seed in seeds]
    texts = [f"{text} [transparent]" if transparent else text for text, transparent in wordings]
    return [render(data.scene_of(seed), SIDE, SIDE) for seed in seeds], texts


def _edits(seeds: range) -> tuple[list["NDArray[np.uint8]"], list[str]]:
    """Three cells an edit: its inputs, blank before a single one, and the result; the instruction under the first."""
    import numpy as np

    from limner.training import data
    from limner.training.world.render import render

    pictures, texts = [], []
    for i in seeds:
        seed = i + data.FIRST_EDIT[data.COMBINE if i % COMBINED == COMBINED - 1 else data.EDIT]
        edit = data.edit_of(seed)
        inputs = [render(each, SIDE, SIDE) for each in edit.inputs]
        blank = [np.full((SIDE, SIDE, 4), 255, np.uint8)] * (2 - len(inputs))
        pictures += [*blank, *inputs, render(edit.after, SIDE, SIDE)]
        text, transparent = data.word_edit(seed, random.Random(seed))
        texts += [*("" for _ in blank), text, *("" for _ in inputs[1:]), "[transparent]" if transparent else ""]
    return pictures, texts
