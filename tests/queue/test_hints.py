"""Hints over a real socket: who hears what, who is never made to wait, and what happens when an end goes away."""

import asyncio
import json
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from limner.errors import StorageFailed
from limner.queue.hints import PENDING, Hint, HintClient, Hints, HintServer, Listener

SOON = 10.0


@asynccontextmanager
async def running(hints: HintServer | HintClient) -> AsyncIterator[None]:
    await hints.start()
    try:
        yield
    finally:
        await hints.close()


async def meet(server: HintServer, client: HintClient) -> None:
    """Wait until hints pass both ways."""
    with server.listen("progress", key="meet") as there, client.listen("cancel", key="meet") as here:
        async with asyncio.timeout(SOON):
            while not await there.wait(0.05):
                client.progress("meet", 1, 1)
            while not await here.wait(0.05):
                server.cancel("meet")


async def test_inside_one_process_each_listener_hears_its_kinds(hints: Hints) -> None:
    with hints.listen("wake") as wakes, hints.listen("event", key="a") as mine, hints.listen("progress") as steps:
        hints.wake()
        hints.event("a")
        hints.event("b")
        hints.progress("id", 3, 9)
        assert await wakes.wait() == [Hint("wake")]
        assert await mine.wait() == [Hint("event", "a")]
        assert await steps.wait() == [Hint("progress", "id", 3, 9)]
        assert await wakes.wait(0.01) == []
    hints.wake()


async def test_a_listener_keeps_equal_hints_once_and_drops_the_oldest() -> None:
    listener = Listener(("cancel", "wake"), None)
    for _ in range(1000):
        listener.offer(Hint("wake"))
    for i in range(PENDING):
        listener.offer(Hint("cancel", str(i)))
    heard = await listener.wait()
    assert heard == [Hint("cancel", str(i)) for i in range(PENDING)]


async def test_the_server_and_its_workers_hear_each_other(data: Path) -> None:
    server, first, second = HintServer(data), HintClient(data), HintClient(data)
    async with running(server), running(first), running(second):
        await meet(server, first)
        await meet(server, second)
        with (
            first.listen("wake", "cancel", "progress", "event") as at_first,
            second.listen("wake", "cancel", "progress", "event") as at_second,
            server.listen("wake", "progress", "event") as at_server,
        ):
            first.progress("id", 1, 4)
            first.event("a")
            first.wake()
            heard: list[Hint] = []
            while len(heard) < 3:
                heard += await at_server.wait(SOON)
            assert heard == [Hint("progress", "id", 1, 4), Hint("event", "a"), Hint("wake")]
            assert await at_second.wait(SOON) == [Hint("wake")], "progress and events end at the server"
            await at_first.wait(0)
            server.cancel("id")
            assert await at_first.wait(SOON) == [Hint("cancel", "id")]
            assert await at_second.wait(SOON) == [Hint("cancel", "id")]


async def test_a_client_finds_a_server_that_comes_back(data: Path) -> None:
    client = HintClient(data, retry_seconds=0.05)
    async with running(client):
        client.wake()  # nobody there: nothing happens
        for _ in range(2):
            server = HintServer(data)
            async with running(server):
                await meet(server, client)


async def test_a_client_wakes_when_it_is_connected_again(data: Path) -> None:
    client = HintClient(data, retry_seconds=0.05)
    with client.listen("wake") as wakes:
        async with running(client), running(HintServer(data)):
            assert await wakes.wait(SOON) == [Hint("wake")]


async def test_a_reader_that_never_reads_delays_nobody(data: Path) -> None:
    server, client = HintServer(data), HintClient(data)
    async with running(server):
        deaf = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        deaf.connect(str(data / "hints.sock"))
        async with running(client):
            await meet(server, client)
            began = time.monotonic()
            for i in range(50_000):
                server.cancel(f"some generation {i}")
                if i % 1000 == 0:
                    await asyncio.sleep(0)
            assert time.monotonic() - began < SOON
            await meet(server, client)
        deaf.close()


async def test_nonsense_on_the_socket_is_passed_over(data: Path) -> None:
    server = HintServer(data)
    async with running(server):
        with server.listen("wake", "progress") as heard:
            _, writer = await asyncio.open_unix_connection(data / "hints.sock")
            for line in (b"", b"not json", b"[]", b"7", b'{"kind": "explode"}', b'{"kind": ["wake"]}', b"\xff\xfe"):
                writer.write(line + b"\n")
            for value in ({"kind": "progress", "key": 7}, {"kind": "progress", "key": "id", "step": "x"}):
                writer.write(json.dumps(value).encode() + b"\n")
            writer.write(b'{"kind": "wake"}\n')
            assert await heard.wait(SOON) == [Hint("wake")]
            writer.write(b"x" * 1_000_000)  # a line without end: the connection is dropped, the server lives
            await asyncio.sleep(0)
            writer.close()
        client = HintClient(data)
        async with running(client):
            await meet(server, client)


async def test_a_path_too_long_for_a_socket_is_replaced_by_a_private_one(data: Path) -> None:
    deep = data / ("d" * 120)
    deep.mkdir()
    server, client = HintServer(deep), HintClient(deep)
    async with running(server), running(client):
        note = deep / "hints.path"
        place = Path(note.read_text())
        assert place.is_relative_to(tempfile.gettempdir())
        assert [file.stat().st_mode & 0o777 for file in (note, place, place.parent)] == [0o600, 0o600, 0o700]
        await meet(server, client)
    assert not place.parent.exists()
    assert list(deep.iterdir()) == []


@pytest.mark.parametrize("name", ["", "d" * 120])
async def test_what_a_killed_server_left_behind_is_replaced(data: Path, name: str) -> None:
    folder = data / name
    folder.mkdir(exist_ok=True)
    killed = HintServer(folder)
    await killed.start()
    left = HintServer(folder)
    async with running(left):
        assert (folder / "hints.path").exists() == bool(name)
        client = HintClient(folder)
        async with running(client):
            await meet(left, client)
    await killed.close()


async def test_a_folder_that_holds_no_socket_is_an_error_without_a_path(data: Path) -> None:
    with pytest.raises(StorageFailed) as refused:
        await HintServer(data / "missing").start()
    assert str(data) not in refused.value.message


async def test_the_socket_is_for_its_owner_alone(data: Path) -> None:
    async with running(HintServer(data)):
        assert (data / "hints.sock").stat().st_mode & 0o777 == 0o600
    assert not (data / "hints.sock").exists()


async def test_what_workers_say_of_their_engines_is_known_while_they_are_connected(data: Path) -> None:
    server, first, second = HintServer(data), HintClient(data, retry_seconds=0.05), HintClient(data)
    first.engine("storybook", "active")  # said before there is a connection, and told once there is one
    async with running(server), running(first):
        await meet(server, first)
        async with running(second):
            await meet(server, second)
            second.engine("storybook", "deploying")
            await meet(server, second)
            assert server.engine_statuses("storybook") == {"active", "deploying"}
        async with asyncio.timeout(SOON):
            while server.engine_statuses("storybook") != {"active"}:
                await asyncio.sleep(0.01)
        assert server.engine_statuses("tiny") == set()
