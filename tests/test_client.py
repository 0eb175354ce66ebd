"""`limner.Client` against real server processes with the *tiny* model: pictures, queue, events, what goes wrong."""

import base64
import io
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from limner import Client, Generation, errors
from limner.pictures import to_data_uri

RED = (200, 30, 30)
LONG = "steps=600 step-seconds=0.1"
PATIENCE_SECONDS = 90


@pytest.fixture
def client(server: str) -> Iterator[Client]:
    """A client of the server that all tests share."""
    with Client(server) as client:
        yield client


class Process:
    """A server of one test on a port of its own, with a key; it can be stopped and started again."""

    def __init__(self, data: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        limner = [sys.executable, "-m", "limner"]
        made = subprocess.run([*limner, "keys", "create", "--data", str(data)], capture_output=True, check=True)
        self.key = made.stdout.decode().strip()
        self.url = f"http://127.0.0.1:{port}"
        self.command = [*limner, "serve", "--port", str(port), "--data", str(data)]
        self.start()

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        assert re.search("http://", self.process.stdout.readline()), "the server did not start"

    def stop(self) -> None:
        """Stop it and wait until it is gone."""
        with self.process as process:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def keyed() -> Iterator[Process]:
    """A server that asks for a key."""
    with tempfile.TemporaryDirectory(prefix="limner-test-") as folder:
        process = Process(Path(folder))
        try:
            yield process
        finally:
            process.stop()


@pytest.fixture
def foreign() -> Iterator[Callable[[int, str], str]]:
    """Starts servers that are no Limner and answer everything with the same words; their address."""
    servers = []

    def start(status: int, words: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(words.encode())

            def log_message(self, format: str, *args: Any) -> None: ...

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def until(client: Client, generation: Generation, *statuses: str) -> Generation:
    """The generation, once it has one of these statuses."""
    began = time.monotonic()
    while (now := client.get(generation)).status not in statuses:
        assert time.monotonic() - began < PATIENCE_SECONDS
        time.sleep(0.02)
    return now


def test_a_prompt_becomes_images_with_their_seeds(client: Client, tmp_path: Path) -> None:
    images = client.generate("sticker of an ox", model="tiny", n=2, size="96x64", seed=7, output_format="jpeg")
    assert [image.seed for image in images] == [7, 8]
    images[0].save(tmp_path / "ox.jpg")
    with Image.open(tmp_path / "ox.jpg") as saved:
        assert (saved.format, saved.size) == ("JPEG", (96, 64))
    assert all(image.warnings for image in images), "JPEG has no transparency"
    details = client.get(images[1].generation_id or "").details
    assert (details["status"], details["seed"], details["prompt"]) == ("succeeded", 7, "sticker of an ox")
    assert client.send("GET", images[1].url or "").content == images[1].bytes


def test_base64_needs_no_link(client: Client) -> None:
    (image,) = client.generate("an ox", model="tiny", size="64x64", response_format="b64_json")
    assert image.url is None
    assert image.pillow().size == (64, 64)


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "pillow", "image", "url", "data"])
def test_an_edit_takes_whatever_holds_an_image(client: Client, tmp_path: Path, kind: str) -> None:
    red = Image.new("RGB", (64, 64), RED)
    red.save(tmp_path / "red.png")
    data = (tmp_path / "red.png").read_bytes()
    source: Any = {"path": tmp_path / "red.png", "text": str(tmp_path / "red.png"), "bytes": data, "pillow": red}.get(
        kind
    )
    if kind == "data":
        source = [f"data:image/png;base64,{base64.b64encode(data).decode()}"]
    if kind in ("image", "url"):
        (made,) = client.edit("an ox", data, model="tiny", size="64x64")
        source = made if kind == "image" else made.url
    (image,) = client.edit("an ox", source, model="tiny", size="64x64", seed=1)
    assert image.pillow().getpixel((5, 5)) == RED


def test_several_inputs_are_sent_in_order(client: Client) -> None:
    red, blue = Image.new("RGB", (64, 64), RED), Image.new("RGB", (64, 64), (0, 0, 255))
    (first,) = client.wait(client.enqueue("an ox", model="tiny", size="64x64", input_image=[red, blue]))
    assert first.pillow().getpixel((5, 5)) == RED


def test_what_was_queued_can_be_waited_for(client: Client) -> None:
    generations = client.enqueue("an ox step-seconds=0.05", model="tiny", size="64x64", n=3, seed=5)
    images = client.wait(generations)
    assert [image.seed for image in images] == [5, 6, 7]
    assert [image.generation_id for image in images] == [generation.id for generation in generations]


def test_what_has_ended_before_is_there_at_once(client: Client) -> None:
    (generation,) = client.enqueue("an ox", model="tiny", size="64x64")
    until(client, generation, "succeeded")
    (image,) = client.wait(generation, timeout_seconds=0)
    assert image.generation_id == generation.id


def test_waiting_tells_of_a_failure_and_of_a_cancelling(client: Client) -> None:
    with pytest.raises(errors.EngineFailed, match="The prompt ordered a failure"):
        client.wait(client.enqueue("an ox fail", model="tiny", size="64x64"))
    (generation,) = client.enqueue(LONG, model="tiny", size="64x64")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.wait, generation.id)
        until(client, generation, "processing")
        client.cancel(generation)
        with pytest.raises(errors.Conflict, match="cancelled"):
            waiting.result(PATIENCE_SECONDS)


