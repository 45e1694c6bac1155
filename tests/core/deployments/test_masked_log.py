"""Logged inputs that a dataset marks as personal data are masked for who looks at the log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pilothouse.data import Data
from pilothouse.data.personal_data.masking import MASK
from pilothouse.data.personal_data.personal_columns import masking_of_all
from pilothouse.deployments import Deployments
from pilothouse.deployments.prediction_log import log
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Refused
from pilothouse.people import People
from pilothouse.registry import Registry

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def flights(deployments: Deployments) -> Deployments:
    """A deployment that answered once, trained on a dataset whose carrier somebody marked."""
    store = deployments._store
    deployments.launch("flights", "late", 1)
    info = deployments.deployment("flights")
    writer = Journal(log.journal_folder(store.folder, "flights"))
    columns: dict[str, Any] = {name: [None] for name in info.signature.names} | {"carrier": ["AA"]}
    line: dict[str, Any] = {"at": writer.stamp(), "version": 1, "rows": 1, "ms": 1.0}
    line |= {"status": 200, "ids": ["a"], "model": "late", "event": [to_ms(MARCH)]}
    line |= {"out": {"score": [0.5]}, "columns": columns}
    writer.predictions(1, info.signature, line, ())
    writer.seal()
    dataset = Registry(store).version("late", 1).dataset or "other"
    name = dataset.partition("@")[0]
    with store.read() as session:
        assert not masking_of_all(session)
    if not dataset.partition("@")[2]:
        Data(store).register(name, b"carrier,x\nAA,1\nBB,2\n")
    Data(store).mark_personal(name, "carrier", "person_name", "as if it were a person")
    return deployments


def test_the_log_is_masked_for_who_looks_and_true_for_who_computes(flights: Deployments) -> None:
    masked = flights.masked()
    assert list(flights.predictions("flights")["carrier"]) == ["AA"]
    assert list(masked.predictions("flights")["carrier"]) == [MASK]
    assert list(masked.find_predictions("flights", ["a"])["carrier"]) == [MASK]
    assert list(flights.masked(["flights"]).predictions("flights")["carrier"]) == ["AA"]


def test_examples_have_a_value_of_nobody(flights: Deployments) -> None:
    examples = [flights.deployment("flights").input_example]
    examples.append(Registry(flights._store).version("late", 1).input_example)
    for example in examples:
        assert {record.get("carrier") for record in example} <= {"Alex Example", None}


def test_revealing_a_log_needs_the_right(flights: Deployments) -> None:
    ada = flights._store.acting_as("Ada")
    People(ada).add("Ada")
    People(ada).add("Bo")
    with pytest.raises(Refused, match="personal_data"):
        Deployments(flights._store.acting_as("Bo")).reveal("flights", "curious")
    assert Deployments(ada).reveal("flights", "a complaint") == ["carrier"]
