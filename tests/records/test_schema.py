"""The tables as the code knows them are the tables that the migrations make."""

from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from limner.records.schema import metadata


def test_the_migrations_make_the_tables_of_the_schema(migrated: Path) -> None:
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(migrated)))
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)
    engine.dispose()
    assert differences == []


def test_the_schema_means_the_same_when_made_without_migrations(migrated: Path, tmp_path: Path) -> None:
    def text(file: Path) -> dict[str, str]:
        engine = sa.create_engine(sa.URL.create("sqlite", database=str(file)))
        with engine.begin() as connection:
            if file != migrated:
                metadata.create_all(connection)
            rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
            found = {name: " ".join(sql.split()) for name, sql in rows if "alembic" not in name}
        engine.dispose()
        return found

    made = text(tmp_path / "direct.sqlite")
    assert {"generations", "generations_turn", "events", "clock", "assets"} <= made.keys()
    assert text(migrated) == made
