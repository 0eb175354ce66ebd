"""The example calls that a model's page shows, pasted into a shell and into Python, against a real server."""

import html
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from limner.api.calls import FIELDS, HOW, LANGUAGES, make_bodies, make_calls
from limner.engines.registry import cards

PATIENCE_SECONDS = 100
CALLS = [(how, fields, language) for how in HOW for fields in FIELDS for language in LANGUAGES]


def shown(page: str) -> dict[tuple[str, str, str], str]:
    """The texts of the tabs of a page."""
    tab = r'<div data-how="(\w+)" data-fields="(\w+)" data-language="(\w+)"><pre[^>]*><code[^>]*>(.*?)</code>'
    found = re.findall(tab, page, re.DOTALL)
    return {(how, fields, language): html.unescape(text) for how, fields, language, text in found}


@pytest.fixture(scope="module")
def texts(server: str) -> dict[tuple[str, str, str], str]:
    """The calls of storybook's page, which has most fields, asking *tiny*."""
    page = httpx2.get(f"{server}/docs/models/storybook", trust_env=False).text
    return {tab: text.replace('"storybook"', '"tiny"') for tab, text in shown(page).items()}


@pytest.mark.parametrize("tab", CALLS, ids="-".join)
def test_a_shown_call_ends_with_a_picture(
    texts: dict[tuple[str, str, str], str], tmp_path: Path, tab: tuple[str, str, str]
) -> None:
    program = "bash" if tab[2] == "curl" else sys.executable
    given: dict[str, Any] = {"input": texts[tab], "cwd": tmp_path, "timeout": PATIENCE_SECONDS}
    done = subprocess.run([program, "-"], capture_output=True, text=True, check=False, **given)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / done.stdout.strip()) as picture:
        assert picture.size == (1024, 1024)


def test_a_call_that_is_refused_says_why(texts: dict[tuple[str, str, str], str], tmp_path: Path) -> None:
    for how in HOW:
        for language, program in (("curl", "bash"), ("python", sys.executable)):
            text = texts[how, "minimal", language].replace('"tiny"', '"none"')
            done = subprocess.run([program, "-c", text], cwd=tmp_path, capture_output=True, text=True, check=False)
            assert "Model not found: none" in done.stderr
            assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_call_of_the_model_itself_answers_with_its_schema(server: str) -> None:
    page = httpx2.get(f"{server}/docs/models/tiny.md", trust_env=False).text
    [call] = re.findall(r"```sh\n(curl -sS \S+/api/ai/models/tiny.*?)```", page, re.DOTALL)
    done = subprocess.run(["sh", "-c", call], capture_output=True, text=True, check=True)
    assert '"request_schema"' in done.stdout


def test_the_variants_give_what_is_required_then_what_is_basic_then_every_default() -> None:
    card = cards()["storybook"]
    bodies = make_bodies(card, "storybook", "http://127.0.0.1:7310")
    assert list(bodies["minimal"]) == ["model", "prompt"]
    assert set(bodies["basic"]) == {"model", *card.request_schema["basic"]}
    defaults = {name for name, schema in card.request_schema["properties"].items() if "default" in schema}
    assert set(bodies["all"]) == set(bodies["basic"]) | defaults


def test_a_quote_in_a_prompt_stays_inside_the_shell_s_quotes() -> None:
    card = cards()["tiny"]
    schema = {
        "required": ["prompt"],
        "properties": {"prompt": {"type": "string", "examples": ['a dog\'s $HOME "x" {y}']}},
    }
    odd = card.model_copy(update={"request_schema": schema})
    for call in make_calls(odd, "tiny", "http://127.0.0.1:7310"):
        if call.language == "python":
            compile(call.text, "shown", "exec")
        else:
            done = subprocess.run(["bash", "-n"], input=call.text, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
