"""Stored files as rows: the newest wins on main, every row stays addressable, and a commit names one file only."""

from dataclasses import asdict, replace

import pytest

from limner.errors import NotFound
from limner.records.assets import Asset, Assets
from limner.records.engine import Database

FIRST = Asset("local", "art", "oxen/ox.png", "d" * 64, "Ada <ada@x.org>", "an ox", 3, "image/png", 100.25)
SECOND = replace(FIRST, digest="e" * 64, created_at=101.5)


@pytest.fixture
def assets(database: Database) -> Assets:
    return Assets(database)


async def test_main_is_the_newest_row_and_a_commit_is_its_own(assets: Assets) -> None:
    await assets.add([FIRST])
    await assets.add([SECOND])
    assert await assets.find("local", "art", "main", "oxen/ox.png") == SECOND
    assert await assets.find("local", "art", FIRST.commit_id, "oxen/ox.png") == FIRST
    assert await assets.find("local", "art", SECOND.commit_id, "oxen/ox.png") == SECOND


async def test_newest_means_last_stored_even_when_the_clock_was_set_back(assets: Assets) -> None:
    await assets.add([SECOND])
    await assets.add([FIRST])
    assert await assets.find("local", "art", "main", "oxen/ox.png") == FIRST


@pytest.mark.parametrize(
    ("namespace", "repo", "revision", "path"),
    [
        ("other", "art", "main", "oxen/ox.png"),
        ("local", "arts", "main", "oxen/ox.png"),
        ("local", "art", "main", "oxen"),
        ("local", "art", "main", "oxen/OX.png"),
        ("local", "art", "dev", "oxen/ox.png"),
        ("local", "art", FIRST.commit_id[:12], "oxen/ox.png"),
        ("local", "art", SECOND.commit_id, "oxen/ox.png"),
        ("local", "art", "main", "oxen/%"),
    ],
)
async def test_any_other_address_finds_nothing(
    assets: Assets, namespace: str, repo: str, revision: str, path: str
) -> None:
    await assets.add([FIRST])
    with pytest.raises(NotFound):
        await assets.find(namespace, repo, revision, path)


async def test_a_commit_opens_no_other_file(assets: Assets) -> None:
    other = replace(FIRST, path="cat.png")
    await assets.add([FIRST, other])
    assert FIRST.commit_id != other.commit_id
    with pytest.raises(NotFound):
        await assets.find("local", "art", FIRST.commit_id, "cat.png")


def test_a_commit_changes_with_every_word_of_its_row() -> None:
    changed = [Asset(**(asdict(FIRST) | {name: 7})) for name in Asset.__dataclass_fields__]
    assert len({FIRST.commit_id, *(row.commit_id for row in changed)}) == len(changed) + 1
