"""The head of a request at a real server: what is too long is cut off, and nothing else is."""

import socket
from urllib.parse import urlsplit

import httpx2
import pytest

from limner.api.heads import MAX_HEAD_BYTES

START = b"POST /v1/images/generations HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CHUNKED = START + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
ENDLESS = {
    "a header": START + b"X: ",
    "many headers": START,
    "an address": b"GET /",
    "a trailer": CHUNKED + b"0\r\nX: ",
    "an extension of a chunk": CHUNKED + b"2;x=",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_head_without_end_ends_the_connection(server: str, name: str) -> None:
    more = b"X: y\r\n" if name == "many headers" else b"y" * 6
    with socket.create_connection(("127.0.0.1", urlsplit(server).port or 0), timeout=10) as caller:
        caller.sendall(ENDLESS[name])
        with pytest.raises(ConnectionError):
            flood(caller, more)


def flood(caller: socket.socket, more: bytes) -> None:
    """Send a thousand times as much as is taken."""
    for _ in range(1_000):
        caller.sendall(more * (MAX_HEAD_BYTES // len(more)))


def test_what_is_long_and_no_head_passes(server: str) -> None:
    with httpx2.Client(base_url=server) as caller:
        for _ in range(2):  # on one connection
            answer = caller.post("/v1/images/generations", json={"prompt": "x" * 20 * MAX_HEAD_BYTES})
            assert answer.json()["error"]["code"] == "string_above_max_length"
        answer = caller.get("/v1/models", headers={"x-long": "y" * (MAX_HEAD_BYTES - 2_000)})
        assert answer.status_code == 200
