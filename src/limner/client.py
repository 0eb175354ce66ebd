"""A running server from Python: one synchronous client of the hub's dialect. It checks nothing that the server checks.

Whatever goes wrong is an error of `limner.errors`, with the server's own message where the server has spoken.
"""

import base64
import json
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote

import httpx2

from limner import errors
from limner.pictures import Image, Images, Sources, read_sources, to_data_uri
from limner.settings import Settings

CONNECT_SECONDS = 10
KEEP_SECONDS = 2
CALL_SECONDS = 60
"""Longest silence in an ordinary call."""
SYNCHRONOUS_SECONDS = 3600
"""Longest wait for a picture; the server ends such calls itself, by default after ten minutes."""
QUIET_SECONDS = 45
"""A stream is silent for so long only when it is dead: the server says something every 15 seconds."""
LOOK_SECONDS = 10
"""Silence after which `wait` looks at the queue again; shorter than the server's, or it would never come."""
REPLAY_SECONDS = 300
"""What has ended within this time stands at the beginning of a new stream, as the server has it by default."""
PATIENCE_SECONDS = 60
"""How long a server that has answered before may be away."""
PAUSE_SECONDS = 0.25
"""Between two attempts to reach it."""
AWAY = (errors.StorageFailed, errors.Stopping)
"""What a server that comes back may have answered in between, or not at all."""

Kind = type[errors.LimnerError]
CALLERS: list[Kind] = [*errors.CallerError.__subclasses__()]
OURS: list[Kind] = [*errors.ServerError.__subclasses__()]
KINDS = {kind.code: kind for kind in (*CALLERS, *OURS)}
STATUSES = {kind.status: kind for kind in CALLERS}


@dataclass(frozen=True)
class Generation:
    """One image to make, as the queue shows it."""

    id: str
    status: str
    """`queued`, `processing`, `succeeded`, `failed` or `cancelled`."""
    details: dict[str, Any] = field(repr=False)
    """Everything the server said of it: times, parameters, `progress`, `error_message`, `result_url`."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a generation."""

    id: str
    """What to give as `last_event_id` to go on after it."""
    name: str
    """`media_generation_completed`, another of `include`, or `gap` where events were lost."""
    data: dict[str, Any]

    @property
    def generation_id(self) -> str | None:
        """Whose event it is; None for a gap."""
        return self.data.get("generation_id")


Generations = str | Generation | Iterable[str | Generation]


