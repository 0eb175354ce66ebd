"""The assistant: quotes that stand in the pages, and answers that a language model at another address writes."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from limner.api import assistant
from limner.errors import InvalidRequest, TooBusy
from limner.outbound import NoAnswer, ask_service
from limner.records.keys import Keys
from limner.settings import Settings

QUESTION = "How do I revoke a key?"
SECRET = "sk-of-the-operator"


class Endpoint(ThreadingHTTPServer):
    """A chat endpoint on this machine that answers what a test has put into `status` and `body`."""

    daemon_threads = True

    def __init__(self) -> None:
        self.status = 200
        self.body = self.saying("With `limner keys revoke ID` [1].")
        self.released = threading.Event()
        self.released.set()
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @staticmethod
    def saying(text: str) -> bytes:
        return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Endpoint)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.asked.append((self.path, dict(self.headers), json.loads(body)))
        server.released.wait()
        self.send_response(server.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(server.body)))
        self.end_headers()
        self.wfile.write(server.body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def changed(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings name the endpoint where a test uses one."""
    if "endpoint" not in request.fixturenames:
        return {}
    url = request.getfixturevalue("endpoint").url
    return {"assistant_url": url, "assistant_model": "scribe", "assistant_key": SecretStr(SECRET)}


async def ask(client: httpx2.AsyncClient, question: str = QUESTION, **headers: str) -> dict[str, Any]:
    answer = await client.post("/api/limner/ask", json={"question": question}, headers=headers)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_a_quote_stands_word_for_word_where_its_link_leads(client: httpx2.AsyncClient) -> None:
    told = await ask(client)
    assert not told["written"]
    assert "quotes" in told["notice"]
    assert any("limner keys revoke" in source["quote"] for source in told["sources"])
    for source in told["sources"]:
        page = await client.get(source["url"].partition("#")[0] + ".md")
        plain = page.text.replace("`", "").replace("**", "").replace("\n", " ")
        for piece in source["quote"].split(" … "):
            first_words = " ".join(piece.split(" | ")[0].split()[:4])
            assert first_words in " ".join(plain.split()), piece
        assert f"[{source['number']}]" in told["answer"]


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ("How do I make the background transparent?", "guides/transparent#"),
        ("How do I keep the background transparent?", "guides/transparent#"),
        ("how long are results kept", "guides/keeping#"),
        ("What does LIMNER_MAX_QUEUED mean?", "guides/limits#"),
        ("Can I add my own model?", "guides/own-models#"),
        ("How do I train it on my pictures?", "guides/train-your-own#"),
        ("which mask pixels are drawn anew", "guides/editing#only-a-part"),
    ],
)
async def test_a_question_finds_its_page(client: httpx2.AsyncClient, question: str, place: str) -> None:
    assert f"/docs/{place}" in (await ask(client, question))["sources"][0]["url"]


@pytest.mark.parametrize(
    "question", ["What is the capital of France?", "how do I bake a pizza", "?!", "what is it", "\x01"]
)
async def test_what_the_docs_do_not_say_they_do_not_say(client: httpx2.AsyncClient, question: str) -> None:
    assert await ask(client, question) == {"answer": assistant.NOTHING, "written": False, "notice": "", "sources": []}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "question"),
        ({"question": 7}, "question"),
        ({"question": " "}, "question cannot be empty"),
        ({"question": "x" * 501}, "at most 500"),
        ({"question": "x", "model": "y"}, "unknown parameter `model`"),
    ],
)
async def test_a_question_that_is_none_is_refused_by_name(
    client: httpx2.AsyncClient, body: dict[str, Any], reason: str
) -> None:
    answer = await client.post("/api/limner/ask", json=body)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]["message"]


async def test_an_answer_is_written_from_the_passages_and_says_so(
    client: httpx2.AsyncClient, endpoint: Endpoint
) -> None:
    told = await ask(client)
    assert (told["answer"], told["written"]) == ("With `limner keys revoke ID` [1].", True)
    assert "generated" in told["notice"]
    assert "may be wrong" in told["notice"]
    [(path, headers, body)] = endpoint.asked
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert body["model"] == "scribe"
    assert QUESTION in body["messages"][1]["content"]
    assert all(source["heading"] in body["messages"][1]["content"] for source in told["sources"])


