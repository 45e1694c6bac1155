"""Datasets from databases: read-only, within limits, refreshed, with the password elsewhere."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from harness.postgres import postgresql, why_not
from pilothouse.data.contract_enforcement import ContractBreach
from pilothouse.data.registration_job import refresh_job, register_source_job
from pilothouse.data.sql.sql_connection import connect, place_of, sql_query
from pilothouse.jobs import Progress
from pilothouse.kit.errors import Invalid, NotFound, Unavailable
from pilothouse.workspace import Workspace


def run(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """A database of customers; its URL."""
    path = tmp_path / "shop.db"
    run(path, "create table customers (id integer, plan text, charges real, since timestamp)")
    for number in range(40):
        plan = "'basic'" if number % 2 else "'plus'"
        run(path, f"insert into customers values ({number}, {plan}, {number / 2}, '2026-01-01')")
    return f"sqlite:///{path}"


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def test_a_table_becomes_a_version_that_says_where_it_is_from(
    workspace: Workspace, shop: str
) -> None:
    version = workspace.data.register_sql("customers", shop, table="customers", licence="CC0")
    assert (version.ref, version.rows, version.licence) == ("customers@1", 40, "CC0")
    assert version.source == 'sqlite shop.db: select * from "customers"'
    types = {column.name: column.type for column in version.schema}
    assert (types["id"], types["plan"], types["charges"]) == ("integer", "string", "number")
    source = workspace.data.source("customers")
    assert source is not None
    assert (source.kind, source.settings["table"]) == ("sql", "customers")
    assert source.place == "sqlite shop.db"
    assert workspace.data.source_state("customers") == "unknown"
    assert workspace.data.source("other") is None


def test_a_preview_has_the_first_rows(workspace: Workspace, shop: str) -> None:
    frame = workspace.data.preview_sql(shop, query="select id, plan as p from customers;")
    assert (list(frame.columns), len(frame)) == (["id", "p"], 20)


def test_a_refresh_makes_the_next_version_after_its_differences_were_read(
    workspace: Workspace, shop: str
) -> None:
    data = workspace.data
    data.register_sql("customers", shop, table="customers", tags={"team": "crm"})
    assert data.check_refresh("customers").unchanged
    assert data.refresh("customers").existed

    run(file_of(shop), "insert into customers values (39, 'basic', 3.0, '2026-01-01')")
    check = data.check_refresh("customers")
    assert (check.rows, check.newest, check.report.ok) == (41, "customers@1", True)
    assert data.version("customers").ref == "customers@1"  # nothing was registered by that
    version = data.refresh("customers")
    assert (version.ref, version.parent, version.tags) == (
        *("customers@2", "customers@1"),
        {"team": "crm"},
    )


def test_rows_that_break_the_contract_do_not_become_the_newest(
    workspace: Workspace, shop: str
) -> None:
    data = workspace.data
    data.register_sql("customers", shop, table="customers")
    run(file_of(shop), "update customers set plan = 'gold' where id > 10")
    check = data.check_refresh("customers")
    assert not check.report.ok
    assert "plan" in str(check.to_json()["contract"])
    with pytest.raises(ContractBreach):
        data.refresh("customers")
    assert data.version("customers").ref == "customers@1"
    assert data.refresh("customers", on_breach="accept").breach


def test_jobs_register_and_refresh(workspace: Workspace, shop: str) -> None:
    silent = Progress(workspace.store, None)
    settings = {"url": shop, "table": "customers"}
    job = workspace.data.submit_from("customers", "sql", settings, note="from the shop")
    with workspace.store.read() as session:
        from pilothouse.jobs.tables import Job

        args = session.get_one(Job, job).args
    args["dataset"] = args.pop("name")
    made = register_source_job(workspace.store, silent, **args)
    assert made == {"dataset": "customers@1", "rows": 40, "existed": False}
    run(file_of(shop), "delete from customers where id = 39")
    refreshed = refresh_job(workspace.store, silent, dataset="customers", on_breach="refuse")
    assert (refreshed["dataset"], refreshed["before"]) == ("customers@2", "customers@1")
    assert refreshed["diff"]
    assert workspace.jobs.job(workspace.data.submit_refresh("customers")).kind == "refresh_dataset"
    with pytest.raises(NotFound):
        workspace.data.submit_refresh("nothing")


@pytest.mark.parametrize(
    "query",
    [
        "delete from customers",
        "select 1; delete from customers",
        "/* select */ drop table customers",
        "pragma journal_mode = wal",
        "attach 'other.db' as other",
    ],
)
def test_anything_but_one_selection_is_refused(workspace: Workspace, shop: str, query: str) -> None:
    with pytest.raises(Invalid):
        workspace.data.preview_sql(shop, query=query)


@pytest.mark.parametrize(
    "statement",
    [
        "insert into customers values (1, 'a', 1, '')",
        "delete from customers",
        "drop table customers",
    ],
)
def test_the_database_itself_refuses_to_be_written(shop: str, statement: str) -> None:
    engine = connect(sql_query(shop, table="customers"))
    with engine.connect() as connection, pytest.raises(Exception, match=r"not authorized|readonly"):
        connection.execute(text(statement))
    engine.dispose()


def test_a_colon_and_a_semicolon_in_a_text_are_no_syntax(workspace: Workspace, shop: str) -> None:
    frame = workspace.data.preview_sql(shop, query="select ':name; a' as t, '10:30' as u")
    assert frame.iloc[0].tolist() == [":name; a", "10:30"]


def test_limits_of_rows_and_time_are_kept(workspace: Workspace, shop: str) -> None:
    with pytest.raises(Invalid, match="more than 10 rows"):
        workspace.data.register_sql("customers", shop, table="customers", max_rows=10)
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"
    with pytest.raises(Invalid, match=r"within 0\.2 seconds"):
        workspace.data.register_sql("customers", shop, query=endless, max_seconds=0.2)
    assert workspace.data.datasets().empty


def test_a_password_is_named_and_never_stored(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(Invalid, match="holds a password") as refused:
        sql_query("postgresql://ada:hunter2@host/shop", table="t")
    assert "hunter2" not in str(refused.value)
    query = sql_query("postgresql://ada@host/shop", table="crm.t", secret="env:SHOP_KEY")
    assert query.statement == 'select * from "crm"."t"'
    assert place_of(query) == "postgresql host/shop"
    with pytest.raises(NotFound, match="SHOP_KEY is not set"):
        connect(query)
    monkeypatch.setenv("SHOP_KEY", "hunter2")
    assert connect(query).url.password == "hunter2"
    file = tmp_path / "key"
    file.write_text("hunter3\n")
    by_file = sql_query("postgresql://ada@host/shop", table="t", secret=f"file:{file}")
    assert connect(by_file).url.password == "hunter3"
    assert "hunter" not in str(by_file.to_json())


@pytest.mark.parametrize(
    ("url", "given", "error"),
    [
        ("nonsense", {"table": "t"}, Invalid),
        ("sqlite://", {"table": "t"}, Invalid),
        ("sqlite:////nowhere/shop.db", {"table": "t"}, NotFound),
        ("nosuch://host/shop", {"table": "t"}, Unavailable),
        ("sqlite:////nowhere/shop.db", {}, Invalid),
        ("sqlite:////nowhere/shop.db", {"table": "t", "secret": "hunter2"}, Invalid),
    ],
)
def test_what_cannot_be_read_is_said(
    workspace: Workspace, url: str, given: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        workspace.data.preview_sql(url, **given)


def test_a_table_that_is_not_there_is_named(workspace: Workspace, shop: str) -> None:
    with pytest.raises(Unavailable, match="no such table"):
        workspace.data.preview_sql(shop, table="orders")


@pytest.mark.proof
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "PostgreSQL is here")
def test_a_table_of_postgresql_is_read_and_not_written(workspace: Workspace) -> None:
    with postgresql() as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("create schema crm"))
            connection.execute(
                text(
                    "create table crm.t as select n as id, n * 1.5::numeric as charge, "
                    "now() as at, n % 2 = 0 as even, '{\"a\": 1}'::jsonb as j "
                    "from generate_series(1, 25000) n"
                )
            )
        version = workspace.data.register_sql("t", url, table="crm.t")
        types = {column.name: column.type for column in version.schema}
        assert version.rows == 25_000
        assert types == {
            "id": "integer", "charge": "number", "at": "time", "even": "boolean", "j": "string"
        }  # fmt: skip
        writes = "with gone as (delete from crm.t returning id) select * from gone"
        with pytest.raises(Unavailable, match=r"read-only|data-modifying"):
            workspace.data.preview_sql(url, query=writes)
        with pytest.raises(Invalid, match="within 1 seconds"):
            workspace.data.register_sql("u", url, query="select pg_sleep(5)", max_seconds=1)
        engine.dispose()
