"""`limner queue`: list, get and cancel the generations of a running server, through its HTTP API."""

import json
from typing import Annotated

import typer

from limner.cli.terminal import Url

Id = Annotated[str, typer.Argument(help="Id of the generation.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    queue = typer.Typer(help="List, get and cancel the generations of a running server.", rich_markup_mode=None)

    @queue.command("list")
    def list_(
        url: Url = None,
        status: Annotated[str | None, typer.Option(help="Only this state; left out, queued and processing.")] = None,
    ) -> None:
        """One line per generation: id, state, model, prompt."""
        from limner.client import Client

        with Client(url) as client:
            for generation in client.list(status=status):
                prompt = " ".join(str(generation.details["prompt"]).split())
                model = generation.details["model_name"]
                print(generation.id, generation.status, model, prompt[:80], sep="\t")

    @queue.command()
    def get(id: Id, url: Url = None) -> None:
        """Everything known of one generation, as JSON."""
        from limner.client import Client

        with Client(url) as client:
            print(json.dumps(client.get(id).details, indent=2, ensure_ascii=False))

    @queue.command()
    def cancel(id: Id, url: Url = None) -> None:
        """Cancel one generation; no effect on one that has ended."""
        from limner.client import Client

        with Client(url) as client:
            client.cancel(id)

    app.add_typer(queue, name="queue")
