"""Everyday work with datasets on the command line, with words for people and JSON for programs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pilothouse.workspace import Workspace

Call = Callable[..., Any]


def csv(towns: tuple[str, ...], rows: int = 100) -> str:
    lines = [
        f"{towns[row % len(towns)]},{row % 10},2026-01-{row % 28 + 1:02d}" for row in range(rows)
    ]
    return "\n".join(["town,size,day", *lines]) + "\n"


@pytest.fixture
def sales(call: Call, tmp_path: Path) -> Path:
    """The folder of two files of which the second brings a new town; the first is registered."""
    (tmp_path / "first.csv").write_text(csv(("Bonn", "Cork")))
    (tmp_path / "second.csv").write_text(csv(("Bonn", "Cork", "Dublin")))
    assert call("datasets", "register", "sales", str(tmp_path / "first.csv")).code == 0
    return tmp_path


def read(text: str) -> Any:
    return json.loads(text)


def test_data_that_breaks_the_contract_is_refused_and_can_be_accepted(
    call: Call, sales: Path
) -> None:
    second = str(sales / "second.csv")
    checked = call("datasets", "check", "sales", second, "--json")
    assert checked.code == 3
    assert read(checked.out)["checks"][0]["values"] == ["Dublin"]
    refused = call("datasets", "register", "sales", second)
    assert refused.code == 3
    assert "'Dublin'" in refused.err
    accepted = call("datasets", "register", "sales", second, "--on-breach", "accept", "--json")
    assert accepted.code == 0
    assert read(accepted.out)["ref"] == "sales@2"
    assert "'Dublin'" in read(accepted.out)["breach"]
    assert call("datasets", "check", "sales", second).code == 0


def test_a_rule_is_changed_and_then_lets_the_data_in(call: Call, sales: Path) -> None:
    changed = call("datasets", "rule", "sales", "town", "--allow", "Dublin", "--nullable", "--json")
    assert read(changed.out)["categories"] == ["Bonn", "Cork", "Dublin"]
    assert read(changed.out)["nullable"] is True
    assert call("datasets", "register", "sales", str(sales / "second.csv")).code == 0
    ranged = call("datasets", "rule", "sales", "size", "--low", "-5", "--high", "none", "--json")
    assert (read(ranged.out)["low"], read(ranged.out)["high"]) == (-5.0, None)
    assert call("datasets", "rule", "sales", "size", "--low", "much").code == 2
    assert "5.00%" in call("datasets", "tolerance", "sales", "0.05").out
    contract = read(call("datasets", "contract", "sales", "--json").out)
    assert (contract["tolerance"], contract["edited"]) == (0.05, True)


def test_data_of_another_dataset_is_accepted_into_a_contract(call: Call, sales: Path) -> None:
    assert call("datasets", "register", "live", str(sales / "second.csv")).code == 0
    assert call("datasets", "accept", "sales", "live@1", "--reason", "a new shop").code == 0
    assert call("datasets", "register", "sales", str(sales / "second.csv")).code == 0


def test_versions_are_corrected_and_taken_out_of_use(
    call: Call, sales: Path, workspace: Workspace
) -> None:
    call("datasets", "register", "sales", str(sales / "second.csv"), "--on-breach", "accept")
    edited = call(
        "datasets", "edit", "sales@1", "--licence", "MIT", "--event-time", "day",
        "--tag", "team=blue", "--json",
    )  # fmt: skip
    version = read(edited.out)
    assert (version["licence"], version["event_time"], version["tags"]) == (
        "MIT", "day", {"team": "blue"},
    )  # fmt: skip
    assert read(call("datasets", "edit", "sales@1", "--event-time", "", "--untag", "team",
                     "--json").out)["tags"] == {}  # fmt: skip
    assert "sales@2 is archived" in call("datasets", "archive", "sales@2").out
    assert read(call("datasets", "show", "sales", "--json").out)["ref"] == "sales@1"
    states = [row["status"] for row in read(call("datasets", "versions", "sales", "--json").out)]
    assert states == ["archived", "active"]
    assert call("datasets", "restore", "sales@2").code == 0
    assert "superseded by sales@1" in call("datasets", "supersede", "sales@2", "sales@1").out
    used = call("datasets", "delete", "sales@1")
    assert used.code == 5
    assert "dataset version sales@2" in used.err
    assert read(call("datasets", "uses", "sales@1", "--json").out)[0]["ref"] == "sales@2"
    assert call("datasets", "delete", "sales@2", "--reason", "the wrong file").code == 0
    assert "registered before" not in call("datasets", "list").out


def test_a_version_is_shown_compared_and_exported(call: Call, sales: Path) -> None:
    call("datasets", "register", "sales", str(sales / "second.csv"), "--on-breach", "accept")
    assert "town" in call("datasets", "show", "sales@1").out
    diff = read(call("datasets", "diff", "sales@1", "sales@2", "--json").out)
    assert diff["columns"][0]["column"] == "town"
    for name in ("rows.csv", "rows.parquet"):
        assert "100 rows" in call("datasets", "export", "sales@1", str(sales / name)).out
        again = call("datasets", "register", "sales", str(sales / name))
        assert "sales@1" in again.out
        assert "registered before" in again.err
    assert call("datasets", "export", "sales@1", str(sales / "rows.xyz")).code == 2


def test_an_error_quotes_a_name_as_it_was_typed(call: Call, sales: Path) -> None:
    refused = call("datasets", "register", "my Sales", str(sales / "first.csv"))
    assert refused.code == 2
    assert "'my Sales'" in refused.err
    assert "my_Sales" in refused.err


def test_a_table_of_a_database_is_registered_and_refreshed(
    call: Call, workspace: Workspace, tmp_path: Path
) -> None:
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("create table towns as select 1 as size, 'Bonn' as town")
        database.commit()
    url = f"sqlite:///{file}"
    assert "Bonn" in call("datasets", "preview-sql", url, "--table", "towns").out
    added = call("datasets", "add-sql", "towns", url, "--table", "towns", "--json")
    assert json.loads(added.out)["ref"] == "towns@1", added.err
    assert call("datasets", "add-sql", "towns", url, "--query", "drop table towns").code == 2
    assert call("datasets", "refresh", "towns").out == "towns@1: unchanged\n"
    with closing(sqlite3.connect(file)) as database:
        database.execute("update towns set town = 'Cork'")
        database.commit()
    check = json.loads(call("datasets", "refresh", "towns", "--check", "--json").out)
    assert not check["unchanged"]


def test_a_folder_of_parquet_files_is_registered_and_refreshed(
    call: Call, workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    pq.write_table(pa.table({"town": ["Bonn"]}), folder / "a.parquet")
    path = f"path={folder}"
    assert "Bonn" in call("datasets", "preview-from", "parquet", "--param", path).out
    added = call("datasets", "add-from", "parquet", "towns", "--param", path, "--json")
    assert json.loads(added.out)["ref"] == "towns@1", added.err
    assert "1 files" in call("datasets", "source", "towns").out
    pq.write_table(pa.table({"town": ["Bonn"]}), folder / "b.parquet")
    assert call("datasets", "refresh", "towns").out == "towns@2: 2 rows\n"
    assert call("datasets", "add-from", "parquet", "towns").code == 2
    unknown = call("datasets", "add-from", "iceberg", "towns", "--param", path)
    assert (unknown.code, "delta" in unknown.err) == (2, True)
