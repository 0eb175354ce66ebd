"""`limner edit`: an image and a prompt become a file, here and without a server. The road is that of `generate`."""

from pathlib import Path
from typing import Annotated

import typer

from limner.cli import terminal
from limner.cli.generate import Background, Count, Format, Model, Output, Quality, Seed, Size, Steps, make


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def edit(
        image: Annotated[Path, typer.Argument(help="The image to edit: PNG, JPEG or WebP.")],
        prompt: Annotated[str, typer.Argument(help="What the edited image shows.")],
        output: Output,
        model: Model = "storybook",
        mask: Annotated[
            Path | None,
            typer.Option(help="An image of the same size; only its transparent pixels are drawn anew."),
        ] = None,
        fidelity: Annotated[str, typer.Option(help="low or high: how closely the image is kept.")] = "low",
        size: Size = "auto",
        quality: Quality = "auto",
        seed: Seed = None,
        n: Count = 1,
        steps: Steps = None,
        format: Format = None,
        background: Background = "auto",
    ) -> None:
        """Edit an image as a prompt says, without a server."""
        from limner.studio import read_mask, read_pixels

        inputs = list(read_pixels(terminal.read_file(image)))
        asked = {"model": model, "prompt": prompt, "size": size, "quality": quality, "seed": seed, "n": n}
        asked |= {"num_inference_steps": steps, "background": background, "input_fidelity": fidelity}
        make(asked, output, format, inputs, None if mask is None else read_mask(terminal.read_file(mask)))