class Client:
    """A server at `url` (else LIMNER_URL, else this machine's), asked with `key` (else LIMNER_KEY, else none)."""

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        settings = Settings.read(url=url, key=key)
        self.url = settings.url.rstrip("/")
        secret = settings.key.get_secret_value() if settings.key else ""
        self._headers = {"Authorization": f"Bearer {secret}".encode()} if secret else {}
        # Servers drop idle connections after five seconds; one that is used just then would break.
        self._http = httpx2.Client(limits=httpx2.Limits(keepalive_expiry=KEEP_SECONDS))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def generate(self, prompt: str, *, model: str = "gpt-image-1-5", n: int = 1, **parameters: Any) -> Images:
        """Make `n` images and return them when they are ready; `parameters` are the route's own."""
        return self._make("generate", _body(parameters, prompt=prompt, model=model, n=n))

    def edit(
        self, prompt: str, input_image: Sources, *, model: str = "gpt-image-1-5", n: int = 1, **parameters: Any
    ) -> Images:
        """Make `n` images from an image, or a list of them, and return them when they are ready."""
        return self._make("edit", _body(parameters, prompt=prompt, input_image=input_image, model=model, n=n))

    def enqueue(
        self, prompt: str, *, model: str = "gpt-image-1-5", n: int = 1, **parameters: Any
    ) -> tuple[Generation, ...]:
        """Queue `n` images and return at once; with an `input_image` they are edits."""
        body = _body(parameters, prompt=prompt, model=model, num_generations=n)
        return _generations(self.ask("POST", "/api/ai/queue", json=body))

    def get(self, generation: str | Generation) -> Generation:
        """How one generation stands now."""
        return _generation(self.ask("GET", _path(generation)))

    def cancel(self, generation: str | Generation) -> None:
        """Cancel one generation; no effect on one that has ended."""
        self.ask("DELETE", _path(generation))

    def wait(self, generations: Generations, timeout_seconds: float | None = None) -> Images:
        """The images of generations that were queued, once all have ended; at once if they have already.

        One that failed raises EngineFailed, one that was cancelled Conflict, as soon as it is known; the others go on.
        So do all after TimedOut. A server that goes away is waited for, for a minute.
        """
        ids = _ids(generations)
        deadline = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
        wanted, made = set(ids), dict[str, Image]()
        last_event_id, patient_until = None, -math.inf
        while True:
            try:
                # Looking before listening misses nothing: a stream begins with what has happened lately.
                self._look(wanted, made)
                patient_until = time.monotonic() + PATIENCE_SECONDS
                quiet = min(LOOK_SECONDS, deadline - time.monotonic())
                news = self._listen(quiet, last_event_id, {"include": "cancelled"})
                for event in news if made.keys() != wanted and quiet > 0 else ():
                    last_event_id, patient_until = event.id, time.monotonic() + PATIENCE_SECONDS
                    self._look(wanted & {event.generation_id}, made)
                    if event.name == "gap" or made.keys() == wanted or time.monotonic() >= deadline:
                        break
            except AWAY:
                if time.monotonic() >= patient_until:
                    raise
                time.sleep(PAUSE_SECONDS)
            if made.keys() == wanted:
                return Images(made[id] for id in ids)
            if time.monotonic() >= deadline:
                raise errors.TimedOut(f"Not ready after {timeout_seconds:g} seconds; the generations go on.")

    def events(
        self,
        *,
        include: str | Iterable[str] = (),
        last_event_id: str | None = None,
        replay_seconds: int = REPLAY_SECONDS,
    ) -> Iterator[Event]:
        """What happens to the caller's generations, endlessly, from `last_event_id` on or from `replay_seconds` ago.

        `include` adds kinds of events to those of success and failure. After a broken connection it goes on where it
        was; a server that goes away is waited for, for a minute.
        """
        asked = {"include": include if isinstance(include, str) else ",".join(include)}
        began, patient_until = time.monotonic(), -math.inf
        while True:
            # Counts while no event has come: what happens while the server is away must not be lost.
            back = min(replay_seconds + int(time.monotonic() - began), max(replay_seconds, REPLAY_SECONDS))
            try:
                for event in self._listen(QUIET_SECONDS, last_event_id, asked | {"replay_seconds": str(back)}):
                    last_event_id = event.id
                    yield event
                patient_until = time.monotonic() + PATIENCE_SECONDS
            except AWAY:
                if time.monotonic() >= patient_until:
                    raise
                time.sleep(PAUSE_SECONDS)

    def list(self, **filters: Any) -> tuple[Generation, ...]:
        """The caller's generations, newest first: those not ended, unless `status` (or another filter) says so."""
        given = {name: value for name, value in filters.items() if value is not None}
        return _generations(self.ask("GET", "/api/ai/queue", params=given))

    def send(self, method: str, path: str, seconds: float = CALL_SECONDS, **sent: Any) -> httpx2.Response:
        """One call of any route, for what has no method here; `sent` is what httpx2 takes, `seconds` may pass silently.

        An answer that is an error is raised. The key goes to this server alone, not to where a link may lead.
        """
        own, stream = path.startswith("/"), sent.pop("stream", False)
        headers = {**(self._headers if own else {}), **sent.pop("headers", {})}
        timeout = httpx2.Timeout(CALL_SECONDS, connect=CONNECT_SECONDS, read=seconds)
        try:
            address = self.url + path if own else path
            request = self._http.build_request(method, address, headers=headers, timeout=timeout, **sent)
            answer = self._http.send(request, stream=stream)
            if not answer.is_success:
                answer.read()
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
            raise errors.InvalidRequest(
                f"{self.url} is no address of a server; give one like http://127.0.0.1:7310."
            ) from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            raise errors.StorageFailed(f"No server answers at {self.url}; start one with `limner serve`.") from None
        except httpx2.HTTPError:
            raise errors.StorageFailed(f"The server at {self.url} has gone away or is silent.") from None
        if not answer.is_success:
            raise self._error_of(answer)
        return answer

    def ask(self, method: str, path: str, seconds: float = CALL_SECONDS, **sent: Any) -> dict[str, Any]:
        """The JSON of the answer to one call."""
        answer = self.send(method, path, seconds, **sent)
        try:
            return dict(answer.json())
        except (ValueError, TypeError):
            raise self._no_limner() from None

    def _make(self, verb: str, body: dict[str, Any]) -> Images:
        answer = self.ask("POST", f"/api/ai/images/{verb}", SYNCHRONOUS_SECONDS, json=body)
        return Images(self._fetch(shown | {"warnings": answer["warnings"]}) for shown in answer["images"])

    def _look(self, ids: set[str], made: dict[str, Image]) -> None:
        """Add the images of those that have succeeded; an error if one has failed or was cancelled."""
        for id in ids - made.keys():
            generation = self.get(id)
            shown = generation.details
            if generation.status == "failed":
                raise errors.EngineFailed(shown["error_message"])
            if generation.status == "cancelled":
                raise errors.Conflict(shown["error_message"] or f"The generation was cancelled: {id}")
            if generation.status == "succeeded":
                made[id] = self._fetch(shown | {"url": shown["result_url"], "seed": shown["used"]["seed"]})

    def _fetch(self, shown: dict[str, Any]) -> Image:
        url = shown.get("url")
        data = self.send("GET", url).content if url else base64.b64decode(shown["b64_json"])
        return Image(data, shown["seed"], tuple(shown["warnings"]), shown["generation_id"], url)

    def _listen(self, quiet_seconds: float, last_event_id: str | None, asked: dict[str, Any]) -> Iterator[Event]:
        """The events of one connection, until it breaks or has been silent for so long."""
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        with closing(
            self.send("GET", "/api/events", quiet_seconds, params=asked, headers=headers, stream=True)
        ) as answer:
            try:
                for one in httpx2.EventSource(answer):
                    yield Event(one.id, one.event, json.loads(one.data))
            except httpx2.SSEError:
                raise self._no_limner() from None
            except httpx2.TransportError:
                pass
        time.sleep(PAUSE_SECONDS)

    def _error_of(self, answer: httpx2.Response) -> errors.LimnerError:
        """The error that an answer stands for, by its type, else by its status."""
        try:
            said = answer.json()["error"]
            message = said.get("message") or said["detail"]
        except (ValueError, TypeError, KeyError, AttributeError):
            if answer.status_code < 500:
                return self._no_limner()
            said, message = {}, f"The server at {self.url} answered {answer.status_code}."
        other: Kind = errors.StorageFailed if answer.status_code >= 500 else errors.InvalidRequest
        kind = KINDS.get(said.get("type")) or STATUSES.get(answer.status_code) or other
        if kind is errors.TooBusy:
            after = answer.headers.get("retry-after", "")
            return errors.TooBusy(message, retry_after_seconds=int(after) if after.isdecimal() else 1)
        return kind(message, field=said.get("field"))

    def _no_limner(self) -> errors.InvalidRequest:
        return errors.InvalidRequest(f"What answers at {self.url} is not a Limner server.")


def _body(given: dict[str, Any], **named: Any) -> dict[str, Any]:
    """The parameters to send: images that are here become `data:` URIs."""
    body = given | named
    for name in ("input_image", "mask"):
        if body.get(name) is not None:
            read = [one for _, one in read_sources(body[name], name)]
            texts = [one if isinstance(one, str) else to_data_uri(one) for one in read]
            body[name] = texts[0] if len(texts) == 1 else texts
    return body


def _id(generation: str | Generation) -> str:
    return generation if isinstance(generation, str) else generation.id


def _ids(generations: Generations) -> list[str]:
    if isinstance(generations, str | Generation):
        return [_id(generations)]
    return [_id(one) for one in generations]


def _path(generation: str | Generation) -> str:
    return f"/api/ai/queue/{quote(_id(generation), safe='')}"


def _generations(answer: dict[str, Any]) -> tuple[Generation, ...]:
    return tuple(_generation(shown) for shown in answer["generations"])


def _generation(shown: dict[str, Any]) -> Generation:
    return Generation(shown["generation_id"], shown["status"], shown)
