"""What people may want, and what they are told when they may not."""

from __future__ import annotations

import pytest

from pilothouse.activity import Activity
from pilothouse.deployments import Deployments
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from pilothouse.registry.tables import ModelVersion
from pilothouse.storage import Store


def test_a_launch_is_a_wish_until_a_controller_sees_it(deployments: Deployments) -> None:
    info = deployments.launch("flights", "late", 1, "first")
    assert (info.status, info.serving_version, info.replicas) == ("starting", None, ())
    assert [(r.action, r.version, r.reason, r.by) for r in info.revisions] == [
        ("launched", 1, "first", "ada")
    ]
    assert info.signature.names == ("distance", "carrier", "wind")
    frame = deployments.deployments()
    assert list(frame["name"]) == ["flights"]
    assert deployments.serving("late") == ["flights"]


def test_every_change_is_a_revision_and_an_activity(
    deployments: Deployments, registered: Store
) -> None:
    deployments.launch("flights", "late", 1)
    deployments.switch_version("flights", 2, "better")
    info = deployments.roll_back("flights", "worse")
    assert (info.version, info.previous_version) == (1, 2)
    deployments.stop("flights", "night")
    info = deployments.resume("flights", "day")
    assert [r.action for r in info.revisions] == [
        "resumed",
        "stopped",
        "rolled back",
        "swapped",
        "launched",
    ]
    activity = Activity(registered)
    verbs = list(activity.entries(kind="deployment", ref="flights")["verb"])
    assert verbs == ["resumed", "stopped", "rolled back", "swapped", "launched"]
    assert activity.verify().intact


@pytest.mark.parametrize("name", ["", "Flights", "../x", "a/b", "a" * 64, ".x"])
def test_a_name_that_is_no_folder_is_refused(deployments: Deployments, name: str) -> None:
    with pytest.raises(Invalid):
        deployments.launch(name, "late", 1)


def test_what_is_not_there_is_named(deployments: Deployments) -> None:
    with pytest.raises(NotFound, match="latest is 2"):
        deployments.launch("flights", "late", 3)
    with pytest.raises(NotFound, match="no deployment 'flights'"):
        deployments.switch_version("flights", 2)
    deployments.launch("flights", "late", 1)
    with pytest.raises(NotFound, match="Known: flights"):
        deployments.deployment("other")


def test_what_makes_no_sense_is_a_conflict(deployments: Deployments) -> None:
    deployments.launch("flights", "late", 1)
    with pytest.raises(Conflict, match="already"):
        deployments.launch("flights", "late", 2)
    with pytest.raises(Conflict, match="serves version 1 already"):
        deployments.switch_version("flights", 1)
    with pytest.raises(Conflict, match="no version before"):
        deployments.roll_back("flights")


def test_an_archived_version_is_not_served(deployments: Deployments, registered: Store) -> None:
    with registered.write() as session:
        session.get_one(ModelVersion, ("late", 2)).stage = "archived"
    with pytest.raises(Refused, match="archived"):
        deployments.launch("flights", "late", 2)


def test_predicting_without_a_server_says_how_to_start_one(deployments: Deployments) -> None:
    deployments.launch("flights", "late", 1)
    with pytest.raises(Unavailable, match="pilothouse up"):
        deployments.predict("flights", [{"distance": 1.0, "carrier": "AA"}])


def test_labels_are_taken_without_a_server(deployments: Deployments) -> None:
    deployments.launch("flights", "late", 1)
    assert deployments.label("flights", ["a", "b"], [1, "0"]) == 2
    frame = deployments.labels("flights")
    assert list(frame["label"]) == [1, 0]
    with pytest.raises(Invalid, match="not a label of the model"):
        deployments.label("flights", ["a"], ["maybe"])
    with pytest.raises(Invalid, match="more than once"):
        deployments.label("flights", ["a", "a"], [1, 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": []}, "late@1 does not say what its answer means."),
        ({"inputs": []}, "late@1 does not say its inputs."),
        ({"task": "multilabel"}, "late@1 is not described completely: the signature needs the"),
    ],
)
def test_only_described_versions_are_served(
    deployments: Deployments, registered: Store, change: dict[str, object], message: str
) -> None:
    with registered.write() as session:
        row = session.get_one(ModelVersion, ("late", 1))
        row.signature = row.signature | change
        session.add(row)
    with pytest.raises(Refused, match="Describe it on its page") as refused:
        deployments.launch("flights", "late", 1)
    assert message in str(refused.value)
    assert deployments.not_servable("late", 1) == str(refused.value)


def test_any_task_is_served_and_its_revision_holds_the_signature(
    deployments: Deployments, registered: Store
) -> None:
    with registered.write() as session:
        row = session.get_one(ModelVersion, ("late", 1))
        change = {"task": "quantile", "gives": "value", "levels": [0.1, 0.9], "unit": "min"}
        row.signature = row.signature | change | {"classes": [], "positive": ""}
        session.add(row)
    info = deployments.launch("flights", "late", 1)
    assert (info.signature.task, info.signature.levels) == ("quantile", (0.1, 0.9))
    assert info.serving_signature == info.signature