def test_waiting_ends_in_time_and_cancels_nothing(client: Client) -> None:
    (generation,) = client.enqueue(LONG, model="tiny", size="64x64")
    with pytest.raises(errors.TimedOut, match="Not ready after"):
        client.wait([generation], timeout_seconds=0.5)
    assert client.get(generation).status in ("queued", "processing")
    assert generation.id in [listed.id for listed in client.list()]
    assert generation.id not in [listed.id for listed in client.list(status=["failed", "succeeded"])]
    client.cancel(generation)


def test_events_come_as_they_happen(client: Client) -> None:
    (generation,) = client.enqueue("an ox step-seconds=0.2", model="tiny", size="64x64")
    names = []
    for event in client.events(include=("started", "progress")):
        if event.generation_id == generation.id:
            names.append(event.name.removeprefix("media_generation_"))
            if names[-1] == "completed":
                break
    assert "progress" in names
    assert event.data["status"] == "succeeded"


def test_a_server_that_goes_away_and_comes_back_is_waited_for(keyed: Process) -> None:
    with Client(keyed.url, keyed.key) as client, ThreadPoolExecutor() as pool:
        events = client.events()
        (first,) = client.enqueue("an ox", model="tiny", size="64x64")
        seen = next(events)
        assert seen.generation_id == first.id
        (second,) = client.enqueue("an ox steps=20 step-seconds=0.1", model="tiny", size="64x64")
        until(client, second, "processing")
        waiting, listening = pool.submit(client.wait, second), pool.submit(next, events)
        time.sleep(0.5)
        keyed.stop()
        time.sleep(1)
        keyed.start()
        assert waiting.result(PATIENCE_SECONDS)[0].generation_id == second.id
        assert listening.result(PATIENCE_SECONDS).generation_id == second.id
        third = client.enqueue("an ox", model="tiny", size="64x64")
        last = next(client.events(last_event_id=listening.result().id))
        assert last.generation_id == third[0].id


def test_a_wrong_key_is_told_so(keyed: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (None, "wrong", "schlüssel"):
        with Client(keyed.url, key) as client, pytest.raises(errors.Unauthenticated):
            client.list()
    with Client(keyed.url, "wrong") as client, pytest.raises(errors.Unauthenticated):
        next(client.events())
    monkeypatch.setenv("LIMNER_URL", keyed.url)
    monkeypatch.setenv("LIMNER_KEY", keyed.key)
    with Client() as client:
        client.list()


def test_the_servers_own_words_say_what_is_wrong(client: Client) -> None:
    with pytest.raises(errors.InvalidRequest, match="size must be one of"):
        client.generate("an ox", model="tiny", size="3x3")
    with pytest.raises(errors.InvalidRequest, match="colour"):
        client.enqueue("an ox", model="tiny", colour="red")
    with pytest.raises(errors.NotFound, match="Model not found: nothing"):
        client.generate("an ox", model="nothing")
    with pytest.raises(errors.NotFound, match="Generation not found"):
        client.get("unknown")
    with pytest.raises(errors.EngineFailed, match="The prompt ordered a failure"):
        client.generate("an ox fail", model="tiny", size="64x64")


def test_a_server_that_was_never_there_is_not_waited_for() -> None:
    began = time.monotonic()
    with Client("http://127.0.0.1:9/") as client:
        for call in (client.list, lambda: client.wait("x"), lambda: next(client.events())):
            with pytest.raises(errors.StorageFailed, match="No server answers at http://127"):
                call()
    assert time.monotonic() - began < PATIENCE_SECONDS / 2


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://", "http://[::1"])
def test_an_address_that_is_none_is_named(url: str) -> None:
    with Client(url) as client, pytest.raises(errors.InvalidRequest, match="is no address of a server"):
        client.list()


@pytest.mark.parametrize(
    ("status", "words", "kind", "says"),
    [
        (200, "<html>", errors.InvalidRequest, "is not a Limner server"),
        (404, "<html>", errors.InvalidRequest, "is not a Limner server"),
        (502, "<html>", errors.StorageFailed, "answered 502"),
        (403, '{"error": {"message": "Not you."}}', errors.Forbidden, "Not you."),
        (429, '{"error": {"type": "too_busy", "message": "Later."}}', errors.TooBusy, "Later."),
        (418, '{"error": {"message": "Tea.", "field": "pot"}}', errors.InvalidRequest, "Tea."),
    ],
)
def test_every_answer_has_its_error(
    foreign: Callable[[int, str], str], status: int, words: str, kind: type[errors.LimnerError], says: str
) -> None:
    with Client(foreign(status, words)) as client:
        with pytest.raises(kind, match=re.escape(says)) as caught:
            client.list()
        assert caught.value.field == ("pot" if status == 418 else None)
        with pytest.raises(kind, match=re.escape(says)):
            next(client.events())


def test_the_key_stays_with_its_server(keyed: Process, foreign: Callable[[int, str], str]) -> None:
    # The link of a picture may lead to another machine.
    with Client(keyed.url, keyed.key) as client:
        assert "authorization" not in client.send("GET", foreign(200, "a picture")).request.headers
        assert "authorization" in client.send("GET", "/api/ai/queue").request.headers


def test_a_data_uri_says_what_it_holds() -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), RED).save(out, "WEBP")
    assert to_data_uri(out.getvalue()).startswith("data:image/webp;base64,")
