"""`limner`: the list of commands and what becomes of their errors. The commands are in the files beside this one.

A failure is one line on the error stream and an exit code: 1 the caller's fault, 2 wrong usage, 3 ours, 130 Ctrl+C.
Nothing here, or at the top of a command's file, loads torch, SQLAlchemy or FastAPI: `limner --help` is instant.
"""

import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from limner import __version__, errors
from limner.cli import (
    backup,
    doctor,
    edit,
    evaluate,
    files,
    generate,
    keys,
    models,
    prune,
    queue,
    restore,
    serve,
    status,
    train,
    worker,
    world,
)

app = typer.Typer(
    name="limner",
    help="Make and edit images with a diffusion model, on this machine.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

for command in (
    serve,
    worker,
    generate,
    edit,
    queue,
    files,
    keys,
    models,
    prune,
    backup,
    restore,
    train,
    evaluate,
    world,
    status,
    doctor,
):
    command.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"limner {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Make and edit images with a diffusion model, on this machine."""


def main() -> None:
    """Run the command line of this process and end it with the exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        code = app(arguments or ["--help"], prog_name="limner", standalone_mode=False)
    except errors.CallerError as error:
        return _complain(error.message, 1)
    except errors.LimnerError as error:
        return _complain(error.message, 3)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except TyperException as error:
        return _complain(error.format_message(), 2)
    return int(code or 0)


def _complain(message: str, code: int) -> int:
    print(f"limner: {' '.join(message.split())}", file=sys.stderr)
    return code
