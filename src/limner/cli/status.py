"""`limner status`: how a running server does, in a table that is drawn anew each second. It asks over HTTP.

The numbers are those of /metrics, so a server with keys wants one with the scopes `read` and `admin`.
"""

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner import errors
from limner.cli.terminal import Url

if TYPE_CHECKING:
    from rich.console import RenderableType

    from limner.client import Client

LOOK_SECONDS = 1.0
OTHER = "other"
"""Models that are not installed any more; shown only while some of theirs still waits."""
ENDED = 10
"""How many of the caller's ended generations are shown."""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def status(
        url: Url = None,
        once: Annotated[bool, typer.Option("--once", help="Print it one time, as when no terminal looks on.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print it one time, as JSON.")] = False,
    ) -> None:
        """Show a running server: its workers, its queue, what ended last. Keys need the scopes read and admin."""
        from rich.console import Console
        from rich.live import Live

        from limner.client import Client

        console = Console(markup=False, highlight=False)
        with Client(url) as client:
            if as_json:
                print(json.dumps(look(client), indent=2, ensure_ascii=False))
            elif once or not console.is_terminal:
                console.print(draw(look(client)))
            else:
                with Live(console=console, auto_refresh=False) as live:
                    while True:
                        live.update(_try_to_look(client), refresh=True)
                        time.sleep(LOOK_SECONDS)


def look(client: "Client") -> dict[str, Any]:
    """What the server says of itself, as `--json` prints it; the error of the first call that fails."""
    from prometheus_client.parser import text_string_to_metric_families

    ready = client.ask("GET", "/health/ready")["status"] == "ready"
    text = client.send("GET", "/metrics").text
    try:
        families = {family.name: family.samples for family in text_string_to_metric_families(text)}
        version = families["limner_build_info"][0].labels["version"]
        workers = {sample.labels["state"]: int(sample.value) for sample in families["limner_workers"]}
        queue = {
            sample.labels["model"]: {"oldest_seconds": sample.value}
            for sample in families["limner_queue_oldest_seconds"]
        }
        for sample in families["limner_queue_generations"]:
            queue[sample.labels["model"]][sample.labels["state"]] = int(sample.value)
        workers["restarts"] = int(families["limner_worker_restarts"][0].value)
    except (KeyError, ValueError, IndexError):
        raise errors.InvalidRequest(f"What answers at {client.url} is not a Limner server of this version.") from None
    if not any(queue[OTHER].values()):
        del queue[OTHER]
    ended = [one.details for one in client.list(status="succeeded,failed,cancelled", limit=ENDED)]
    shown = ("generation_id", "model_name", "status", "started_at", "completed_at", "error_message")
    return {
        "address": client.url,
        "version": version,
        "ready": ready,
        "workers": workers,
        "queue": queue,
        "ended": [
            {name: one[name] for name in shown}
            for one in sorted(ended, key=lambda one: one["completed_at"], reverse=True)
        ],
    }


def draw(seen: dict[str, Any]) -> "RenderableType":
    """What `look` returned, as tables."""
    from rich.console import Group
    from rich.table import Table

    workers = ", ".join(f"{count} {name}" for name, count in seen["workers"].items())
    queue = Table("model", "queued", "processing", "oldest queued", title="Queue", title_justify="left", box=None)
    for model, row in seen["queue"].items():
        queue.add_row(model, str(row["queued"]), str(row["processing"]), f"{row['oldest_seconds']:.0f} s")
    ended = Table("ended", "after", "state", "model", "generation", title="Ended last", title_justify="left", box=None)
    for one in seen["ended"]:
        began, moment = one["started_at"], one["completed_at"]
        took = "-" if began is None else f"{moment - began} s"
        ended.add_row(
            time.strftime("%H:%M:%S", time.localtime(moment)),
            took,
            one["status"],
            one["model_name"],
            one["generation_id"],
        )
    head = f"Limner {seen['version']} at {seen['address']} is ready."
    return Group(head, f"Workers: {workers}.", "", queue, "", ended)


def _try_to_look(client: "Client") -> "RenderableType":
    """What a server that goes away leaves on the screen is why; the next look may find it back."""
    try:
        return draw(look(client))
    except errors.ServerError as error:
        return error.message
