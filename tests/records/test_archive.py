"""A backup's file: what is written is read again, and anything else is refused in one line."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from limner.errors import InvalidRequest, StorageFailed
from limner.records import archive

Members = list[tuple[tarfile.TarInfo, bytes]]


def known(name: str) -> bool:
    """The names that these tests expect."""
    return name in ("one", "folder/two")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """An archive of two files."""
    (tmp_path / "a").write_bytes(b"1" * 3_000_000)
    (tmp_path / "b").write_bytes(b"")
    archive.write(tmp_path / "backup.tar", [("one", tmp_path / "a"), ("folder/two", tmp_path / "b")])
    return tmp_path / "backup.tar"


def craft(file: Path, members: Members) -> Path:
    """A tar file of these members and a manifest that fits the plain ones."""
    digests = {member.name: hashlib.sha256(data).hexdigest() for member, data in members}
    manifest = json.dumps({"format": 1, "files": digests}).encode()
    with tarfile.open(file, "w") as tar:
        for member, data in [*members, (tarfile.TarInfo("manifest.json"), manifest)]:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return file


def member(name: str, type: bytes = tarfile.REGTYPE, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """An empty member."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname = type, link
    return made, b""


def refusal(file: Path, folder: Path) -> str:
    """Why the file cannot be unpacked."""
    folder.mkdir()
    with pytest.raises(InvalidRequest) as refused:
        archive.unpack(file, folder, known)
    assert "\n" not in refused.value.message
    return refused.value.message


def test_what_is_written_is_read_again_and_is_secret(written: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    archive.unpack(written, tmp_path / "new", known)
    assert (tmp_path / "new" / "one").read_bytes() == b"1" * 3_000_000
    assert (tmp_path / "new" / "folder" / "two").read_bytes() == b""
    assert written.stat().st_mode & 0o777 == 0o600
    with pytest.raises(StorageFailed):
        archive.write(written, [])


@pytest.mark.parametrize("at", [0, 150, 511, 600, 2_000_000, -1])
def test_a_file_cut_off_anywhere_is_refused(written: Path, tmp_path: Path, at: int) -> None:
    whole = written.read_bytes()
    end = whole.index(b"manifest.json") if at == -1 else at
    written.write_bytes(whole[:end])
    assert "is not a whole backup" in refusal(written, tmp_path / "new")


@pytest.mark.parametrize("at", [0, 30, 150, 600, 1_500_000, 3_000_900])
def test_a_file_with_a_wrong_byte_is_refused(written: Path, tmp_path: Path, at: int) -> None:
    whole = bytearray(written.read_bytes())
    whole[at] ^= 1
    written.write_bytes(whole)
    assert "is not a whole backup" in refusal(written, tmp_path / "new")


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ([member("../one")], "its member '../one' belongs to no backup"),
        ([member("/tmp/one")], "its member '/tmp/one' belongs to no backup"),
        ([member("folder/../one")], "belongs to no backup"),
        ([member("notes.txt")], "its member 'notes.txt' belongs to no backup"),
        ([member("one", tarfile.SYMTYPE, "/etc/passwd")], "its member 'one' is not a plain file"),
        ([member("one", tarfile.LNKTYPE, "/etc/passwd")], "its member 'one' is not a plain file"),
        ([member("one", tarfile.DIRTYPE)], "its member 'one' is not a plain file"),
        ([member("one", tarfile.FIFOTYPE)], "its member 'one' is not a plain file"),
        ([member("one"), member("one")], "its member 'one' is one too many"),
    ],
)
def test_a_member_that_belongs_to_no_backup_is_refused(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]], says: str
) -> None:
    (tmp_path / "outside").mkdir()
    file = craft(tmp_path / "outside" / "crafted.tar", members)
    assert says in refusal(file, tmp_path / "outside" / "new")
    assert not (tmp_path / "one").exists()
    assert not (tmp_path / "outside" / "one").exists()


@pytest.mark.parametrize(
    ("alter", "says"),
    [
        (lambda manifest: manifest | {"format": 2}, "its format is 2, and this Limner reads 1"),
        (lambda manifest: manifest | {"files": {**manifest["files"], "three": "0" * 64}}, "members of it are missing"),
        (lambda manifest: manifest | {"files": []}, "its member 'one' is damaged"),
        (lambda manifest: {}, "its manifest cannot be read"),
        (lambda manifest: [], "its manifest cannot be read"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    tmp_path: Path, alter: Callable[[dict[str, object]], object], says: str
) -> None:
    manifest = json.dumps(alter({"format": 1, "files": {"one": hashlib.sha256(b"").hexdigest()}})).encode()
    with tarfile.open(tmp_path / "crafted.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("one"))
        made = tarfile.TarInfo("manifest.json")
        made.size = len(manifest)
        tar.addfile(made, io.BytesIO(manifest))
    assert says in refusal(tmp_path / "crafted.tar", tmp_path / "new")


def test_any_other_file_is_refused_and_a_full_disk_is_ours(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG" * 1000)
    assert "photo.png is not a whole backup" in refusal(tmp_path / "photo.png", tmp_path / "new")
    (tmp_path / "data").write_bytes(b"x")
    with pytest.raises(StorageFailed) as failed:
        archive.write(Path("/dev/full"), [("one", tmp_path / "data")])
    assert "cannot be written" in failed.value.message
