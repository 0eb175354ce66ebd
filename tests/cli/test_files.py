"""`limner files` against a running server: what is put is listed and comes back, and every error is one line."""

import io
import uuid
from pathlib import Path

import pytest
from PIL import Image

from limner.cli.main import run


@pytest.fixture
def repo() -> str:
    """A repository of its own, since all tests share the server."""
    return f"art-{uuid.uuid4()}"


def picture(file: Path, shade: int = 7) -> bytes:
    """A picture, written to a file."""
    out = io.BytesIO()
    Image.new("RGB", (4, 4), (shade, 0, 0)).save(out, "PNG")
    file.write_bytes(out.getvalue())
    return out.getvalue()


def test_what_is_put_is_listed_and_comes_back(
    server: str, repo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    red, blue = picture(tmp_path / "a red ox.png"), picture(tmp_path / "blue.png", 9)
    given = [str(tmp_path / "a red ox.png"), str(tmp_path / "blue.png")]
    assert run(["files", "put", *given, "--to", f"{repo}/oxen", "--url", server]) == 0
    assert run(["files", "put", given[1], "--to", repo, "--url", server]) == 0
    stored = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [path for path, _ in stored] == [f"{repo}/oxen/a red ox.png", f"{repo}/oxen/blue.png", f"{repo}/blue.png"]
    assert stored[0][1] == f"/api/repos/local/{repo}/file/main/oxen/a%20red%20ox.png"

    assert run(["files", "ls", repo, "--url", server]) == 0
    assert capsys.readouterr().out == f"-\toxen/\n{len(blue)}\tblue.png\n"
    assert run(["files", "ls", f"{repo}/oxen/", "--url", server]) == 0
    assert capsys.readouterr().out == f"{len(red)}\ta red ox.png\n{len(blue)}\tblue.png\n"

    monkeypatch.chdir(tmp_path)
    assert run(["files", "get", f"{repo}/oxen/a red ox.png", "-o", "back.png", "--url", server]) == 0
    assert (tmp_path / "back.png").read_bytes() == red
    (tmp_path / "blue.png").unlink()
    assert run(["files", "get", f"{repo}/blue.png", "--url", server]) == 0
    assert (tmp_path / "blue.png").read_bytes() == blue


def test_the_examples_are_open_to_all(server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["files", "ls", "examples", "--namespace", "limner", "--url", server]) == 0
    assert capsys.readouterr().out == "-\tbloxy/\n"
    path, out = "examples/bloxy/bloxy_cropped_512x512.png", tmp_path / "x.png"
    assert run(["files", "get", path, "-o", str(out), "--namespace", "limner", "--url", server]) == 0
    assert Image.open(io.BytesIO(out.read_bytes())).size == (512, 512)


def test_a_failure_of_files_is_one_line_and_says_what_is_wrong(
    server: str, repo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(tmp_path / "ox.png")
    (tmp_path / "words.png").write_text("no picture")
    ox, words = str(tmp_path / "ox.png"), str(tmp_path / "words.png")
    for arguments, code, says in (
        (["ls", repo], 1, f"there is no folder / at main in local/{repo}"),
        (["ls", f"{repo}/x"], 1, "there is no folder x"),
        (["ls", "art", "--namespace", "bob"], 1, "there is no repository bob/art of yours"),
        (["ls", "art/../../x"], 1, "is no path of a repository"),
        (["get", repo], 1, "names no file"),
        (["get", f"{repo}/ox.png"], 1, "there is no file ox.png"),
        (["put", str(tmp_path / "absent.png"), "--to", repo], 1, "absent.png cannot be read"),
        (["put", words, "--to", repo], 1, "the file `words.png` is not a whole PNG"),
        (["put", ox, "--to", "/"], 1, "is no path of a repository"),
        (["put", ox, "--to", "generations"], 1, "read-only"),
        (["put"], 2, "FILE"),
    ):
        url = [] if code == 2 else ["--url", server]
        assert run(["files", *arguments, *url]) == code, arguments
        said = capsys.readouterr()
        assert says in said.err
        assert (said.out, said.err.count("\n")) == ("", 1)


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://", "http://127.0.0.1:9"])
def test_a_server_of_files_that_is_none_is_one_line(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["files", "ls", "--url", url]) in (1, 3)
    assert capsys.readouterr().err.count("\n") == 1


def test_a_page_that_is_no_file_is_not_written(server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x.png"
    assert run(["files", "get", "art/x.png", "-o", str(out), "--url", f"{server}/docs"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not out.exists()