async def test_what_a_model_thought_is_not_told_and_a_long_answer_is_cut(
    client: httpx2.AsyncClient, endpoint: Endpoint
) -> None:
    endpoint.body = endpoint.saying("<think>hm\n</think>" + "a" * 10_000)
    answer = (await ask(client))["answer"]
    assert answer.startswith("aaa")
    assert len(answer) == assistant.MAX_ANSWER_CHARACTERS + 2


async def test_nothing_is_sent_where_no_passage_was_found(client: httpx2.AsyncClient, endpoint: Endpoint) -> None:
    assert (await ask(client, "What is the capital of France?"))["answer"] == assistant.NOTHING
    assert endpoint.asked == []


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, b"secret trouble", "answered 500"),
        (401, b"bad key", "answered 401"),
        (302, b"", "answered 302"),
        (200, b"<html>", "answered something that is no JSON"),
        (200, b"\xff", "answered something that is no JSON"),
        (200, b"[]", "answered something that is no chat completion"),
        (200, b'{"choices": []}', "answered something that is no chat completion"),
        (200, Endpoint.saying(" "), "answered nothing"),
        (200, b" " * 300_000, "answered more than 200000 bytes"),
    ],
)
async def test_an_endpoint_that_fails_leaves_the_quotes(
    client: httpx2.AsyncClient,
    endpoint: Endpoint,
    capsys: pytest.CaptureFixture[str],
    status: int,
    body: bytes,
    reason: str,
) -> None:
    endpoint.status, endpoint.body = status, body
    told = await ask(client)
    assert not told["written"]
    assert f"The language model that writes answers {reason}." in told["notice"]
    assert len(told["sources"]) > 0
    said = json.dumps(told) + "".join(capsys.readouterr())
    assert SECRET not in said
    assert "secret trouble" not in said


async def test_an_endpoint_that_is_not_there_or_never_answers_is_given_up(endpoint: Endpoint) -> None:
    endpoint.released.clear()
    with pytest.raises(NoAnswer, match=r"did not answer within 0\.2 seconds"):
        await ask_service(endpoint.url, {}, key=None, seconds=0.2, max_bytes=100)
    with pytest.raises(NoAnswer, match="cannot be reached"):
        await ask_service("http://127.0.0.1:1/v1", {}, key=None, seconds=30, max_bytes=100)


async def test_only_who_has_a_key_gets_written_answers_once_there_are_keys(
    client: httpx2.AsyncClient, endpoint: Endpoint, keys: Keys
) -> None:
    _, key = await keys.create("ada", ("read",))
    told = await ask(client)
    assert told["notice"] == assistant.SIGNED_OUT
    assert told["sources"]
    assert endpoint.asked == []
    assert (await ask(client, Authorization=f"Bearer {key}"))["written"]
    wrong = await client.post("/api/limner/ask", json={"question": QUESTION}, headers={"Authorization": "Bearer x"})
    assert wrong.status_code == 401


async def test_a_browser_that_is_signed_in_gets_written_answers(
    client: httpx2.AsyncClient, endpoint: Endpoint, keys: Keys
) -> None:
    _, key = await keys.create("ada", ("read",))
    token = (await client.post("/api/limner/session", json={"key": key})).json()["token"]
    assert (await ask(client, **{"X-Limner-Token": token}))["written"]
    assert not (await ask(client))["written"]  # a foreign page can make the browser send the cookie, not the token
    assert len(endpoint.asked) == 1


async def test_too_many_written_answers_at_once_are_asked_to_wait(endpoint: Endpoint) -> None:
    settings = Settings(assistant_url=endpoint.url, assistant_model="scribe")
    writer = assistant.make_writer(settings)
    assert writer is not None
    for _ in range(assistant.AT_ONCE):
        await writer.slots.acquire()
    with pytest.raises(TooBusy):
        await writer.write(QUESTION, [])


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"assistant_url": "ftp://x", "assistant_model": "m"}, "LIMNER_ASSISTANT_URL"),
        ({"assistant_url": "http://me:pw@x/v1", "assistant_model": "m"}, "LIMNER_ASSISTANT_URL"),
        ({"assistant_url": "http://x/v1"}, "LIMNER_ASSISTANT_MODEL"),
        ({"assistant_model": "m"}, "LIMNER_ASSISTANT_MODEL"),
    ],
)
def test_half_an_endpoint_is_refused_at_the_start(given: dict[str, str], name: str) -> None:
    with pytest.raises(InvalidRequest, match=name):
        Settings.read(**given)
