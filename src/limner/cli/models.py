"""`limner models`: list, describe, load and unload the models of a running server, through its HTTP API."""

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from limner.cli.terminal import Url

Id = Annotated[str, typer.Argument(help="Id of the model, or one of its aliases.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    models = typer.Typer(help="List, describe, load and unload the models of a running server.", rich_markup_mode=None)

    @models.command("list")
    def list_(
        search: Annotated[str, typer.Argument(help="Words that must all occur in what is said of a model.")] = "",
        url: Url = None,
    ) -> None:
        """One line per model: id, whether it is loaded, aliases, summary."""
        for model in _ask("GET", url, "/search", params={"search": search})["data"]:
            aliases = ",".join(model["aliases"])
            print(model["id"], model["deployments"][0]["status"], aliases, model["summary"], sep="\t")

    @models.command()
    def get(id: Id, url: Url = None) -> None:
        """Everything known of one model, as JSON."""
        print(json.dumps(_ask("GET", url, f"/{quote(id)}"), indent=2, ensure_ascii=False))

    @models.command()
    def activate(id: Id, url: Url = None) -> None:
        """Have the workers load a model now, and whenever they start; the key needs the scope `admin`."""
        _ask("POST", url, f"/{quote(id)}/activate")

    @models.command()
    def deactivate(id: Id, url: Url = None) -> None:
        """Have the workers unload a model; the next request for it loads it again. Needs the scope `admin`."""
        _ask("POST", url, f"/{quote(id)}/deactivate")

    app.add_typer(models, name="models")


def _ask(method: str, url: str | None, path: str, **sent: Any) -> dict[str, Any]:
    from limner.client import Client

    with Client(url) as client:
        return client.ask(method, f"/api/ai/models{path}", **sent)
