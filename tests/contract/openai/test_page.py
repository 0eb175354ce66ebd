"""The page of compatibility is what a run wrote: it names every case of the official client, and nothing failed."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "openai-compatibility.md"
ROW = re.compile(r"^\| (.+?) \| (.+?) \| (.+?)(?: \(\d+ variants\))? \| (\w+) \|$", re.MULTILINE)


def test_the_page_has_a_row_for_every_case() -> None:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))[1:]
    cases = {
        node.name.removeprefix("test_").replace("_", " ")
        for file in HERE.glob("test_sdk_*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }
    newest = {version for client, version, _, _ in rows if client == "openai-python"}
    assert cases <= {case for _, _, case, _ in rows}, "run `make contract`"
    assert any(version.startswith("3.") for version in newest)
    assert {result for *_, result in rows} == {"passed"}
