"""`limner queue`: list, get and cancel the generations of a running server, through its HTTP API."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner import errors

if TYPE_CHECKING:
    import httpx2

Url = Annotated[str | None, typer.Option(help="Address of the server; left out, LIMNER_URL or this machine's.")]
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
        for generation in ask("GET", url, "", {"status": status} if status else {})["generations"]:
            prompt = " ".join(str(generation["prompt"]).split())
            print(generation["generation_id"], generation["status"], generation["model_name"], prompt[:80], sep="\t")

    @queue.command()
    def get(id: Id, url: Url = None) -> None:
        """Everything known of one generation, as JSON."""
        print(json.dumps(ask("GET", url, f"/{id}", {}), indent=2, ensure_ascii=False))

    @queue.command()
    def cancel(id: Id, url: Url = None) -> None:
        """Cancel one generation; no effect on one that has ended."""
        ask("DELETE", url, f"/{id}", {})

    app.add_typer(queue, name="queue")


def ask(method: str, url: str | None, path: str, parameters: dict[str, str]) -> dict[str, Any]:
    """One call to the queue's routes, with the key of LIMNER_KEY; the server's own words become the error."""
    import httpx2

    from limner.settings import Settings

    settings = Settings.read(url=url)
    url, key = settings.url, settings.key
    headers = {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}
    address = f"{url.rstrip('/')}/api/ai/queue{path}"
    try:
        answer = httpx2.request(method, address, params=parameters, headers=headers, timeout=30)
        body = answer.json()
    except httpx2.HTTPError:
        raise errors.StorageFailed(f"No server answers at {url}; start one with `limner serve`.") from None
    except (httpx2.InvalidURL, ValueError):
        raise errors.InvalidRequest(f"What answers at {url} is not a Limner server.") from None
    if not answer.is_success:
        raise _error(answer, body)
    return dict(body)


def _error(answer: "httpx2.Response", body: Any) -> errors.LimnerError:
    said = body.get("error", {}) if isinstance(body, dict) else {}
    message = (
        said.get("message") or said.get("detail") or said.get("title") or f"The server answered {answer.status_code}."
    )
    return errors.StorageFailed(message) if answer.status_code >= 500 else errors.InvalidRequest(message)
