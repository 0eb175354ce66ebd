"""`limner keys` on a data folder, and what a server makes of it."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from limner.cli.main import run


def create(capsys: pytest.CaptureFixture[str], data: Path, *options: str) -> str:
    """A key, made by the command."""
    assert run(["keys", "create", "--data", str(data), *options]) == 0
    said = capsys.readouterr()
    assert "only time" in said.err
    return said.out.strip()


def test_a_key_is_made_listed_without_its_secret_and_revoked(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = create(capsys, data / "new", "--namespace", "ada", "--name", "laptop", "--scope", "admin", "--days", "3")
    assert (data / "new").stat().st_mode & 0o777 == 0o700
    assert run(["keys", "list", "--data", str(data / "new")]) == 0
    listed = capsys.readouterr().out
    id, state, namespace, scopes, _made, expires, name = listed.strip().split("\t")
    assert text.startswith(f"limner_{id}_")
    assert text not in listed
    assert (state, namespace, scopes, name) == ("live", "ada", "admin", "laptop")
    assert expires.startswith("20")
    assert run(["keys", "revoke", id, "--data", str(data / "new")]) == 0
    assert run(["keys", "list", "--data", str(data / "new")]) == 0
    assert "\trevoked\t" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["create", "--scope", "root"], "limner: scope must be one or more of read, write, admin\n"),
        (["create", "--namespace", "limner"], "limner: namespace must be"),
        (["create", "--days", "0"], "limner: days must be more than 0"),
        (["revoke", "nobody"], "limner: There is no key 'nobody'"),
    ],
)
def test_what_cannot_be_is_one_line(
    data: Path, options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keys", *options, "--data", str(data)]) == 1
    assert capsys.readouterr().err.startswith(says)


def test_with_a_key_the_server_listens_anywhere_and_lets_in_who_has_it(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = create(capsys, data)
    asyncio.run(serve_outside(data, text))


async def serve_outside(data: Path, text: str) -> None:
    """A server on every address; a stream of it ends once the key is revoked."""
    command = [sys.executable, "-m", "limner", "serve", "--host", "0.0.0.0", "--port", "0", "--data", str(data)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        async with asyncio.timeout(60):
            said = (await process.stdout.readuntil(b"-d ")).decode() if process.stdout else ""
        assert "It asks for a key" in said
        assert "$LIMNER_KEY" in said
        url = f"http://127.0.0.1:{said.partition(' (data')[0].rpartition(':')[2]}"
        async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
            assert (await client.get("/api/ai/queue")).status_code == 401
            client.headers["Authorization"] = f"Bearer {text}"
            answer = await client.post(
                "/api/ai/images/generate", json={"model": "tiny", "prompt": "ox", "size": "64x64"}
            )
            assert answer.status_code == 200
            environment = os.environ | {"LIMNER_URL": url, "LIMNER_KEY": text}
            listed = [sys.executable, "-m", "limner", "queue", "list", "--status", "succeeded"]
            process_list = await asyncio.create_subprocess_exec(*listed, stdout=subprocess.PIPE, env=environment)
            assert b"\tsucceeded\ttiny\tox" in (await process_list.communicate())[0]
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()
