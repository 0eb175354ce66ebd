"""Alembic's scripts, run in code by `records.engine.migrate`. Nothing imports them."""
