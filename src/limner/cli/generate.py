"""`limner generate`: a prompt becomes a file, here and without a server. The road is that of `limner.studio`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner.cli import terminal

if TYPE_CHECKING:
    from limner.engines.engine import Mask, Pixels

Output = Annotated[Path, typer.Option("--output", "-o", help="File to write; with -n 2: NAME-0, NAME-1.")]
Model = Annotated[str, typer.Option(help="Model id.")]
Size = Annotated[str, typer.Option(help="auto, square, portrait, landscape or WIDTHxHEIGHT.")]
Quality = Annotated[str, typer.Option(help="auto, low, medium or high: how many steps.")]
Seed = Annotated[int | None, typer.Option(help="The same seed gives the same image; left out, a random one.")]
Count = Annotated[int, typer.Option("--n", "-n", help="How many images.")]
Steps = Annotated[int | None, typer.Option(help="Steps, if not those of the quality.")]
Format = Annotated[str | None, typer.Option(help="png, jpeg or webp; left out, as the file's name says.")]
Background = Annotated[str, typer.Option(help="auto, opaque or transparent.")]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def generate(
        prompt: Annotated[str, typer.Argument(help="What the image shows.")],
        output: Output,
        model: Model = "storybook",
        size: Size = "auto",
        quality: Quality = "auto",
        seed: Seed = None,
        n: Count = 1,
        steps: Steps = None,
        format: Format = None,
        background: Background = "auto",
    ) -> None:
        """Make an image from a prompt, without a server."""
        asked = {"model": model, "prompt": prompt, "size": size, "quality": quality, "seed": seed, "n": n}
        make(asked | {"num_inference_steps": steps, "background": background}, output, format, [])


def make(
    asked: dict[str, Any], output: Path, format: str | None, inputs: list["Pixels"], mask: "Mask | None" = None
) -> None:
    """Plan and run one request in this process and write its images; `asked` holds fields of ImageRequest."""
    from limner import studio

    jobs = studio.plan_jobs(asked | {"output_format": terminal.format_of(output, format)}, inputs, mask)
    paths = terminal.paths_of(output, len(jobs))
    for warning in dict.fromkeys(warning for job in jobs for warning in job.plan.warnings):
        terminal.note(f"warning: {warning}")
    jobs = [replace(job, id=path.name) for path, job in zip(paths, jobs, strict=True)]
    with terminal.progress_bars() as step:
        files = studio.run_jobs(jobs, step)
    for path, job, file in zip(paths, jobs, files, strict=True):
        terminal.write_file(path, file)
        terminal.note(f"{path}  {job.plan.width}x{job.plan.height}  seed {job.plan.seed}")
