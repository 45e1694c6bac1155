"""Databases of one process share compiled statements, and nothing else."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, Table, insert, select

from pilothouse.storage.store import make_engine


def test_a_statement_is_compiled_once_for_all_databases(tmp_path: Path) -> None:
    table = Table("shared", MetaData(), Column("number", Integer))
    engines = [make_engine(f"sqlite:///{tmp_path / name}") for name in ("first", "second")]
    cache = engines[0]._compiled_cache
    compiled = [set(cache)]
    for number, engine in enumerate(engines):
        table.create(engine)
        with engine.begin() as connection:
            connection.execute(insert(table), {"number": number})
            assert connection.scalars(select(table.c.number)).all() == [number]
        compiled.append(set(cache))
        engine.dispose()
    assert engines[1]._compiled_cache is cache
    assert compiled[1] - compiled[0]
    assert compiled[2] == compiled[1]
