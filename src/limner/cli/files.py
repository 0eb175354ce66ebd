"""`limner files`: store, fetch and list the files of a running server, through its HTTP API."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from limner import errors
from limner.cli import terminal
from limner.cli.terminal import Url

if TYPE_CHECKING:
    import httpx2

Namespace = Annotated[str, typer.Option(help="Whose repository it is; `limner` has the public `examples`.")]
LISTED = 1_000
"""Entries of one page, as many as the server gives."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Store, fetch and list the files of a running server.", rich_markup_mode=None)

    @group.command()
    def put(
        files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Pictures: PNG, JPEG or WebP.")],
        to: Annotated[str, typer.Option(help="REPO or REPO/FOLDER to store them in.")] = "files",
        namespace: Namespace = "local",
        url: Url = None,
    ) -> None:
        """Store pictures; prints for each the PATH that `get` takes and the URL that `input_image` takes."""
        repo, folder = _split(to)
        for file in files:
            sent = [("files[]", (file.name, terminal.read_file(file), "application/octet-stream"))]
            answer = _send("PUT", url, f"{namespace}/{repo}/file/main/{folder}", files=sent)
            (stored,) = answer.json()["files"]
            print(f"{repo}/{stored['path']}", stored["url"], sep="\t")

    @group.command()
    def get(
        path: Annotated[str, typer.Argument(help="REPO/FILE or REPO/FOLDER/FILE.")],
        output: Annotated[Path | None, typer.Option("--output", "-o", help="Left out, the file's own name.")] = None,
        namespace: Namespace = "local",
        url: Url = None,
    ) -> None:
        """Fetch a file."""
        repo, file = _split(path)
        if not file:
            raise errors.InvalidRequest(f"{path} names no file; give REPO/FILE or REPO/FOLDER/FILE.")
        answer = _send("GET", url, f"{namespace}/{repo}/file/main/{file}")
        terminal.write_file(output or Path(file.rpartition("/")[2]), answer.content)

    @group.command()
    def ls(
        path: Annotated[str, typer.Argument(help="REPO or REPO/FOLDER.")] = "files",
        namespace: Namespace = "local",
        url: Url = None,
    ) -> None:
        """One line per folder and file: size in bytes, name."""
        repo, folder = _split(path)
        page, pages = 1, 1
        while page <= pages:
            asked = {"page": page, "page_size": LISTED}
            found = _send("GET", url, f"{namespace}/{repo}/dir/main/{folder}", params=asked).json()
            for entry in found["entries"]:
                size = "-" if entry["size"] is None else entry["size"]
                print(size, entry["filename"] + "/" * entry["is_dir"], sep="\t")
            page, pages = page + 1, found["total_pages"]

    app.add_typer(group, name="files")


def _split(path: str) -> tuple[str, str]:
    """The repository and the rest of a path."""
    repo, _, rest = path.strip("/").partition("/")
    if not repo or {".", ".."} & set(path.split("/")):
        raise errors.InvalidRequest(f"{path!r} is no path of a repository; give REPO or REPO/FOLDER.")
    return repo, rest


def _send(method: str, url: str | None, path: str, **sent: Any) -> "httpx2.Response":
    from limner.client import Client

    with Client(url) as client:
        return client.send(method, f"/api/repos/{quote(path)}", **sent)
