"""Stored files as rows: the newest wins on main, and a commit's id shows the repository as it was then."""

from dataclasses import asdict, replace

import pytest
import sqlalchemy as sa

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


async def test_a_commit_shows_what_was_stored_before_it_and_nothing_later(assets: Assets) -> None:
    other = replace(FIRST, path="cat.png")
    await assets.add([FIRST, other, SECOND])
    assert FIRST.commit_id != other.commit_id
    assert await assets.find("local", "art", other.commit_id, "oxen/ox.png") == FIRST
    assert await assets.find("local", "art", SECOND.commit_id, "cat.png") == other
    with pytest.raises(NotFound):
        await assets.find("local", "art", FIRST.commit_id, "cat.png")


async def test_a_commit_of_one_repository_is_no_revision_of_another(assets: Assets) -> None:
    twin = replace(FIRST, repo="twin")
    await assets.add([FIRST, twin])
    for revision in (twin.commit_id, "dev", ""):
        with pytest.raises(NotFound):
            await assets.find("local", "art", revision, "oxen/ox.png")
        with pytest.raises(NotFound):
            await assets.list_folder("local", "art", revision, "oxen", offset=0, limit=9)
        with pytest.raises(NotFound):
            await assets.list_commits("local", "art", revision, offset=0, limit=9)


async def names(assets: Assets, folder: str, revision: str = "main", offset: int = 0, limit: int = 99) -> list[str]:
    """What stands in a folder; folders end with a slash."""
    entries, _ = await assets.list_folder("local", "art", revision, folder, offset=offset, limit=limit)
    return [entry.name + "/" * entry.is_dir for entry in entries]


async def test_a_folder_lists_what_stands_directly_in_it_folders_first(assets: Assets) -> None:
    paths = ["b.png", "B.png", "ä/x.png", "a/b/c.png", "a/b/d.png", "a/e.png", "a-b/f.png", "a", "a0.png", "%/_.png"]
    rows = [replace(FIRST, path=path) for path in paths]
    await assets.add([*rows, replace(SECOND, path="a/b/c.png"), replace(FIRST, repo="other", path="z.png")])
    assert await names(assets, "") == ["%/", "a/", "a-b/", "ä/", "B.png", "a", "a0.png", "b.png"]
    assert await names(assets, "a") == ["b/", "e.png"]
    assert await names(assets, "a/b") == ["c.png", "d.png"]
    assert await names(assets, "ä") == ["x.png"]
    entries, _ = await assets.list_folder("local", "art", "main", "a", offset=0, limit=99)
    assert [entry.newest for entry in entries] == [replace(SECOND, path="a/b/c.png"), rows[5]]
    for absent in ("c", "a/", "a/e.png", "a/b/c", "_", "b.png", "/a"):
        with pytest.raises(NotFound):
            await names(assets, absent)


async def test_a_folder_at_a_commit_is_what_it_was_then(assets: Assets) -> None:
    new = replace(FIRST, path="oxen/calf.png")
    await assets.add([FIRST, new, SECOND])
    assert await names(assets, "oxen", FIRST.commit_id) == ["ox.png"]
    assert await names(assets, "oxen", new.commit_id) == ["calf.png", "ox.png"]
    for revision, newest in ((new.commit_id, FIRST), (SECOND.commit_id, SECOND)):
        entries, _ = await assets.list_folder("local", "art", revision, "oxen", offset=1, limit=1)
        assert entries[0].newest == newest


async def test_pages_of_a_folder_and_of_commits_hold_everything_once(assets: Assets) -> None:
    rows = [replace(FIRST, path=f"{i % 3}/{i}.png" if i % 2 else f"{i}.png") for i in range(20)]
    await assets.add(rows)
    whole = await names(assets, "")
    assert [name for i in range(0, 20, 4) for name in await names(assets, "", offset=i, limit=4)] == whole
    assert await assets.list_folder("local", "art", "main", "", offset=40, limit=4) == ([], len(whole))
    commits = [await assets.list_commits("local", "art", "main", offset=i, limit=6) for i in range(0, 24, 6)]
    assert [row for found, _ in commits for row in found] == rows[::-1]
    assert {total for _, total in commits} == {20}
    assert await assets.list_commits("local", "art", rows[4].commit_id, offset=0, limit=2) == ([rows[4], rows[3]], 5)


async def test_lists_read_by_index_alone(database: Database, assets: Assets) -> None:
    await assets.add([FIRST])
    statements: list[tuple[str, tuple[object, ...]]] = []

    def note(_c: object, _u: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        statements.append((statement, parameters))

    engine = await database.read(lambda connection: connection.engine)
    sa.event.listen(engine, "before_cursor_execute", note)
    for revision in ("main", FIRST.commit_id):
        await assets.list_folder("local", "art", revision, "", offset=0, limit=100)
        await assets.list_folder("local", "art", revision, "oxen", offset=0, limit=100)
        await assets.list_commits("local", "art", revision, offset=0, limit=100)
        await assets.find("local", "art", revision, "oxen/ox.png")
    sa.event.remove(engine, "before_cursor_execute", note)
    found = [statement for statement in statements if "FROM assets" in statement[0]]
    assert len(found) == 14
    explained = [(f"EXPLAIN QUERY PLAN {statement}", parameters) for statement, parameters in found]
    plans = await database.read(lambda connection: [connection.exec_driver_sql(*query).all() for query in explained])
    for (statement, _), plan in zip(found, plans, strict=True):
        steps = [row.detail for row in plan if "assets" in row.detail or "PRIMARY KEY" in row.detail]
        assert steps
        assert all(step.startswith("SEARCH") for step in steps), (statement, steps)
        assert ("assets_commit" in "".join(steps)) == ("commit_id = ?" in statement), (statement, steps)


def test_a_commit_changes_with_every_word_of_its_row() -> None:
    changed = [Asset(**(asdict(FIRST) | {name: 7})) for name in Asset.__dataclass_fields__]
    assert len({FIRST.commit_id, *(row.commit_id for row in changed)}) == len(changed) + 1
