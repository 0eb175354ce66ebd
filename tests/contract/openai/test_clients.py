"""Other clients of OpenAI's API against a real server, each installed into an environment of its own below build/.

They only run with `--clients` (`make contract`), since they are downloaded. What cannot be installed here is skipped.
"""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI

HERE = Path(__file__).parent / "clients"
ENVIRONMENTS = Path(__file__).parents[3] / "build" / "clients"
NODE = "node@22"
"""A Node that is new enough for all of them, as a package."""


@dataclass(frozen=True)
class Client:
    """A client, where it comes from, and the script that makes its calls."""

    name: str
    version: str
    script: str
    packages: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where it is installed."""
        return ENVIRONMENTS / f"{self.name}-{self.version}"


CLIENTS = [
    *(
        Client("openai-python", version, "openai_python.py", (f"openai=={version}", "pillow"))
        for version in ("2.54.0", "1.109.1")
    ),
    *(
        Client("openai-node", version, "openai_node.mjs", (f"openai@{version}", NODE))
        for version in ("7.57.0", "6.49.0")
    ),
    Client("Vercel AI SDK", "7.0.173", "ai_sdk.mjs", (
        "ai@7.0.173", "@ai-sdk/openai@4.0.118", "@ai-sdk/openai-compatible@3.0.92", NODE,
    )),
    Client("LangChain JS", "1.6.0", "langchain.mjs", ("@langchain/openai@1.6.0", "@langchain/core", NODE)),
    Client("LiteLLM", "1.106.2", "litellm_calls.py", ("litellm==1.106.2",)),
    Client("Open WebUI's requests", "aiohttp 3.13", "open_webui.py", ("aiohttp~=3.13",)),
    Client("curl", "any", "curl.sh", ()),
]  # fmt: skip


@pytest.mark.timeout(900)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: f"{client.name} {client.version}")
def test_another_client_makes_its_calls(
    server: str, client: Client, note: Callable[[str, str, str, bool], None]
) -> None:
    command = [*install(client), server, "any-key"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=ENVIRONMENTS)
    cases = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith('{"case"')]
    assert cases, ended.stderr
    for case in cases:
        note(client.name, client.version, case["case"], not case["why"])
    assert {case["case"]: case["why"] for case in cases if case["why"]} == {}


async def test_a_client_waits_for_room_in_a_full_queue_and_is_answered(
    serving: Callable[..., AbstractContextManager[Any]], note: Callable[[str, str, str, bool], None]
) -> None:
    tries: list[str] = []

    async def note_try(request: httpx2.Request) -> None:
        tries.append(request.headers["x-stainless-retry-count"])

    with serving(LIMNER_MAX_QUEUED="1") as running:
        async with (
            httpx2.AsyncClient(event_hooks={"request": [note_try]}) as http,
            AsyncOpenAI(base_url=f"{running.address}/v1", api_key="x", http_client=http) as client,
        ):
            slow: dict[str, Any] = {"model": "tiny", "prompt": "steps=40 step-seconds=0.1"}
            first = []
            for size in ("64x64", "96x64"):  # one is made, and one that cannot join it waits
                first.append(asyncio.create_task(client.images.generate(**slow, size=size)))
                await asyncio.sleep(1)
            tries.clear()
            answer = await client.images.generate(model="tiny", prompt="an ox", size="64x96")
            await asyncio.gather(*first)
    note("openai-python", openai.__version__, "a full queue is waited for", tries == ["0", "1"])
    assert answer.data
    assert tries == ["0", "1"]


def install(client: Client) -> list[str]:
    """The command that runs the client's script, in an environment that is made when it is not there."""
    script, folder = HERE / client.script, client.folder
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    if script.suffix == ".sh":
        return ["bash", str(script)]
    if script.suffix == ".py":
        python = folder / "bin" / "python"
        if not (folder / "ready").exists():
            run(sys.executable, "-m", "venv", "--clear", str(folder))
            run(str(python), "-m", "pip", "install", "--quiet", *client.packages)
            (folder / "ready").touch()
        return [str(python), str(script)]
    if not (folder / "ready").exists():
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        run("npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent", *client.packages)
        (folder / "ready").touch()
    for copied in (script, HERE / "cases.mjs"):
        shutil.copy(copied, folder)  # Node looks for packages above the script
    return [str(folder / "node_modules" / ".bin" / "node"), str(folder / script.name)]


def run(*command: str) -> None:
    """Run an installer; what it cannot install is skipped."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        pytest.skip(f"it cannot be installed here: {done.stderr[-500:]}")
